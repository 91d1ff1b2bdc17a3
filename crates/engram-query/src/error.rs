//! What is wrong with a statement: where, what was expected, what stood there, and what may have been meant.

use std::fmt;

use engram_api::nearest;

use crate::span::{Span, line_and_column};

/// The result of a step that the statement can be wrong at.
pub(crate) type Checked<T> = Result<T, Box<QueryError>>;

/// What sort of mistake it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum QueryErrorKind {
    /// Something else must stand here.
    Syntax,
    /// No keyword of that name can stand here.
    UnknownKeyword,
    /// No field has that name.
    UnknownField,
    /// No value of that name is possible.
    UnknownValue,
    /// A value of another type is needed.
    WrongType,
    /// A number, time or list is outside of what is possible.
    OutOfRange,
    /// The field cannot be asked for that.
    NotPossible,
    /// The same thing is said twice.
    Duplicate,
    /// A parameter has no value.
    MissingParameter,
    /// A value was given that the statement does not use.
    UnusedParameter,
    /// A text, a name or a comment does not end.
    Unterminated,
    /// The statement has too many bytes.
    TooLong,
    /// Too much is nested.
    TooDeep,
    /// Too many conditions, values or fields.
    TooMany,
}

impl QueryErrorKind {
    /// All kinds.
    pub const ALL: [QueryErrorKind; 14] = [
        QueryErrorKind::Syntax,
        QueryErrorKind::UnknownKeyword,
        QueryErrorKind::UnknownField,
        QueryErrorKind::UnknownValue,
        QueryErrorKind::WrongType,
        QueryErrorKind::OutOfRange,
        QueryErrorKind::NotPossible,
        QueryErrorKind::Duplicate,
        QueryErrorKind::MissingParameter,
        QueryErrorKind::UnusedParameter,
        QueryErrorKind::Unterminated,
        QueryErrorKind::TooLong,
        QueryErrorKind::TooDeep,
        QueryErrorKind::TooMany,
    ];

    /// The name as it is shown, snake_case.
    pub fn as_str(self) -> &'static str {
        match self {
            QueryErrorKind::Syntax => "syntax",
            QueryErrorKind::UnknownKeyword => "unknown_keyword",
            QueryErrorKind::UnknownField => "unknown_field",
            QueryErrorKind::UnknownValue => "unknown_value",
            QueryErrorKind::WrongType => "wrong_type",
            QueryErrorKind::OutOfRange => "out_of_range",
            QueryErrorKind::NotPossible => "not_possible",
            QueryErrorKind::Duplicate => "duplicate",
            QueryErrorKind::MissingParameter => "missing_parameter",
            QueryErrorKind::UnusedParameter => "unused_parameter",
            QueryErrorKind::Unterminated => "unterminated",
            QueryErrorKind::TooLong => "too_long",
            QueryErrorKind::TooDeep => "too_deep",
            QueryErrorKind::TooMany => "too_many",
        }
    }

    /// What it means, in one sentence.
    pub fn meaning(self) -> &'static str {
        match self {
            QueryErrorKind::Syntax => "Something else must stand here.",
            QueryErrorKind::UnknownKeyword => "No keyword of that name can stand here.",
            QueryErrorKind::UnknownField => "No field or setting has that name.",
            QueryErrorKind::UnknownValue => "The field or clause takes one of a few names.",
            QueryErrorKind::WrongType => "A value of another type is needed.",
            QueryErrorKind::OutOfRange => {
                "A number, a time or a list is outside of what is possible."
            }
            QueryErrorKind::NotPossible => "The field cannot be asked for that.",
            QueryErrorKind::Duplicate => "The same thing is said twice.",
            QueryErrorKind::MissingParameter => "A parameter has no value.",
            QueryErrorKind::UnusedParameter => "A value was given that the statement does not use.",
            QueryErrorKind::Unterminated => "A text, a name or a comment does not end.",
            QueryErrorKind::TooLong => "The statement has too many bytes.",
            QueryErrorKind::TooDeep => "Too much is nested within each other.",
            QueryErrorKind::TooMany => "There are too many conditions, values or fields.",
        }
    }
}

/// Why a statement is refused. [`render`](crate::render) shows it as a terminal does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueryError {
    /// What sort of mistake it is.
    pub kind: QueryErrorKind,
    /// The part of the text that is wrong.
    pub span: Span,
    /// Line of its first character, from 1.
    pub line: usize,
    /// Column of its first character, from 1, in characters.
    pub column: usize,
    /// What is wrong, in one sentence without a full stop.
    pub message: String,
    /// What could stand there instead.
    pub expected: Vec<String>,
    /// What stands there.
    pub found: Option<String>,
    /// The closest name that exists.
    pub nearest: Option<String>,
    /// A statement that is right.
    pub example: &'static str,
}

impl QueryError {
    /// A mistake at a part of the text. Line, column and example come with [`QueryError::placed`].
    pub(crate) fn at(
        kind: QueryErrorKind,
        span: Span,
        message: impl Into<String>,
    ) -> Box<QueryError> {
        Box::new(QueryError {
            kind,
            span,
            line: 1,
            column: 1,
            message: message.into(),
            expected: Vec::new(),
            found: None,
            nearest: None,
            example: "",
        })
    }

    /// Says what could stand there.
    pub(crate) fn expecting(mut self: Box<Self>, expected: Vec<String>) -> Box<QueryError> {
        self.expected = expected;
        self
    }

    /// Says what stands there.
    pub(crate) fn finding(mut self: Box<Self>, found: impl Into<String>) -> Box<QueryError> {
        self.found = Some(found.into());
        self
    }

    /// Names the closest of the names that are possible, in any case.
    pub(crate) fn near<'a>(
        mut self: Box<Self>,
        name: &str,
        candidates: impl IntoIterator<Item = &'a str>,
    ) -> Box<QueryError> {
        let candidates: Vec<&str> = candidates.into_iter().collect();
        let lower: Vec<String> = candidates.iter().map(|one| one.to_lowercase()).collect();
        let found = nearest(&name.to_lowercase(), lower.iter().map(String::as_str));
        let position = found.and_then(|found| lower.iter().position(|one| one == found));
        let nearest = position.map(|position| candidates[position]);
        self.nearest = nearest.filter(|nearest| *nearest != name).map(str::to_owned);
        self
    }

    /// Gives it its line and column in the text, and a statement that is right.
    pub(crate) fn placed(
        mut self: Box<Self>,
        text: &str,
        example: &'static str,
    ) -> Box<QueryError> {
        (self.line, self.column) = line_and_column(text, self.span.start);
        self.example = example;
        clip(&mut self.message);
        self.expected.iter_mut().chain(&mut self.found).for_each(clip);
        self
    }
}

/// A name or a word of a statement may be as long as the statement; what is said of it is not.
fn clip(text: &mut String) {
    const CHARS_MAX: usize = 400;
    if let Some((end, _)) = text.char_indices().nth(CHARS_MAX) {
        text.truncate(end);
        text.push('…');
    }
}

impl fmt::Display for QueryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}: {}", self.line, self.column, self.message)?;
        if let Some(nearest) = &self.nearest {
            write!(f, "; did you mean `{nearest}`?")?;
        }
        Ok(())
    }
}

impl std::error::Error for QueryError {}
