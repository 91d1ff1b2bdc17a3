//! Who works on the calls: this node, or a server elsewhere.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::body::Bytes;
use engram_api::{ErrorCode, Operation, Problem, Scope};

use crate::auth::Caller;
use crate::node::Node;
use crate::refusal::Refusal;
use crate::service::{
    Call, Codec, Door, Held, Observed, Origin, answered, request_id, run_whole, space_name,
};

/// Calls an operation of a server elsewhere: its name, the space, the request as JSON; gives the answer as JSON. It may wait.
pub type McpCall =
    dyn Fn(&'static Operation, &str, &[u8]) -> Result<Vec<u8>, Box<Problem>> + Send + Sync;

/// Who sends a request, and from which address, where it came over HTTP.
pub(super) type Sent = (Caller, Option<SocketAddr>);

/// Works on calls.
#[derive(Clone)]
pub(super) enum Desk {
    Here(Arc<Node>),
    Elsewhere(Arc<McpCall>),
}

impl Desk {
    /// The answer of an operation, as JSON.
    pub(super) async fn call(
        &self,
        caller: Option<Sent>,
        operation: &'static Operation,
        space: &str,
        request: Vec<u8>,
    ) -> Result<Vec<u8>, Box<Problem>> {
        let space = match operation.scope {
            Scope::Space => space.to_owned(),
            Scope::Node => String::new(),
        };
        match self {
            Desk::Here(node) => here((node, caller), operation, space, request).await,
            Desk::Elsewhere(call) => {
                let call = Arc::clone(call);
                let work = move || call(operation, &space, &request);
                let ended = |_| Problem::new(ErrorCode::Internal, "the call panicked");
                tokio::task::spawn_blocking(work).await.map_err(ended)?
            }
        }
    }
}

async fn here(
    (node, caller): (&Arc<Node>, Option<Sent>),
    operation: &'static Operation,
    space: String,
    request: Vec<u8>,
) -> Result<Vec<u8>, Box<Problem>> {
    let id = request_id(None);
    let observed = Observed::begin(&node.metrics, Door::Mcp, operation.name, &id);
    let (working, limit) = (Arc::clone(node), node.settings.limits.request_timeout);
    let name = id.clone();
    let work = async move {
        let held = Held::of(&working, request.len())?;
        let space = match operation.scope {
            Scope::Space => space_name(space)?,
            Scope::Node => space,
        };
        let body = Bytes::from(request);
        let codec = Codec::Json;
        let (caller, client) = caller.ok_or_else(|| {
            let detail = "nobody looked at who sends this request";
            Refusal::new(ErrorCode::Unauthenticated, detail)
        })?;
        let origin = Origin { door: Door::Mcp, request_id: name, client };
        let call = Call {
            caller,
            origin,
            operation,
            space,
            body,
            codec,
            key: None,
            if_version: None,
            limit,
        };
        run_whole(&working, call, Some(held)).await
    };
    let answer = answered(node, (observed, operation), limit, work).await;
    answer
        .map(|answer| answer.bytes)
        .map_err(|Refusal(problem)| Box::new(problem.with_request_id(id.as_str())))
}
