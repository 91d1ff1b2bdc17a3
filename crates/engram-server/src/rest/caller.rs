//! Who sends a request: found out before anything else is done with it.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{MatchedPath, Request, State};
use axum::http::Response;
use axum::http::request::Parts;
use axum::middleware::Next;
use axum::response::IntoResponse;
use engram_api::{BROWSE_STYLE_PATH, ErrorCode, OPERATIONS, Operation, Route};

use crate::auth::{Caller, Credentials};
use crate::node::Node;
use crate::refusal::Refusal;
use crate::rest::reply::{Refused, RequestId};
use crate::service::{Door, Origin, audit_stranger};
use crate::tls::PeerCertificate;

/// What is served to everybody: whether the server lives, and what any copy of this version says.
const OPEN_PATHS: [&str; 5] = ["/livez", "/readyz", "/openapi.json", "/docs", BROWSE_STYLE_PATH];

/// Puts the caller beside the request, or refuses it.
pub(crate) async fn identified(
    State(node): State<Arc<Node>>,
    mut request: Request,
    next: Next,
) -> Response<Body> {
    let peer = request.extensions().get::<Arc<PeerCertificate>>().map(Arc::as_ref);
    let identified = node.access.identify(Credentials { headers: request.headers(), peer }).await;
    match identified {
        Ok(caller) => {
            request.extensions_mut().insert(caller);
        }
        Err(refusal) => {
            if !OPEN_PATHS.contains(&request.uri().path()) {
                let operation = operation_name(&request);
                let (head, _) = request.into_parts();
                audit_stranger(&node, origin_of(&head), operation, &refusal);
                return Refused(Arc::new(refusal)).into_response();
            }
        }
    }
    next.run(request).await
}

/// Where a request comes from.
pub(crate) fn origin_of(head: &Parts) -> Origin {
    let id = head.extensions.get::<RequestId>().map(|RequestId(id)| id.clone());
    let client = head.extensions.get::<ClientAddr>().map(|ClientAddr(addr)| *addr);
    Origin { door: Door::Rest, request_id: id.unwrap_or_default(), client }
}

/// The operation that a request calls; `none` where it calls none.
pub(crate) fn operation_name(request: &Request) -> &'static str {
    let Some(path) = request.extensions().get::<MatchedPath>() else { return "none" };
    let method = request.method().as_str();
    let calls = |operation: &&Operation| {
        let same = |route: &Route| route.path == path.as_str() && route.method.as_str() == method;
        operation.routes.iter().any(same)
    };
    OPERATIONS.iter().find(calls).map_or("none", |operation| operation.name)
}

/// The address that a client connected from; the listener puts it into every request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ClientAddr(pub(crate) SocketAddr);

/// The caller that was put beside a request.
pub(crate) fn caller_of(head: &Parts) -> Result<Caller, Refusal> {
    head.extensions.get::<Caller>().cloned().ok_or_else(|| {
        Refusal::new(ErrorCode::Unauthenticated, "nobody looked at who sends this request")
    })
}

/// Whether a caller may see how the whole node stands, as `status` shows it to who may touch all spaces.
pub(crate) fn may_see_node(node: &Node, caller: Option<&Caller>) -> Result<(), Refusal> {
    let refused = |detail: &str| Refusal::new(ErrorCode::Forbidden, detail);
    let Some(caller) = caller else {
        return Err(Refusal::new(ErrorCode::Unauthenticated, "the request carries no credential"));
    };
    let status = Operation::by_name("status").expect("the table has it");
    node.access.authorise(caller, status, "")?;
    match caller.grant().spaces.has_all() {
        true => Ok(()),
        false => {
            Err(refused("metrics are about all spaces, and this caller may touch some of them"))
        }
    }
}
