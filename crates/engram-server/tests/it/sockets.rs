//! Following a space over a WebSocket: what is told, who may listen, and how it ends.

use std::net::TcpStream;
use std::time::Duration;

use serde_json::{Value, json};
use tungstenite::client::IntoClientRequest as _;
use tungstenite::http::{HeaderName, HeaderValue};
use tungstenite::protocol::CloseFrame;
use tungstenite::{HandshakeError, Message, WebSocket};

use crate::harness::{Fixture, parts, send};

const PATH: &str = "/api/v1/spaces/default/changes";

/// A client, or the status that it was refused with.
fn connect(
    server: &Fixture,
    path: &str,
    headers: &[(&'static str, &str)],
) -> Result<WebSocket<TcpStream>, u16> {
    let mut request = format!("ws://localhost{path}").into_client_request().unwrap();
    for (name, value) in headers {
        let value = HeaderValue::from_str(value).unwrap();
        request.headers_mut().insert(HeaderName::from_static(name), value);
    }
    let stream = TcpStream::connect(server.addr).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    match tungstenite::client(request, stream) {
        Err(HandshakeError::Failure(tungstenite::Error::Http(answer))) => {
            Err(answer.status().as_u16())
        }
        other => Ok(other.unwrap().0),
    }
}

/// What is heard next, but for pings.
fn next(socket: &mut WebSocket<TcpStream>) -> Result<Value, Option<CloseFrame>> {
    loop {
        match socket.read().unwrap() {
            Message::Text(text) => return Ok(serde_json::from_str(&text).unwrap()),
            Message::Close(end) => return Err(end),
            _ => {}
        }
    }
}

#[track_caller]
fn ended(heard: Result<Value, Option<CloseFrame>>) -> (u16, String) {
    let end = heard.unwrap_err().unwrap();
    (end.code.into(), end.reason.as_str().to_owned())
}

#[test]
fn changes_come_as_messages_and_go_on_where_they_stopped() {
    let server = Fixture::start();
    let mut socket = connect(&server, PATH, &[]).unwrap();
    server.remember("a", "Ada lives in Zurich.");
    let told = next(&mut socket).unwrap();
    assert_eq!(
        (&told["event"], &told["data"]["changes"][0]["id"]),
        (&json!("commit"), &json!("a"))
    );
    let seen = told["id"].as_u64().unwrap();
    // Associations may have been formed behind it, which nobody is told of.
    assert!(told["data"]["lsn"].as_u64().unwrap() <= seen);
    drop(socket);
    for id in ["b", "c"] {
        server.remember(id, &format!("text of {id}"));
    }
    let mut socket = connect(&server, &format!("{PATH}?after={seen}"), &[]).unwrap();
    let told = [next(&mut socket).unwrap(), next(&mut socket).unwrap()];
    let ids = told.each_ref().map(|told| told["data"]["changes"][0]["id"].clone());
    assert_eq!(ids, [json!("b"), json!("c")]);
    assert!(told[0]["behind"].as_u64() > told[1]["behind"].as_u64(), "{told:?}");
}

#[test]
fn what_is_wrong_is_said_before_a_socket_is_made() {
    let server = Fixture::start();
    let refused = |path: &str, headers: &[_]| connect(&server, path, headers).unwrap_err();
    assert_eq!(refused("/api/v1/spaces/nowhere/changes", &[]), 404);
    assert_eq!(refused(&format!("{PATH}?after=1000000"), &[]), 400);
    let half = [("Upgrade", "websocket"), ("Connection", "upgrade")];
    send(server.addr, "GET", PATH, &half, b"").problem(400, "unsafe_request");
    // Where there is nothing to follow, the wish for another protocol is not heeded.
    send(server.addr, "GET", "/api/v1/spaces", &half, b"").json(200);
}

#[test]
fn pages_of_other_sites_get_no_socket() {
    let server = Fixture::start();
    for origin in ["http://evil.example", "null", "http://localhost:7432"] {
        assert_eq!(connect(&server, PATH, &[("origin", origin)]).unwrap_err(), 403, "{origin}");
    }
    assert_eq!(connect(&server, PATH, &[("sec-fetch-site", "cross-site")]).unwrap_err(), 403);
    assert_eq!(connect(&server, PATH, &[("host", "evil.example")]).unwrap_err(), 421);
    let page = "https://console.example.org";
    let server = Fixture::start_with(&[("http.allowed_origins", page)], parts());
    connect(&server, PATH, &[("origin", page)]).unwrap();
    assert_eq!(connect(&server, PATH, &[("origin", "http://evil.example")]).unwrap_err(), 403);
}

#[test]
fn a_silent_socket_says_where_it_stands_and_ends_with_the_server() {
    let mut server = Fixture::start();
    let mut socket = connect(&server, PATH, &[]).unwrap();
    let told = next(&mut socket).unwrap();
    assert_eq!((&told["event"], &told["id"]), (&json!("alive"), &told["data"]["lsn"]));
    assert!(matches!(socket.read().unwrap(), Message::Ping(_)), "a heartbeat follows");
    let stopped = std::thread::spawn(move || server.stop().unwrap());
    let told = next(&mut socket).unwrap();
    assert_eq!(
        (&told["event"], &told["data"]["code"]),
        (&json!("problem"), &json!("shutting_down"))
    );
    assert!(told["id"].is_u64(), "where to go on");
    assert_eq!(ended(next(&mut socket)), (1001, "shutting_down".to_owned()));
    // The server waits for the client's part, so the socket must be read to its end.
    while socket.read().is_ok() {}
    stopped.join().unwrap();
}

#[test]
fn a_client_that_speaks_is_sent_away() {
    let server = Fixture::start();
    let mut socket = connect(&server, PATH, &[]).unwrap();
    socket.send(Message::Ping(vec![1].into())).unwrap();
    socket.send(Message::text("hello")).unwrap();
    assert_eq!(ended(next(&mut socket)).0, 1003);
    let mut socket = connect(&server, PATH, &[]).unwrap();
    socket.send(Message::text("x".repeat(100_000))).unwrap();
    let mut heard = socket.read();
    while let Ok(Message::Pong(_) | Message::Ping(_)) = heard {
        heard = socket.read();
    }
    assert!(matches!(heard, Ok(Message::Close(_)) | Err(_)), "{heard:?}");
}

#[test]
fn a_space_that_is_deleted_ends_its_sockets() {
    let server = Fixture::start();
    let space = json!({"name": "gone", "embedder": "none", "dimension": 2});
    server.post("/api/v1/spaces", &space).json(201);
    let mut socket = connect(&server, "/api/v1/spaces/gone/changes", &[]).unwrap();
    server.delete("/api/v1/spaces/gone");
    assert_eq!(next(&mut socket).unwrap()["data"]["code"], "space_not_found");
    assert_eq!(ended(next(&mut socket)), (4404, "space_not_found".to_owned()));
}

#[test]
fn a_slow_client_holds_nobody_up_and_learns_what_it_missed() {
    let server = Fixture::start();
    let space = json!({"name": "many", "embedder": "none", "dimension": 2});
    server.post("/api/v1/spaces", &space).json(201);
    let path = "/api/v1/spaces/many/changes";
    let mut socket = connect(&server, &format!("{path}?after=1&limit=1"), &[]).unwrap();
    let long = "x".repeat(240);
    let memory = |n: usize| json!({"id": format!("{long}-{n}"), "vector": [1, 0]});
    let memories: Vec<Value> = (0..1_000).map(memory).collect();
    let post = |operation: &str, body: Value| {
        server.post(&format!("/api/v1/spaces/many/{operation}"), &body).json(200);
    };
    post("remember_many", json!({"memories": memories}));
    // More than the buffers of the connection and what the space keeps, together.
    for _ in 0..40 {
        post("forget", json!({"filter": {"kinds": ["episode"]}}));
        post("restore", json!({"filter": {}}));
    }
    let newest = server.get(path).json(200)["lsn"].as_u64().unwrap();
    let (mut place, mut was_behind, mut missed) = (1, 0, None);
    while place < newest {
        let told = next(&mut socket).unwrap();
        was_behind = was_behind.max(told["behind"].as_u64().unwrap());
        if told["event"] == "missed" {
            assert_eq!(told["data"]["after"], place, "what was told before is not missed");
            missed = told["data"]["before"].as_u64();
        }
        place = told["id"].as_u64().unwrap();
    }
    assert!(missed.is_some_and(|before| before > 2) && was_behind > 1, "{missed:?} {was_behind}");
}

#[test]
fn a_socket_keeps_the_place_of_its_connection() {
    let server = Fixture::start();
    let open = || {
        let metrics = server.get("/metrics").text();
        let line = metrics.lines().find(|line| line.starts_with("engram_connections ")).unwrap();
        line.split(' ').nth(1).unwrap().parse::<u64>().unwrap()
    };
    let socket = connect(&server, PATH, &[]).unwrap();
    // The connections of the questions before may still be counted when one is asked.
    let soon = |expected| {
        let mut asked = std::iter::repeat_with(open).take(200);
        assert!(asked.any(|open| open == expected), "{expected} connections");
    };
    soon(2);
    drop(socket);
    soon(1);
}
