//! Statements of the query language over HTTP: each runs the operation that it stands for.

use serde_json::{Value, json};

use crate::harness::Fixture;

fn query(server: &Fixture, statement: &str) -> Value {
    server.ok("query", &json!({"query": statement}))
}

fn ids(answer: &Value) -> Vec<&str> {
    let memories = answer["answer"]["memories"].as_array().unwrap();
    memories.iter().map(|memory| memory["id"].as_str().unwrap()).collect()
}

#[test]
fn statements_do_what_they_say() {
    let server = Fixture::start();
    let stored = query(
        &server,
        "REMEMBER (id = 'a', text = 'Ada lives in Zurich.', people = ['Ada'], importance = 0.9)",
    );
    assert_eq!(
        (&stored["operation"], &stored["answer"]["created"]),
        (&json!("remember"), &json!(true))
    );
    assert!(stored["answer"].get("items").is_none(), "{stored}");
    query(
        &server,
        "REMEMBER (id = 'b', text = 'Bob lives in Basel.', people = ['Bob'], importance = 0.25)",
    );
    let recalled = query(&server, "RECALL 'Where does Ada live?' WHERE person = 'Ada' LIMIT 1");
    assert_eq!(recalled["answer"]["items"][0]["memory"]["id"], "a");
    assert!(recalled.get("request").is_none());
    let listed = query(
        &server,
        "RECALL WHERE importance >= 0.25 AND text LIKE '%lives%' ORDER BY importance",
    );
    assert_eq!(ids(&listed), ["b", "a"]);
    query(&server, "ASSOCIATE 'a' WITH 'b' AS 'knows'");
    let spread = query(&server, "SPREAD FROM 'a' HOPS 1 KINDS explicit");
    let reached = spread["answer"]["items"].as_array().unwrap();
    assert!(reached.iter().any(|item| item["memory"]["id"] == "b"), "{spread}");
    query(&server, "UPDATE 'b' SET text = 'Bob lives in Bern.', importance = NULL IF VERSION 1");
    let got = query(&server, "GET 'b'");
    assert_eq!((&got["answer"]["version"], got["answer"].get("importance")), (&json!(2), None));
    assert_eq!(query(&server, "FORGET 'b' DRY RUN")["answer"]["count"], 1);
    assert_eq!(query(&server, "FORGET 'b' MODE delete")["answer"]["count"], 1);
    assert_eq!(ids(&query(&server, "RECALL WHERE NOT kind = fact")), ["a"]);
    assert_eq!(query(&server, "CONSOLIDATE")["operation"], "consolidate");
}

#[test]
fn explain_shows_what_a_statement_stands_for() {
    let server = Fixture::start();
    let plan = query(&server, "EXPLAIN FORGET WHERE tag = 'draft' MODE delete");
    assert_eq!(plan["request"], json!({"mode": "delete", "filter": {"tags": ["draft"]}}));
    assert!(plan.get("answer").is_none(), "{plan}");
    let recalled = query(&server, "EXPLAIN RECALL 'anything'");
    assert_eq!(recalled["request"]["explain"], true);
    assert!(recalled["answer"]["terms"].is_array(), "{recalled}");
}

#[test]
fn parameters_are_values_and_never_words_of_the_statement() {
    let server = Fixture::start();
    let text = "it's; FORGET WHERE true --";
    let store = json!({"query": "REMEMBER (id = $1, text = $text)", "values": ["x"], "parameters": {"text": text}});
    server.ok("query", &store);
    assert_eq!(server.ok("get", &json!({"id": "x"}))["text"], text);
    let vector = vec![0.25; 16];
    let similar = json!({"query": "RECALL VECTOR $v MODE similarity", "parameters": {"v": vector}});
    assert_eq!(server.ok("query", &similar)["answer"]["items"][0]["memory"]["id"], "x");
}

#[test]
fn a_whole_listing_is_ordered_up_to_a_bound() {
    let server = Fixture::start();
    let space = json!({"name": "many", "embedder": "none", "dimension": 2});
    server.post("/api/v1/spaces", &space).json(201);
    let batch = |from: usize| {
        let memory =
            |n: usize| json!({"id": format!("m{n}"), "vector": [1, 0], "metadata": {"n": n % 977}});
        let memories: Vec<Value> = (from..from + 1_000).map(memory).collect();
        server.post("/api/v1/spaces/many/remember_many", &json!({"memories": memories})).json(200);
    };
    let path = "/api/v1/spaces/many/query";
    let ordered = json!({"query": "RECALL ORDER BY metadata.n DESC, id LIMIT 2"});
    for from in (0..10_000).step_by(1_000) {
        batch(from);
    }
    let answer = server.post(path, &ordered).json(200);
    assert_eq!(ids(&answer), ["m1953", "m2930"]);
    batch(10_000);
    let refused = server.post(path, &ordered).problem(400, "too_many");
    assert!(refused["detail"].as_str().unwrap().contains("narrow WHERE"), "{refused}");
}

#[test]
fn a_wrong_statement_names_the_place() {
    let server = Fixture::start();
    let refused = |statement: &str| {
        server.call("query", &json!({"query": statement})).problem(400, "query_invalid")
    };
    let typo = refused("RECALL 'a' WHER kind = fact");
    assert!(typo["detail"].as_str().unwrap().starts_with("line 1, column 12: "), "{typo}");
    assert_eq!(typo["nearest"], "WHERE", "{typo}");
    assert!(typo["example"].as_str().unwrap().starts_with("RECALL"), "{typo}");
    refused("");
    // What the operation refuses keeps its own code.
    server.call("query", &json!({"query": "GET 'nobody'"})).problem(404, "memory_not_found");
    server.call("query", &json!({"query": "RECALL 'a' CURSOR 'x'"})).problem(400, "cursor_invalid");
}
