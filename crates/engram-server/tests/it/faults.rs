//! What the server says and does when something below it fails.

use std::sync::Arc;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::harness::{Fault, FaultyFs, Fixture};

fn failed_checks(ready: &Value) -> Vec<&str> {
    let checks = ready["checks"].as_array().unwrap().iter();
    checks
        .filter(|check| check["ok"] == false)
        .map(|check| check["name"].as_str().unwrap())
        .collect()
}

#[test]
fn a_full_disk_refuses_writes_and_then_takes_them_again() {
    let fs = FaultyFs::new();
    let small = [("wal.segment_bytes", "64 KiB"), ("wal.spare_segments", "0")];
    let server = Fixture::start_with(&small, fs.parts());
    fs.set(Fault::DiskFull);
    let memory = |n: usize| json!({ "id": format!("m{n}"), "text": "long ".repeat(2_000) });
    let mut stored = 0;
    let refused = loop {
        let reply = server.call("remember", &memory(stored));
        if reply.status != 200 {
            break reply;
        }
        stored += 1;
        assert!(stored < 100, "the segment must fill up");
    };
    refused.problem(507, "disk_full");
    assert_eq!(server.count(), stored as u64);
    server.get("/readyz").json(200);
    fs.set(Fault::None);
    assert_eq!(server.ok("remember", &memory(stored))["created"], true);
    assert_eq!(server.restart().count(), stored as u64 + 1);
}

#[test]
fn a_failed_sync_ends_writing_until_the_restart() {
    let fs = FaultyFs::new();
    let server = Fixture::start_with(&[], fs.parts());
    server.remember("a", "before");
    fs.set(Fault::SyncFails);
    let refused = server.call("remember", &json!({ "id": "b", "text": "lost" }));
    assert!(refused.status >= 500, "{refused:?}");
    fs.set(Fault::None);
    server.call("remember", &json!({ "id": "c", "text": "later" })).problem(503, "log_poisoned");
    assert!(failed_checks(&server.get("/readyz").json(503)).contains(&"log_sound"));
    let status = server.get("/api/v1/status").json(200);
    assert_eq!(status["state"], "read_only");
    assert!(!status["reason"].as_str().unwrap().is_empty());
    // Reads go on.
    server.get("/api/v1/spaces/default/memories/a").json(200);
    assert!(server.get("/metrics").text().contains("\nengram_ready 0.0\n"));
    let dir = Arc::clone(&server.dir);
    drop(server);
    let again = Fixture::begin(dir, &[], crate::harness::parts());
    again.server().wait_ready().unwrap();
    again.get("/api/v1/spaces/default/memories/a").json(200);
    again.remember("d", "writing again");
}

#[test]
fn a_panicking_writer_ends_writing_and_nobody_waits_for_ever() {
    let fs = FaultyFs::new();
    let server = Fixture::start_with(&[], fs.parts());
    server.remember("a", "before");
    fs.set(Fault::SyncPanics);
    server.call("remember", &json!({ "id": "b", "text": "lost" })).problem(503, "log_poisoned");
    fs.set(Fault::None);
    server.call("remember", &json!({ "id": "c", "text": "later" })).problem(503, "log_poisoned");
    assert!(failed_checks(&server.get("/readyz").json(503)).contains(&"writer_alive"));
    server.get("/livez").json(200);
    assert_eq!(server.get("/api/v1/spaces").status, 200);
}

#[test]
fn a_panicking_request_is_one_bad_answer() {
    let server = Fixture::start();
    server.call("remember", &json!({ "text": "panic" })).problem(500, "internal");
    let memories = vec![json!({ "text": "panic" }); 50];
    server.call("remember_many", &json!({ "memories": memories })).problem(500, "internal");
    server.remember("a", "after");
    server.get("/readyz").json(200);
    assert!(server.get("/metrics").text().contains("\nengram_panics_total 2\n"));
}

#[test]
fn the_listener_answers_while_the_log_is_read() {
    let fs = FaultyFs::new();
    fs.set_gate(false);
    let server = Fixture::begin(Arc::new(TempDir::new().unwrap()), &[], fs.parts());
    server.get("/livez").json(200);
    assert_eq!(failed_checks(&server.get("/readyz").json(503)), ["engine_open"]);
    let refused = server.call("remember", &json!({ "text": "early" }));
    refused.problem(503, "not_ready");
    assert!(!refused.header("retry-after").is_empty());
    assert_eq!(server.get("/api/v1/status").json(200)["state"], "starting");
    assert!(server.get("/metrics").text().contains("\nengram_ready 0.0\n"));
    fs.set_gate(true);
    server.server().wait_ready().unwrap();
    server.get("/readyz").json(200);
    server.remember("a", "now");
}
