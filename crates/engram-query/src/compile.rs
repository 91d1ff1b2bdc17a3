//! The way of a statement: text, tokens, statement, plan.

use crate::build::build;
use crate::error::{Checked, QueryError, QueryErrorKind};
use crate::given::Scope;
use crate::grammar::{body, opening};
use crate::limits::STATEMENT_BYTES_MAX;
use crate::parameters::Parameters;
use crate::plan::Plan;
use crate::reader::Reader;
use crate::span::Span;
use crate::statement::{STATEMENTS, StatementEntry};

/// Compiles a statement. `now_ns` is the time that `now()` means, in nanoseconds since 1970-01-01T00:00:00Z.
///
/// # Errors
/// A [`QueryError`] that says where the statement is wrong and what could stand there.
pub fn compile(text: &str, parameters: &Parameters, now_ns: i64) -> Result<Plan, Box<QueryError>> {
    let mut entry = STATEMENTS.first();
    plan(text, parameters, now_ns, &mut entry).map_err(|error| {
        let example = entry.and_then(|entry| entry.examples.first()).copied().unwrap_or_default();
        error.placed(text, example)
    })
}

/// The same; `entry` is set to the statement as soon as it is known.
fn plan(
    text: &str,
    parameters: &Parameters,
    now_ns: i64,
    entry: &mut Option<&'static StatementEntry>,
) -> Checked<Plan> {
    if text.len() > STATEMENT_BYTES_MAX {
        let message = format!(
            "the statement has {} bytes, {STATEMENT_BYTES_MAX} are the most; give long texts and vectors as parameters",
            text.len()
        );
        return Err(QueryError::at(QueryErrorKind::TooLong, Span::default(), message));
    }
    let mut reader = Reader::new(text)?;
    let opening = opening(&mut reader)?;
    *entry = Some(opening.entry);
    let statement = body(&mut reader, opening)?;
    *entry = Some(statement.entry);
    let mut scope = Scope::new(parameters, now_ns);
    let plan = build(&statement, &mut scope)?;
    match scope.unused().first() {
        Some(name) => {
            let message = format!("the statement does not use the parameter ${name}");
            Err(QueryError::at(QueryErrorKind::UnusedParameter, statement.span, message)
                .finding(format!("${name}")))
        }
        None => Ok(plan),
    }
}
