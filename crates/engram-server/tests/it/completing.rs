//! Complete, predict and imagine over the wire.

use serde_json::{Value, json};

use crate::harness::Fixture;

/// Twelve shifts at two places, each with its person and team, and what follows on each of them.
fn shifts() -> Fixture {
    let server = Fixture::start();
    let mut memories = Vec::new();
    for n in 0..12 {
        let (place, person, team) =
            if n % 2 == 0 { ("harbour", "Ada", 1) } else { ("airport", "Bob", 2) };
        for (step, text) in ["arrival of goods", "goods are counted"].iter().enumerate() {
            memories.push(json!({
                "id": format!("{n}-{step}"), "text": text, "place": place, "people": [person],
                "session": format!("shift {n}"), "metadata": {"work": {"team": team}},
                "occurred_at": format!("2026-01-{:02}T0{step}:00:00Z", n + 1),
            }));
        }
    }
    server.ok("remember_many", &json!({ "memories": memories, "wait": "links" }));
    server
}

fn field<'a>(answer: &'a Value, name: &str) -> &'a Value {
    let fields = answer["fields"].as_array().unwrap();
    fields.iter().find(|field| field["field"] == name).expect(name)
}

#[test]
fn fields_are_filled_or_left_open_with_a_reason() {
    let server = shifts();
    let answer = server.ok("complete", &json!({ "partial": {"place": "harbour"} }));
    let people = field(&answer, "people");
    assert_eq!(people["filled"]["value"], json!(["Ada"]), "{answer}");
    assert!(people["abstained"].is_null());
    assert_eq!(people["filled"]["sources"].as_array().unwrap().len(), 10);
    assert_eq!(field(&answer, "metadata.work.team")["filled"]["value"], 1);
    let session = field(&answer, "session");
    assert_eq!(session["abstained"], "no_agreement", "{answer}");
    assert!(session["filled"].is_null());
    assert!(!session["alternatives"].as_array().unwrap().is_empty());
    assert_eq!(answer["looked_at"], 24);
    let named = json!({
        "partial": {"metadata": {"work": {"team": 2}}}, "fields": ["place"], "min_probability": 0.6,
        "evidence_max": 8, "filter": {"people": ["Bob"]},
    });
    let answer = server.ok("complete", &named);
    assert_eq!(answer["fields"].as_array().unwrap().len(), 1);
    let stats =
        server.ok("complete", &json!({ "partial": {"place": "nowhere"}, "fields": ["tags"] }));
    assert_eq!(stats["fields"][0]["abstained"], "no_evidence");
}

#[test]
fn what_follows_is_predicted() {
    let server = shifts();
    let answer = server.ok("predict", &json!({ "like": ["0-0"] }));
    assert_eq!(answer["antecedents"], 12, "{answer}");
    let first = &answer["predictions"][0];
    assert_eq!(first["memory"]["text"], "goods are counted");
    assert_eq!(
        (first["count"].as_u64(), first["sources"][0]["steps"].as_u64()),
        (Some(12), Some(1))
    );
    assert!(first["probability"].as_f64().unwrap() > 0.9);
    let by_parts =
        json!({ "partial": {"text": "arrival of goods", "place": "harbour"}, "steps_max": 1 });
    let answer = server.ok("predict", &by_parts);
    assert_eq!(answer["predictions"][0]["memory"]["text"], "goods are counted", "{answer}");
    let nothing = server.ok("predict", &json!({ "like": ["0-1"] }));
    assert_eq!(nothing["abstained"], "no_evidence");
    assert_eq!(nothing["predictions"], json!([]));
}

#[test]
fn what_is_imagined_says_so_and_is_not_stored() {
    let server = shifts();
    let request = json!({ "partial": {"place": "airport", "kind": "episode"}, "fields": ["people", "metadata.work.team"] });
    let answer = server.ok("imagine", &request);
    assert_eq!(answer["imagined"], true);
    assert_eq!(answer["memory"]["place"], "airport");
    assert_eq!(answer["memory"]["people"], json!(["Bob"]));
    assert_eq!(answer["memory"]["metadata"]["work"]["team"], 2);
    assert_eq!(answer["parts"].as_array().unwrap().len(), 2);
    assert_eq!(answer["precedents"], 12);
    assert_eq!(server.ok("list", &json!({}))["memories"].as_array().unwrap().len(), 24);
}

#[test]
fn refused_questions_about_partial_memories() {
    let server = shifts();
    for operation in ["complete", "imagine"] {
        let refused = |body: Value, code: &str| server.call(operation, &body).problem(400, code);
        refused(json!({}), "missing_field");
        refused(json!({ "partial": {} }), "empty_cue");
        refused(json!({ "partial": {"colour": "red"} }), "unknown_field");
        let problem =
            refused(json!({ "partial": {"place": "a"}, "fields": ["peple"] }), "invalid_value");
        assert_eq!(
            (&problem["field"], &problem["nearest"]),
            (&json!("fields[0]"), &json!("people"))
        );
        refused(json!({ "partial": {"place": "a"}, "fields": ["metadata."] }), "invalid_value");
        refused(json!({ "partial": {"place": "a"}, "evidence_max": 0 }), "out_of_range");
        refused(json!({ "partial": {"place": "a"}, "evidence_max": 10_001 }), "out_of_range");
        refused(json!({ "partial": {"vector": [1.0]} }), "wrong_dimension");
    }
    let body = json!({ "partial": {"place": "a"}, "min_probability": 2 });
    server.call("complete", &body).problem(400, "out_of_range");
    server.call("predict", &json!({})).problem(400, "empty_cue");
    server.call("predict", &json!({ "like": ["nobody"] })).problem(404, "memory_not_found");
    server
        .call("predict", &json!({ "like": ["0-0"], "steps_max": 9 }))
        .problem(400, "out_of_range");
    server
        .call("predict", &json!({ "like": ["0-0"], "limit": 0 }))
        .problem(400, "limit_out_of_range");
}
