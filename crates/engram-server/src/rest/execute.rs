//! How a request of an operation runs: gates first, then its own work in its own lane.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, Request};
use engram_api::{ErrorCode, Method, Operation, Route};
use engram_engine::Engine;
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use crate::lanes::Lane;
use crate::node::Node;
use crate::refusal::Refusal;
use crate::rest::body::{HeldBody, read, require_json};
use crate::rest::call::{Call, Context, Finish};
use crate::rest::operations::Handler;
use crate::rest::reply::{Answer, RequestId};
use crate::rest::steps::{Hold, as_events, at_once, wants_events};
use crate::rest::target::{request_of, target};

/// How long a write may be kept waiting for associations to be formed, and how often it asks.
const SLOWED_MAX: Duration = Duration::from_secs(10);
const SLOWED_STEP: Duration = Duration::from_millis(10);

const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// One way to call one operation, with what does it.
#[derive(Clone, Copy)]
pub(crate) struct Endpoint {
    pub(crate) operation: &'static Operation,
    pub(crate) route: &'static Route,
    pub(crate) handler: Handler,
}

/// Runs one request of an operation to its answer.
pub(crate) async fn execute(
    node: Arc<Node>,
    endpoint: Endpoint,
    request: Request<Body>,
) -> Result<Answer, Refusal> {
    let (head, body) = request.into_parts();
    let target = target(endpoint.route.path, head.uri.path())?;
    let implied = request_of(endpoint.route, &target, head.uri.query().unwrap_or(""))?;
    let reads_body = endpoint.route.method == Method::Post;
    if reads_body {
        require_json(&head.headers)?;
    }
    let mut call = Call {
        operation: endpoint.operation,
        target,
        body: Bytes::from(implied),
        key: idempotency_key(&head.headers)?,
    };
    if let Handler::Node(look) = endpoint.handler {
        return Ok(look(&node, &call));
    }
    let engine = Arc::clone(node.engine()?);
    if !call.target.space.is_empty() && engine.space(&call.target.space).is_ok() {
        node.metrics.space_request(&call.target.space);
    }
    let mut held: Option<HeldBody> = None;
    if reads_body {
        let body = read(&node, &head.headers, body).await?;
        call.body = body.bytes.clone();
        held = Some(body);
    }
    // Only now: a client that is slow with its body takes no place from the others.
    let admitted = Arc::clone(&node.admission)
        .try_acquire_owned()
        .map_err(|_| Refusal::new(ErrorCode::Overloaded, "too many requests are worked on now"))?;
    let context =
        Context { engine, helpers: Arc::clone(&node.helpers), metrics: Arc::clone(&node.metrics) };
    let id = head.extensions.get::<RequestId>().map(|RequestId(id)| id.clone());
    let events = wants_events(&head.headers).then(|| id.unwrap_or_default());
    let work = Work { call, held, admitted, events };
    run(&node, endpoint.handler, context, work).await
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

/// A call together with what it holds while it is worked on.
struct Work {
    call: Call,
    /// The memory that its body is counted for.
    held: Option<HeldBody>,
    /// Its place among the requests.
    admitted: OwnedSemaphorePermit,
    /// The id of the request, where the client would hear of each step.
    events: Option<String>,
}

async fn run(
    node: &Arc<Node>,
    handler: Handler,
    context: Context,
    Work { call, held, admitted, events }: Work,
) -> Result<Answer, Refusal> {
    match handler {
        Handler::Node(look) => Ok(look(node, &call)),
        Handler::Look(look) => look(&context, &call),
        Handler::Steps(begin) => {
            let steps = begin(&context, &call)?;
            drop(held);
            let hold = Hold { node: Arc::clone(node), _admitted: admitted };
            let status = call.operation.status;
            match events {
                Some(request_id) => Ok(as_events(hold, status, (steps, request_id))),
                None => at_once(hold, status, steps).await,
            }
        }
        Handler::Search(search) => {
            let lane = node.lane(&context.engine, &call.target.space, Lane::Read);
            let job = move || {
                let answer = search(&context, &call);
                drop(held);
                answer
            };
            node.lanes.run(lane, job).await.map_err(|panic| node.panicked(panic))?
        }
        Handler::Commit(commit) => {
            if let Some(reason) = node.write_fault() {
                return Err(Refusal::new(ErrorCode::LogPoisoned, reason));
            }
            slow_down(&context.engine, &call.target.space).await;
            let lane = node.lane(&context.engine, &call.target.space, Lane::Write);
            let (reply, finished) = oneshot::channel::<Finish>();
            let job = move || {
                let submitted = commit(&context, &call, reply);
                drop(held);
                submitted
            };
            node.lanes.run(lane, job).await.map_err(|panic| node.panicked(panic))??;
            finish(node, finished).await
        }
    }
}

/// Keeps a write waiting while its space has too many memories without associations. Where that does not help, the engine
/// refuses it.
async fn slow_down(engine: &Engine, space: &str) {
    let mut waited = Duration::ZERO;
    while engine.is_lagging(space) && waited < SLOWED_MAX {
        tokio::time::sleep(SLOWED_STEP).await;
        waited += SLOWED_STEP;
    }
}

async fn finish(node: &Node, finished: oneshot::Receiver<Finish>) -> Result<Answer, Refusal> {
    tokio::select! {
        biased;
        finish = finished => match finish {
            Ok(finish) => finish(),
            // The writer dropped it: it panicked.
            Err(_) => Err(unknown_outcome(node)),
        },
        () = node.faults.wait() => Err(unknown_outcome(node)),
    }
}

fn unknown_outcome(node: &Node) -> Refusal {
    let reason = node.write_fault().unwrap_or_else(|| "the writer ended".to_owned());
    let detail = format!("the write was not acknowledged and may or may not be durable: {reason}");
    Refusal::new(ErrorCode::LogPoisoned, detail)
}
