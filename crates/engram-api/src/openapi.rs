//! The OpenAPI 3.1 document, from the operations, the schemas and the error catalogue.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::error::ErrorCode;
use crate::operation::{Method, OPERATIONS, Operation, Route, Streaming};
use crate::problem::PROBLEM_MEDIA_TYPE;
use crate::schema::schemas;

/// The document.
pub fn openapi() -> Value {
    let schemas = schemas();
    let mut paths: Map<String, Value> = Map::new();
    for operation in OPERATIONS {
        for (index, route) in operation.routes.iter().enumerate() {
            let path = paths.entry(route.path).or_insert_with(|| json!({}));
            let method = route.method.as_str().to_ascii_lowercase();
            path[method] =
                describe(operation, route, index, &schemas[request_or_problem(operation)]);
        }
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Engram",
            "version": env!("CARGO_PKG_VERSION"),
            "summary": "A memory database: remember, recall, forget.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "http://127.0.0.1:7432"}],
        "paths": paths,
        "security": [{"key": []}, {}],
        "components": {
            "schemas": schemas,
            "responses": shared_responses(),
            "securitySchemes": {"key": {
                "type": "http",
                "scheme": "bearer",
                "description": "A key of this server, where it asks for one.",
            }},
        },
    })
}

/// Name of the schema that query parameters are looked up in.
fn request_or_problem(operation: &Operation) -> &'static str {
    operation.request.unwrap_or("Problem")
}

fn describe(operation: &Operation, route: &Route, index: usize, request: &Value) -> Value {
    let id = match index {
        0 => operation.name.to_owned(),
        _ => format!("{}_resource", operation.name),
    };
    let mut out = json!({
        "operationId": id,
        "summary": operation.summary,
        "x-engram-permission": operation.permission.as_str(),
        "x-engram-idempotent": operation.idempotent,
        "responses": responses(operation),
    });
    if !operation.note.is_empty() {
        out["description"] = Value::from(operation.note);
    }
    let parameters = parameters(route, request);
    if !parameters.is_empty() {
        out["parameters"] = Value::from(parameters);
    }
    if let (Method::Post, Some(name)) = (route.method, operation.request) {
        out["requestBody"] = json!({
            "required": true,
            "content": {"application/json": {
                "schema": schema_reference(name),
                "example": parsed(operation.request_example),
            }},
        });
    }
    out
}

fn parameters(route: &Route, request: &Value) -> Vec<Value> {
    let in_path =
        route.path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
    let mut all: Vec<Value> = in_path
        .map(|name| {
            json!({"name": name, "in": "path", "required": true, "schema": part_of_path(name)})
        })
        .collect();
    for name in route.query {
        all.push(json!({"name": name, "in": "query", "schema": request["properties"][name]}));
    }
    if let Some(key) = request["properties"].get("idempotency_key") {
        all.push(json!({"name": "Idempotency-Key", "in": "header", "schema": key}));
    }
    all
}

fn part_of_path(name: &str) -> Value {
    match name {
        "space" => json!({"type": "string", "pattern": "^[a-z0-9][a-z0-9_-]{0,63}$"}),
        "lsn" => json!({"type": "integer", "minimum": 0}),
        _ => json!({"type": "string", "minLength": 1, "maxLength": 256}),
    }
}

/// Success, and one entry for each HTTP status among the errors.
fn responses(operation: &Operation) -> Value {
    let mut out = json!({});
    out[operation.status.to_string()] = json!({
        "description": "Done.",
        "content": {"application/json": {
            "schema": schema_reference(operation.response),
            "example": parsed(operation.response_example),
        }},
    });
    if let Some(streaming) = operation.streaming().filter(|streaming| streaming.has_events()) {
        out[operation.status.to_string()]["content"]["text/event-stream"] = json!({
            "schema": {"type": "string", "description": of_stream(streaming)},
        });
    }
    for (status, names) in errors_by_status(operation) {
        out[status.to_string()] = match names.len() <= SHARED_NAMES_MAX {
            true => json!({"$ref": format!("#/components/responses/{}", names.join("_or_"))}),
            false => problem_response(&names.join(", ")),
        };
    }
    out
}

/// Most names of errors in the name of a response that operations share; longer lists belong to few operations.
const SHARED_NAMES_MAX: usize = 4;

/// The responses that operations share, by the names of their errors.
fn shared_responses() -> Map<String, Value> {
    let mut shared = Map::new();
    for operation in OPERATIONS {
        for (_, names) in errors_by_status(operation) {
            if names.len() <= SHARED_NAMES_MAX {
                shared.insert(names.join("_or_"), problem_response(&names.join(", ")));
            }
        }
    }
    shared
}

/// The names of the errors of an operation under each HTTP status.
fn errors_by_status(operation: &Operation) -> BTreeMap<u16, Vec<&'static str>> {
    let mut by_status: BTreeMap<u16, Vec<&'static str>> = BTreeMap::new();
    for entry in operation.errors().into_iter().map(ErrorCode::entry) {
        by_status.entry(entry.status).or_default().push(entry.name);
    }
    by_status
}

fn problem_response(description: &str) -> Value {
    json!({
        "description": description,
        "content": {PROBLEM_MEDIA_TYPE: {"schema": schema_reference("Problem")}},
    })
}

fn of_stream(streaming: Streaming) -> &'static str {
    match streaming {
        Streaming::Steps => {
            "Where Accept names it first: an event `progress` with what each step did and one `done` with what all did, both in the \
             form of the JSON answer, or `problem` with why no more is done."
        }
        Streaming::Requests | Streaming::Pages | Streaming::Parts => "",
        Streaming::Changes => {
            "Where Accept names it first: an event `commit` for each commit that changed something, `missed` where changes are not \
             kept any more, `alive` with the last commit when nothing came for a while, and `problem` with why no more is told. The \
             id of an event is its log sequence number; Last-Event-ID takes the place of `after`."
        }
    }
}

fn schema_reference(name: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/{name}")})
}

fn parsed(example: &str) -> Value {
    serde_json::from_str(example).expect("a test reads every example")
}
