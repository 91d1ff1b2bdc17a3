//! Whether the node lives and serves, and what it counts. These answer in every phase.

use std::sync::Arc;

use axum::Extension;
use axum::body::Body;
use axum::extract::State;
use axum::http::{Response, StatusCode};
use axum::response::IntoResponse;
use engram_api::NodeState;
use serde_json::{Value, json};

use crate::auth::Caller;
use crate::metrics::encode;
use crate::node::{Node, Phase};
use crate::rest::caller::may_see_node;
use crate::rest::reply::{JSON, Refused, respond};

const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The process answers: no more is promised.
pub(crate) async fn livez() -> Response<Body> {
    json_response(StatusCode::OK, &json!({ "status": "alive" }))
}

/// 200 while reads and writes are served, else 503; the body says which check failed.
/// What it found goes to who may see the node only.
pub(crate) async fn readyz(
    State(node): State<Arc<Node>>,
    caller: Option<Extension<Caller>>,
) -> Response<Body> {
    let state = node.state();
    let status = match state {
        NodeState::Ready => StatusCode::OK,
        NodeState::Starting | NodeState::ReadOnly | NodeState::ShuttingDown => {
            StatusCode::SERVICE_UNAVAILABLE
        }
    };
    let caller = caller.map(|Extension(caller)| caller);
    if may_see_node(&node, caller.as_ref()).is_err() {
        return json_response(
            status,
            &json!({ "ready": state == NodeState::Ready, "state": state }),
        );
    }
    let body = json!({
        "ready": state == NodeState::Ready,
        "state": state,
        "checks": checks(&node),
        "progress": {
            "seconds": node.started.elapsed().as_secs_f64(),
            "read_bytes": node.traffic.read_bytes(),
        },
        "recovery": recovery(&node),
    });
    json_response(status, &body)
}

fn checks(node: &Node) -> Value {
    let check = |name: &str, failure: Option<String>| json!({ "name": name, "ok": failure.is_none(), "detail": failure });
    let phase = node.phase.borrow().clone();
    let open = match &phase {
        Phase::Opening => Some("the log is being read".to_owned()),
        Phase::Failed(why) => Some(why.clone()),
        Phase::Ready | Phase::Draining => None,
    };
    let accepting = (phase == Phase::Draining).then(|| "the server is shutting down".to_owned());
    let poisoned = node.opened.get().and_then(|opened| opened.engine.poisoned());
    json!([
        check("engine_open", open),
        check("accepting", accepting),
        check("log_sound", poisoned),
        check("writer_alive", node.faults.reason().map(str::to_owned)),
    ])
}

fn recovery(node: &Node) -> Value {
    let Some(opened) = node.opened.get() else { return Value::Null };
    let recovery = &opened.recovery;
    let quarantined: Vec<Value> = recovery
        .quarantined
        .iter()
        .map(|broken| json!({ "space": broken.space.to_string(), "reason": broken.reason }))
        .collect();
    json!({
        "seconds": opened.seconds,
        "frames": recovery.frames,
        "segments": recovery.segments,
        "clean": recovery.clean,
        "torn_tail_bytes": recovery.torn_tail.as_ref().map_or(0, |tail| tail.bytes),
        "damage": recovery.damage.len(),
        "quarantined": quarantined,
    })
}

pub(crate) async fn metrics(
    State(node): State<Arc<Node>>,
    Extension(caller): Extension<Caller>,
) -> Response<Body> {
    if let Err(refusal) = may_see_node(&node, Some(&caller)) {
        return Refused(Arc::new(refusal)).into_response();
    }
    respond(StatusCode::OK, OPEN_METRICS, encode(&node.metrics, &node.figures()))
}

pub(crate) async fn openapi() -> Response<Body> {
    json_response(StatusCode::OK, &engram_api::openapi())
}

fn json_response(status: StatusCode, value: &Value) -> Response<Body> {
    respond(status, JSON, value.to_string())
}
