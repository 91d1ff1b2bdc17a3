//! Values with their parameters filled in and their times worked out.

use std::borrow::Cow;
use std::collections::BTreeSet;

use serde_json::{Number, Value};

use crate::error::{Checked, QueryError, QueryErrorKind};
use crate::limits::NESTING_MAX;
use crate::literal::{Base, Datum, Literal, Moment};
use crate::parameters::Parameters;
use crate::span::Span;
use crate::time::{Interval, Stretch, bad_interval, shift};

/// What a statement is compiled with.
pub(crate) struct Scope<'a> {
    parameters: &'a Parameters,
    now_ns: i64,
    used: BTreeSet<&'a str>,
}

/// A value, where it stands, and the parameter that it comes from.
#[derive(Clone, Debug)]
pub(crate) struct Given<'a> {
    pub(crate) span: Span,
    parameter: Option<&'a str>,
    pub(crate) data: Data<'a>,
}

/// What a value is.
#[derive(Clone, Debug)]
pub(crate) enum Data<'a> {
    Null,
    Flag(bool),
    Number(Number),
    Text(Cow<'a, str>),
    Word(&'a str),
    Time(i64),
    Day(Stretch),
    Interval(Interval),
    List(Vec<Given<'a>>),
    Object(Vec<Member<'a>>),
}

/// A member of an object.
#[derive(Clone, Debug)]
pub(crate) struct Member<'a> {
    pub(crate) name: &'a str,
    /// Where its name stands.
    pub(crate) span: Span,
    pub(crate) given: Given<'a>,
}

impl<'a> Scope<'a> {
    pub(crate) fn new(parameters: &'a Parameters, now_ns: i64) -> Scope<'a> {
        Scope { parameters, now_ns, used: BTreeSet::new() }
    }

    /// The value of a literal.
    pub(crate) fn resolve(&mut self, literal: &'a Literal) -> Checked<Given<'a>> {
        let span = literal.span;
        let data = match &literal.datum {
            Datum::Parameter(name) => return self.parameter(name, span),
            Datum::Null => Data::Null,
            Datum::Flag(flag) => Data::Flag(*flag),
            Datum::Number(number) => Data::Number(number.clone()),
            Datum::Text(text) => Data::Text(Cow::Borrowed(text)),
            Datum::Word(word) => Data::Word(word),
            Datum::Moment(moment) => Data::Time(self.time(moment, span)?),
            Datum::Day(day) => Data::Day(*day),
            Datum::Interval(interval) => Data::Interval(*interval),
            Datum::List(items) => {
                let items = items.iter().map(|item| self.resolve(item));
                Data::List(items.collect::<Checked<Vec<Given<'a>>>>()?)
            }
            Datum::Object(entries) => {
                let members = entries.iter().map(|(name, value)| {
                    let given = self.resolve(value)?;
                    Ok(Member { name: &name.text, span: name.span, given })
                });
                Data::Object(members.collect::<Checked<Vec<Member<'a>>>>()?)
            }
        };
        Ok(Given { span, parameter: None, data })
    }

    fn parameter(&mut self, name: &str, span: Span) -> Checked<Given<'a>> {
        let Some((name, value)) = self.parameters.get(name) else {
            let message = format!("the parameter ${name} has no value");
            let names = || self.parameters.names();
            let mut error = QueryError::at(QueryErrorKind::MissingParameter, span, message)
                .finding(format!("${name}"))
                .expecting(names().map(|name| format!("${name}")).collect())
                .near(name, names());
            error.nearest = error.nearest.map(|name| format!("${name}"));
            return Err(error);
        };
        self.used.insert(name);
        Given::from_json(value, name, span, 0)
    }

    fn time(&mut self, moment: &'a Moment, span: Span) -> Checked<i64> {
        let mut at = match moment.base {
            Base::Now => self.now_ns,
            Base::At(ns) => ns,
        };
        for (sign, literal) in &moment.shifts {
            let given = self.resolve(literal)?;
            let interval = given.interval().ok_or_else(|| bad_interval(given.span))?;
            at = shift(at, *sign, interval).ok_or_else(|| {
                let message = "this time lies outside of the years 1678 to 2262";
                QueryError::at(QueryErrorKind::OutOfRange, span, message)
            })?;
        }
        Ok(at)
    }

    /// Parameters that no literal named.
    pub(crate) fn unused(&self) -> Vec<&'a str> {
        self.parameters.names().filter(|name| !self.used.contains(name)).collect()
    }
}

impl<'a> Given<'a> {
    /// What was worked out from other values.
    pub(crate) fn derived(span: Span, data: Data<'a>) -> Given<'a> {
        Given { span, parameter: None, data }
    }

    fn from_json(
        value: &'a Value,
        parameter: &'a str,
        span: Span,
        depth: usize,
    ) -> Checked<Given<'a>> {
        if depth > NESTING_MAX {
            let message = format!("${parameter} is nested more than {NESTING_MAX} levels deep");
            return Err(QueryError::at(QueryErrorKind::TooDeep, span, message));
        }
        let inner = |value| Given::from_json(value, parameter, span, depth + 1);
        let data = match value {
            Value::Null => Data::Null,
            Value::Bool(flag) => Data::Flag(*flag),
            Value::Number(number) => Data::Number(number.clone()),
            Value::String(text) => Data::Text(Cow::Borrowed(text)),
            Value::Array(items) => {
                Data::List(items.iter().map(inner).collect::<Checked<Vec<Given<'a>>>>()?)
            }
            Value::Object(entries) => {
                let members = entries
                    .iter()
                    .map(|(name, value)| Ok(Member { name, span, given: inner(value)? }));
                Data::Object(members.collect::<Checked<Vec<Member<'a>>>>()?)
            }
        };
        Ok(Given { span, parameter: Some(parameter), data })
    }

    /// The elements of a list, or the value alone.
    pub(crate) fn elements(self) -> Vec<Given<'a>> {
        match self.data {
            Data::List(items) => items,
            _ => vec![self],
        }
    }

    /// The interval that it is, or that its text says.
    pub(crate) fn interval(&self) -> Option<Interval> {
        match &self.data {
            Data::Interval(interval) => Some(*interval),
            Data::Text(text) => Interval::parse(text),
            _ => None,
        }
    }

    /// What it is, for an error.
    pub(crate) fn describe(&self) -> String {
        let data = self.data.describe();
        match self.parameter {
            Some(name) => format!("${name}, which is {data}"),
            None => data,
        }
    }
}

impl Data<'_> {
    fn describe(&self) -> String {
        const CHARS_MAX: usize = 40;
        match self {
            Data::Null => "NULL".to_owned(),
            Data::Flag(flag) => flag.to_string(),
            Data::Number(number) => format!("the number {number}"),
            Data::Text(text) => {
                let short: String = text.chars().take(CHARS_MAX).collect();
                let rest = if short.len() < text.len() { "…" } else { "" };
                format!("the text '{short}{rest}'")
            }
            Data::Word(word) => format!("the name {word}"),
            Data::Time(_) => "a time".to_owned(),
            Data::Day(_) => "a day".to_owned(),
            Data::Interval(_) => "an interval".to_owned(),
            Data::List(items) => format!("a list of {}", items.len()),
            Data::Object(_) => "an object".to_owned(),
        }
    }
}
