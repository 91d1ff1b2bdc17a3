//! Every operation on its good path.

use serde_json::{Value, json};

use crate::harness::{DIMENSION, Fixture, send};

fn vector(at: usize) -> Vec<f32> {
    let mut vector = vec![0.0; DIMENSION];
    vector[at] = 2.0;
    vector
}

#[test]
fn the_contract_can_be_read_in_a_browser() {
    let server = Fixture::start();
    let page = send(server.addr, "GET", "/docs", &[("Host", "localhost:80")], b"");
    assert_eq!((page.status, page.header("content-type")), (200, "text/html; charset=utf-8"));
    let policy = page.header("content-security-policy");
    assert!(policy.starts_with("default-src 'none'; style-src 'self';"), "{policy}");
    assert!(page.text().contains("curl 'http://localhost:80/api/v1/spaces/default/recall'"));
    let style = page.text().split_once("<link rel=\"stylesheet\" href=\"").unwrap().1.to_owned();
    let style = server.get(style.split('"').next().unwrap());
    assert_eq!((style.status, style.header("content-type")), (200, "text/css; charset=utf-8"));
}

#[test]
fn remember_get_and_list_keep_every_field() {
    let server = Fixture::start();
    let body = json!({
        "id": "a/b %2F \u{fc}", "kind": "fact", "title": "Title", "text": "Ada moved to Zurich", "session": "s1",
        "occurred_at": "2026-01-05T12:00:00.123456789+01:00", "occurred_until": "2026-01-05T12:00:00Z",
        "place": "Zurich", "people": ["Ada"], "entities": ["Zurich"], "tags": ["x", "y"],
        "metadata": {"a": {"b": [1, 2.5, null, true, "t"]}, "big": 18446744073709551615u64},
        "source": {"kind": "chat", "ref": "r", "trust": 0.5}, "subject": "Ada", "attribute": "home",
        "confidence": 0.75, "importance": 0.25, "valid_from": "2026-01-01T00:00:00Z",
        "valid_until": "2027-01-01T00:00:00Z", "expires_at": "2100-01-01T00:00:00Z",
    });
    let stored = server.ok("remember", &body);
    assert_eq!((&stored["created"], &stored["version"]), (&json!(true), &json!(1)));
    let path = "/api/v1/spaces/default/memories/a%2Fb%20%252F%20%C3%BC";
    let memory = server.get(path).json(200);
    for field in [
        "id",
        "kind",
        "title",
        "text",
        "session",
        "place",
        "people",
        "entities",
        "tags",
        "source",
        "subject",
        "attribute",
        "importance",
        "valid_from",
        "valid_until",
        "expires_at",
        "occurred_until",
    ] {
        assert_eq!(memory[field], body[field], "{field}");
    }
    assert_eq!(memory["metadata"]["a"], body["metadata"]["a"]);
    assert_eq!(memory["occurred_at"], "2026-01-05T11:00:00.123456789Z");
    assert_eq!((&memory["lsn"], &memory["state"]), (&stored["lsn"], &json!("active")));
    assert!(memory["confidence"]["low"].as_f64() < memory["confidence"]["high"].as_f64());
    assert!(memory["vectors"].is_null());
    let by_body = json!({ "id": body["id"], "include_vectors": true });
    let with_vectors = server.ok("get", &by_body);
    assert_eq!(with_vectors["vectors"][0].as_array().unwrap().len(), DIMENSION);
    let listed = server.get("/api/v1/spaces/default/memories?limit=5").json(200);
    assert_eq!(listed["memories"][0], memory);
    assert!(listed["next_cursor"].is_null());
}

#[test]
fn the_same_again_is_no_second_memory() {
    let server = Fixture::start();
    let first = server.remember("a", "hello there");
    let again = server.remember("a", "hello there");
    assert_eq!((&again["created"], &again["lsn"]), (&json!(false), &first["lsn"]));
    let copy = server.remember("b", "hello there");
    assert_eq!(copy["duplicates"], json!(["a"]));
    server.call("remember", &json!({"id": "a", "text": "other"})).problem(409, "id_conflict");
    let keyed = |key: &str, text: &str| {
        let headers = [("Content-Type", "application/json"), ("Idempotency-Key", key)];
        let body = json!({ "text": text }).to_string();
        send(server.addr, "POST", "/api/v1/spaces/default/remember", &headers, body.as_bytes())
    };
    let one = keyed("k", "keyed").json(200);
    assert_eq!(keyed("k", "keyed").json(200)["id"], one["id"]);
    keyed("k", "another").problem(409, "idempotency_conflict");
    let both = json!({ "text": "keyed", "idempotency_key": "k" });
    assert_eq!(server.ok("remember", &both)["id"], one["id"]);
    assert_eq!(server.count(), 3);
}

#[test]
fn remember_many_is_one_commit_and_partial_says_what_was_refused() {
    let server = Fixture::start();
    let memories: Vec<Value> =
        (0..100).map(|n| json!({ "id": format!("m{n}"), "text": format!("number {n}") })).collect();
    let answer = server.ok("remember_many", &json!({ "memories": memories }));
    assert_eq!(answer["created"], 100);
    for (n, result) in answer["results"].as_array().unwrap().iter().enumerate() {
        assert_eq!(result["stored"]["id"], format!("m{n}"));
        assert_eq!(result["stored"]["lsn"], answer["lsn"]);
    }
    // Spread over cores: the refused one keeps its place.
    let mut mixed: Vec<Value> =
        (0..50).map(|n| json!({ "id": format!("p{n}"), "text": "same text" })).collect();
    mixed[37] = json!({ "id": "p37", "text": "x", "confidence": 1.5 });
    let whole = server.call("remember_many", &json!({ "memories": mixed }));
    let problem = whole.problem(400, "out_of_range");
    assert_eq!(problem["field"], "memories[37].confidence");
    assert_eq!(server.count(), 100, "all or nothing");
    let partial = server.ok("remember_many", &json!({ "memories": mixed, "partial": true }));
    assert_eq!(partial["created"], 49);
    assert_eq!(partial["results"][37]["refused"]["field"], "memories[37].confidence");
    assert_eq!(server.count(), 149);
}

#[test]
fn recall_finds_by_words_and_by_vector_and_explains() {
    let server = Fixture::start();
    server.remember("cat", "the red cat sleeps on the sofa");
    server.remember("tax", "the quarterly tax report is due");
    server.ok("remember", &json!({ "id": "pure", "vector": vector(3) }));
    for mode in ["keyword", "similarity", "hybrid", "associative"] {
        let cue = json!({
            "text": "red cat", "mode": mode, "explain": true, "limit": 2, "observe": true,
        });
        let answer = server.ok("recall", &cue);
        assert_eq!(answer["items"][0]["memory"]["id"], "cat", "{mode}: {answer}");
        assert_eq!((&answer["outcome"], &answer["mode"]), (&json!("match"), &json!(mode)));
        assert_eq!(answer["trained"], false);
    }
    let answer = server.ok("recall", &json!({ "text": "red cat", "explain": true }));
    assert_eq!(answer["trained"], true);
    assert_eq!(answer["items"][0]["matched_terms"], json!(["red", "cat"]));
    let routes = answer["items"][0]["routes"].as_object().unwrap();
    assert!(routes.contains_key("vector") && routes.contains_key("text"), "{answer}");
    let by_vector =
        json!({ "vector": vector(3), "mode": "similarity", "limit": 1, "include_vectors": true });
    let answer = server.ok("recall", &by_vector);
    assert_eq!(answer["items"][0]["memory"]["id"], "pure");
    assert_eq!(answer["items"][0]["memory"]["vectors"][0][3], 1.0);
    let nothing = server.ok("recall", &json!({ "text": "zebra", "mode": "keyword" }));
    assert_eq!((&nothing["outcome"], &nothing["items"]), (&json!("nothing"), &json!([])));
}

#[test]
fn a_listing_shows_the_state_that_was_asked_for() {
    let server = Fixture::start();
    for id in ["a", "b", "c"] {
        assert_eq!(server.remember(id, id)["state"], "active");
    }
    server.ok("forget", &json!({ "ids": ["b"] }));
    let ids = |listed: Value| -> Vec<String> {
        let id = |memory: &Value| memory["id"].as_str().unwrap().to_owned();
        listed["memories"].as_array().unwrap().iter().map(id).collect()
    };
    assert_eq!(ids(server.ok("list", &json!({}))), ["a", "c"]);
    for (state, expected) in
        [("active", &["a", "c"][..]), ("suppressed", &["b"]), ("all", &["a", "b", "c"])]
    {
        assert_eq!(ids(server.ok("list", &json!({ "state": state }))), expected);
        let path = format!("/api/v1/spaces/default/memories?state={state}");
        assert_eq!(ids(server.get(&path).json(200)), expected);
    }
    server.call("list", &json!({ "state": "deleted" })).problem(400, "invalid_value");
    let page = server.ok("list", &json!({ "state": "all", "limit": 1 }));
    let other = json!({ "state": "active", "cursor": page["next_cursor"] });
    server.call("list", &other).problem(400, "cursor_invalid");

    // What is remembered again while it is suppressed stays so, and the answer says it.
    let again = server.ok("remember", &json!({ "id": "b", "text": "b" }));
    assert_eq!((&again["created"], &again["state"]), (&json!(false), &json!("suppressed")));
}

#[test]
fn confidence_says_what_was_stated() {
    let server = Fixture::start();
    let bodies = [json!({ "text": "a" }), json!({ "text": "b", "confidence": 0.0 })];
    let stated = bodies.map(|body| {
        let id = server.ok("remember", &body)["id"].clone();
        server.ok("get", &json!({ "id": id }))["confidence"]["stated"].clone()
    });
    assert_eq!(stated, [Value::Null, json!(0.0)]);
}

#[test]
fn filters_narrow_recall_and_list() {
    let server = Fixture::start();
    for (id, day, tag, priority) in [("a", 1, "x", 1), ("b", 2, "y", 2), ("c", 3, "x", 3)] {
        let body = json!({
            "id": id, "text": format!("meeting {id}"), "occurred_at": format!("2026-01-0{day}T00:00:00Z"), "tags": [tag],
            "people": [id.to_uppercase()], "metadata": {"t": {"priority": priority}},
        });
        server.ok("remember", &body);
    }
    let ids = |filter: &Value| {
        let listed = server.ok("list", &json!({ "filter": filter }));
        let recalled = server.ok("recall", &json!({ "text": "meeting", "filter": filter }));
        let id = |memory: &Value| memory["id"].as_str().unwrap().to_owned();
        let listed: Vec<String> = listed["memories"].as_array().unwrap().iter().map(id).collect();
        let mut found: Vec<String> =
            recalled["items"].as_array().unwrap().iter().map(|item| id(&item["memory"])).collect();
        found.sort();
        assert_eq!(listed, found, "{filter}");
        listed.join("")
    };
    assert_eq!(ids(&json!({})), "abc");
    assert_eq!(ids(&json!({ "tags": ["x"] })), "ac");
    assert_eq!(ids(&json!({ "people": ["B", "C"] })), "bc");
    assert_eq!(ids(&json!({ "occurred_after": "2026-01-02T00:00:00Z" })), "bc");
    assert_eq!(ids(&json!({ "occurred_before": "2026-01-02T00:00:00Z" })), "a");
    assert_eq!(ids(&json!({ "metadata": {"t.priority": {"gte": 2, "lt": 3}} })), "b");
    assert_eq!(ids(&json!({ "not": {"tags": ["x"]} })), "b");
    assert_eq!(ids(&json!({ "or": [{"ids": ["a"]}, {"ids": ["c"]}] })), "ac");
}

#[test]
fn pages_join_without_gap_or_repetition_while_memories_come_and_go() {
    let server = Fixture::start();
    let memories: Vec<Value> = (0..25)
        .map(|n| json!({ "id": format!("m{n:02}"), "text": format!("number {n}") }))
        .collect();
    server.ok("remember_many", &json!({ "memories": memories }));
    let mut seen = Vec::new();
    let mut cursor = Value::Null;
    loop {
        let page = server.ok("list", &json!({ "limit": 10, "cursor": cursor }));
        for memory in page["memories"].as_array().unwrap() {
            seen.push(memory["id"].as_str().unwrap().to_owned());
        }
        if page["next_cursor"].is_null() {
            break;
        }
        cursor = page["next_cursor"].clone();
        if seen.len() == 10 {
            // The last one seen goes away; the place stays.
            server.ok("forget", &json!({ "ids": ["m09", "m15"], "mode": "delete" }));
        }
    }
    let expected: Vec<String> = (0..25).filter(|n| *n != 15).map(|n| format!("m{n:02}")).collect();
    assert_eq!(seen, expected);
}

#[test]
fn a_cursor_belongs_to_its_space_and_filter() {
    let server = Fixture::start();
    server.post("/api/v1/spaces", &json!({ "name": "other" })).json(201);
    for n in 0..3 {
        server.remember(&format!("m{n}"), "text");
    }
    let page = server.ok("list", &json!({ "limit": 1 }));
    let cursor = page["next_cursor"].as_str().unwrap();
    let good = server.get(&format!("/api/v1/spaces/default/memories?limit=1&cursor={cursor}"));
    assert_eq!(good.json(200)["memories"][0]["id"], "m1");
    let other = server.get(&format!("/api/v1/spaces/other/memories?cursor={cursor}"));
    other.problem(400, "cursor_invalid");
    let filtered = json!({ "cursor": cursor, "filter": {"tags": ["x"]} });
    server.call("list", &filtered).problem(400, "cursor_invalid");
    server.call("list", &json!({ "cursor": "nonsense" })).problem(400, "cursor_invalid");
}

#[test]
fn forget_and_restore() {
    let server = Fixture::start();
    for id in ["a", "b", "c"] {
        server.ok("remember", &json!({ "id": id, "text": format!("memory {id}"), "tags": [id] }));
    }
    let dry = server.ok("forget", &json!({ "filter": {"tags": ["a"]}, "dry_run": true }));
    assert_eq!(
        (&dry["dry_run"], &dry["count"], &dry["ids"]),
        (&json!(true), &json!(1), &json!(["a"]))
    );
    assert!(dry["receipt"].is_null());
    assert_eq!(server.count(), 3);
    let hidden = server.ok("forget", &json!({ "ids": ["a"] }));
    assert_eq!(hidden["receipt"]["count"], 1);
    let path = "/api/v1/spaces/default/memories/a";
    server.get(path).problem(404, "memory_not_found");
    let stats = server.get("/api/v1/spaces/default/stats").json(200);
    assert_eq!((&stats["memories"], &stats["suppressed"]), (&json!(2), &json!(1)));
    assert_eq!(server.ok("restore", &json!({ "filter": {} }))["ids"], json!(["a"]));
    server.get(path).json(200);
    let gone = server.ok("forget", &json!({ "ids": ["a"], "mode": "delete" }));
    assert_eq!(gone["receipt"]["mode"], "delete");
    server.call("restore", &json!({ "ids": ["a"] })).problem(404, "memory_not_found");
    assert_eq!(server.count(), 2);
}

#[test]
fn spaces_are_created_shown_and_deleted() {
    let server = Fixture::start();
    let body = json!({ "name": "notes", "embedder": "none", "dimension": 3, "language": "de" });
    let created = server.post("/api/v1/spaces", &body).json(201);
    assert_eq!((&created["name"], &created["dimension"]), (&json!("notes"), &json!(3)));
    assert_eq!(
        (&created["embedder"]["provider"], &created["language"]),
        (&json!("none"), &json!("de"))
    );
    assert_eq!(server.get("/api/v1/spaces/notes").json(200), created);
    let spaces = server.get("/api/v1/spaces").json(200);
    let names: Vec<&Value> =
        spaces["spaces"].as_array().unwrap().iter().map(|s| &s["name"]).collect();
    assert_eq!(names, ["default", "notes"]);
    server.post("/api/v1/spaces", &body).problem(409, "space_exists");
    let remember = json!({ "vector": [0.0, 3.0, 4.0] });
    server.post("/api/v1/spaces/notes/remember", &remember).json(200);
    let gone = server.delete("/api/v1/spaces/notes").json(200);
    assert_eq!((&gone["memories"], &gone["uuid"]), (&json!(1), &created["uuid"]));
    server.get("/api/v1/spaces/notes").problem(404, "space_not_found");
}

#[test]
fn the_node_says_what_it_is() {
    let server = Fixture::start();
    server.remember("a", "text");
    let status = server.get("/api/v1/status").json(200);
    assert_eq!(
        (&status["state"], &status["spaces"], &status["memories"]),
        (&json!("ready"), &json!(1), &json!(1))
    );
    for path in ["/version", "/api/v1/version"] {
        assert_eq!(server.get(path).json(200)["api"], "v1");
    }
    assert_eq!(server.get("/livez").json(200)["status"], "alive");
    let ready = server.get("/readyz").json(200);
    assert_eq!((&ready["ready"], &ready["recovery"]["damage"]), (&json!(true), &json!(0)));
    assert!(ready["checks"].as_array().unwrap().iter().all(|check| check["ok"] == true));
    assert_eq!(
        server.get("/openapi.json").json(200)["openapi"].as_str().unwrap().get(..2),
        Some("3.")
    );
}

#[test]
fn metrics_count_what_happened() {
    let server = Fixture::start();
    server.remember("a", "text");
    server.get("/api/v1/spaces/default/memories/none").problem(404, "memory_not_found");
    let text = server.get("/metrics").text();
    for line in [
        r#"engram_requests_total{door="rest",operation="remember",status="200"} 1"#,
        r#"engram_requests_total{door="rest",operation="get",status="404"} 1"#,
        r#"engram_space_memories{space="default"} 1.0"#,
        r#"engram_space_requests_total{space="default"} 2"#,
        r#"engram_embed_texts_total{embedder="builtin"} 1"#,
        "engram_ready 1.0",
    ] {
        assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
    }
    let value = |name: &str| {
        let line = text.lines().find(|line| line.starts_with(&format!("{name} "))).unwrap();
        line.rsplit(' ').next().unwrap().parse::<f64>().unwrap()
    };
    // The associations of the memory are a commit of their own, and a batch is counted right after its answers.
    while server.get("/metrics").text().contains("engram_commit_batch_commits_count 0\n") {}
    assert!(value("engram_log_syncs_total") >= 1.0);
    assert!(value("engram_process_resident_bytes") > 1e6);
    assert!(text.ends_with("# EOF\n"));
}

#[test]
fn feedback_moves_what_retention_tells() {
    let server = Fixture::start();
    server.remember("cat", "the red cat sleeps on the sofa");
    let judged = json!({ "id": "cat", "verdict": "useful", "source": "reviewer", "reason": "yes" });
    let answer = server.ok("feedback", &judged);
    assert_eq!(answer["confidence"]["evidence"], 2.0, "{answer}");
    assert_eq!(answer["strength"]["uses"], 1);
    let told = server.ok("retention", &json!({ "id": "cat", "horizon_days": 30.0 }));
    assert_eq!(told["reviews"].as_array().unwrap().len(), 1, "{told}");
    assert_eq!(told["sources"], json!([{ "supports": 1, "opposes": 0 }]));
    assert_eq!(told["falls_to"].as_array().unwrap().len(), 3);
    let pinned = json!({ "id": "pin", "text": "never fade", "decay": { "pinned": true } });
    server.ok("remember", &pinned);
    let memory = server.ok("get", &json!({ "id": "pin" }));
    assert_eq!(memory["strength"]["law"], "pinned");
    assert!(memory["strength"].get("stability_days").is_none(), "{memory}");
    assert_eq!(memory["decay"], json!({ "pinned": true }));
    let good = json!({ "id": "cat", "verdict": "good" });
    server.call("feedback", &good).problem(400, "invalid_value");
}

#[test]
fn a_session_primes_its_next_recall() {
    let server = Fixture::start();
    server.remember("cat", "the red cat was found on the sofa");
    server.remember("dog", "the old dog was found in the yard");
    let prime = json!({ "session": "chat" });
    let first = server.ok("recall", &json!({ "text": "old dog", "prime": prime, "limit": 1 }));
    assert_eq!(first["primed"], json!({ "turn": 1, "memories": 0 }), "{first}");
    let cue = json!({ "text": "where was it found?", "prime": prime, "limit": 1, "explain": true, "weights": { "priming": 1.0 } });
    let answer = server.ok("recall", &cue);
    let item = &answer["items"][0];
    assert_eq!((&item["memory"]["id"], &item["primed_by"]["id"]), (&json!("dog"), &json!("dog")));
    assert_eq!(item["primed_by"]["turns"], 1);
    assert!(item["routes"]["priming"]["contribution"].as_f64().unwrap() > 0.0, "{item}");
    let next = answer["next_cursor"].as_str().unwrap();
    let mut further = cue;
    further["cursor"] = json!(next);
    let page = server.ok("recall", &further);
    assert_eq!(
        (&page["items"][0]["memory"]["id"], &page["primed"]["turn"]),
        (&json!("cat"), &json!(2))
    );
    let unnamed = json!({ "text": "x", "prime": { "session": "" } });
    server.call("recall", &unnamed).problem(400, "invalid_value");
}

#[test]
fn feedback_on_a_recall_calibrates_relevance() {
    let server = Fixture::start();
    server.remember("cat", "the red cat sleeps on the sofa");
    let cue = json!({ "text": "red cat", "mode": "keyword", "observe": true });
    let item = server.ok("recall", &cue)["items"][0].clone();
    assert_eq!(item["relevance"], item["uncalibrated"]);
    let recalled = json!({ "relevance": item["relevance"], "uncalibrated": item["uncalibrated"], "mode": "keyword" });
    let judged = json!({ "id": "cat", "verdict": "not_useful", "recalled": recalled });
    for _ in 0..5 {
        server.ok("feedback", &judged);
    }
    let after = server.ok("recall", &cue)["items"][0].clone();
    assert_eq!(after["uncalibrated"], item["relevance"]);
    assert!(after["relevance"].as_f64() < item["relevance"].as_f64(), "{after}");
    let stats: Value = server.get("/api/v1/spaces/default/stats").json(200);
    assert_eq!(stats["calibration"][0]["judgements"], 5, "{stats}");
    let beyond = json!({ "id": "cat", "verdict": "useful", "recalled": { "relevance": 2.0, "mode": "keyword" } });
    server.call("feedback", &beyond).problem(400, "out_of_range");
}

#[test]
fn an_update_that_cites_a_recall_is_weighed() {
    let server = Fixture::start();
    server.remember("cat", "the red cat sleeps on the sofa");
    for source in ["one", "two", "three"] {
        server.ok("feedback", &json!({ "id": "cat", "verdict": "useful", "source": source }));
    }
    let at = server.ok("recall", &json!({ "text": "red cat" }))["recalled_at"].clone();
    let update = json!({
        "id": "cat", "set": { "text": "the red cat sleeps on the bed" }, "after_recall": { "recalled_at": at },
    });
    let weighed = server.ok("update", &update)["reconsolidated"].clone();
    let weight = weighed["weight"].as_f64().unwrap();
    assert!(weight > 0.0 && weight < 1.0, "{weighed}");
    let history = server.ok("history", &json!({ "id": "cat" }));
    assert_eq!(history["versions"][0]["reconsolidated"], weighed);
    let confidence = server.ok("get", &json!({ "id": "cat" }))["confidence"]["mean"].as_f64();
    assert!(confidence < Some(2.0 / 3.0), "{confidence:?}");
}

#[test]
fn what_fades_next_is_told() {
    let server = Fixture::start();
    let quick = json!({ "law": "exponential", "half_life_days": 2.0 });
    server.ok("remember", &json!({ "id": "quick", "text": "a tram ticket", "decay": quick }));
    server.ok("remember", &json!({ "id": "slow", "text": "a birthday" }));
    server.ok("remember", &json!({ "id": "pin", "text": "a name", "decay": { "pinned": true } }));
    let told = server.ok("fading", &json!({ "below": 0.5, "within_days": 30.0 }));
    assert_eq!((&told["falling"], &told["staying"]), (&json!(1), &json!(2)), "{told}");
    let item = &told["items"][0];
    assert_eq!(
        (&item["memory"]["id"], &item["memory"]["strength"]["law"]),
        (&json!("quick"), &json!("exponential"))
    );
    assert!((item["in_days"].as_f64().unwrap() - 2.0).abs() < 0.01, "{item}");
    let all = server.get("/api/v1/spaces/default/fading?limit=5&below=0.5").json(200);
    assert_eq!(all["items"].as_array().unwrap().len(), 2);
    server.call("fading", &json!({ "below": 1.5 })).problem(400, "out_of_range");
}

/// Each condition of its own, on memories in chunks and behind them.
#[test]
fn filters_look_at_what_memories_say() {
    let server = Fixture::start();
    let remember =
        |memory: Value| server.post("/api/v1/spaces/default/remember", &memory).json(200);
    remember(json!({"id": "a", "text": "The lake is cold.", "importance": 0.9, "place": "Zurich"}));
    remember(
        json!({"id": "b", "text": "The Lake house", "importance": 0.25, "metadata": {"k": "x_1"}}),
    );
    remember(json!({"id": "c", "text": "Nothing", "subject": "Ada", "metadata": {"k": "xx1"}}));
    let ids = |filter: Value| {
        let body = json!({"filter": filter});
        let listed = server.post("/api/v1/spaces/default/list", &body).json(200);
        let memories = listed["memories"].as_array().unwrap().clone();
        memories.iter().map(|memory| memory["id"].as_str().unwrap().to_owned()).collect::<String>()
    };
    let fields = |fields: Value| ids(json!({"fields": fields}));
    assert_eq!(fields(json!({"text": {"like": "%lake%"}})), "a");
    assert_eq!(fields(json!({"text": {"like": "The _ake%"}})), "ab");
    assert_eq!(fields(json!({"importance": 0.9})), "a", "0.9 is kept in 32 bits");
    assert_eq!(fields(json!({"importance": {"gte": 0.25}})), "ab");
    assert_eq!(fields(json!({"importance": {"exists": false}})), "c");
    assert_eq!(fields(json!({"place": {"ne": "Zurich"}})), "bc");
    assert_eq!(fields(json!({"subject": {"in": ["Ada", "Bob"]}, "version": 1})), "c");
    assert_eq!(ids(json!({"metadata": {"k": {"like": r"x\_%"}}})), "b");
    assert_eq!(ids(json!({"metadata": {"k": {"ne": "xx1"}}})), "ab", "absent is not equal");
    let refused = |fields: Value, code: &str| {
        server.call("list", &json!({"filter": {"fields": fields}})).problem(400, code)
    };
    let sort = refused(json!({"importance": {"gte": "high"}}), "invalid_value");
    assert!(sort["detail"].as_str().unwrap().contains("holds a number"), "{sort}");
    let unknown = refused(json!({"importanc": 1}), "invalid_value");
    assert_eq!(unknown["nearest"], "importance", "{unknown}");
    let long = json!({"filter": {"fields": {"text": {"like": "%a".repeat(200)}}}});
    server.call("list", &long).problem(400, "too_long");
}
