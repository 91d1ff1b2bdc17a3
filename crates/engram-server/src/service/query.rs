//! Statements: each becomes a call of another operation, or several where a whole listing is ordered.

use std::time::Duration;

use axum::body::Bytes;
use engram_api::{ErrorCode, Operation, Problem, QueryRequest, QueryResponse};
use engram_query::{OrderBy, Parameters, Plan, QueryError, compile, order_items};
use serde_json::{Map, Value};

use crate::auth::Caller;
use crate::refusal::Refusal;
use crate::service::call::{Answer, BegunNested, Call, Codec, Context, Nested, Next};
use crate::service::observe::Origin;

/// Memories that ORDER BY arranges at most, where it arranges a whole listing.
const ORDERED_MAX: usize = 10_000;

pub(crate) fn query(context: &Context, call: &Call) -> BegunNested {
    let request: QueryRequest = call.decode()?;
    let mut parameters = Parameters::positional(request.values);
    for (name, value) in request.parameters {
        parameters = parameters.with(name, value);
    }
    let plan = compile(&request.query, &parameters, context.engine.now_ns())
        .map_err(|error| Refusal::from(invalid(*error)))?;
    let operation =
        Operation::by_name(plan.operation).expect("a statement stands for an operation");
    let Value::Object(inner) = plan.request.clone() else {
        return Err(Refusal::new(ErrorCode::Internal, "the plan holds no request"));
    };
    Ok(Box::new(Statement {
        caller: call.caller.clone(),
        origin: call.origin.clone(),
        space: call.space.clone(),
        codec: call.codec,
        key: call.key.clone(),
        limit: call.limit,
        operation,
        request: inner,
        plan,
        kept: Vec::new(),
        kept_bytes: 0,
    }))
}

fn invalid(error: QueryError) -> Problem {
    let mut detail = format!("line {}, column {}: {}", error.line, error.column, error.message);
    if !error.expected.is_empty() {
        detail = format!("{detail}; expected {}", error.expected.join(", "));
    }
    let mut problem = Problem::new(ErrorCode::QueryInvalid, detail).with_field("query");
    if !error.example.is_empty() {
        error.example.clone_into(&mut problem.example);
    }
    problem.with_nearest(error.nearest)
}

/// Bytes of pages that are held for it.
const ORDERED_BYTES_MAX: usize = 64 << 20;

/// A statement under way.
struct Statement {
    caller: Caller,
    origin: Origin,
    space: String,
    /// How the answer is written; calls in between are JSON.
    codec: Codec,
    key: Option<String>,
    limit: Duration,
    operation: &'static Operation,
    /// Of the next call.
    request: Map<String, Value>,
    plan: Plan,
    /// Memories of the pages so far, where a whole listing is ordered.
    kept: Vec<Value>,
    /// Bytes of those pages.
    kept_bytes: usize,
}

impl Nested for Statement {
    fn next(&mut self, last: Option<Answer>) -> Result<Next, Refusal> {
        let Some(last) = last else {
            return Ok(match self.plan.is_shown_only() {
                true => Next::Done(self.answer(None)),
                false => Next::Call(self.call()),
            });
        };
        let mut answer: Value = serde_json::from_slice(&last.bytes)
            .map_err(|error| Refusal::new(ErrorCode::Internal, error.to_string()))?;
        let items = if self.operation.name == "list" { "memories" } else { "items" };
        let Some(keep) = self.plan.keep else {
            if let Some(items) = answer.get_mut(items).and_then(Value::as_array_mut) {
                order_items(items, &self.plan.order);
            }
            return Ok(Next::Done(self.answer(Some(answer))));
        };
        if let Some(page) = answer.get_mut(items).and_then(Value::as_array_mut) {
            self.kept.append(page);
        }
        self.kept_bytes += last.bytes.len();
        if self.kept.len() > ORDERED_MAX || self.kept_bytes > ORDERED_BYTES_MAX {
            let detail = format!(
                "ORDER BY arranges at most {ORDERED_MAX} memories of a listing and {ORDERED_BYTES_MAX} bytes, and more pass the condition; narrow WHERE, or leave \
                 ORDER BY out and read page by page"
            );
            return Err(Refusal::new(ErrorCode::TooMany, detail).with_field("query"));
        }
        if let Some(cursor) = answer["next_cursor"].as_str() {
            self.request.insert("cursor".to_owned(), Value::from(cursor));
            return Ok(Next::Call(self.call()));
        }
        let kept = ordered(std::mem::take(&mut self.kept), &self.plan.order, keep);
        let mut whole = Map::new();
        whole.insert(items.to_owned(), Value::Array(kept));
        Ok(Next::Done(self.answer(Some(Value::Object(whole)))))
    }
}

fn ordered(mut items: Vec<Value>, order: &[OrderBy], keep: u64) -> Vec<Value> {
    order_items(&mut items, order);
    items.truncate(usize::try_from(keep).unwrap_or(usize::MAX));
    items
}

impl Statement {
    fn call(&self) -> Call {
        let body = serde_json::to_vec(&self.request).expect("a map of JSON can be written");
        Call {
            caller: self.caller.clone(),
            origin: self.origin.clone(),
            operation: self.operation,
            space: self.space.clone(),
            body: Bytes::from(body),
            codec: Codec::Json,
            key: self.key.clone(),
            if_version: None,
            limit: self.limit,
        }
    }

    fn answer(&self, answer: Option<Value>) -> Answer {
        let request = match (&self.plan.request, self.plan.explain) {
            (Value::Object(request), true) => Some(request.clone()),
            _ => None,
        };
        let operation = self.operation.name.to_owned();
        self.codec.answer(&QueryResponse { operation, request, answer })
    }
}
