//! The query language: a statement in text and its parameters become an operation and its request.
//!
//! The crate knows no engine, no server and no clock and does no input or output: the time that `now()` means is passed in, and
//! what the operations take is read from the schemas of the API crate. The same text, parameters and time give the same plan. No
//! input makes it panic, and the limits bound its work.

#![forbid(unsafe_code)]

mod limits;
mod span;
mod keyword;
mod error;
mod render;
mod time;
mod literal;
mod shape;
mod field;
mod condition;
mod clause;
mod statement;
mod order;
mod token;
mod reader;
mod grammar;
mod parameters;
mod given;
mod fit;
mod filter;
mod plan;
mod build;
mod compile;
mod suggest;
mod page;

pub use compile::compile;
pub use error::{QueryError, QueryErrorKind};
pub use field::{FIELDS, FieldEntry};
pub use keyword::KEYWORDS;
pub use limits::{
    CONDITIONS_MAX, FILTER_DEPTH_MAX, NESTING_MAX, ORDER_FIELDS_MAX, STATEMENT_BYTES_MAX,
};
pub use order::{OrderBy, order_items};
pub use page::reference_page;
pub use parameters::Parameters;
pub use plan::Plan;
pub use render::render;
pub use span::Span;
pub use statement::{STATEMENTS, StatementEntry};
pub use suggest::{Suggestion, SuggestionKind, complete};
