//! Start and end of a server.

use std::net::TcpListener;
use std::sync::Arc;
use std::thread;

use engram_server::Server;
use serde_json::json;
use tempfile::TempDir;

use crate::harness::{Fixture, embedders, parts, settings};

#[test]
fn a_restart_keeps_everything() {
    let server = Fixture::start();
    server.remember("a", "first");
    server.remember("b", "second");
    server.ok("forget", &json!({ "ids": ["a"], "mode": "delete" }));
    server.ok("remember", &json!({ "id": "k", "text": "keyed", "idempotency_key": "key" }));
    let memory = server.get("/api/v1/spaces/default/memories/b").json(200);
    let mut server = server.restart();
    for _ in 0..2 {
        server.get("/api/v1/spaces/default/memories/a").problem(404, "memory_not_found");
        let again = server.get("/api/v1/spaces/default/memories/b").json(200);
        assert_eq!(
            (&again["text"], &again["committed_at"]),
            (&memory["text"], &memory["committed_at"])
        );
        let other = json!({ "id": "k", "text": "other", "idempotency_key": "key" });
        server.call("remember", &other).problem(409, "idempotency_conflict");
        assert_eq!(server.count(), 2);
        let ready = server.get("/readyz").json(200);
        assert_eq!(ready["recovery"]["clean"], true);
        server = server.restart();
    }
}

#[test]
fn a_taken_port_and_a_locked_directory_are_clear_errors() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let dir = Arc::new(TempDir::new().unwrap());
    let addr = taken.local_addr().unwrap().to_string();
    let refused = Server::start_with(settings(dir.path(), &[("http.addr", &addr)]), parts());
    let problem = refused.err().unwrap();
    assert_eq!(problem.code, "port_in_use");
    assert!(problem.detail.contains(&addr), "{problem}");

    let first = Fixture::begin(Arc::clone(&dir), &[], parts());
    first.server().wait_ready().unwrap();
    let second = Server::start_with(settings(dir.path(), &[]), parts()).unwrap();
    let problem = second.wait_ready().unwrap_err();
    assert_eq!(problem.code, "data_dir_locked");
    assert_eq!(second.join().unwrap_err().code, "data_dir_locked");
    first.remember("a", "undisturbed");
}

#[test]
fn a_space_without_its_embedder_is_a_clear_error() {
    let mut server = Fixture::start();
    server.remember("a", "text");
    server.stop().unwrap();
    let mut other = embedders();
    other.insert("builtin".to_owned(), Arc::new(engram_embed::FixedEmbedder::new(8)));
    let parts = engram_server::ServerParts { embedders: Some(other), ..parts() };
    let again = Fixture::begin(Arc::clone(&server.dir), &[], parts);
    again.server().wait_ready().unwrap();
    again.call("remember", &json!({ "text": "more" })).problem(409, "embedder_mismatch");
    let cue = json!({ "text": "text", "mode": "keyword" });
    assert_eq!(again.ok("recall", &cue)["items"][0]["memory"]["id"], "a");
}

#[test]
fn stopping_lets_requests_finish_and_takes_no_new_ones() {
    let server = Fixture::start();
    let memories: Vec<_> = (0..500).map(|n| json!({ "text": format!("text {n}") })).collect();
    let body = json!({ "memories": memories });
    let mut server = server;
    let addr = server.addr;
    let writer = thread::spawn(move || {
        let headers = [("Content-Type", "application/json")];
        let path = "/api/v1/spaces/default/remember_many";
        crate::harness::try_send(addr, "POST", path, &headers, body.to_string().as_bytes())
    });
    // The writer's connection is open, its request may be anywhere.
    while !server.get("/metrics").text().contains("engram_connections 2") && !writer.is_finished() {
    }
    server.stop().unwrap();
    let reply = writer.join().unwrap();
    let again = Fixture::begin(Arc::clone(&server.dir), &[], parts());
    again.server().wait_ready().unwrap();
    match reply {
        Some(reply) if reply.status == 200 => assert_eq!(again.count(), 500),
        Some(reply) => {
            reply.problem(503, "shutting_down");
            assert_eq!(again.count(), 0);
        }
        // The connection was open, and nothing of its request had been read.
        None => assert_eq!(again.count(), 0),
    }
}

#[test]
fn the_built_in_model_finds_by_meaning() {
    let world = engram_server::ServerParts::default();
    let server = Fixture::start_with(&[], world);
    let texts = [
        "The cat sleeps on the sofa.",
        "Quarterly taxes are due in April.",
        "Ada moved to Zurich.",
    ];
    for (n, text) in texts.iter().enumerate() {
        server.remember(&n.to_string(), text);
    }
    let cue = json!({ "text": "Where does she live now?", "mode": "similarity", "limit": 1 });
    let answer = server.ok("recall", &cue);
    assert_eq!(answer["items"][0]["memory"]["text"], texts[2], "{answer}");
    let space = server.get("/api/v1/spaces/default").json(200);
    assert_eq!(
        (&space["embedder"]["provider"], &space["dimension"]),
        (&json!("builtin"), &json!(384))
    );
}
