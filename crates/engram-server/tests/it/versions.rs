//! Newer versions, their history, and the past, over HTTP.

use serde_json::{Value, json};

use crate::harness::{Fixture, send};

fn keyword(server: &Fixture, body: &Value) -> Vec<String> {
    let mut body = body.clone();
    body["mode"] = json!("keyword");
    let answer = server.ok("recall", &body);
    let items = answer["items"].as_array().unwrap().iter();
    items.map(|item| item["memory"]["text"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn an_update_adds_a_version_and_the_history_tells_it() {
    let server = Fixture::start();
    let body = json!({
        "id": "a/1", "text": "Ada lives in Zurich", "place": "Zurich", "tags": ["x"],
        "metadata": {"n": 1}, "source": {"kind": "chat"}, "valid_from": "2026-01-01T00:00:00Z",
    });
    let first = server.ok("remember", &body);
    let update = json!({
        "id": "a/1", "set": {"text": "Ada lives in Basel", "place": null, "metadata": null},
        "if_version": 1, "reason": "She moved.",
    });
    let second = server.ok("update", &update);
    assert_eq!((&second["version"], &second["updated"]), (&json!(2), &json!(true)));
    let overtaken = server.call("update", &update).problem(409, "version_mismatch");
    assert_eq!(overtaken["errno"], "ERR-3005");
    let now = server.get("/api/v1/spaces/default/memories/a%2F1").json(200);
    assert_eq!((&now["version"], &now["text"]), (&json!(2), &json!("Ada lives in Basel")));
    assert_eq!((&now["place"], &now["tags"]), (&Value::Null, &json!(["x"])));
    let same = server.ok("update", &json!({"id": "a/1", "set": {"text": "Ada lives in Basel"}}));
    assert_eq!((&same["version"], &same["updated"]), (&json!(2), &json!(false)));
    let history = server.get("/api/v1/spaces/default/memories/a%2F1/history").json(200);
    assert_eq!(history, server.ok("history", &json!({"id": "a/1"})));
    let versions = history["versions"].as_array().unwrap();
    assert_eq!(versions.len(), 2);
    assert_eq!(versions[0]["reason"], "She moved.");
    assert_eq!((&versions[0]["replaced_at"], &versions[0]["lsn"]), (&Value::Null, &second["lsn"]));
    assert_eq!(versions[1]["replaced_at"], versions[0]["committed_at"]);
    // What an older version said could be stored again as it stands.
    let mut said = body;
    said["kind"] = json!("episode");
    assert_eq!(versions[1]["memory"], said);
    let whole = json!({"id": "a/1", "memory": {"text": "Ada lives in Bern"}});
    assert_eq!(server.ok("update", &whole)["version"], 3);
    assert_eq!(server.ok("get", &json!({"id": "a/1"}))["tags"], Value::Null);
    server.ok("forget", &json!({"ids": ["a/1"], "mode": "delete"}));
    server.call("history", &json!({"id": "a/1"})).problem(404, "memory_not_found");
    assert_eq!(first["version"], 1);
}

#[test]
fn the_past_is_asked_for_by_commit_and_by_time() {
    let server = Fixture::start();
    let first = server.remember("m", "the ferry is red");
    let second = server.ok("update", &json!({"id": "m", "set": {"text": "the ferry is blue"}}));
    let path = "/api/v1/spaces/default/memories/m";
    let then = |as_of: &str| server.get(&format!("{path}?as_of={as_of}"));
    assert_eq!(then(&first["lsn"].to_string()).json(200)["version"], 1);
    let time = first["committed_at"].as_str().unwrap();
    assert_eq!(then(time).json(200)["version"], 1);
    assert_eq!(then(second["committed_at"].as_str().unwrap()).json(200)["version"], 2);
    then("2001-01-01T00:00:00Z").problem(404, "memory_not_found");
    then("yesterday").problem(400, "bad_time");
    let cue = json!({"text": "ferry", "as_of": first["lsn"]});
    assert_eq!(keyword(&server, &cue), ["the ferry is red"]);
    assert_eq!(keyword(&server, &json!({"text": "ferry"})), ["the ferry is blue"]);
    let told = json!({"id": "m", "set": {"valid_until": "2026-01-01T00:00:00Z"}});
    server.ok("update", &told);
    for (at, expected) in [("2025-12-31T23:59:59Z", 1), ("2026-01-01T00:00:00Z", 0)] {
        let cue = json!({"text": "ferry", "filter": {"valid_at": at}});
        assert_eq!(keyword(&server, &cue).len(), expected, "{at}");
        let listed = server.ok("list", &json!({"filter": {"valid_at": at}}));
        assert_eq!(listed["memories"].as_array().unwrap().len(), expected, "{at}");
    }
}

#[test]
fn a_wrong_update_changes_nothing() {
    let server = Fixture::start();
    server.remember("m", "the ferry");
    for (body, status, code) in [
        (json!({"id": "m"}), 400, "missing_field"),
        (json!({"id": "m", "set": {}, "memory": {"text": "x"}}), 400, "invalid_value"),
        (json!({"id": "m", "set": {"txt": "x"}}), 400, "unknown_field"),
        (json!({"id": "m", "set": {"text": null}}), 400, "no_content"),
        (json!({"id": "m", "set": {"confidence": 2.0}}), 400, "out_of_range"),
        (json!({"id": "m", "set": {"valid_from": "soon"}}), 400, "bad_time"),
        (json!({"id": "m", "set": {"text": "x"}, "reason": "r".repeat(2_000)}), 400, "too_long"),
        (json!({"id": "nobody", "set": {"text": "x"}}), 404, "memory_not_found"),
    ] {
        server.call("update", &body).problem(status, code);
    }
    let history = server.ok("history", &json!({"id": "m"}));
    assert_eq!(history["versions"].as_array().unwrap().len(), 1);
    let headers = [("Content-Type", "application/json"), ("Idempotency-Key", "k")];
    let keyed = |body: Value| {
        let body = body.to_string();
        send(server.addr, "POST", "/api/v1/spaces/default/update", &headers, body.as_bytes())
    };
    let change = json!({"id": "m", "set": {"text": "the train"}, "if_version": 1});
    let first = keyed(change.clone()).json(200);
    assert_eq!(keyed(change).json(200), first);
    keyed(json!({"id": "m", "set": {"text": "x"}})).problem(409, "idempotency_conflict");
}

#[test]
fn an_entity_tag_is_a_version_and_guards_an_update() {
    let server = Fixture::start();
    server.remember("a", "Ada lives in Zurich.");
    let got = server.get("/api/v1/spaces/default/memories/a");
    assert_eq!(got.header("etag"), "\"1\"");
    let update = |tag: &str, body: &Value| {
        let headers = [("Content-Type", "application/json"), ("If-Match", tag)];
        let path = "/api/v1/spaces/default/update";
        send(server.addr, "POST", path, &headers, body.to_string().as_bytes())
    };
    let body = json!({"id": "a", "set": {"text": "Ada lives in Basel."}});
    let updated = update("\"1\"", &body);
    assert_eq!((updated.status, updated.header("etag")), (200, "\"2\""));
    update("\"1\"", &json!({"id": "a", "set": {"text": "again"}})).problem(409, "version_mismatch");
    update("1", &body).problem(400, "invalid_value");
    let both = json!({"id": "a", "set": {"text": "again"}, "if_version": 1});
    update("\"2\"", &both).problem(400, "invalid_value");
    assert_eq!(update("*", &json!({"id": "a", "set": {"text": "again"}})).status, 200);
    let headers = [("Content-Type", "application/json"), ("If-Match", "\"1\"")];
    let forget = json!({"ids": ["a"]}).to_string();
    let path = "/api/v1/spaces/default/forget";
    send(server.addr, "POST", path, &headers, forget.as_bytes()).problem(400, "invalid_value");
}
