//! The changes of a space as events, and these as a stream of server-sent events. They are read as fast as the client takes them and
//! no faster: a client that is slow holds nothing up, and learns what it missed when it was too slow.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, Response};
use engram_api::{ChangesResponse, ErrorCode};
use futures_util::stream::unfold;
use serde_json::json;

use crate::refusal::Refusal;
use crate::rest::reply::streamed;
use crate::rest::steps::event;
use crate::service::{Follower, to_json};

pub(crate) const LAST_EVENT_ID: &str = "last-event-id";
/// How long a stream is silent before it says where it stands.
pub(crate) const ALIVE: Duration = Duration::from_secs(10);

/// The commit that a client saw last, where it comes back.
pub(crate) fn last_event(headers: &HeaderMap) -> Result<Option<u64>, Refusal> {
    let Some(value) = headers.get(LAST_EVENT_ID) else { return Ok(None) };
    let lsn = value.to_str().ok().and_then(|text| text.parse().ok());
    lsn.map(Some).ok_or_else(|| {
        let detail = "Last-Event-ID is the log sequence number of a commit";
        Refusal::new(ErrorCode::InvalidValue, detail).with_field("Last-Event-ID")
    })
}

/// What is told, and what is ready to be sent.
struct Told {
    /// None when nothing follows.
    follower: Option<Follower>,
    ready: VecDeque<Bytes>,
    request_id: String,
}

/// Answers at once, and tells of each commit as it comes.
pub(crate) fn as_feed(status: u16, follower: Follower, request_id: String) -> Response<Body> {
    let told = Told { follower: Some(follower), ready: VecDeque::new(), request_id };
    streamed(status, Body::from_stream(unfold(told, next)))
}

async fn next(mut told: Told) -> Option<(Result<Bytes, Infallible>, Told)> {
    loop {
        if let Some(event) = told.ready.pop_front() {
            return Some((Ok(event), told));
        }
        let mut follower = told.follower.take()?;
        match follower.next(ALIVE).await {
            Ok(page) => {
                told.ready.extend(events(&page).into_iter().map(written));
                told.follower = Some(follower);
            }
            Err(refusal) => {
                let problem = refusal.0.with_request_id(&told.request_id);
                told.ready.push_back(event("problem", &to_json(&problem)));
            }
        }
    }
}

/// An event: id, name, data as JSON.
type Event = (u64, &'static str, Vec<u8>);

/// The events of a page. The last one has the place where the page ends as its id: there a client goes on that comes back.
pub(crate) fn events(page: &ChangesResponse) -> Vec<Event> {
    let missed = page.missed.map(|missed| (missed.before - 1, "missed", to_json(&missed)));
    let commits = page.commits.iter().map(|commit| (commit.lsn, "commit", to_json(commit)));
    let mut told: Vec<_> = missed.into_iter().chain(commits).collect();
    match told.last_mut() {
        Some(last) => last.0 = page.lsn,
        None => told.push((page.lsn, "alive", to_json(&json!({ "lsn": page.lsn })))),
    }
    told
}

fn written((lsn, name, data): Event) -> Bytes {
    let mut bytes = format!("id: {lsn}\n").into_bytes();
    bytes.extend_from_slice(&event(name, &data));
    Bytes::from(bytes)
}
