//! Values and names as they stand in a statement, before parameters are filled in and types are checked.

use serde_json::Number;

use crate::span::Span;
use crate::time::{Interval, Sign, Stretch};

/// A name: of a field, a setting, or a part of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Name {
    pub(crate) text: String,
    pub(crate) span: Span,
}

/// A value with its place.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Literal {
    pub(crate) span: Span,
    pub(crate) datum: Datum,
}

/// What a value is.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Datum {
    Null,
    Flag(bool),
    Number(Number),
    Text(String),
    /// A name without quotes: one of the few that a field or a setting knows.
    Word(String),
    /// The name of a parameter, without its `$`.
    Parameter(String),
    Moment(Moment),
    Day(Stretch),
    Interval(Interval),
    List(Vec<Literal>),
    Object(Vec<(Name, Literal)>),
}

/// A point in time and the intervals that it is moved by.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Moment {
    pub(crate) base: Base,
    pub(crate) shifts: Vec<(Sign, Literal)>,
}

/// Where a time starts from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Base {
    /// The time of the statement.
    Now,
    /// Nanoseconds since 1970.
    At(i64),
}

/// A path written with dots, as it is shown.
pub(crate) fn dotted(path: &[Name]) -> String {
    path.iter().map(|name| name.text.as_str()).collect::<Vec<&str>>().join(".")
}

/// The place of a path that is not empty.
pub(crate) fn span_of(path: &[Name]) -> Span {
    match (path.first(), path.last()) {
        (Some(first), Some(last)) => first.span.to(last.span),
        _ => Span::default(),
    }
}
