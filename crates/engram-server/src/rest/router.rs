//! From a connection's request to the function that answers it. Routes come from the operations table.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, Response};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::IntoResponse;
use axum::routing::{MethodFilter, MethodRouter, get, on};
use engram_api::{BROWSE_STYLE_PATH, ErrorCode, Method, OPERATIONS, Problem, nearest};
use tower_http::compression::CompressionLayer;
use tower_http::decompression::RequestDecompressionLayer;
use tower_http::map_request_body::MapRequestBodyLayer;

use crate::node::Node;
use crate::refusal::Refusal;
use crate::rest::caller::{identified, operation_name};
use crate::rest::cors::cors;
use crate::rest::deadline::deadline;
use crate::rest::docs;
use crate::rest::execute::{Endpoint, execute};
use crate::rest::guard::HostList;
use crate::rest::health;
use crate::rest::reply::{REQUEST_ID, Refused, RequestId, refuse};
use crate::service::{Door, Observed, bounded, request_id};

/// The address that a client connected to; the listener puts it into every request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LocalAddr(pub(crate) SocketAddr);

/// Paths outside of the operations table, for the message that names the nearest path.
const EXTRA_PATHS: [&str; 7] =
    ["/livez", "/readyz", "/version", "/metrics", "/openapi.json", "/docs", "/mcp"];

/// All routes of the server; `more` are those of other protocols over HTTP.
pub(crate) fn router(node: Arc<Node>, hosts: HostList, more: Router<Arc<Node>>) -> Router {
    let mut router = more
        .route("/livez", get(health::livez))
        .route("/readyz", get(health::readyz))
        .route("/metrics", get(health::metrics))
        .route("/openapi.json", get(health::openapi))
        .route("/docs", get(docs::page))
        .route(BROWSE_STYLE_PATH, get(docs::style));
    for endpoint in endpoints() {
        router = router.route(endpoint.route.path, serve(endpoint));
        if endpoint.operation.name == "version" {
            router = router.route("/version", serve(endpoint));
        }
    }
    let hosts = Arc::new(hosts);
    let router = router
        .fallback(unknown_path)
        .method_not_allowed_fallback(wrong_method)
        .layer(MapRequestBodyLayer::new(Body::new))
        .layer(RequestDecompressionLayer::new())
        .layer(from_fn_with_state(Arc::clone(&node), timed))
        .layer(from_fn_with_state(Arc::clone(&node), identified));
    // Inside the gate, which refuses pages that are not listed; outside of all else, so that a page can read why it is refused.
    let router = match cors(&hosts) {
        Some(layer) => router.layer(layer),
        None => router,
    };
    let gate = Gate { node: Arc::clone(&node), hosts };
    router.layer(from_fn_with_state(gate, pass)).layer(CompressionLayer::new()).with_state(node)
}

fn endpoints() -> impl Iterator<Item = Endpoint> {
    OPERATIONS.iter().flat_map(|operation| {
        operation.routes.iter().map(move |route| Endpoint { operation, route })
    })
}

fn serve(endpoint: Endpoint) -> MethodRouter<Arc<Node>> {
    let filter = match endpoint.route.method {
        Method::Get => MethodFilter::GET,
        Method::Post => MethodFilter::POST,
        Method::Delete => MethodFilter::DELETE,
    };
    let handler = move |State(node): State<Arc<Node>>, request: Request| async move {
        match execute(node, endpoint, request).await {
            Ok(response) => response,
            Err(refusal) => Refused(Arc::new(refusal)).into_response(),
        }
    };
    on(filter, handler)
}

async fn unknown_path(request: Request) -> Response<Body> {
    let path = request.uri().path();
    let shown: String = path.chars().take(200).collect();
    let paths = OPERATIONS.iter().flat_map(|operation| operation.routes).map(|route| route.path);
    let found = nearest(&shown, paths.chain(EXTRA_PATHS)).map(str::to_owned);
    let problem = Problem::new(ErrorCode::RouteNotFound, format!("nothing is at {shown:?}"));
    Refused(Arc::new(Refusal::from(problem.with_nearest(found)))).into_response()
}

async fn wrong_method(request: Request) -> Response<Body> {
    let shown: String = request.uri().path().chars().take(200).collect();
    let detail = format!("{shown:?} does not take {}", request.method());
    Refused(Arc::new(Refusal::new(ErrorCode::MethodNotAllowed, detail))).into_response()
}

#[derive(Clone)]
struct Gate {
    node: Arc<Node>,
    hosts: Arc<HostList>,
}

/// The outermost layer: names the request, checks whose it is, counts it.
async fn pass(State(gate): State<Gate>, mut request: Request, next: Next) -> Response<Body> {
    let id = request_id(request.headers().get(REQUEST_ID).and_then(|value| value.to_str().ok()));
    request.extensions_mut().insert(RequestId(id.clone()));
    let operation = operation_name(&request);
    let observed = Observed::begin(&gate.node.metrics, Door::Rest, operation, &id);
    let mut response = match check(&gate, &request) {
        Ok(()) => next.run(request).await,
        Err(refusal) => Refused(Arc::new(refusal)).into_response(),
    };
    if let Some(Refused(refusal)) = response.extensions_mut().remove::<Refused>() {
        // What the layers added stays, for example the header Allow.
        let added = std::mem::take(response.headers_mut());
        let problem = Refusal(refusal.0.clone());
        response = refuse(problem, &id);
        for (name, value) in &added {
            if !response.headers().contains_key(name) {
                response.headers_mut().insert(name, value.clone());
            }
        }
    }
    let named = HeaderValue::from_str(&id).expect("request ids are plain ASCII");
    response.headers_mut().insert(REQUEST_ID, named);
    observed.end(response.status().as_u16());
    response
}

/// Bounds the time of a request, and catches its panics.
async fn timed(State(node): State<Arc<Node>>, request: Request, next: Next) -> Response<Body> {
    let answered = match deadline(&node, request.headers()) {
        Ok(limit) => bounded(&node, limit, next.run(request)).await,
        Err(refusal) => Err(refusal),
    };
    answered.unwrap_or_else(|refusal| Refused(Arc::new(refusal)).into_response())
}

fn check(gate: &Gate, request: &Request) -> Result<(), Refusal> {
    let local = request.extensions().get::<LocalAddr>();
    let local = local.expect("the listener names the local address").0;
    gate.hosts.check(request.uri(), request.headers(), local)
}
