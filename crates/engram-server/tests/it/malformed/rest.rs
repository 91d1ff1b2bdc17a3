//! REST: bodies, heads, paths and framing that are wrong.

use std::net::SocketAddr;

use engram_api::{Method, OPERATIONS, Operation};

use super::draw::Draw;
use super::wire::{Answer, End, exchange};
use super::{SOUND_EVERY, STRANGERS_EVERY, closed_server, open_server, requests, seed, serves};

/// What may be had without a credential.
const OPEN: [&str; 5] = ["/livez", "/readyz", "/openapi.json", "/docs", "/docs/"];

/// Heads that a server acts on.
const NAMES: [&str; 22] = [
    "Host",
    "Origin",
    "Content-Type",
    "Content-Length",
    "Content-Encoding",
    "Transfer-Encoding",
    "Accept",
    "Accept-Encoding",
    "Authorization",
    "Engram-Timeout",
    "If-Match",
    "If-None-Match",
    "Idempotency-Key",
    "Last-Event-ID",
    "X-Request-Id",
    "Expect",
    "Connection",
    "Upgrade",
    "Sec-WebSocket-Key",
    "Sec-WebSocket-Version",
    "Access-Control-Request-Method",
    "X",
];

const VALUES: [&str; 26] = [
    "",
    "0",
    "-1",
    "99999999999999999999",
    "1, 1",
    "chunked",
    "gzip",
    "zstd",
    "br",
    "identity, gzip",
    "text/html",
    "application/json; charset=utf-16",
    "application/json",
    "text/event-stream",
    "Bearer",
    "Bearer engram_0_0_0",
    "Basic YTpi",
    "1e9",
    "-5s",
    "5h",
    "\"1\"",
    "W/\"x\"",
    "100-continue",
    "websocket",
    "Upgrade",
    "http://evil.example.org",
];

const METHODS: [&str; 9] =
    ["GET", "POST", "DELETE", "PUT", "PATCH", "HEAD", "OPTIONS", "TRACE", "get"];

/// Parts of paths that are not what they seem.
const PARTS: [&str; 18] = [
    "%",
    "%zz",
    "%00",
    "%2f",
    "%2e%2e",
    "%ff",
    "%c3%28",
    "%25%32%65",
    "..",
    ".",
    "//",
    "\\",
    ";a=b",
    "?",
    "?limit=x&limit=1",
    "?cursor=%ff",
    "#f",
    "*",
];

struct Sent {
    bytes: Vec<u8>,
    path: String,
    end: End,
    /// Only the body is wrong: the door is what a stranger meets.
    is_sound_head: bool,
}

fn path_of(operation: &Operation, draw: &Draw) -> (&'static str, String) {
    let route = operation.routes[draw.below(operation.routes.len())];
    let path = route.path.replace("{space}", "default").replace("{id}", "m1").replace("{lsn}", "1");
    (route.method.as_str(), path)
}

fn bent_path(path: &str, draw: &Draw) -> String {
    let part = match draw.below(6) {
        0 => "y".repeat(draw.below(20_000)),
        _ => draw.one_of(&PARTS).to_owned(),
    };
    let slashes: Vec<usize> = path.match_indices('/').map(|(at, _)| at + 1).collect();
    let at = slashes[draw.below(slashes.len())];
    match draw.below(3) {
        0 => format!("{path}{part}"),
        1 => format!("{}{part}{}", &path[..at], &path[at..]),
        _ => format!("{}{part}", &path[..at]),
    }
}

fn draw_request(addr: SocketAddr, draw: &Draw) -> Sent {
    let operation = &OPERATIONS[draw.below(OPERATIONS.len())];
    let (method, mut path) = path_of(operation, draw);
    let mut method = method;
    let mut body = match method == Method::Post.as_str() {
        true => draw.body(operation.request_example),
        false => Vec::new(),
    };
    let mut head =
        format!("Host: {addr}\r\nContent-Type: application/json\r\nConnection: close\r\n");
    let (mut end, mut is_sound_head, mut length) = (End::Whole, true, Some(body.len()));
    match draw.below(8) {
        0 => {
            path = bent_path(&path, draw);
            is_sound_head = false;
        }
        1 | 2 => {
            for _ in 0..=draw.below(3) {
                head += &format!("{}: {}\r\n", draw.one_of(&NAMES), draw.one_of(&VALUES));
            }
            is_sound_head = false;
            // A length of its own can promise what never comes.
            end = End::Cut;
        }
        3 => {
            method = draw.one_of(&METHODS);
            is_sound_head = false;
        }
        4 => {
            length = Some(body.len() + 1 + draw.below(1_000));
            end = End::Cut;
        }
        5 => {
            head += "Transfer-Encoding: chunked\r\n";
            let chunks = format!("{:x}\r\n", body.len()).into_bytes();
            body = draw.changed(&[&chunks[..], &body, b"\r\n0\r\n\r\n"].concat());
            (length, end, is_sound_head) = (None, End::Cut, false);
        }
        _ => {}
    }
    if let Some(length) = length.filter(|length| *length > 0 || method == "POST") {
        head += &format!("Content-Length: {length}\r\n");
    }
    let mut bytes = format!("{method} {path} HTTP/1.1\r\n{head}\r\n").into_bytes();
    bytes.extend_from_slice(&body);
    if draw.below(40) == 0 {
        // Not even HTTP.
        bytes = draw.changed(&bytes);
        (end, is_sound_head) = (End::Cut, false);
    }
    Sent { bytes, path, end, is_sound_head }
}

/// What nobody must answer, whatever was asked.
pub(super) fn no_fault(answer: &Answer, place: &str) {
    assert!(answer.status < 500, "{place}: {answer:?}");
    assert!(!answer.body.contains("\"internal\""), "{place}: {answer:?}");
}

#[test]
fn no_request_makes_rest_fail() {
    let server = open_server();
    let draw = Draw::new(seed());
    let (mut refused, mut done) = (0, 0);
    for turn in 0..requests() - requests() / STRANGERS_EVERY {
        let sent = draw_request(server.addr, &draw);
        let place = || format!("turn {turn}: {:?}", String::from_utf8_lossy(&sent.bytes));
        match exchange(server.addr, &sent.bytes, sent.end) {
            Some(answer) if answer.status < 400 => done += 1,
            Some(answer) => {
                no_fault(&answer, &place());
                refused += 1;
            }
            None => assert!(!sent.is_sound_head || sent.end == End::Cut, "no answer: {}", place()),
        }
        if turn % SOUND_EVERY == 0 {
            serves(&server, &place());
        }
    }
    serves(&server, "at the end");
    assert!(refused > done && done > 0, "{refused} refused, {done} done: the walk finds both");
}

#[test]
fn no_request_gets_a_stranger_into_rest() {
    let server = closed_server();
    let draw = Draw::new(seed() + 1);
    for turn in 0..requests() / STRANGERS_EVERY {
        let sent = draw_request(server.addr, &draw);
        let place = || format!("turn {turn}: {:?}", String::from_utf8_lossy(&sent.bytes));
        let Some(answer) = exchange(server.addr, &sent.bytes, sent.end) else {
            assert!(!sent.is_sound_head || sent.end == End::Cut, "no answer: {}", place());
            continue;
        };
        no_fault(&answer, &place());
        let is_open = OPEN.iter().any(|open| sent.path.starts_with(open));
        assert!(answer.status >= 400 || is_open, "{}: {answer:?}", place());
        if sent.is_sound_head {
            assert_eq!(answer.status, 401, "{}: {answer:?}", place());
        }
    }
    assert_eq!(server.get("/readyz").status, 200);
}
