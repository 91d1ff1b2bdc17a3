//! MCP: messages of JSON-RPC that are wrong, calls of tools with arguments that are.

use std::net::SocketAddr;

use engram_api::OPERATIONS;
use serde_json::{Value, json};

use super::draw::Draw;
use super::rest::no_fault;
use super::wire::{End, exchange};
use super::{SOUND_EVERY, STRANGERS_EVERY, closed_server, open_server, requests, seed, serves};

const METHODS: [&str; 14] = [
    "initialize",
    "ping",
    "tools/list",
    "tools/call",
    "resources/list",
    "resources/read",
    "resources/templates/list",
    "resources/subscribe",
    "prompts/list",
    "prompts/get",
    "completion/complete",
    "logging/setLevel",
    "notifications/initialized",
    "notifications/cancelled",
];

/// JSON-RPC's own code for a fault of the server.
const INTERNAL_ERROR: i64 = -32_603;

fn draw_message(draw: &Draw) -> Value {
    let operation = &OPERATIONS[draw.below(OPERATIONS.len())];
    let arguments = serde_json::from_str(operation.request_example).unwrap_or_else(|_| json!({}));
    let params = match draw.below(6) {
        0 => draw.value(),
        1 => json!({"uri": format!("engram://spaces/{}/memories/{}", draw.text(), draw.text())}),
        _ => json!({"name": operation.name, "arguments": draw.bent(&arguments)}),
    };
    let method = if draw.below(3) > 0 { "tools/call" } else { draw.one_of(&METHODS) };
    let message =
        json!({"jsonrpc": "2.0", "id": draw.below(9), "method": method, "params": params});
    match draw.below(4) {
        0 => draw.bent(&message),
        1 if draw.below(4) == 0 => Value::from(vec![message; draw.below(5)]),
        _ => message,
    }
}

fn draw_request(addr: SocketAddr, draw: &Draw) -> Vec<u8> {
    let message = draw_message(draw).to_string();
    let body = match draw.below(4) {
        0 => draw.body(&message),
        _ => message.into_bytes(),
    };
    let path = draw.one_of(&["/mcp", "/mcp?tools=all", "/mcp?space=default", "/mcp?space=%ff"]);
    let accept = match draw.below(12) {
        0 => "text/html",
        _ => "application/json, text/event-stream",
    };
    let version = match draw.below(12) {
        0 => "MCP-Protocol-Version: 1\r\nMcp-Session-Id: x\r\n",
        _ => "",
    };
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: {addr}\r\nConnection: close\r\nContent-Type: application/json\r\nAccept: {accept}\r\n\
         {version}Content-Length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), &body].concat()
}

#[test]
fn no_message_makes_mcp_fail() {
    let server = open_server();
    let draw = Draw::new(seed() + 2);
    let mut errors = 0;
    for turn in 0..requests() - requests() / STRANGERS_EVERY {
        let sent = draw_request(server.addr, &draw);
        let place = || format!("turn {turn}: {:?}", String::from_utf8_lossy(&sent));
        let answer =
            exchange(server.addr, &sent, End::Whole).unwrap_or_else(|| panic!("{}", place()));
        no_fault(&answer, &place());
        let fault = format!("\"code\":{INTERNAL_ERROR}");
        assert!(!answer.body.contains(&fault), "{}: {answer:?}", place());
        errors += usize::from(answer.status >= 400 || answer.body.contains("rror\":"));
        if turn % SOUND_EVERY == 0 {
            serves(&server, &place());
        }
    }
    serves(&server, "at the end");
    assert!(errors > 100, "only {errors} messages were refused");
}

#[test]
fn no_message_gets_a_stranger_into_mcp() {
    let server = closed_server();
    let draw = Draw::new(seed() + 3);
    for turn in 0..requests() / STRANGERS_EVERY {
        let sent = draw_request(server.addr, &draw);
        let answer = exchange(server.addr, &sent, End::Whole).expect("there is an answer");
        let place = format!("turn {turn}: {:?}", String::from_utf8_lossy(&sent));
        assert_eq!(answer.status, 401, "{place}: {answer:?}");
    }
    assert_eq!(server.get("/readyz").status, 200);
}
