//! Facts stated anew, marked pairs and decisions about them, over HTTP.

use serde_json::{Value, json};

use crate::harness::{Fixture, Reply};

/// A space in which all memories are as near as can be.
fn pairs(server: &Fixture, operation: &str, body: &Value) -> Reply {
    server.post(&format!("/api/v1/spaces/pairs/{operation}"), body)
}

#[test]
fn a_fact_that_is_stated_anew_says_what_it_supersedes() {
    let server = Fixture::start();
    for (id, place, day) in [("old", "Paris", 1), ("new", "Basel", 2)] {
        let body = json!({
            "id": id, "text": format!("Ada lives in {place}"), "subject": "Ada", "attribute": "home",
            "valid_from": format!("2026-01-0{day}T00:00:00Z"), "wait": "links",
        });
        server.ok("remember", &body);
    }
    assert_eq!(server.ok("get", &json!({"id": "old"}))["superseded_by"], "new");
    assert_eq!(server.ok("get", &json!({"id": "new"}))["supersedes"], json!(["old"]));
    let answer = server.ok("recall", &json!({"text": "Ada lives in Paris", "explain": true}));
    let ids: Vec<&Value> =
        answer["items"].as_array().unwrap().iter().map(|item| &item["memory"]["id"]).collect();
    assert_eq!(ids, ["new", "old"]);
    let then = json!({"filter": {"valid_at": "2026-01-01T12:00:00Z"}});
    let listed = server.ok("list", &then);
    assert_eq!(listed["memories"].as_array().unwrap().len(), 1);
    assert_eq!(listed["memories"][0]["id"], "old");
    let ties = server.ok("associations", &json!({"id": "new", "kinds": ["supersedes"]}));
    assert_eq!(ties["associations"][0]["to"], "old");
}

#[test]
fn a_pair_is_marked_listed_and_decided() {
    let server = Fixture::start();
    let space = json!({"name": "pairs", "embedder": "none", "dimension": 2});
    assert!(server.post("/api/v1/spaces", &space).status < 300);
    let ok = |operation: &str, body: Value| pairs(&server, operation, &body).json(200);
    for (n, text) in ["Lukas can swim.", "Lukas cannot swim.", "Lukas reads."].iter().enumerate() {
        let body = json!({
            "id": format!("m{n}"), "text": text, "vector": [1.0, 0.0], "wait": "links",
            "occurred_at": format!("2026-01-0{}T00:00:00Z", n + 1),
        });
        ok("remember", body);
    }
    let page = ok("marks", json!({"state": "open"}));
    assert_eq!(page["total"], 1);
    let mark = &page["marks"][0];
    assert_eq!((&mark["earlier"]["id"], &mark["later"]["id"]), (&json!("m0"), &json!("m1")));
    assert_eq!(
        (&mark["kind"], &mark["ground"]),
        (&json!("possible_contradiction"), &json!("negation"))
    );
    assert_eq!((&mark["after"], &mark["cosine"]), (&json!("not"), &json!(1.0)));
    assert_eq!(ok("get", json!({"id": "m0"}))["marks"][0], *mark);
    let by_path = server.get("/api/v1/spaces/pairs/marks?kind=possible_contradiction").json(200);
    assert_eq!(by_path["marks"], page["marks"]);
    assert_eq!(ok("marks", json!({"kind": "possible_update"}))["total"], 0);
    pairs(&server, "marks", &json!({"cursor": "AAAA"})).problem(400, "cursor_invalid");
    let decide = |body: Value| pairs(&server, "feedback", &body);
    decide(json!({"id": "m1"})).problem(400, "missing_field");
    let half = |request: Value| decide(request).problem(400, "missing_field")["field"].clone();
    assert_eq!(half(json!({"id": "m1", "other": "m0"})), "decision");
    assert_eq!(half(json!({"id": "m1", "decision": "unrelated"})), "other");
    decide(json!({"id": "m1", "other": "m9", "decision": "unrelated"}))
        .problem(404, "memory_not_found");
    let both = json!({"id": "m1", "verdict": "wrong", "other": "m0", "decision": "unrelated"});
    decide(both).problem(400, "invalid_value");
    let contradicts =
        decide(json!({"id": "m1", "other": "m0", "decision": "contradicts"})).json(200);
    assert_eq!(contradicts["confidence"]["mean"], 0.5);
    let ties = ok("associations", json!({"id": "m1", "kinds": ["contradicts"]}));
    assert_eq!(ties["associations"][0]["to"], "m0");
    decide(json!({"id": "m1", "other": "m0", "decision": "unrelated"})).json(200);
    assert_eq!(ok("get", json!({"id": "m0"}))["marks"], Value::Null);
    let all = ok("marks", json!({"id": "m0"}));
    assert_eq!(all["marks"][0]["state"], "unrelated");
}
