//! The grammar: from tokens to what a statement says. It is the only description of it that the parser, the errors and the proposals
//! for a shell have; the page shows the same rules, and a test holds its examples against this.

mod values;
mod conditions;
mod statements;

pub(crate) use statements::{body, opening};
