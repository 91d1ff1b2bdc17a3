//! gRPC: messages, frames and metadata that are wrong, and bytes that are no HTTP/2.

use std::time::Duration;

use axum::body::Bytes;
use axum::http::{HeaderMap, Request};
use engram_api::{Operation, ProtoFile, ProtoRpc, encode_proto};
use http_body_util::{BodyExt as _, Full};
use serde_json::{Map, Value, json};
use tokio::runtime::Runtime;
use tokio::time::timeout;
use tonic::Code;
use tonic::body::Body;
use tonic::transport::Channel;
use tower::ServiceExt as _;

use super::draw::Draw;
use super::wire::{End, exchange};
use super::{SOUND_EVERY, STRANGERS_EVERY, closed_server, open_server, requests, seed, serves};
use crate::harness::Fixture;

/// Answers that may come too late behind each other.
const RESETS_MAX: usize = 20;
/// How long a stream is listened to that may have nothing more to tell.
const QUIET: Duration = Duration::from_millis(50);
/// No answer takes longer to begin.
const PATIENCE: Duration = Duration::from_secs(20);
/// Messages of an answer that are read.
const FRAMES_MAX: usize = 20;
/// One in so many is no HTTP/2 at all.
const NOISE_EVERY: usize = 50;

/// What gRPC itself calls INTERNAL: a frame that no message can be taken from (compression.md of its specification).
const OF_FRAMES: [&str; 4] = [
    "protocol error: received message",
    "Unexpected EOF decoding stream",
    "Error decompressing",
    "Missing request message",
];

/// What is told of a stream that ended without an answer.
const RESET: &str = "the stream was reset";

const METADATA: [(&str, &str); 14] = [
    ("grpc-timeout", ""),
    ("grpc-timeout", "99999999H"),
    ("grpc-timeout", "-1S"),
    ("grpc-timeout", "1n"),
    ("grpc-encoding", "gzip"),
    ("grpc-encoding", "zstd"),
    ("grpc-encoding", "nonsense"),
    ("grpc-accept-encoding", "nonsense"),
    ("content-type", "application/grpc+json"),
    ("content-type", "text/plain"),
    ("authorization", "Bearer engram_0_0_0"),
    ("authorization-bin", "%%%"),
    ("idempotency-key", "x"),
    ("x-request-id", "\u{7f}"),
];

struct Client {
    runtime: Runtime,
    channel: Channel,
}

/// How a call ended.
struct Ended {
    code: Code,
    message: String,
}

impl Client {
    fn of(server: &Fixture) -> Client {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let addr = server.server().grpc_addr().unwrap();
        let endpoint = Channel::from_shared(format!("http://{addr}")).unwrap();
        let channel = runtime.block_on(endpoint.connect()).unwrap();
        Client { runtime, channel }
    }

    /// Sends a body as it is. A server that answers before it has read all resets the stream behind its answer, which a client may see first
    /// (RFC 9113, 8.1): then it is sent again. Who fails at a message does so each time.
    fn send(&self, request: &Request<Bytes>) -> Option<Ended> {
        let is_reset = |ended: &Option<Ended>| {
            let reset = ended.as_ref().filter(|ended| ended.code == Code::Cancelled);
            reset.is_some_and(|ended| ended.message.starts_with(RESET))
        };
        let mut ended = self.send_once(request.clone());
        for _ in 0..RESETS_MAX {
            if !is_reset(&ended) {
                break;
            }
            ended = self.send_once(request.clone());
        }
        ended
    }

    /// Reads what comes back until it is silent; none = the stream goes on.
    fn send_once(&self, request: Request<Bytes>) -> Option<Ended> {
        let request = request.map(|body| Body::new(Full::new(body)));
        let channel = self.channel.clone();
        self.runtime.block_on(async move {
            let answered = timeout(PATIENCE, channel.oneshot(request)).await;
            let answered = answered.expect("an answer begins");
            let response = match answered {
                Ok(response) => response,
                Err(error) => {
                    let message = format!("{RESET}: {error:?}");
                    // The client keeps the time that a call has, too.
                    return Some(match message.contains("TimeoutExpired") {
                        true => Ended { code: Code::DeadlineExceeded, message: String::new() },
                        false => Ended { code: Code::Cancelled, message },
                    });
                }
            };
            if let Some(ended) = ended(response.headers()) {
                return Some(ended);
            }
            if response.status() != 200 {
                let message = response.status().to_string();
                return Some(Ended { code: Code::Unavailable, message });
            }
            let mut body = response.into_body();
            for _ in 0..FRAMES_MAX {
                let Ok(Some(Ok(frame))) = timeout(QUIET, body.frame()).await else { return None };
                if let Some(ended) = frame.trailers_ref().and_then(ended) {
                    return Some(ended);
                }
            }
            None
        })
    }
}

fn ended(headers: &HeaderMap) -> Option<Ended> {
    let code = headers.get("grpc-status")?.to_str().unwrap().parse::<i32>().unwrap();
    let message = headers.get("grpc-message").and_then(|message| message.to_str().ok());
    Some(Ended { code: Code::from(code), message: message.unwrap_or_default().replace("%20", " ") })
}

/// The example of the contract, field by field: messages one behind the other are one. What JSON alone cannot be written from is left out.
fn example(operation: &Operation, message: &str) -> Vec<u8> {
    let example = serde_json::from_str(operation.request_example);
    let fields: Map<String, Value> = example.unwrap_or_default();
    let parts = fields.into_iter().map(|(name, value)| json!({ name: value }));
    let parts = parts.chain([json!({})]).map(|part| encode_proto(message, "default", &part));
    parts.filter_map(Result::ok).collect::<Vec<_>>().concat()
}

fn framed(message: &[u8]) -> Vec<u8> {
    let length = u32::try_from(message.len()).unwrap().to_be_bytes();
    [&[0], &length[..], message].concat()
}

fn draw_message(rpc: &ProtoRpc, draw: &Draw) -> Vec<u8> {
    let example = example(rpc.operation, &rpc.request);
    match draw.below(8) {
        0 => draw.noise(),
        1 => {
            // Lengths in each other, deeper than any message is.
            let levels = draw.below(300);
            (0..levels).fold(draw.noise(), |inside, _| {
                let mut outside = vec![(1 + draw.below(15) as u8) << 3 | 2];
                prost_length(inside.len(), &mut outside);
                outside.extend(inside);
                outside
            })
        }
        _ => draw.changed(&example),
    }
}

/// A length as a varint.
fn prost_length(mut length: usize, out: &mut Vec<u8>) {
    while length >= 0x80 {
        out.push((length & 0x7f) as u8 | 0x80);
        length >>= 7;
    }
    out.push(length as u8);
}

struct Sent {
    request: Request<Bytes>,
    /// The message alone is wrong.
    is_sound_frame: bool,
    place: String,
}

fn draw_request(draw: &Draw) -> Sent {
    let rpcs = &ProtoFile::current().rpcs;
    let rpc = &rpcs[draw.below(rpcs.len())];
    let message = draw_message(rpc, draw);
    let (mut body, mut is_sound_frame) = (framed(&message), true);
    let mut request = Request::post(format!("http://localhost/engram.v1.Engram/{}", rpc.name));
    let headers = request.headers_mut().unwrap();
    headers.insert("content-type", "application/grpc".parse().unwrap());
    headers.insert("te", "trailers".parse().unwrap());
    match draw.below(8) {
        0 => {
            body = draw.changed(&body);
            is_sound_frame = false;
        }
        1 => {
            body[0] = draw.below(256) as u8;
            is_sound_frame = body[0] == 0;
        }
        2 | 3 => {
            let (name, value) = METADATA[draw.below(METADATA.len())];
            if let Ok(value) = value.parse() {
                headers.insert(name, value);
            }
            is_sound_frame = false;
        }
        4 => {
            body = [body.clone(), body].concat();
            is_sound_frame = false;
        }
        _ => {}
    }
    let place = format!("{} {headers:?} {body:?}", rpc.name);
    let request = request.body(Bytes::from(body)).unwrap();
    Sent { request, is_sound_frame, place }
}

fn no_fault(ended: &Ended, is_sound_frame: bool, place: &str) {
    let Ended { code, message } = ended;
    let is_frame = OF_FRAMES.iter().any(|start| message.starts_with(start));
    let is_allowed = *code == Code::Internal && is_frame && !is_sound_frame;
    let is_fault = matches!(code, Code::Internal | Code::Unknown | Code::DataLoss);
    assert!(is_allowed || !is_fault, "{place}: {code:?} {message}");
    assert!(!message.starts_with(RESET), "{place}: {message}");
}

#[test]
fn no_call_makes_grpc_fail() {
    let server = open_server();
    let client = Client::of(&server);
    let draw = Draw::new(seed() + 4);
    let (mut refused, mut done) = (0, 0);
    for turn in 0..requests() - requests() / STRANGERS_EVERY {
        if draw.below(NOISE_EVERY) == 0 {
            let noise = [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(), draw.noise(), draw.noise()];
            let start = if draw.below(2) == 0 { 0 } else { 1 };
            exchange(server.server().grpc_addr().unwrap(), &noise[start..].concat(), End::Cut);
            continue;
        }
        let sent = draw_request(&draw);
        let place = format!("turn {turn}: {}", sent.place);
        match client.send(&sent.request) {
            Some(ended) if ended.code != Code::Ok => {
                no_fault(&ended, sent.is_sound_frame, &place);
                refused += 1;
            }
            _ => done += 1,
        }
        if turn % SOUND_EVERY == 0 {
            serves(&server, &place);
        }
    }
    serves(&server, "at the end");
    assert!(refused > done && done > 0, "{refused} refused, {done} done: the walk finds both");
    let rpcs = &ProtoFile::current().rpcs;
    let version = rpcs.iter().find(|rpc| rpc.name == "Version").unwrap();
    let request = Request::post(format!("http://localhost/engram.v1.Engram/{}", version.name));
    let request = request.header("content-type", "application/grpc");
    let ended = client.send(&request.body(Bytes::from(framed(&[]))).unwrap());
    assert_eq!(ended.unwrap().code, Code::Ok);
}

#[test]
fn no_call_gets_a_stranger_into_grpc() {
    let server = closed_server();
    let client = Client::of(&server);
    let draw = Draw::new(seed() + 5);
    for turn in 0..requests() / STRANGERS_EVERY {
        let sent = draw_request(&draw);
        let place = format!("turn {turn}: {}", sent.place);
        let ended = client.send(&sent.request).unwrap_or_else(|| panic!("{place}: it goes on"));
        no_fault(&ended, sent.is_sound_frame, &place);
        assert_ne!(ended.code, Code::Ok, "{place}");
        if sent.is_sound_frame {
            assert_eq!(ended.code, Code::Unauthenticated, "{place}: {}", ended.message);
        }
    }
    assert_eq!(server.get("/readyz").status, 200);
}
