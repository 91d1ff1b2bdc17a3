//! Requests without sense, at random, to each door: none makes the server fail, none gets in without a credential, and it serves on.
//!
//! A fixed walk from a seed. `ENGRAM_MALFORMED_REQUESTS` and `ENGRAM_MALFORMED_SEED` make it longer and another one.

mod draw;
mod grpc;
mod mcp;
mod rest;
mod wire;

use serde_json::json;

use crate::harness::{Fixture, parts};

/// Requests to each door.
const REQUESTS: u64 = 10_000;
/// Of these, one in so many goes to a server that asks who comes.
const STRANGERS_EVERY: u64 = 5;
/// After so many requests a good one must be answered.
const SOUND_EVERY: u64 = 500;

fn number(variable: &str, otherwise: u64) -> u64 {
    let given = std::env::var(variable).ok();
    given.map_or(otherwise, |text| text.parse().expect("it is a number"))
}

fn requests() -> u64 {
    number("ENGRAM_MALFORMED_REQUESTS", REQUESTS)
}

fn seed() -> u64 {
    number("ENGRAM_MALFORMED_SEED", 1)
}

/// A server that knows everybody, with something in it.
fn open_server() -> Fixture {
    let server = Fixture::start_with(&[("limits.request_timeout", "5s")], parts());
    for id in ["m1", "m2", "a", "b"] {
        server.remember(id, &format!("{id} has a text of its own"));
    }
    server
}

/// A server that lets in whoever has a key; nobody has one.
fn closed_server() -> Fixture {
    Fixture::start_with(&[("auth.enabled", "true"), ("audit.level", "off")], parts())
}

/// A good request is answered as one; what a request before it deleted is made anew.
fn serves(server: &Fixture, place: &str) {
    let spaces = server.get("/api/v1/spaces").json(200);
    let listed = spaces["spaces"].as_array().unwrap();
    if listed.iter().all(|space| space["name"] != "default") {
        server.post("/api/v1/spaces", &json!({"name": "default", "embedder": "builtin"})).json(201);
    }
    let stored = server.call("remember", &json!({"id": "sound", "text": "a sound request"}));
    assert_eq!(stored.status, 200, "{place}: {}", stored.text());
    let found = server.call("recall", &json!({"text": "sound request", "observe": true}));
    assert_eq!(found.status, 200, "{place}: {}", found.text());
    assert_eq!(server.get("/readyz").status, 200, "{place}");
}
