//! Web pages of listed origins may read answers (WHATWG Fetch, "CORS protocol"). Who they are says the same list that lets their
//! requests in, so that the two never disagree; without one no answer names CORS.

use std::sync::Arc;
use std::time::Duration;

use axum::http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, ETAG, IF_MATCH, RETRY_AFTER};
use axum::http::{HeaderName, HeaderValue, Method};
use tower_http::cors::{AllowOrigin, CorsLayer};

use crate::rest::deadline::TIMEOUT;
use crate::rest::execute::IDEMPOTENCY_KEY;
use crate::rest::feed::LAST_EVENT_ID;
use crate::rest::guard::HostList;
use crate::rest::reply::REQUEST_ID;

/// How long a browser may remember what it was allowed.
const REMEMBERED: Duration = Duration::from_secs(600);
const MCP_VERSION: HeaderName = HeaderName::from_static("mcp-protocol-version");

/// The layer; none where no origin is listed.
pub(crate) fn cors(hosts: &Arc<HostList>) -> Option<CorsLayer> {
    if !hosts.lists_origins() {
        return None;
    }
    let hosts = Arc::clone(hosts);
    let listed = move |origin: &HeaderValue, _: &_| hosts.allows_origin(origin);
    let layer = CorsLayer::new()
        .allow_origin(AllowOrigin::predicate(listed))
        .allow_methods([Method::GET, Method::POST, Method::DELETE])
        .allow_headers([
            ACCEPT,
            AUTHORIZATION,
            CONTENT_TYPE,
            IF_MATCH,
            REQUEST_ID,
            MCP_VERSION,
            HeaderName::from_static(IDEMPOTENCY_KEY),
            HeaderName::from_static(TIMEOUT),
            HeaderName::from_static(LAST_EVENT_ID),
        ])
        .expose_headers([ETAG, RETRY_AFTER, REQUEST_ID])
        .max_age(REMEMBERED);
    Some(layer)
}
