//! Beliefs over HTTP: made at once or told step by step, read, taken back.

use serde_json::{Value, json};

use crate::harness::{Fixture, Reply, send};

/// Memories of which every three say the same.
const THINGS: usize = 300;
const BASE: &str = "/api/v1/spaces/said";

/// A space in which each thing is said three times.
fn said() -> Fixture {
    let server = Fixture::start();
    let space = json!({"name": "said", "embedder": "none", "dimension": 64});
    assert!(server.post("/api/v1/spaces", &space).status < 300);
    let memory = |n: usize| {
        let (thing, time) = (n / 3, n % 3);
        let mut vector = vec![0.0; 64];
        vector[thing % 64] = 1.0;
        vector[(thing / 64 + thing % 64 + 1) % 64] = 1.0;
        json!({
            "id": format!("m{n}"), "vector": vector, "session": format!("s{time}"),
            "text": format!("Thing number {thing} is told for the time {time}."),
        })
    };
    let memories: Vec<Value> = (0..THINGS * 3).map(memory).collect();
    let body = json!({"memories": memories, "wait": "links"});
    server.post(&format!("{BASE}/remember_many"), &body).json(200);
    server
}

fn with_events(server: &Fixture, body: &Value) -> Reply {
    let headers = [("Content-Type", "application/json"), ("Accept", "text/event-stream")];
    let path = format!("{BASE}/consolidate");
    send(server.addr, "POST", &path, &headers, body.to_string().as_bytes())
}

/// Names and data of the events of an answer.
fn events(reply: &Reply) -> Vec<(String, Value)> {
    assert_eq!((reply.status, reply.header("content-type")), (200, "text/event-stream"));
    let text = reply.text();
    let told = text.split_terminator("\n\n").map(|event| {
        let (name, data) = event.split_once('\n').unwrap();
        let data = data.strip_prefix("data: ").unwrap();
        (name.strip_prefix("event: ").unwrap().to_owned(), serde_json::from_str(data).unwrap())
    });
    told.collect()
}

fn count(answer: &Value, field: &str) -> usize {
    answer[field].as_array().unwrap().len()
}

#[test]
fn beliefs_are_made_read_and_taken_back() {
    let server = said();
    let post = |operation: &str, body: Value| server.post(&format!("{BASE}/{operation}"), &body);
    let part = post("consolidate", json!({"budget_memories": 1})).json(200);
    assert!(count(&part, "formed") > 0 && part["remaining"].as_u64().unwrap() > 0, "{part}");
    let all = post("consolidate", json!({"budget_memories": 100_000})).json(200);
    // Beliefs are looked at as well, as soon as they are associated.
    assert!(
        all["remaining"].as_u64().unwrap()
            <= (count(&part, "formed") + count(&all, "formed")) as u64
    );
    let formed = count(&part, "formed") + count(&all, "formed");
    let stats = server.get(&format!("{BASE}/stats")).json(200);
    assert_eq!(stats["beliefs"], formed);
    let page = post("beliefs", json!({"limit": 2})).json(200);
    let first = &page["beliefs"][0];
    assert_eq!((count(&page, "beliefs"), first["outdated"].as_bool()), (2, Some(false)));
    let (id, members) = (&first["memory"]["id"], count(first, "citations"));
    assert!(members >= 3 && first["memory"]["belief"]["count"] == members, "{first}");
    let one = post("beliefs", json!({ "id": id })).json(200);
    assert_eq!(one["beliefs"][0], *first);
    let next = post("beliefs", json!({"limit": 1000, "cursor": page["next_cursor"]})).json(200);
    assert_eq!(count(&next, "beliefs"), formed - 2);
    assert!(next["next_cursor"].is_null());
    let undone = post("undo_consolidation", json!({ "ids": [id] })).json(200);
    assert_eq!(undone["withdrawn"], json!([id]));
    post("beliefs", json!({ "id": id })).problem(404, "memory_not_found");
    let undone = post("undo_consolidation", json!({"since_lsn": part["first_lsn"]})).json(200);
    assert_eq!(count(&undone, "withdrawn"), formed - 1);
    post("consolidate", json!({"budget_memories": 0})).problem(400, "out_of_range");
    post("undo_consolidation", json!({})).problem(400, "selection_ambiguous");
}

#[test]
fn each_step_is_told_to_who_asks_for_events() {
    let server = said();
    let told = events(&with_events(&server, &json!({"budget_memories": 100_000})));
    let (last, steps) = told.split_last().unwrap();
    assert!(steps.len() > 1 && steps.iter().all(|(name, _)| name == "progress"), "{told:?}");
    assert_eq!(last.0, "done");
    let sum =
        |field: &str| -> u64 { steps.iter().map(|(_, it)| it[field].as_u64().unwrap()).sum() };
    assert_eq!(last.1["memories"], sum("memories"));
    let formed: Vec<&Value> =
        steps.iter().flat_map(|(_, step)| step["formed"].as_array().unwrap()).collect();
    assert_eq!(last.1["formed"].as_array().unwrap().iter().collect::<Vec<_>>(), formed);
    let left: Vec<u64> = steps.iter().map(|(_, it)| it["remaining"].as_u64().unwrap()).collect();
    assert_eq!(last.1["remaining"], *left.last().unwrap());
    assert_eq!(last.1["first_lsn"], steps[0].1["first_lsn"]);
    // What is wrong with a request is told as for any other.
    with_events(&server, &json!({"budget_memories": 0})).problem(400, "out_of_range");
}

#[test]
fn a_declared_field_of_the_metadata_is_shown_and_checked() {
    let server = Fixture::start();
    let space =
        json!({"name": "plans", "embedder": "none", "dimension": 2, "supersede_key": "plan"});
    let made = server.post("/api/v1/spaces", &space).json(201);
    assert_eq!(made["supersede_key"], "plan");
    for (id, price) in [("old", 10), ("new", 12)] {
        let body = json!({
            "id": id, "text": format!("It costs {price}."), "metadata": {"plan": "basic"}, "wait": "links",
        });
        server.post("/api/v1/spaces/plans/remember", &body).json(200);
    }
    let old = server.get("/api/v1/spaces/plans/memories/old").json(200);
    assert_eq!(old["superseded_by"], "new");
    assert!(server.get("/api/v1/spaces/default").json(200)["supersede_key"].is_null());
    let bad = json!({"name": "bad", "embedder": "none", "dimension": 2, "supersede_key": ""});
    let problem = server.post("/api/v1/spaces", &bad).json(400);
    assert_eq!(problem["field"], "supersede_key", "{problem}");
}
