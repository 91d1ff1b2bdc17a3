//! The changes of a space over a WebSocket (RFC 6455): the events of the stream, each as a message of JSON.
//!
//! A client is heard only for signs of life. One that is slow holds nothing up: its messages wait with it, and it is told how far it
//! is behind and what it missed. The last message before the end says where to go on.

use std::ops::ControlFlow;
use std::pin::pin;
use std::time::Duration;

use axum::Error;
use axum::body::{Body, Bytes};
use axum::extract::FromRequestParts;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade, close_code};
use axum::http::header::UPGRADE;
use axum::http::request::Parts;
use axum::http::{HeaderMap, Response};
use engram_api::{ChangesResponse, ErrorCode, Problem};
use futures_util::StreamExt as _;
use futures_util::stream::{Stream, unfold};
use tokio::time::timeout;

use crate::place::Place;
use crate::refusal::Refusal;
use crate::rest::feed::{ALIVE, events};
use crate::service::{Follower, to_json};

/// Longest message of a client, which has nothing to say.
const SAID_BYTES_MAX: usize = 4 << 10;
const NOTHING_TO_SAY: &str = "a follower has nothing to say";
/// A client that left so many pings in a row unanswered is gone.
const UNANSWERED_MAX: u32 = 3;
/// Time for the client's part in closing.
const CLOSING: Duration = Duration::from_secs(1);
/// Codes of closing for problems are their HTTP status above this; RFC 6455 leaves them to applications.
const OWN_CODES: u16 = 4_000;

/// Whether a client asks for a WebSocket.
pub(crate) fn wants_socket(headers: &HeaderMap) -> bool {
    let asked = headers.get(UPGRADE).and_then(|value| value.to_str().ok()).unwrap_or("");
    asked.split(',').any(|protocol| protocol.trim().eq_ignore_ascii_case("websocket"))
}

/// What is left to do for a WebSocket when everything else is in order.
pub(crate) async fn upgrade(head: &mut Parts) -> Result<WebSocketUpgrade, Refusal> {
    let upgrade = WebSocketUpgrade::from_request_parts(head, &()).await;
    upgrade.map_err(|rejection| {
        let detail = format!("no WebSocket can be made: {}", rejection.body_text());
        Refusal::new(ErrorCode::UnsafeRequest, detail)
    })
}

/// Answers at once, and tells of each commit as it comes. `place` is that of the connection.
pub(crate) fn as_socket(
    upgrade: WebSocketUpgrade,
    follower: Follower,
    place: Option<Place>,
    request_id: String,
) -> Response<Body> {
    let bounded = upgrade.max_message_size(SAID_BYTES_MAX).max_frame_size(SAID_BYTES_MAX);
    bounded.on_upgrade(move |socket| async move {
        let patience = follower.patience();
        let mut line = Line { socket, patience, unanswered: 0 };
        if let Some(end) = line.tell(follower, &request_id).await {
            line.close(end).await;
        }
        drop(place);
    })
}

/// What comes next to a follower, and where it stands then.
struct Told {
    page: Result<ChangesResponse, Refusal>,
    /// The last commit that was told.
    place: u64,
    /// The last commit of the space.
    newest: u64,
}

/// The pages as a stream: one that is being read is not lost when the client says something meanwhile.
fn pages(follower: Follower) -> impl Stream<Item = Told> {
    unfold(follower, |mut follower| async move {
        let page = follower.next(ALIVE).await;
        let (place, newest) = (follower.place(), follower.newest());
        Some((Told { page, place, newest }, follower))
    })
}

struct Line {
    socket: WebSocket,
    /// How long one message may wait for a client that reads nothing.
    patience: Duration,
    /// Pings in a row that nothing answered.
    unanswered: u32,
}

impl Line {
    /// Tells until the end; how it is closed, where there is still somebody to close it for.
    async fn tell(&mut self, follower: Follower, request_id: &str) -> Option<CloseFrame> {
        let mut pages = pin!(pages(follower));
        loop {
            let told = tokio::select! {
                told = pages.next() => told?,
                said = self.socket.recv() => match self.hear(said) {
                    ControlFlow::Continue(()) => continue,
                    ControlFlow::Break(end) => return end,
                },
            };
            match told.page {
                Ok(page) => self.say_page(&page, told.newest).await?,
                Err(refusal) => {
                    let problem = refusal.0.with_request_id(request_id);
                    let end = end_of(&problem);
                    let behind = told.newest.saturating_sub(told.place);
                    let data = to_json(&problem);
                    self.say(message(("problem", told.place, data.as_slice()), behind)).await?;
                    return Some(end);
                }
            }
        }
    }

    /// A sign of life, or the end.
    fn hear(&mut self, said: Option<Result<Message, Error>>) -> ControlFlow<Option<CloseFrame>> {
        match said {
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => {
                self.unanswered = 0;
                ControlFlow::Continue(())
            }
            Some(Ok(Message::Text(_) | Message::Binary(_))) => {
                ControlFlow::Break(Some(closing(close_code::UNSUPPORTED, NOTHING_TO_SAY)))
            }
            Some(Err(_)) => ControlFlow::Break(Some(closing(close_code::PROTOCOL, ""))),
            Some(Ok(Message::Close(_))) | None => ControlFlow::Break(None),
        }
    }

    /// None when the client has gone.
    async fn say_page(&mut self, page: &ChangesResponse, newest: u64) -> Option<()> {
        for (lsn, name, data) in events(page) {
            let behind = newest.saturating_sub(lsn);
            self.say(message((name, lsn, data.as_slice()), behind)).await?;
        }
        if page.commits.is_empty() && page.missed.is_none() {
            if self.unanswered == UNANSWERED_MAX {
                return None;
            }
            self.unanswered += 1;
            self.say(Message::Ping(Bytes::new())).await?;
        }
        Some(())
    }

    async fn say(&mut self, message: Message) -> Option<()> {
        timeout(self.patience, self.socket.send(message)).await.ok()?.ok()
    }

    /// Closes, and gives the client a moment to do the same: its connection would be reset otherwise.
    async fn close(mut self, end: CloseFrame) {
        let ending = async {
            drop(self.socket.send(Message::Close(Some(end))).await);
            while let Some(Ok(_)) = self.socket.recv().await {}
        };
        // Whoever does not close in time is cut off.
        drop(timeout(CLOSING, ending).await);
    }
}

/// An event as a message. `behind` is how many commits of the space lie behind it.
fn message((name, lsn, data): (&str, u64, &[u8]), behind: u64) -> Message {
    let data = String::from_utf8_lossy(data);
    let text = format!(r#"{{"event":"{name}","id":{lsn},"behind":{behind},"data":{data}}}"#);
    Message::text(text)
}

fn end_of(problem: &Problem) -> CloseFrame {
    let code = match problem.error_code() {
        Some(ErrorCode::ShuttingDown) => close_code::AWAY,
        _ => OWN_CODES + problem.status,
    };
    closing(code, &problem.code)
}

fn closing(code: u16, reason: &str) -> CloseFrame {
    CloseFrame { code, reason: reason.into() }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn sockets_are_for_who_asks_for_them() {
        let asked = |value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(UPGRADE, HeaderValue::from_static(value));
            wants_socket(&headers)
        };
        for yes in ["websocket", "WebSocket", "h2c, websocket"] {
            assert!(asked(yes), "{yes}");
        }
        assert!(!asked("h2c") && !wants_socket(&HeaderMap::new()));
    }

    #[test]
    fn the_end_says_why() {
        let code = |code| end_of(&Problem::new(code, "")).code;
        assert_eq!(code(ErrorCode::ShuttingDown), 1001);
        assert_eq!(code(ErrorCode::SpaceNotFound), 4404);
    }
}
