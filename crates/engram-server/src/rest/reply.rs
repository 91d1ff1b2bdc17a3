//! Answers as bytes: JSON for success, problem details for everything else.

use std::sync::Arc;

use axum::body::Body;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderName, HeaderValue, Response, StatusCode};
use axum::response::IntoResponse;
use engram_api::PROBLEM_MEDIA_TYPE;

use crate::refusal::Refusal;
use crate::service::Answer;

pub(crate) const JSON: &str = "application/json";
pub(crate) const EVENT_STREAM: &str = "text/event-stream";
pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// A success.
pub(crate) fn answered(status: u16, answer: Answer) -> Response<Body> {
    let version = answer.version;
    let mut response = respond(of_table(status), JSON, answer.bytes);
    if let Some(version) = version {
        let tag = format!("\"{version}\"").parse().expect("digits in quotes are a header");
        response.headers_mut().insert(ETAG, tag);
    }
    response
}

/// An answer that goes on while work does.
pub(crate) fn streamed(status: u16, body: Body) -> Response<Body> {
    respond(of_table(status), EVENT_STREAM, body)
}

fn of_table(status: u16) -> StatusCode {
    StatusCode::from_u16(status).expect("the operations table is tested")
}

/// A response that no cache and no content sniffer takes for something else.
pub(crate) fn respond(
    status: StatusCode,
    media_type: &str,
    body: impl Into<Body>,
) -> Response<Body> {
    Response::builder()
        .status(status)
        .header(CONTENT_TYPE, media_type)
        .header(CACHE_CONTROL, "no-store")
        .header("x-content-type-options", "nosniff")
        .body(body.into())
        .expect("status and headers are constants")
}

/// A refusal on its way through the layers, until the outermost one names the request in it.
#[derive(Clone)]
pub(crate) struct Refused(pub(crate) Arc<Refusal>);

impl IntoResponse for Refused {
    fn into_response(self) -> Response<Body> {
        let mut response = Response::new(Body::empty());
        response.extensions_mut().insert(self);
        response
    }
}

/// The problem, naming the request.
pub(crate) fn refuse(refusal: Refusal, request_id: &str) -> Response<Body> {
    let retry = refusal.0.retry_after_seconds;
    let problem = refusal.0.with_request_id(request_id);
    let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let body = serde_json::to_vec(&problem).expect("a problem can be written");
    let mut response = respond(status, PROBLEM_MEDIA_TYPE, body);
    if status == StatusCode::UNAUTHORIZED {
        let scheme = HeaderValue::from_static("Bearer realm=\"engram\"");
        response.headers_mut().insert(WWW_AUTHENTICATE, scheme);
    }
    if let Some(seconds) = retry {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

/// The id of a request, among what its layers know of it.
#[derive(Clone, Debug)]
pub(crate) struct RequestId(pub(crate) String);
