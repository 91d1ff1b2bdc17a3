//! What is sent again, when, and with which key.

use std::collections::BTreeSet;
use std::time::Duration;

use engram_api::{
    AssociateRequest, AssociationsRequest, BeliefsRequest, ChangesRequest, CompleteRequest,
    ConsolidateRequest, CreateBackupRequest, CreateKeyRequest, CreateRestorePointRequest,
    CreateSpaceRequest, DissociateRequest, ErrorCode, ExportRequest, FadingRequest,
    FeedbackRequest, ForgetReceiptRequest, ForgetRequest, GetRequest, HistoryRequest,
    ImagineRequest, ImportRequest, ListRequest, MarksRequest, OPERATIONS, Operation,
    PredictRequest, Problem, QueryRequest, RecallRequest, RecognizeRequest, RememberManyRequest,
    RememberRequest, RestoreRequest, RestoreSpaceRequest, RetentionRequest, RevokeKeyRequest,
    RotateKeyRequest, SpreadRequest, TakeOverRepositoryRequest, UndoConsolidationRequest,
    UpdateRequest,
};
use engram_client::{Client, ClientError, ClientOptions, SpaceClient};
use serde_json::Value;

use crate::scripted::{Reply, Scripted, client, example, memory, problem, serve};

type Ask = fn(&Client) -> Result<(), ClientError>;

/// Reads, and writes whose repetition changes nothing more.
const SAFE: &[(&str, Ask)] = &[
    ("list_spaces", |client| client.list_spaces().map(drop)),
    ("status", |client| client.status().map(drop)),
    ("backup_status", |client| client.backup_status().map(drop)),
    ("list_keys", |client| client.list_keys().map(drop)),
    ("revoke_key", |client| client.revoke_key(&RevokeKeyRequest::default()).map(drop)),
    ("whoami", |client| client.whoami().map(drop)),
    ("version", |client| client.version().map(drop)),
    ("get_space", |client| client.get_space("s").map(drop)),
    ("space_stats", |client| client.space("s").stats().map(drop)),
    ("get", |client| client.space("s").get(&GetRequest::default()).map(drop)),
    ("list", |client| client.space("s").list(&ListRequest::default()).map(drop)),
    ("history", |client| client.space("s").history(&HistoryRequest::default()).map(drop)),
    ("recall", |client| client.space("s").recall(&RecallRequest::default()).map(drop)),
    ("recognize", |client| client.space("s").recognize(&RecognizeRequest::default()).map(drop)),
    ("spread", |client| client.space("s").spread(&SpreadRequest::default()).map(drop)),
    ("complete", |client| client.space("s").complete(&CompleteRequest::default()).map(drop)),
    ("predict", |client| client.space("s").predict(&PredictRequest::default()).map(drop)),
    ("imagine", |client| client.space("s").imagine(&ImagineRequest::default()).map(drop)),
    ("associations", |client| {
        client.space("s").associations(&AssociationsRequest::default()).map(drop)
    }),
    ("marks", |client| client.space("s").marks(&MarksRequest::default()).map(drop)),
    ("beliefs", |client| client.space("s").beliefs(&BeliefsRequest::default()).map(drop)),
    ("changes", |client| client.space("s").changes(&ChangesRequest::default()).map(drop)),
    ("fading", |client| client.space("s").fading(&FadingRequest::default()).map(drop)),
    ("export", |client| client.space("s").export(&ExportRequest::default()).map(drop)),
    ("import", |client| client.space("s").import(&ImportRequest::default()).map(drop)),
    ("retention", |client| client.space("s").retention(&RetentionRequest::default()).map(drop)),
    ("forget_receipt", |client| {
        client.space("s").forget_receipt(&ForgetReceiptRequest::default()).map(drop)
    }),
    ("associate", |client| client.space("s").associate(&AssociateRequest::default()).map(drop)),
    ("consolidate", |client| {
        client.space("s").consolidate(&ConsolidateRequest::default()).map(drop)
    }),
    ("forget", |client| {
        let request = ForgetRequest { dry_run: true, ..ForgetRequest::default() };
        client.space("s").forget(&request).map(drop)
    }),
    ("remember", |client| remember(&client.space("s"), Some("a"), None)),
    ("remember_many", |client| remember_many(&client.space("s"), &[Some("a"), Some("b")])),
];

/// What would do more than once, or hide what the first one did.
const ONCE: &[(&str, Ask)] = &[
    ("create_space", |client| client.create_space(&CreateSpaceRequest::default()).map(drop)),
    ("create_backup", |client| client.create_backup(&CreateBackupRequest::default()).map(drop)),
    ("create_restore_point", |client| {
        client.create_restore_point(&CreateRestorePointRequest::default()).map(drop)
    }),
    ("restore_space", |client| client.restore_space(&RestoreSpaceRequest::default()).map(drop)),
    ("take_over_repository", |client| {
        client.take_over_repository(&TakeOverRepositoryRequest::default()).map(drop)
    }),
    ("create_key", |client| client.create_key(&CreateKeyRequest::default()).map(drop)),
    ("rotate_key", |client| client.rotate_key(&RotateKeyRequest::default()).map(drop)),
    ("delete_space", |client| client.delete_space("s").map(drop)),
    ("dissociate", |client| client.space("s").dissociate(&DissociateRequest::default()).map(drop)),
    ("feedback", |client| client.space("s").feedback(&FeedbackRequest::default()).map(drop)),
    ("forget", |client| client.space("s").forget(&ForgetRequest::default()).map(drop)),
    ("query", |client| client.space("s").query(&QueryRequest::default()).map(drop)),
    ("restore", |client| client.space("s").restore(&RestoreRequest::default()).map(drop)),
    ("undo_consolidation", |client| {
        client.space("s").undo_consolidation(&UndoConsolidationRequest::default()).map(drop)
    }),
];

/// Writes that nothing identifies but a key.
const KEYED: &[(&str, Ask)] = &[
    ("remember", |client| remember(&client.space("s"), None, None)),
    ("remember_many", |client| remember_many(&client.space("s"), &[Some("a"), None])),
    ("update", |client| client.space("s").update(&UpdateRequest::default()).map(drop)),
];

fn remember(space: &SpaceClient, id: Option<&str>, key: Option<&str>) -> Result<(), ClientError> {
    let idempotency_key = key.map(str::to_owned);
    let request =
        RememberRequest { memory: memory(id), idempotency_key, ..RememberRequest::default() };
    space.remember(&request).map(drop)
}

fn remember_many(space: &SpaceClient, ids: &[Option<&str>]) -> Result<(), ClientError> {
    let memories = ids.iter().map(|id| memory(*id)).collect();
    space.remember_many(&RememberManyRequest { memories, ..Default::default() }).map(drop)
}

fn busy() -> Reply {
    Reply::Answer(503, problem(ErrorCode::Overloaded))
}

fn good(operation: &str) -> Reply {
    Reply::Answer(200, example(operation))
}

fn bodies(server: &Scripted) -> Vec<String> {
    server.seen.iter().map(|seen| seen.body).collect()
}

fn key_of(body: &str) -> Option<String> {
    let body: Value = serde_json::from_str(body).unwrap();
    body.get("idempotency_key").map(|key| key.as_str().unwrap().to_owned())
}

#[test]
fn each_operation_is_in_a_list() {
    let listed: BTreeSet<&str> = [SAFE, ONCE, KEYED].concat().iter().map(|own| own.0).collect();
    let all: BTreeSet<&str> = OPERATIONS.iter().map(|operation| operation.name).collect();
    assert_eq!(listed, all);
    for (name, _) in [SAFE, KEYED].concat() {
        assert!(Operation::by_name(name).unwrap().idempotent, "{name}");
    }
}

#[test]
fn what_was_refused_for_now_is_sent_again_where_that_is_safe() {
    for (name, ask) in SAFE {
        let server = serve(vec![busy(), busy(), good(name)]);
        assert_eq!(ask(&client(&server.url)), Ok(()), "{name}");
        let bodies = bodies(&server);
        assert_eq!(bodies.len(), 3, "{name}");
        assert!(bodies.iter().all(|body| body == &bodies[0]), "{name}: {bodies:?}");
    }
}

#[test]
fn without_a_key_what_was_lost_is_not_sent_again() {
    for (name, ask) in [SAFE, ONCE].concat() {
        let server = serve(vec![Reply::Lost]);
        let error = ask(&client(&server.url)).unwrap_err();
        assert!(matches!(error, ClientError::Transport { timed_out: false, .. }), "{name} {error}");
        assert_eq!(bodies(&server).len(), 1, "{name}");
    }
}

#[test]
fn what_would_do_more_than_once_is_sent_once() {
    for (name, ask) in ONCE {
        let server = serve(vec![busy()]);
        let error = ask(&client(&server.url)).unwrap_err();
        assert_eq!(error.problem().unwrap().code, "overloaded", "{name}");
        assert_eq!(bodies(&server).len(), 1, "{name}");
    }
}

#[test]
fn a_write_without_a_name_gets_a_key_and_survives_a_broken_connection() {
    for (name, ask) in KEYED {
        let server = serve(vec![Reply::Lost, busy(), Reply::Torn, Reply::Lost, good(name)]);
        assert_eq!(ask(&client(&server.url)), Ok(()), "{name}");
        let bodies = bodies(&server);
        assert_eq!(bodies.len(), 5, "{name}");
        assert!(bodies.iter().all(|body| body == &bodies[0]), "{name}: {bodies:?}");
        assert_eq!(key_of(&bodies[0]).unwrap().len(), 32, "{name}");
    }
}

#[test]
fn each_call_has_a_key_of_its_own() {
    for (name, ask) in KEYED {
        let server = serve(vec![good(name), good(name)]);
        let client = client(&server.url);
        assert_eq!((ask(&client), ask(&client)), (Ok(()), Ok(())), "{name}");
        let keys: BTreeSet<_> = bodies(&server).iter().map(|body| key_of(body)).collect();
        assert_eq!(keys.len(), 2, "{name}");
    }
}

#[test]
fn the_callers_key_is_kept_and_makes_a_retry_safe() {
    let server = serve(vec![Reply::Lost, good("remember")]);
    remember(&client(&server.url).space("s"), Some("a"), Some("mine")).unwrap();
    for body in bodies(&server) {
        assert_eq!(body, r#"{"id":"a","text":"hello","idempotency_key":"mine"}"#);
    }
}

#[test]
fn a_named_memory_gets_no_key() {
    let server = serve(vec![good("remember"), good("remember_many")]);
    let space = client(&server.url).space("s");
    remember(&space, Some("a"), None).unwrap();
    remember_many(&space, &[Some("a"), Some("b")]).unwrap();
    assert!(bodies(&server).iter().all(|body| key_of(body).is_none()));
}

#[test]
fn after_a_time_out_nothing_is_sent_again() {
    let server = serve(vec![Reply::Silence(Duration::from_millis(500))]);
    let request_timeout = Duration::from_millis(50);
    let options = ClientOptions { request_timeout, ..ClientOptions::new(&server.url) };
    let client = Client::with_options(options).unwrap();
    let error = remember(&client.space("s"), None, None).unwrap_err();
    assert!(matches!(error, ClientError::Transport { timed_out: true, .. }), "{error}");
    assert_eq!(bodies(&server).len(), 1);
}

#[test]
fn retries_end_and_other_problems_are_not_retried() {
    let server = serve(vec![(503, problem(ErrorCode::NotReady)); 5]);
    assert!(client(&server.url).status().is_err());
    assert_eq!(bodies(&server).len(), 5);

    let server = serve(vec![Reply::Lost; 3]);
    let retry_wait = Duration::from_millis(1);
    let options = ClientOptions { retries_max: 2, retry_wait, ..ClientOptions::new(&server.url) };
    let client_of_two = Client::with_options(options).unwrap();
    assert!(remember(&client_of_two.space("s"), None, None).is_err());
    assert_eq!(bodies(&server).len(), 3);

    let server = serve(vec![(404, problem(ErrorCode::MemoryNotFound))]);
    assert!(client(&server.url).space("s").get(&GetRequest::default()).is_err());
    assert_eq!(bodies(&server).len(), 1);
}

#[test]
fn no_wait_is_longer_than_the_longest() {
    let patient = Problem {
        retry_after_seconds: Some(600),
        ..Problem::new(ErrorCode::Overloaded, "scripted")
    };
    let refused = (503, serde_json::to_string(&patient).unwrap());
    let server = serve(vec![refused, (200, example("status"))]);
    let retry_wait_max = Duration::from_millis(1);
    let options = ClientOptions { retry_wait_max, ..ClientOptions::new(&server.url) };
    Client::with_options(options).unwrap().status().unwrap();
}

#[test]
fn what_is_called_as_json_goes_out_as_it_is() {
    let call = |name: &str, replies: Vec<Reply>| {
        let server = serve(replies);
        let operation = Operation::by_name(name).unwrap();
        let called = client(&server.url).call(operation, "s", br#"{"text": "x"}"#);
        (called.is_ok(), bodies(&server))
    };
    let sent = || r#"{"text": "x"}"#.to_owned();
    assert_eq!(call("recall", vec![busy(), good("recall")]), (true, vec![sent(), sent()]));
    for name in ["query", "remember", "associate"] {
        assert_eq!(call(name, vec![busy()]), (false, vec![sent()]), "{name}");
    }
    assert_eq!(call("delete_space", vec![good("delete_space")]), (true, vec![String::new()]));
}
