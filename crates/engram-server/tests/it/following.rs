//! The changes of a space: page by page, waiting for more, as server-sent events and over gRPC.

use std::io::{BufRead, BufReader, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::{Fixture, send};

const PATH: &str = "/api/v1/spaces/default/changes";

/// Names of the changes of a page, with the ids.
fn told(page: &Value) -> Vec<String> {
    let commits = page["commits"].as_array().unwrap().iter();
    let changes = commits.flat_map(|commit| commit["changes"].as_array().unwrap());
    let one = |change: &Value| {
        let text = |field: &str| change[field].as_str().unwrap_or_default().to_owned();
        format!("{} {} {}", text("change"), text("id"), text("other")).trim().to_owned()
    };
    changes.map(one).collect()
}

/// A stream of events, as a client reads them.
struct Stream(BufReader<TcpStream>);

impl Stream {
    fn open(server: &Fixture, query: &str, last: Option<u64>) -> Stream {
        let mut stream = TcpStream::connect(server.addr).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let last = last.map_or_else(String::new, |lsn| format!("Last-Event-ID: {lsn}\r\n"));
        write!(
            stream,
            "GET {PATH}{query} HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n{last}\r\n"
        )
        .unwrap();
        Stream(BufReader::new(stream))
    }

    /// The next event: its id, its name, its data. None at the end.
    fn next(&mut self) -> Option<(u64, String, Value)> {
        let (mut id, mut name) = (0, String::new());
        loop {
            let mut line = String::new();
            if self.0.read_line(&mut line).unwrap() == 0 {
                return None;
            }
            match line.trim_end().split_once(": ") {
                Some(("id", value)) => id = value.parse().unwrap(),
                Some(("event", value)) => value.clone_into(&mut name),
                Some(("data", value)) => {
                    return Some((id, name, serde_json::from_str(value).unwrap()));
                }
                _ => {}
            }
        }
    }
}

#[test]
fn every_change_is_told_once_and_in_order() {
    let server = Fixture::start();
    let start = server.ok("changes", &json!({}))["lsn"].as_u64().unwrap();
    server.remember("a", "Ada lives in Zurich.");
    server.remember("b", "Bob lives in Basel.");
    server.ok("update", &json!({"id": "b", "set": {"text": "Bob lives in Bern."}}));
    server.ok("associate", &json!({"from": "a", "to": "b"}));
    server.ok("dissociate", &json!({"from": "a", "to": "b"}));
    server.ok("feedback", &json!({"id": "a", "verdict": "useful"}));
    server.ok("forget", &json!({"ids": ["b"]}));
    server.ok("restore", &json!({"ids": ["b"]}));
    server.ok("forget", &json!({"ids": ["b"], "mode": "delete"}));
    let mut after = start;
    let mut all = Vec::new();
    loop {
        let page = server.ok("changes", &json!({"after": after, "limit": 2}));
        if page["commits"].as_array().unwrap().is_empty() {
            break;
        }
        all.extend(told(&page));
        after = page["lsn"].as_u64().unwrap();
    }
    let expected = [
        "remembered a",
        "remembered b",
        "updated b",
        "associated a b",
        "dissociated a b",
        "judged a",
        "suppressed b",
        "restored b",
        "deleted b",
    ];
    assert_eq!(all, expected);
    let ahead = json!({"after": after + 1_000});
    server.call("changes", &ahead).problem(400, "cursor_invalid");
    server.call("changes", &json!({"wait_seconds": 61})).problem(400, "out_of_range");
}

#[test]
fn a_page_waits_for_a_change() {
    let server = Fixture::start();
    let start = server.ok("changes", &json!({}))["lsn"].as_u64().unwrap();
    let addr = server.addr;
    let waiting = std::thread::spawn(move || {
        let path = format!("{PATH}?after={start}&wait_seconds=20");
        send(addr, "GET", &path, &[], b"").json(200)
    });
    // It makes no difference whether the change comes before or behind the question.
    server.remember("a", "Ada lives in Zurich.");
    assert_eq!(told(&waiting.join().unwrap()), ["remembered a"]);
}

#[test]
fn a_wait_is_no_longer_than_the_request_has() {
    let server = Fixture::start();
    let asked = std::time::Instant::now();
    let path = format!("{PATH}?wait_seconds=20");
    let page = send(server.addr, "GET", &path, &[("Engram-Timeout", "400ms")], b"").json(200);
    assert_eq!(told(&page), Vec::<String>::new());
    assert!(asked.elapsed() < Duration::from_secs(10));
}

#[test]
fn events_come_as_changes_do_and_go_on_where_they_stopped() {
    let server = Fixture::start();
    let mut stream = Stream::open(&server, "", None);
    // From now on: the head of the answer is there when the place is known.
    let mut head = String::new();
    stream.0.read_line(&mut head).unwrap();
    assert!(head.contains("200"), "{head}");
    server.remember("a", "Ada lives in Zurich.");
    let (first, name, data) = stream.next().unwrap();
    assert_eq!((name.as_str(), data["changes"][0]["id"].as_str()), ("commit", Some("a")));
    drop(stream);
    server.remember("b", "Bob lives in Basel.");
    server.remember("c", "Cleo lives in Chur.");
    let mut stream = Stream::open(&server, "?after=1", Some(first));
    let ids: Vec<String> = (0..2)
        .map(|_| stream.next().unwrap().2["changes"][0]["id"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(ids, ["b", "c"], "Last-Event-ID counts, not `after`");
    let headers = [("Accept", "text/event-stream"), ("Last-Event-ID", "soon")];
    send(server.addr, "GET", PATH, &headers, b"").problem(400, "invalid_value");
}

#[test]
fn a_silent_stream_says_where_it_stands_and_ends_with_the_server() {
    let mut server = Fixture::start();
    let mut stream = Stream::open(&server, "", None);
    let (lsn, name, data) = stream.next().unwrap();
    assert_eq!((name.as_str(), data["lsn"].as_u64()), ("alive", Some(lsn)));
    server.stop().unwrap();
    let last = std::iter::from_fn(|| stream.next()).last();
    let last = last.map(|(_, name, data)| (name, data["code"].clone()));
    assert_eq!(last, Some(("problem".to_owned(), json!("shutting_down"))));
}

#[test]
fn a_deleted_space_is_told_to_who_follows_it() {
    let server = Fixture::start();
    let space = json!({"name": "gone", "embedder": "none", "dimension": 2});
    server.post("/api/v1/spaces", &space).json(201);
    let addr = server.addr;
    let waiting = std::thread::spawn(move || {
        let body = json!({"wait_seconds": 20}).to_string();
        let headers = [("Content-Type", "application/json")];
        send(addr, "POST", "/api/v1/spaces/gone/changes", &headers, body.as_bytes())
    });
    std::thread::sleep(Duration::from_millis(200));
    server.delete("/api/v1/spaces/gone");
    waiting.join().unwrap().problem(404, "space_not_found");
}

#[test]
fn a_space_of_the_same_name_is_another_one() {
    let server = Fixture::start();
    let space = json!({"name": "twice", "embedder": "none", "dimension": 2});
    server.post("/api/v1/spaces", &space).json(201);
    let addr = server.addr;
    let waiting = std::thread::spawn(move || {
        let body = json!({"wait_seconds": 20}).to_string();
        let headers = [("Content-Type", "application/json")];
        send(addr, "POST", "/api/v1/spaces/twice/changes", &headers, body.as_bytes())
    });
    std::thread::sleep(Duration::from_millis(200));
    server.delete("/api/v1/spaces/twice");
    server.post("/api/v1/spaces", &space).json(201);
    waiting.join().unwrap().problem(404, "space_not_found");
}

#[test]
fn a_restart_loses_no_change_that_the_log_has() {
    let server = Fixture::start();
    let start = server.ok("changes", &json!({}))["lsn"].as_u64().unwrap();
    server.remember("a", "Ada lives in Zurich.");
    let server = server.restart();
    let page = server.ok("changes", &json!({"after": start}));
    assert_eq!((told(&page), page.get("missed")), (vec!["remembered a".to_owned()], None));
}

#[test]
fn what_is_not_kept_any_more_is_missed_and_said_so() {
    let server = Fixture::start();
    let space = json!({"name": "many", "embedder": "none", "dimension": 2});
    server.post("/api/v1/spaces", &space).json(201);
    let long = "x".repeat(240);
    for batch in 0..15 {
        let memory = |n: usize| json!({"id": format!("{long}-{batch}-{n}"), "vector": [1, 0]});
        let memories: Vec<Value> = (0..1_000).map(memory).collect();
        server.post("/api/v1/spaces/many/remember_many", &json!({"memories": memories})).json(200);
    }
    let path = "/api/v1/spaces/many/changes";
    let page = server.get(&format!("{path}?after=1&limit=1")).json(200);
    let before = page["missed"]["before"].as_u64().unwrap();
    assert!(page["missed"]["after"] == 1 && before > 2, "{}", page["missed"]);
    assert!(page["commits"][0]["lsn"].as_u64().unwrap() >= before, "what is known follows at once");
    let known = server.get(&format!("{path}?after={}&limit=1", before - 1)).json(200);
    assert!(known.get("missed").is_none());
}
