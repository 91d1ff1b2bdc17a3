//! Answers of work in steps: one when all is done, or server-sent events (WHATWG HTML, "Server-sent events") while it goes on.
//!
//! `progress` tells what one step did, `done` what all did, `problem` why no more is done. A client that goes away ends the work
//! after the step that runs.

use std::convert::Infallible;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::header::ACCEPT;
use axum::http::{HeaderMap, Response};
use futures_util::stream::unfold;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::time::timeout;

use crate::rest::reply::{EVENT_STREAM, streamed};
use crate::service::{Running, to_json};

/// Events that wait for a client that reads slowly; the work waits with them.
const WAITING_EVENTS: usize = 8;
/// How long a stream is silent before it says that it goes on.
const HEARTBEAT: Duration = Duration::from_secs(10);

/// Whether a client asks for events: it names them and no JSON before them.
pub(crate) fn wants_events(headers: &HeaderMap) -> bool {
    let names = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let mut types = names.flat_map(|value| value.split(','));
    let first = types.next().and_then(|own| own.split(';').next()).map(str::trim);
    first.is_some_and(|own| own.eq_ignore_ascii_case(EVENT_STREAM))
}

/// Answers at once, and tells of each step when it is done.
pub(crate) fn as_events(status: u16, running: Running, request_id: String) -> Response<Body> {
    let (sender, receiver) = channel(WAITING_EVENTS);
    tokio::spawn(tell(running, request_id, Listener(sender)));
    let next = |mut receiver: Receiver<Bytes>| async move {
        let event = receiver.recv().await?;
        Some((Ok::<Bytes, Infallible>(event), receiver))
    };
    streamed(status, Body::from_stream(unfold(receiver, next)))
}

async fn tell(mut running: Running, id: String, listener: Listener) {
    let patience = running.patience();
    loop {
        let mut step = Box::pin(running.step());
        let stepped = loop {
            match timeout(HEARTBEAT, &mut step).await {
                Ok(stepped) => break stepped,
                Err(_) if listener.hears(Bytes::from_static(b":\n\n"), patience).await => {}
                // The step goes on to its end; nothing follows it.
                Err(_) => return,
            }
        };
        drop(step);
        let last = match stepped {
            Ok((taken, stepped)) => {
                running = taken;
                let progress = event("progress", &stepped.told.bytes);
                if !listener.hears(progress, patience).await {
                    return;
                }
                if stepped.more {
                    continue;
                }
                event("done", &running.done().bytes)
            }
            Err(refusal) => {
                let problem = refusal.0.with_request_id(&id);
                if problem.status >= 500 {
                    tracing::warn!(request_id = %id, status = problem.status, "a step failed");
                }
                event("problem", &to_json(&problem))
            }
        };
        // Nobody may be left to hear it.
        listener.hears(last, patience).await;
        return;
    }
}

/// Who hears the events.
struct Listener(Sender<Bytes>);

impl Listener {
    /// Hands an event over; false when the client has gone, or has read nothing for as long as a request may take.
    async fn hears(&self, event: Bytes, patience: Duration) -> bool {
        matches!(timeout(patience, self.0.send(event)).await, Ok(Ok(())))
    }
}

/// An event; JSON of one line has no line breaks that would have to be escaped.
pub(crate) fn event(name: &str, data: &[u8]) -> Bytes {
    let mut event = format!("event: {name}\ndata: ").into_bytes();
    event.extend_from_slice(data);
    event.extend_from_slice(b"\n\n");
    event.into()
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn events_are_for_who_names_them_first() {
        let asked = |accept: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT, HeaderValue::from_static(accept));
            wants_events(&headers)
        };
        for yes in ["text/event-stream", "Text/Event-Stream;q=1", "text/event-stream, */*"] {
            assert!(asked(yes), "{yes}");
        }
        for no in ["", "*/*", "application/json", "application/json, text/event-stream", "text/*"] {
            assert!(!asked(no), "{no}");
        }
        assert!(!wants_events(&HeaderMap::new()));
    }
}
