//! A condition as it is written: tests of fields joined by AND, OR and NOT.

use crate::field::FieldEntry;
use crate::literal::Literal;
use crate::span::Span;

/// A condition. There is no third truth value: a test of a field that a memory does not have is false, and NOT of it true.
#[derive(Clone, Debug)]
pub(crate) enum Condition {
    All(Vec<Condition>),
    Any(Vec<Condition>),
    Not(Box<Condition>),
    Test(Test),
}

/// A field and what is asked of it.
#[derive(Clone, Debug)]
pub(crate) struct Test {
    pub(crate) field: Field,
    pub(crate) operator: Operator,
}

/// A field as it is named.
#[derive(Clone, Debug)]
pub(crate) struct Field {
    pub(crate) entry: &'static FieldEntry,
    /// The path within the metadata, with dots; empty for every other field.
    pub(crate) path: String,
    pub(crate) span: Span,
}

impl Field {
    /// As it is shown.
    pub(crate) fn shown(&self) -> String {
        match self.path.as_str() {
            "" => self.entry.name.to_owned(),
            path => format!("{}.{path}", self.entry.name),
        }
    }
}

/// What is asked of a field.
#[derive(Clone, Debug)]
pub(crate) enum Operator {
    Compare(Comparison, Literal),
    Between(Literal, Literal),
    In(Vec<Literal>),
    Like(Literal),
    IsNull,
    ContainsAll(Vec<Literal>),
}

/// How two values are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Comparison {
    Equal,
    NotEqual,
    Less,
    AtMost,
    Greater,
    AtLeast,
}

impl Comparison {
    /// The key of it in a filter.
    pub(crate) fn key(self) -> &'static str {
        match self {
            Comparison::Equal => "eq",
            Comparison::NotEqual => "ne",
            Comparison::Less => "lt",
            Comparison::AtMost => "lte",
            Comparison::Greater => "gt",
            Comparison::AtLeast => "gte",
        }
    }
}
