//! What a space may hold and ask for: told in the words of the catalogue, over every door, and no other space feels it.

use std::thread;
use std::time::Duration;

use serde_json::{Value, json};
use tonic::Code;

use crate::grpc::GrpcClient;
use crate::harness::{Fixture, parts, send};

fn server(quotas: &[(&str, &str)]) -> Fixture {
    let fixture = Fixture::start_with(quotas, parts());
    let body = json!({"name": "other", "embedder": "builtin"});
    fixture.post("/api/v1/spaces", &body).json(201);
    fixture
}

fn into_other(fixture: &Fixture, operation: &str, body: &Value) -> u16 {
    fixture.post(&format!("/api/v1/spaces/other/{operation}"), body).status
}

#[test]
fn a_full_space_says_what_is_full_and_who_can_help() {
    let fixture = server(&[("quotas.spaces.default.memories", "1")]);
    fixture.remember("a", "tea");
    let problem = fixture
        .call("remember", &json!({"id": "b", "text": "milk"}))
        .problem(507, "quota_exceeded");
    assert_eq!(problem["detail"], "the space holds 1 memories and may hold 1");
    let stats = fixture.get("/api/v1/spaces/default/stats").json(200);
    assert_eq!(stats["quota"], json!({"memories": 1}));
    assert_eq!(into_other(&fixture, "remember", &json!({"id": "b", "text": "milk"})), 200);
    let stats = fixture.get("/api/v1/spaces/other/stats").json(200);
    assert_eq!(stats["quota"], Value::Null);
    let mut client = GrpcClient::of(&fixture);
    let status = client.remember("default", &json!({"text": "rum"})).unwrap_err();
    assert_eq!(status.code(), Code::ResourceExhausted, "{status:?}");
}

#[test]
fn a_space_that_asks_too_often_is_told_when_to_come_again_and_others_are_served() {
    let fixture = server(&[("quotas.reads_per_second", "2"), ("quotas.writes_per_second", "1")]);
    let recall = json!({"text": "tea"});
    for _ in 0..2 {
        assert_eq!(
            fixture.call("recall", &recall).status,
            200,
            "a second's worth may come at once"
        );
    }
    let refused =
        (0..50).map(|_| fixture.call("recall", &recall)).find(|reply| reply.status == 429);
    let refused = refused.expect("50 recalls in a row are more than two a second");
    assert_eq!(refused.header("retry-after"), "1");
    refused.problem(429, "rate_limited");
    assert_eq!(
        fixture.call("remember", &json!({"text": "tea"})).status,
        200,
        "writes are counted apart"
    );
    assert_eq!(into_other(&fixture, "recall", &recall), 200);
    thread::sleep(Duration::from_millis(1_100));
    assert_eq!(fixture.call("recall", &recall).status, 200);
}

#[test]
fn whoever_follows_takes_a_place_and_gives_it_back() {
    let fixture = server(&[("quotas.spaces.default.calls", "1")]);
    let recall = || fixture.call("recall", &json!({"text": "tea"})).status;
    let (followed, refused) = thread::scope(|scope| {
        // The recalls below may have the place first.
        let follower = scope.spawn(|| {
            let follow = || fixture.call("changes", &json!({"wait_seconds": 3})).status;
            (0..1_000).map(|_| follow()).find(|status| *status != 429)
        });
        let mut refused = false;
        while !refused && !follower.is_finished() {
            refused = recall() == 429;
            assert_eq!(into_other(&fixture, "recall", &json!({"text": "tea"})), 200);
            thread::sleep(Duration::from_millis(5));
        }
        (follower.join().unwrap(), refused)
    });
    assert_eq!((followed, refused), (Some(200), true));
    assert_eq!(recall(), 200);
}

#[test]
fn names_of_spaces_that_are_not_there_are_not_counted() {
    let fixture = server(&[("quotas.reads_per_second", "1")]);
    for _ in 0..20 {
        let reply = send(fixture.addr, "GET", "/api/v1/spaces/missing/stats", &[], b"");
        reply.problem(404, "space_not_found");
    }
}

#[test]
fn statements_are_counted_by_what_they_do() {
    let fixture = server(&[("quotas.spaces.default.calls", "1")]);
    let query = json!({"query": "RECALL 'tea'"});
    assert_eq!(fixture.call("query", &query).status, 200, "it takes one place and not two");
}
