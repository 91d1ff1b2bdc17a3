//! Faults that memory stores are known for. Each test would catch one.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;

use crate::world::World;

const TEXTS: [&str; 10] = [
    "The kettle is in the left cupboard",
    "Ada moved to Zurich",
    "Bob prefers tea over coffee",
    "The meeting was moved to Friday",
    "Rust has no garbage collector",
    "The cat is called Turing",
    "Carol plays the cello",
    "The garage code is 4711",
    "Dave is allergic to nuts",
    "The train leaves at nine",
];

#[test]
fn ten_different_texts_without_vectors_give_ten_memories() {
    let world = World::new();
    let node = world.start();
    let mut ids = std::collections::BTreeSet::new();
    for text in TEXTS {
        let stored = node.json(&["remember", text]);
        assert_eq!(stored["created"], true);
        assert_eq!(stored["duplicates"], serde_json::json!([]));
        ids.insert(stored["id"].as_str().unwrap().to_owned());
    }
    assert_eq!(ids.len(), 10);
    assert_eq!(node.memories("default"), 10);
    for (mode, cue) in [("keyword", "cello"), ("similarity", "a musical instrument")] {
        let answer = node.json(&["recall", cue, "--mode", mode, "--limit", "1"]);
        assert_eq!(answer["items"][0]["memory"]["text"], "Carol plays the cello", "{mode}");
    }

    // The same in a space that has no embedder at all.
    node.run(&["space", "create", "words", "--embedder", "none", "--dimension", "3"]).ok();
    for text in TEXTS {
        node.run(&["remember", "--space", "words", text]).ok();
    }
    assert_eq!(node.memories("words"), 10);
}

#[test]
fn what_was_deleted_does_not_come_back() {
    let world = World::new();
    let node = world.start();
    node.run(&["remember", "the password is swordfish", "--id", "secret"]).ok();
    node.run(&["remember", "the kettle is red", "--id", "kettle"]).ok();
    let answer = node.json(&["forget", "secret", "--delete", "--yes"]);
    assert_eq!(answer["count"], 1);
    assert_eq!(answer["receipt"]["mode"], "delete");

    let mut node = node;
    for restart in 0..3 {
        node.run(&["get", "secret"]).fails(3, &["ERR-2002"]);
        node.run(&["recall", "swordfish", "--mode", "keyword"]).fails(3, &["nothing matches"]);
        let hybrid = node.run(&["recall", "swordfish password", "--output", "json"]);
        assert!(!hybrid.stdout.contains("swordfish"), "{}", hybrid.stdout);
        assert_eq!(node.memories("default"), 1);
        assert!(!node.export("default").contains("swordfish"));
        node.run(&["restore", "secret"]).fails(3, &[]);
        match restart {
            0 => node.stop(),
            _ => node.kill(),
        }
        node = world.start();
    }
}

#[test]
fn what_was_hidden_stays_hidden_until_it_is_restored() {
    let world = World::new();
    let node = world.start();
    node.run(&["remember", "the party is a surprise", "--id", "party"]).ok();
    node.run(&["forget", "party", "--yes"]).ok();
    node.stop();
    let node = world.start();
    node.run(&["get", "party"]).fails(3, &[]);
    node.run(&["recall", "surprise", "--mode", "keyword"]).fails(3, &[]);
    node.run(&["restore", "party"]).ok();
    node.kill();
    let node = world.start();
    assert_eq!(node.json(&["get", "party"])["text"], "the party is a surprise");
    node.run(&["recall", "surprise", "--mode", "keyword"]).ok();
}

#[test]
fn a_second_restart_loses_nothing() {
    let world = World::new();
    let node = world.start();
    for text in TEXTS {
        node.run(&["remember", text, "--at", "2026-01-05T11:00:00.000000001Z", "--person", "Ada"])
            .ok();
    }
    let before = node.export("default");
    assert_eq!(before.lines().count(), 10);
    node.stop();
    let node = world.start();
    assert_eq!(node.export("default").lines().count(), 10);
    node.run(&["remember", "one more"]).ok();
    let between = node.export("default");
    node.stop();
    let node = world.start();
    // Strength decays between two exports; all else must be the same.
    assert_eq!(without_strength(&node.export("default")), without_strength(&between));
    assert!(without_strength(&between).starts_with(&without_strength(&before)));
}

fn without_strength(export: &str) -> String {
    let lines = export.lines().map(|line| {
        let mut memory: serde_json::Value = serde_json::from_str(line).unwrap();
        memory["engram"]["strength"] = serde_json::Value::Null;
        memory.to_string() + "\n"
    });
    lines.collect()
}

#[test]
fn a_kill_loses_nothing_that_was_acknowledged() {
    let world = World::new();
    let mut acknowledged = Vec::new();
    for round in 0..3 {
        let node = world.start();
        for number in 0..5 {
            let id = format!("r{round}-{number}");
            node.run(&["remember", &format!("round {round} number {number}"), "--id", &id]).ok();
            acknowledged.push(id);
        }
        node.kill();
    }
    let node = world.start();
    for id in &acknowledged {
        assert_eq!(node.json(&["get", id])["id"], *id);
    }
    assert_eq!(node.memories("default"), acknowledged.len() as u64);
}

#[test]
fn status_without_a_server_fails_and_says_so() {
    let world = World::new();
    let unused = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let server = format!("http://{unused}");
    let outcome = world.run(&["--server", &server, "status"]);
    let outcome = outcome.fails(3, &["No server answers", &server, "engram start"]);
    assert_eq!(outcome.stdout, "");
    world.run(&["--server", &server, "healthcheck"]).fails(3, &["No server answers"]);
    let outcome = world.run(&["--server", &server, "--output", "json", "status"]);
    let problem: serde_json::Value = serde_json::from_str(&outcome.stderr).unwrap();
    assert_eq!(problem["code"], "server_unreachable");
}

#[test]
fn the_health_check_fails_when_the_server_is_not_ready() {
    let world = World::new();
    // A server that answers and is not ready, for as long as the test asks.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let server = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut request = [0; 4096];
            let _ = stream.read(&mut request);
            let body = r#"{"ready":false}"#;
            let _ = write!(
                stream,
                "HTTP/1.1 503 Service Unavailable\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
                body.len()
            );
        }
    });
    world.run(&["--server", &server, "healthcheck"]).fails(3, &["not ready"]);

    let node = world.start();
    let outcome = node.run(&["healthcheck"]).ok();
    assert_eq!(outcome.stdout, "ready\n");
    assert_eq!(node.json(&["status"])["state"], "ready");
    let url = node.url.clone();
    node.stop();
    world.run(&["--server", &url, "healthcheck"]).fails(3, &[]);
}
