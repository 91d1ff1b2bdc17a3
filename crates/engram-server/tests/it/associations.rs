//! Associations: stated, formed, taken away, followed.

use std::sync::Arc;
use std::thread;

use serde_json::{Value, json};

use crate::harness::{Fixture, parts};

/// Remembers and waits for the associations.
fn linked(server: &Fixture, body: &Value) -> Value {
    let mut body = body.clone();
    body["wait"] = json!("links");
    server.ok("remember", &body)
}

fn edges(answer: &Value) -> Vec<String> {
    let text = |edge: &Value, field: &str| edge[field].as_str().unwrap_or("").to_owned();
    let line = |edge: &Value| {
        format!(
            "{}>{} {} {}",
            text(edge, "from"),
            text(edge, "to"),
            text(edge, "kind"),
            text(edge, "label")
        )
    };
    answer["associations"].as_array().unwrap().iter().map(line).collect()
}

#[test]
fn stated_associations_are_kept_changed_and_taken_away() {
    let server = Fixture::start();
    for id in ["a", "b/2", "c"] {
        server.remember(id, &format!("memory {id}"));
    }
    let state = |from: &str, to: &str, relation: &str| {
        let body = json!({ "from": from, "to": to, "relation": relation, "weight": 0.5, "reason": "because" });
        server.ok("associate", &body)
    };
    let made = state("a", "b/2", "caused");
    assert_eq!((&made["created"], &made["count"]), (&json!(true), &json!(1)));
    assert!(made["lsn"].is_u64() && made["committed_at"].is_string(), "{made}");
    let changed = state("a", "b/2", "explains");
    assert_eq!((&changed["created"], &changed["count"]), (&json!(false), &json!(1)));
    server.ok("associate", &json!({ "from": "c", "to": "a" }));

    let explicit = |direction: &str| {
        let body = json!({ "id": "a", "direction": direction, "kinds": ["explicit"] });
        edges(&server.ok("associations", &body))
    };
    assert_eq!(explicit("out"), ["a>b/2 explicit explains"]);
    assert_eq!(explicit("in"), ["c>a explicit related"]);
    assert_eq!(explicit("both"), ["c>a explicit related", "a>b/2 explicit explains"]);
    let path = "/api/v1/spaces/default/memories/b%2F2/associations?direction=in&limit=5";
    let shown = server.get(path).json(200);
    // Others may have formed by now.
    let all = shown["associations"].as_array().unwrap();
    let stated = all.iter().find(|edge| edge["kind"] == "explicit").expect("it was stated");
    assert_eq!((&stated["reason"], &stated["weight"]), (&json!("because"), &json!(0.5)));

    let restarted = server.restart();
    let all = restarted.ok("associations", &json!({ "id": "a", "kinds": ["explicit"] }));
    assert_eq!(all["total"], 2, "{all}");
    let gone =
        restarted.ok("dissociate", &json!({ "from": "a", "to": "b/2", "kinds": ["explicit"] }));
    assert_eq!(gone["count"], 1);
    let again =
        restarted.ok("dissociate", &json!({ "from": "a", "to": "b/2", "kinds": ["explicit"] }));
    assert_eq!((&again["count"], &again["lsn"]), (&json!(0), &Value::Null));
    restarted.ok("forget", &json!({ "ids": ["c"], "mode": "delete" }));
    let left = restarted.ok("associations", &json!({ "id": "a", "kinds": ["explicit"] }));
    assert_eq!(edges(&left), Vec::<String>::new());
}

#[test]
fn associations_form_before_an_answer_that_waits_for_them() {
    let server = Fixture::start();
    for n in 0..3 {
        let stored = linked(
            &server,
            &json!({
                "id": format!("m{n}"), "text": format!("entry {n}"), "session": "s", "people": ["Ada"],
                "occurred_at": format!("2026-01-0{}T00:00:00Z", n + 1),
            }),
        );
        assert_eq!(stored["created"], true);
    }
    let next = server.ok("associations", &json!({ "id": "m1", "kinds": ["next"] }));
    let mut found = edges(&next);
    found.sort();
    assert_eq!(found, ["m0>m1 next ", "m1>m2 next "]);
    let shared = server.ok("associations", &json!({ "id": "m1", "kinds": ["entity"] }));
    assert!(edges(&shared).iter().all(|edge| edge.ends_with("entity Ada")), "{shared}");
    assert_eq!(shared["total"], 2);
    let stats = server.get("/api/v1/spaces/default/stats").json(200);
    assert_eq!((&stats["unlinked"], &stats["entities"]), (&json!(0), &json!(1)), "{stats}");
    assert!(stats["associations"].as_u64().unwrap() >= 2, "{stats}");
    assert!(stats["indexed_vectors"].is_u64());
    // What is there already has its associations.
    let again = linked(
        &server,
        &json!({
            "id": "m0", "text": "entry 0", "session": "s", "people": ["Ada"], "occurred_at": "2026-01-01T00:00:00Z",
        }),
    );
    assert_eq!(again["created"], false);
    let many: Vec<Value> =
        (0..20).map(|n| json!({ "text": format!("more {n}"), "session": "t" })).collect();
    server.ok("remember_many", &json!({ "memories": many, "wait": "links" }));
    assert_eq!(server.get("/api/v1/spaces/default/stats").json(200)["unlinked"], 0);
}

#[test]
fn they_form_without_anybody_waiting() {
    let server = Fixture::start();
    let many: Vec<Value> =
        (0..50).map(|n| json!({ "text": format!("line {n}"), "session": "s" })).collect();
    server.ok("remember_many", &json!({ "memories": many }));
    loop {
        let stats = server.get("/api/v1/spaces/default/stats").json(200);
        if stats["unlinked"] == 0 {
            assert!(stats["associations"].as_u64().unwrap() >= 49, "{stats}");
            return;
        }
        thread::yield_now();
    }
}

#[test]
fn waiting_writers_are_all_answered() {
    let server = Arc::new(Fixture::start_with(&[], parts()));
    let writer = |name: usize| {
        let server = Arc::clone(&server);
        thread::spawn(move || {
            for n in 0..10 {
                linked(
                    &server,
                    &json!({ "id": format!("{name}-{n}"), "text": "a line", "session": "s" }),
                );
            }
        })
    };
    let writers: Vec<_> = (0..4).map(writer).collect();
    writers.into_iter().for_each(|writer| writer.join().unwrap());
    assert_eq!(server.get("/api/v1/spaces/default/stats").json(200)["unlinked"], 0);
    assert_eq!(server.count(), 40);
}

#[test]
fn pages_of_associations_join() {
    let server = Fixture::start();
    server.remember("hub", "the hub");
    for n in 0..7 {
        server.remember(&format!("m{n}"), &format!("text {n}"));
        let weight = 0.1 + 0.1 * f64::from(n);
        server.ok("associate", &json!({ "from": "hub", "to": format!("m{n}"), "weight": weight }));
    }
    let mut seen = Vec::new();
    let mut cursor = Value::Null;
    loop {
        let body = json!({ "id": "hub", "kinds": ["explicit"], "limit": 3, "cursor": cursor });
        let page = server.ok("associations", &body);
        assert_eq!(page["total"], 7);
        seen.extend(edges(&page));
        if page["next_cursor"].is_null() {
            break;
        }
        cursor = page["next_cursor"].clone();
        let other = json!({ "id": "m0", "kinds": ["explicit"], "cursor": cursor });
        server.call("associations", &other).problem(400, "cursor_invalid");
    }
    let expected: Vec<String> =
        (0..7).rev().map(|n| format!("hub>m{n} explicit related")).collect();
    assert_eq!(seen, expected);
}

#[test]
fn activation_spreads_over_associations() {
    let server = Fixture::start();
    for (id, text) in [("a", "alpha"), ("b", "beta"), ("c", "gamma"), ("far", "delta")] {
        server.ok("remember", &json!({ "id": id, "text": text, "tags": [id] }));
    }
    server
        .ok("associate", &json!({ "from": "a", "to": "b", "relation": "leads to", "weight": 1.0 }));
    server.ok("associate", &json!({ "from": "b", "to": "c", "weight": 0.9 }));
    let spread = |more: Value| {
        let mut body = json!({ "seeds": [{ "id": "a" }], "kinds": ["explicit"] });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        server.ok("spread", &body)
    };
    let ids = |answer: &Value| -> Vec<String> {
        let id = |item: &Value| item["memory"]["id"].as_str().unwrap().to_owned();
        answer["items"].as_array().unwrap().iter().map(id).collect()
    };
    let answer = spread(json!({}));
    assert_eq!(ids(&answer), ["a", "b", "c"], "{answer}");
    let step =
        json!({ "from": "a", "to": "b", "kind": "explicit", "label": "leads to", "weight": 1.0 });
    assert_eq!(answer["items"][1]["path"], json!([step]));
    assert_eq!(answer["items"][2]["path"].as_array().unwrap().len(), 2);
    assert_eq!(answer["cut"], false);
    assert!(!ids(&spread(json!({ "hops": 1 }))).contains(&"c".to_owned()));
    assert_eq!(ids(&spread(json!({ "filter": {"tags": ["c"]} }))), ["c"]);
    assert_eq!(ids(&spread(json!({ "kinds": ["near"] }))), ["a"]);
}
