//! The contract as a page for browsers.

use axum::body::Body;
use axum::http::header::{CONTENT_SECURITY_POLICY, HOST, REFERRER_POLICY};
use axum::http::{HeaderMap, HeaderValue, Response, StatusCode};
use engram_api::{BROWSE_STYLE, browse_page};

use crate::rest::reply::respond;

/// The page loads its style from here and nothing else from anywhere, and stands in no other page.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
);

/// The page; its examples name the server as the client does.
pub(crate) async fn page(headers: HeaderMap) -> Response<Body> {
    let host = headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or("127.0.0.1:7432");
    let page = browse_page(&format!("http://{host}"));
    let mut response = respond(StatusCode::OK, "text/html; charset=utf-8", page);
    response.headers_mut().insert(CONTENT_SECURITY_POLICY, POLICY);
    response.headers_mut().insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    response
}

pub(crate) async fn style() -> Response<Body> {
    respond(StatusCode::OK, "text/css; charset=utf-8", BROWSE_STYLE)
}
