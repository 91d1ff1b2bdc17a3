//! One statement of the query language: sent, shown, and explained where it is wrong.

use engram_api::{
    ErrorCode, ListResponse, MatchOutcome, MemoryView, QueryRequest, QueryResponse, RecallResponse,
};
use engram_client::{ClientError, SpaceClient};
use engram_query::{Parameters, compile, render};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::failure::Failure;
use crate::output::{OutputFormat, note, print};
use crate::view;

/// Runs a statement and prints what it came to.
pub(crate) fn run(
    space: &SpaceClient,
    request: &QueryRequest,
    format: OutputFormat,
) -> Result<(), Failure> {
    let answer = space.query(request).map_err(|error| explained(error, request))?;
    print(format, &answer, table)?;
    match nothing(&answer) {
        Some(text) => Err(Failure::NothingFound(text.to_owned())),
        None => Ok(()),
    }
}

/// A value of a parameter: JSON, or a text that is none.
pub(crate) fn value(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| Value::from(text))
}

/// `NAME=VALUE` of a parameter.
pub(crate) fn assignment(text: &str) -> Result<(String, Value), String> {
    match text.split_once('=') {
        Some((name, given)) if !name.is_empty() => Ok((name.to_owned(), value(given))),
        _ => Err("expected NAME=VALUE".to_owned()),
    }
}

/// A statement that is wrong is shown with a caret under what is wrong in it.
fn explained(error: ClientError, request: &QueryRequest) -> Failure {
    let ClientError::Api(problem) = &error else { return error.into() };
    if problem.error_code() != Some(ErrorCode::QueryInvalid) {
        return error.into();
    }
    let mut parameters = Parameters::positional(request.values.clone());
    for (name, value) in request.parameters.clone() {
        parameters = parameters.with(name, value);
    }
    // No time makes a wrong statement right.
    match compile(&request.query, &parameters, 0) {
        Err(wrong) => {
            Failure::Statement { shown: render(&wrong, &request.query), problem: problem.clone() }
        }
        Ok(_) => error.into(),
    }
}

fn nothing(answer: &QueryResponse) -> Option<&'static str> {
    let shown = answer.answer.as_ref()?;
    let empty = |name: &str| shown[name].as_array().is_some_and(Vec::is_empty);
    match answer.operation.as_str() {
        "recall" if empty("items") && shown["outcome"] == MatchOutcome::Nothing.as_str() => {
            Some("nothing matches")
        }
        "recall" if empty("items") => Some("nothing that was found is relevant enough"),
        "list" if empty("memories") => Some("no memory passes the condition"),
        _ => None,
    }
}

/// The answer as its own command shows it; JSON where no table says it better.
fn table(answer: &QueryResponse) -> String {
    let plan = answer.request.as_ref().map(|request| planned(&answer.operation, request));
    let shown = answer.answer.as_ref().map(|shown| rows(&answer.operation, shown));
    let note = answer.answer.as_ref().and_then(|shown| shown["next_cursor"].as_str());
    if let Some(cursor) = note {
        self::note(&format!("there are more: CURSOR '{cursor}'"));
    }
    [plan, shown].into_iter().flatten().collect::<Vec<String>>().join("\n\n")
}

fn planned(operation: &str, request: &Map<String, Value>) -> String {
    format!("{operation} {}", pretty(&Value::Object(request.clone())))
}

fn rows(operation: &str, answer: &Value) -> String {
    let typed = match operation {
        "recall" => read::<RecallResponse>(answer).map(|answer| view::recall(&answer)),
        "list" => read::<ListResponse>(answer).map(|answer| view::memories(&answer.memories)),
        "get" => read::<MemoryView>(answer).map(|memory| view::memory(&memory)),
        _ => None,
    };
    typed.unwrap_or_else(|| pretty(answer))
}

fn read<T: DeserializeOwned>(answer: &Value) -> Option<T> {
    serde_json::from_value(answer.clone()).ok()
}

fn pretty(value: &Value) -> String {
    serde_json::to_string_pretty(value).expect("JSON can be written")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_json_or_text() {
        assert_eq!(value("[1, 2]"), serde_json::json!([1, 2]));
        assert_eq!(value("Ada"), "Ada");
        assert_eq!(assignment("n=7").unwrap(), ("n".to_owned(), 7.into()));
        assert!(assignment("=7").is_err() && assignment("n").is_err());
    }
}
