//! From a request over HTTP to a call, and from what became of it to an answer.

use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::http::header::IF_MATCH;
use axum::http::{HeaderMap, Request, Response};
use engram_api::{ErrorCode, Method, Operation, Route, Streaming};

use crate::node::Node;
use crate::place::Place;
use crate::refusal::Refusal;
use crate::rest::body::{read, require_json};
use crate::rest::caller::{caller_of, origin_of};
use crate::rest::deadline::deadline;
use crate::rest::feed::{as_feed, last_event};
use crate::rest::reply::{RequestId, answered};
use crate::rest::socket::{as_socket, upgrade, wants_socket};
use crate::rest::steps::{as_events, wants_events};
use crate::rest::target::{request_of, target};
use crate::service::{Call, Codec, Held, Ran, run, run_whole};

pub(crate) const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// One way to call one operation.
#[derive(Clone, Copy)]
pub(crate) struct Endpoint {
    pub(crate) operation: &'static Operation,
    pub(crate) route: &'static Route,
}

/// Runs one request of an operation to its answer.
pub(crate) async fn execute(
    node: Arc<Node>,
    endpoint: Endpoint,
    request: Request<Body>,
) -> Result<Response<Body>, Refusal> {
    let (mut head, body) = request.into_parts();
    let operation = endpoint.operation;
    let target = target(endpoint.route.path, head.uri.path())?;
    let implied = request_of(endpoint.route, &target, head.uri.query().unwrap_or(""))?;
    let mut call = Call {
        caller: caller_of(&head)?,
        origin: origin_of(&head),
        operation,
        space: target.space,
        body: Bytes::from(implied),
        codec: Codec::Json,
        key: idempotency_key(&head.headers)?,
        if_version: if_match(operation, &head.headers)?,
        limit: deadline(&node, &head.headers)?,
    };
    let mut held: Option<Held> = None;
    if endpoint.route.method == Method::Post {
        require_json(&head.headers)?;
        // A node that does not serve reads no bodies.
        node.engine()?;
        let (bytes, counted) = read(&node, &head.headers, body).await?;
        (call.body, held) = (bytes, Some(counted));
    }
    let upgrade = match operation.streaming() {
        Some(Streaming::Changes) if wants_socket(&head.headers) => Some(upgrade(&mut head).await?),
        _ => None,
    };
    let streams = operation.streaming().is_some() && wants_events(&head.headers);
    if upgrade.is_none() && !streams {
        let answer = run_whole(&node, call, held).await?;
        return Ok(answered(operation.status, answer));
    }
    let id = head.extensions.get::<RequestId>().map(|RequestId(id)| id.clone());
    let seen = last_event(&head.headers)?;
    Ok(match run(&node, call, held).await? {
        Ran::Follows(mut follower) => {
            if let Some(lsn) = seen {
                follower.resume(lsn);
            }
            let id = id.unwrap_or_default();
            match upgrade {
                Some(upgrade) => {
                    as_socket(upgrade, follower, head.extensions.get::<Place>().cloned(), id)
                }
                None => as_feed(operation.status, follower, id),
            }
        }
        Ran::Answered(answer) => answered(operation.status, answer),
        Ran::Under(running) => as_events(operation.status, running, id.unwrap_or_default()),
    })
}

/// The version that `If-Match` names: an entity tag of an answer, or `*`, which is any.
fn if_match(operation: &Operation, headers: &HeaderMap) -> Result<Option<u32>, Refusal> {
    let Some(value) = headers.get(IF_MATCH) else { return Ok(None) };
    if operation.name != "update" {
        let detail = format!("If-Match guards an update; {} does not heed it", operation.name);
        return Err(Refusal::new(ErrorCode::InvalidValue, detail).with_field("If-Match"));
    }
    let tag = value.to_str().unwrap_or_default().trim();
    if tag == "*" {
        return Ok(None);
    }
    let version = tag.strip_prefix('"').and_then(|tag| tag.strip_suffix('"')?.parse().ok());
    version.map(Some).ok_or_else(|| {
        let detail = "If-Match holds the ETag of an answer, which is a version in quotes, or *";
        Refusal::new(ErrorCode::InvalidValue, detail).with_field("If-Match")
    })
}

fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, Refusal> {
    let Some(value) = headers.get(IDEMPOTENCY_KEY) else { return Ok(None) };
    match std::str::from_utf8(value.as_bytes()) {
        Ok(key) => Ok(Some(key.to_owned())),
        Err(_) => {
            Err(Refusal::new(ErrorCode::InvalidUtf8, "the header Idempotency-Key is not UTF-8"))
        }
    }
}
