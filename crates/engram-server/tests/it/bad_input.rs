//! Bad input gets the right status, code and field, and nothing of it is stored.

use serde_json::{Value, json};

use crate::harness::{DIMENSION, Fixture, parts, send};

const REMEMBER: &str = "/api/v1/spaces/default/remember";

#[test]
fn refused_memories_leave_nothing_behind() {
    let server = Fixture::start();
    let nest = |levels: usize| (0..levels).fold(json!(1), |inner, _| json!({ "a": inner }));
    let cases: Vec<(Value, u16, &str, &str)> = vec![
        (json!({}), 400, "no_content", "text"),
        (json!({ "text": " \n" }), 400, "no_content", "text"),
        (json!({ "vector": [1.0, 2.0] }), 400, "wrong_dimension", "vector"),
        (json!({ "vector": vec![0.0; DIMENSION] }), 400, "zero_vector", "vector"),
        (json!({ "vector": vec![1e39; DIMENSION] }), 400, "not_finite", "vector"),
        (json!({ "text": "a", "confidence": 1.5 }), 400, "out_of_range", "confidence"),
        (json!({ "text": "a", "confidence": "high" }), 400, "invalid_value", "confidence"),
        (json!({ "text": "a", "importance": -0.1 }), 400, "out_of_range", "importance"),
        (json!({ "text": "a", "source": {"trust": 2} }), 400, "out_of_range", "source.trust"),
        (json!({ "text": "a", "id": "x".repeat(10_000) }), 400, "bad_id", "id"),
        (json!({ "text": "a", "id": "" }), 400, "bad_id", "id"),
        (json!({ "text": "a", "id": "a\u{7}b" }), 400, "bad_id", "id"),
        (json!({ "text": "x".repeat(1 << 20) }), 400, "text_too_large", "text"),
        (json!({ "text": "a", "title": "x".repeat(5_000) }), 400, "too_long", "title"),
        (json!({ "text": "a", "tags": vec!["t"; 10_000] }), 400, "too_many", "tags"),
        (json!({ "text": "a", "metadata": nest(9) }), 400, "too_deep", "metadata"),
        (
            json!({ "text": "a", "metadata": {"a": "x".repeat(20_000)} }),
            400,
            "metadata_too_large",
            "metadata",
        ),
        (json!({ "text": "a", "occurred_at": "yesterday" }), 400, "bad_time", "occurred_at"),
        (json!({ "text": "a", "occurred_at": 17 }), 400, "invalid_value", "occurred_at"),
        (json!({ "txt": "a" }), 400, "unknown_field", "txt"),
        (json!({ "text": "a", "kind": "episod" }), 400, "invalid_value", "kind"),
    ];
    for (body, status, code, field) in cases {
        let shown: String = body.to_string().chars().take(120).collect();
        let problem = server.call("remember", &body).problem(status, code);
        assert_eq!(problem["field"], field, "{shown}: {problem}");
    }
    server.call("remember", &json!({ "text": "unavailable" })).problem(503, "embedder_unavailable");
    assert_eq!(server.count(), 0);
    let typo = server.call("remember", &json!({ "txt": "a" })).json(400);
    assert_eq!(typo["nearest"], "text");
    server.remember("still", "here");
}

#[test]
fn broken_bodies_say_where() {
    let server = Fixture::start();
    let refused = |body: &[u8], code: &str| {
        let problem = server.post_bytes(REMEMBER, body).problem(400, code);
        problem["detail"].as_str().unwrap().to_owned()
    };
    assert!(refused(b"{\"text\":\n \"half", "invalid_json").contains("line 2"));
    assert!(refused(b"{\"vector\":[NaN]}", "invalid_json").contains("NaN"));
    assert!(refused(b"{\"text\":\"a\"} {}", "invalid_json").contains("trailing"));
    assert!(refused(b"{\"text\":\"\xff\xfe\"}", "invalid_utf8").contains("byte 9"));
    refused(b"[]", "invalid_value");
    refused(b"null", "invalid_value");
    let bomb = format!(
        "{{\"text\":\"a\",\"metadata\":{}1{}}}",
        "{\"a\":".repeat(100_000),
        "}".repeat(100_000)
    );
    refused(bomb.as_bytes(), "too_deep");
    refused(&b"[".repeat(1_000_000), "invalid_value");
    assert_eq!(server.count(), 0);
}

#[test]
fn refused_questions() {
    let server = Fixture::start();
    let recall = |body: Value, code: &str| server.call("recall", &body).problem(400, code);
    recall(json!({}), "empty_cue");
    recall(json!({ "text": "  " }), "empty_cue");
    assert_eq!(recall(json!({ "text": "a", "limit": 0 }), "limit_out_of_range")["field"], "limit");
    recall(json!({ "text": "a", "limit": 1_001 }), "limit_out_of_range");
    recall(json!({ "text": "a", "limit": -1 }), "invalid_value");
    recall(json!({ "text": "a", "min_relevance": 1.5 }), "out_of_range");
    recall(json!({ "vector": [1.0] }), "wrong_dimension");
    recall(json!({ "text": "a", "mode": "psychic" }), "invalid_value");
    recall(json!({ "text": "a", "filter": {"tag": ["x"]} }), "unknown_field");
    recall(json!({ "text": "a", "filter": {"metadata": {"a": {}}} }), "invalid_value");
    let deep = (0..20).fold(json!({}), |inner, _| json!({ "not": inner }));
    recall(json!({ "text": "a", "filter": deep }), "too_deep");
    let reversed = json!({ "occurred_after": "2026-01-02T00:00:00Z", "occurred_before": "2026-01-01T00:00:00Z" });
    recall(json!({ "text": "a", "filter": reversed }), "invalid_value");
    server.get("/api/v1/spaces/default/memories?limit=0").problem(400, "limit_out_of_range");
    let typo = server.get("/api/v1/spaces/default/memories?limt=5").problem(400, "unknown_field");
    assert_eq!(typo["nearest"], "limit");
    server.call("get", &json!({})).problem(400, "missing_field");
}

#[test]
fn refused_cues() {
    let server = Fixture::start();
    server.remember("a", "a text");
    server.remember("b", "b text");
    let many = |count: usize| -> Vec<String> { (0..count).map(|n| format!("id{n}")).collect() };
    let cases: Vec<(Value, u16, &str, &str)> = vec![
        (json!({ "vector": vec![0.0; DIMENSION] }), 400, "zero_vector", "vector"),
        (json!({ "vector": vec![1e39; DIMENSION] }), 400, "not_finite", "vector"),
        (json!({ "text": "x".repeat(1 << 20) }), 400, "text_too_large", "text"),
        (
            json!({ "text": "a", "negative": {"text": "x".repeat(1 << 20)} }),
            400,
            "text_too_large",
            "negative.text",
        ),
        (json!({ "like": many(17) }), 400, "too_many", "like"),
        (json!({ "text": "a", "negative": {"like": many(17)} }), 400, "too_many", "negative.like"),
        (json!({ "text": "a", "exclude": many(1_001) }), 400, "too_many", "exclude"),
        (
            json!({ "text": "a", "around": {"people": many(1_000)} }),
            400,
            "too_many",
            "around.people",
        ),
        (json!({ "text": "a", "weights": {"text": 1.5} }), 400, "out_of_range", "weights.text"),
        (json!({ "text": "a", "weights": {"txt": 1} }), 400, "unknown_field", "weights.txt"),
        (json!({ "text": "a", "diversity": -0.5 }), 400, "out_of_range", "diversity"),
        (json!({ "text": "a", "neighbours": 11 }), 400, "out_of_range", "neighbours"),
        (json!({ "text": "a", "min_trust": 2 }), 400, "out_of_range", "filter.min_trust"),
        (json!({ "text": "a", "context_tokens": 0 }), 400, "out_of_range", "context_tokens"),
        (json!({ "text": "a", "context_tokens": 200_001 }), 400, "out_of_range", "context_tokens"),
        (
            json!({ "text": "a", "around": {"time": {"from": 1}} }),
            400,
            "unknown_field",
            "around.time.from",
        ),
        (
            json!({ "text": "a", "filter": {"metadata": {"p": {"~": 1}}} }),
            400,
            "unknown_field",
            "filter.metadata.p.~",
        ),
    ];
    for (body, status, code, field) in cases {
        let shown: String = body.to_string().chars().take(120).collect();
        let problem = server.call("recall", &body).problem(status, code);
        assert_eq!(problem["field"], field, "{shown}: {problem}");
    }
    server
        .call("recall", &json!({ "text": "a", "cursor": "nonsense" }))
        .problem(400, "cursor_invalid");
    server.call("recall", &json!({ "like": ["nobody"] })).problem(404, "memory_not_found");
    let deep = format!(
        "{{\"text\":\"a\",\"filter\":{}{{}}{}}}",
        "{\"not\":".repeat(1_000),
        "}".repeat(1_000)
    );
    server.post_bytes("/api/v1/spaces/default/recall", deep.as_bytes()).problem(400, "too_deep");
    // A cursor of another kind, and of the same kind elsewhere.
    let page = server.ok("list", &json!({ "limit": 1 }));
    let foreign = json!({ "text": "text", "cursor": page["next_cursor"] });
    server.call("recall", &foreign).problem(400, "cursor_invalid");
    let page = server.ok("recall", &json!({ "text": "text", "limit": 1 }));
    let cursor = &page["next_cursor"];
    assert!(cursor.is_string(), "{page}");
    server.post("/api/v1/spaces", &json!({ "name": "other", "embedder": "builtin" })).json(201);
    let elsewhere = json!({ "text": "text", "cursor": cursor });
    server.post("/api/v1/spaces/other/recall", &elsewhere).problem(400, "cursor_invalid");
    server.call("recognize", &json!({})).problem(400, "empty_cue");
    server.call("recognize", &json!({ "vector": [1.0] })).problem(400, "wrong_dimension");
    for limit in [0, 101] {
        let body = json!({ "text": "a", "limit": limit });
        server.call("recognize", &body).problem(400, "limit_out_of_range");
    }
}

#[test]
fn refused_associations() {
    let server = Fixture::start();
    server.remember("a", "a text");
    server.remember("b", "b text");
    let refused = |operation: &str, body: Value, status: u16, code: &str| {
        server.call(operation, &body).problem(status, code)
    };
    let associate = |more: Value, code: &str| {
        let mut body = json!({ "from": "a", "to": "b" });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        refused("associate", body, 400, code)
    };
    associate(json!({ "to": "a" }), "self_association");
    associate(json!({ "to": "" }), "bad_id");
    associate(json!({ "to": "x".repeat(10_000) }), "bad_id");
    for weight in [0.0, -1.0, 1.5] {
        assert_eq!(associate(json!({ "weight": weight }), "out_of_range")["field"], "weight");
    }
    associate(json!({ "weight": "much" }), "invalid_value");
    assert_eq!(associate(json!({ "reason": "x".repeat(2_000) }), "too_long")["field"], "reason");
    associate(json!({ "relation": "a\u{7}b" }), "invalid_value");
    associate(json!({ "relatoin": "x" }), "unknown_field");
    refused("associate", json!({ "from": "a" }), 400, "missing_field");
    refused("associate", json!({ "from": "a", "to": "nobody" }), 404, "memory_not_found");
    refused("dissociate", json!({ "from": "a", "to": "nobody" }), 404, "memory_not_found");
    let kind = refused(
        "dissociate",
        json!({ "from": "a", "to": "b", "kinds": ["nere"] }),
        400,
        "invalid_value",
    );
    assert_eq!(kind["nearest"], "near", "{kind}");
    refused("associations", json!({ "id": "nobody" }), 404, "memory_not_found");
    refused("associations", json!({ "id": "a", "limit": 0 }), 400, "limit_out_of_range");
    refused("associations", json!({ "id": "a", "cursor": "x" }), 400, "cursor_invalid");
    server
        .get("/api/v1/spaces/default/memories/a/associations?direction=up")
        .problem(400, "invalid_value");
    let seeds: Vec<Value> = (0..65).map(|_| json!({ "id": "a" })).collect();
    refused("spread", json!({ "seeds": seeds }), 400, "too_many");
    refused("spread", json!({ "seeds": [] }), 400, "invalid_value");
    refused("spread", json!({}), 400, "missing_field");
    refused("spread", json!({ "seeds": [{"id": "nobody"}] }), 404, "memory_not_found");
    refused("spread", json!({ "seeds": [{"id": "a", "activation": 2}] }), 400, "out_of_range");
    refused("spread", json!({ "seeds": [{"id": "a"}], "hops": 9 }), 400, "out_of_range");
    refused("spread", json!({ "seeds": [{"id": "a"}], "edges_max": 0 }), 400, "out_of_range");
    refused("spread", json!({ "seeds": [{"id": "a"}], "limit": 0 }), 400, "limit_out_of_range");
    refused("remember", json!({ "text": "c", "wait": "forever" }), 400, "invalid_value");
    assert_eq!(server.count(), 2);
    let stats = server.ok("associations", &json!({ "id": "a", "kinds": ["explicit"] }));
    assert_eq!(stats["total"], 0);
}

#[test]
fn refused_forgetting_forgets_nothing() {
    let server = Fixture::start();
    server.remember("a", "text");
    for body in [
        json!({}),
        json!({ "ids": [] }),
        json!({ "filter": {} }),
        json!({ "ids": ["a"], "filter": {"tags": ["x"]} }),
    ] {
        server.call("forget", &body).problem(400, "selection_ambiguous");
    }
    server.call("forget", &json!({ "ids": ["a", "b"] })).problem(404, "memory_not_found");
    server.call("forget", &json!({ "ids": ["a"], "mode": "erase" })).problem(400, "invalid_value");
    assert_eq!(server.count(), 1);
}

#[test]
fn unknown_and_impossible_spaces() {
    let server = Fixture::start();
    let text = json!({ "text": "a" });
    server.post("/api/v1/spaces/nowhere/remember", &text).problem(404, "space_not_found");
    server.post("/api/v1/spaces/No%20Where/remember", &text).problem(400, "bad_space_name");
    server.get("/api/v1/spaces/nowhere/stats").problem(404, "space_not_found");
    server.delete("/api/v1/spaces/nowhere").problem(404, "space_not_found");
    let create = |body: Value, code: &str| server.post("/api/v1/spaces", &body).problem(400, code);
    create(json!({ "name": "Not OK" }), "bad_space_name");
    create(json!({ "name": "a", "embedder": "nobody" }), "embedder_unknown");
    create(json!({ "name": "a", "language": "xx" }), "language_unknown");
    create(json!({ "name": "a", "embedder": "none", "dimension": 5_000 }), "out_of_range");
    assert_eq!(server.get("/api/v1/spaces").json(200)["spaces"].as_array().unwrap().len(), 1);
    // A space without an embedder takes vectors only into similarity.
    let body = json!({ "name": "plain", "embedder": "none", "dimension": 2 });
    server.post("/api/v1/spaces", &body).json(201);
    let cue = json!({ "text": "a", "mode": "similarity" });
    server.post("/api/v1/spaces/plain/recall", &cue).problem(400, "mode_unsupported");
}

#[test]
fn paths_that_lead_nowhere() {
    let server = Fixture::start();
    let found = server.get("/api/v1/spacs").problem(404, "route_not_found");
    assert_eq!(found["nearest"], "/api/v1/spaces");
    server.get("/").problem(404, "route_not_found");
    let wrong = server.get(REMEMBER);
    wrong.problem(405, "method_not_allowed");
    assert_eq!(wrong.header("allow"), "POST");
    server.delete("/api/v1/spaces/default/memories/a").problem(405, "method_not_allowed");
    send(server.addr, "OPTIONS", REMEMBER, &[], b"").problem(405, "method_not_allowed");
    server.get("/api/v1/spaces/default/memories/..").problem(400, "bad_id");
    server.get("/api/v1/spaces/default/memories/%2e").problem(400, "bad_id");
    server.get("/api/v1/spaces/default/memories/%zz").problem(400, "unsafe_request");
    server.get("/api/v1/spaces/default/memories/%ff").problem(400, "invalid_utf8");
    let long = format!("/api/v1/spaces/default/memories/{}", "x".repeat(10_000));
    server.get(&long).problem(400, "bad_id");
}

#[test]
fn too_many_at_once_are_refused_as_a_whole() {
    let server = Fixture::start_with(&[("limits.batch_memories", "20")], parts());
    let memories = vec![json!({ "text": "a" }); 21];
    server.call("remember_many", &json!({ "memories": memories })).problem(400, "too_many");
    server.call("remember_many", &json!({ "memories": [] })).problem(400, "invalid_value");
    assert_eq!(server.count(), 0);
}
