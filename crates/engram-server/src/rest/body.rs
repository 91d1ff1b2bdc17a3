//! Bodies of requests: bounded in size, in time by the request's deadline, and in sum over all requests.

use axum::body::{Body, Bytes};
use axum::http::HeaderMap;
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use engram_api::ErrorCode;
use http_body_util::BodyExt;

use crate::node::Node;
use crate::refusal::Refusal;
use crate::rest::reply::JSON;
use crate::service::Held;

/// A page can send forms and plain text to any address without asking; it cannot send this type without being allowed
/// to. So the type is required even where the body could be read without it.
pub(crate) fn require_json(headers: &HeaderMap) -> Result<(), Refusal> {
    let given = headers.get(CONTENT_TYPE).map(|value| value.to_str().unwrap_or(""));
    let media_type = given.and_then(|given| given.split(';').next()).map(str::trim);
    if media_type.is_some_and(|media_type| media_type.eq_ignore_ascii_case(JSON)) {
        return Ok(());
    }
    let detail = match given {
        None => "the request has no Content-Type".to_owned(),
        Some(given) => {
            let shown: String = given.chars().take(100).collect();
            format!("the body is declared as {shown:?}")
        }
    };
    Err(Refusal::new(ErrorCode::MediaTypeUnsupported, detail))
}

/// Reads a whole body.
pub(crate) async fn read(
    node: &Node,
    headers: &HeaderMap,
    body: Body,
) -> Result<(Bytes, Held), Refusal> {
    let limit = node.settings.limits.request_bytes;
    let stated = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    if stated.is_some_and(|stated: usize| stated > limit) {
        discard(body, limit).await;
        return Err(too_large(limit));
    }
    let mut held = Held::first(node)?;
    let mut bytes = Vec::new();
    let mut body = body;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| {
            Refusal::new(ErrorCode::UnsafeRequest, "the connection ended before the body did")
        })?;
        let Ok(data) = frame.into_data() else { continue };
        if bytes.len() + data.len() > limit {
            discard(body, limit).await;
            return Err(too_large(limit));
        }
        held.grow(node, bytes.len() + data.len())?;
        bytes.extend_from_slice(&data);
    }
    Ok((Bytes::from(bytes), held))
}

/// Takes the rest of a body that is too large, up to the limit once more: a client that is still sending would see a
/// reset connection instead of the answer.
async fn discard(mut body: Body, limit: usize) {
    let mut left = limit;
    while let Some(Ok(frame)) = body.frame().await {
        let length = frame.data_ref().map_or(0, Bytes::len);
        if length > left {
            return;
        }
        left -= length;
    }
}

fn too_large(limit: usize) -> Refusal {
    Refusal::new(ErrorCode::PayloadTooLarge, format!("the body has more than {limit} bytes"))
}
