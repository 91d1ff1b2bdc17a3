//! What goes out and what comes back.

use engram_api::{
    AssociateRequest, AssociationsRequest, CompleteRequest, ConsolidateRequest, DissociateRequest,
    ErrorCode, ImagineRequest, ListRequest, PredictRequest, Problem, RecognizeRequest,
    RememberRequest, SpreadRequest,
};
use engram_client::{ApiKey, Client, ClientError, ClientOptions};

use crate::scripted::{Reply, client, example, memory, problem, serve};

fn named() -> RememberRequest {
    RememberRequest { memory: memory(Some("a")), ..RememberRequest::default() }
}

#[test]
fn a_call_has_the_path_the_type_and_the_body_of_its_operation() {
    let server = serve(vec![(200, example("remember")), (200, example("list_spaces"))]);
    let client = client(&server.url);
    let answer = client.space("notes").remember(&named()).unwrap();
    assert_eq!((answer.id.as_str(), answer.lsn, answer.created), ("chat-17", 12, true));
    let seen = server.seen.recv().unwrap();
    assert_eq!(seen.line, "POST /api/v1/spaces/notes/remember HTTP/1.1");
    assert_eq!(seen.content_type.as_deref(), Some("application/json"));
    assert_eq!(seen.body, r#"{"id":"a","text":"hello"}"#);

    assert_eq!(client.list_spaces().unwrap().spaces.len(), 1);
    assert_eq!(server.seen.recv().unwrap().line, "GET /api/v1/spaces HTTP/1.1");
}

#[test]
fn every_request_says_who_asks_and_follows_nobody_elsewhere() {
    let elsewhere = serve(vec![(200, example("recall"))]);
    let replies = vec![
        Reply::from((200, example("version"))),
        Reply::from((200, example("remember"))),
        Reply::from((200, format!("event: done\ndata: {}\n\n", example("consolidate")))),
        Reply::from((200, example("delete_space"))),
        Reply::Redirect(elsewhere.url.clone()),
    ];
    let server = serve(replies);
    let api_key = Some(ApiKey::new("secret").unwrap());
    let options = ClientOptions { api_key, ..ClientOptions::new(&server.url) };
    let known = Client::with_options(options).unwrap();
    known.version().unwrap();
    known.space("notes").remember(&named()).unwrap();
    known.space("notes").consolidate_told(&ConsolidateRequest::default(), &mut drop).unwrap();
    known.delete_space("notes").unwrap();
    let error = known.space("notes").list(&ListRequest::default()).unwrap_err();
    assert!(matches!(error, ClientError::Decode { status: 307, .. }), "{error}");
    for seen in server.seen.iter() {
        assert_eq!(seen.authorization.as_deref(), Some("Bearer secret"), "{}", seen.line);
    }
    assert!(elsewhere.seen.try_recv().is_err());

    let server = serve(vec![(200, example("version"))]);
    client(&server.url).version().unwrap();
    assert_eq!(server.seen.recv().unwrap().authorization, None);
}

#[test]
fn steps_are_handed_over_as_they_come_and_a_broken_stream_is_told() {
    let step =
        r#"{"memories":256,"formed":["belief-1"],"changed":[],"withdrawn":[],"remaining":8}"#;
    let whole = format!("event: progress\ndata: {step}\n\n:\n\nevent: done\ndata: {step}\n\n");
    let busy = problem(ErrorCode::Overloaded);
    let torn = format!("event: progress\ndata: {step}\n\n");
    let ended = format!("{torn}event: problem\ndata: {busy}\n\n");
    let refused = serde_json::to_string(&Problem::new(ErrorCode::OutOfRange, "no")).unwrap();
    let answers = vec![(503, busy), (200, whole), (200, ended), (200, torn), (400, refused)];
    let server = serve(answers);
    let space = client(&server.url).space("notes");
    let mut told = Vec::new();
    let mut ask =
        || space.consolidate_told(&ConsolidateRequest::default(), &mut |it| told.push(it));
    assert_eq!(
        ask().unwrap().formed,
        ["belief-1"],
        "what was refused before it began is asked again"
    );
    let code = |error: ClientError| error.problem().map(|problem| problem.code.clone());
    assert_eq!(code(ask().unwrap_err()), Some("overloaded".to_owned()));
    let broken = ask().unwrap_err();
    assert!(matches!(&broken, ClientError::Transport { .. }), "{broken}");
    assert_eq!(code(ask().unwrap_err()), Some("out_of_range".to_owned()));
    assert_eq!((told.len(), told[0].remaining), (3, 8));
    assert_eq!(server.seen.recv().unwrap().line, "POST /api/v1/spaces/notes/consolidate HTTP/1.1");
}

#[test]
fn associations_and_activation_have_methods() {
    let names = ["recognize", "spread", "associate", "dissociate", "associations"];
    let server = serve(names.iter().map(|name| (200, example(name))).collect());
    let space = client(&server.url).space("notes");
    assert!(space.recognize(&RecognizeRequest::default()).unwrap().known);
    assert_eq!(space.spread(&SpreadRequest::default()).unwrap().items.len(), 1);
    assert!(space.associate(&AssociateRequest::default()).unwrap().created);
    assert_eq!(space.dissociate(&DissociateRequest::default()).unwrap().count, 1);
    assert_eq!(space.associations(&AssociationsRequest::default()).unwrap().total, 7);
    for (name, seen) in names.iter().zip(server.seen.iter()) {
        assert_eq!(seen.line, format!("POST /api/v1/spaces/notes/{name} HTTP/1.1"));
    }
}

#[test]
fn what_is_asked_about_partial_memories_has_methods() {
    let names = ["complete", "predict", "imagine"];
    let server = serve(names.iter().map(|name| (200, example(name))).collect());
    let space = client(&server.url).space("notes");
    assert_eq!(space.complete(&CompleteRequest::default()).unwrap().fields.len(), 2);
    assert_eq!(space.predict(&PredictRequest::default()).unwrap().antecedents, 7);
    assert!(space.imagine(&ImagineRequest::default()).unwrap().imagined);
    for (name, seen) in names.iter().zip(server.seen.iter()) {
        assert_eq!(seen.line, format!("POST /api/v1/spaces/notes/{name} HTTP/1.1"));
    }
}

#[test]
fn names_in_paths_are_encoded() {
    let server = serve(vec![(404, problem(ErrorCode::SpaceNotFound))]);
    let error = client(&server.url).get_space("a/../b c").unwrap_err();
    assert_eq!(error.problem().unwrap().error_code(), Some(ErrorCode::SpaceNotFound));
    let line = server.seen.recv().unwrap().line;
    assert_eq!(line, "GET /api/v1/spaces/a%2F..%2Fb%20c HTTP/1.1");
}

#[test]
fn pages_follow_the_cursor_to_the_end() {
    let page = |ids: &[&str], cursor: Option<&str>| {
        let view = example("get");
        let memories: Vec<String> = ids
            .iter()
            .map(|id| view.replace("\"id\":\"chat-17\"", &format!("\"id\":\"{id}\"")))
            .collect();
        let cursor = cursor.map(|c| format!(",\"next_cursor\":\"{c}\"")).unwrap_or_default();
        (200, format!("{{\"memories\":[{}]{cursor}}}", memories.join(",")))
    };
    // The second page is empty: a filter passed over it, and the listing goes on.
    let server =
        serve(vec![page(&["a", "b"], Some("x")), page(&[], Some("y")), page(&["c"], None)]);
    let pages = client(&server.url).space("notes").pages(ListRequest::default());
    let ids: Vec<String> = pages.map(|memory| memory.unwrap().id).collect();
    assert_eq!(ids, ["a", "b", "c"]);
    let bodies: Vec<String> = server.seen.iter().map(|seen| seen.body).collect();
    assert!(!bodies[0].contains("cursor"), "{bodies:?}");
    assert!(bodies[1].contains(r#""cursor":"x""#), "{bodies:?}");
    assert!(bodies[2].contains(r#""cursor":"y""#), "{bodies:?}");
}

#[test]
fn pages_end_at_the_first_error() {
    let server = serve(vec![(400, problem(ErrorCode::CursorInvalid))]);
    let mut pages = client(&server.url).space("notes").pages(ListRequest::default());
    assert!(pages.next().unwrap().is_err());
    assert!(pages.next().is_none());
}

#[test]
fn silence_and_strange_answers_are_told_apart() {
    let unused = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap()
    };
    let error = client(&format!("http://{unused}")).status().unwrap_err();
    assert!(matches!(error, ClientError::Transport { timed_out: false, .. }), "{error}");

    let server = serve(vec![(200, "<html>".to_owned()), (502, "<html>".to_owned())]);
    let client = client(&server.url);
    for status in [200, 502] {
        match client.status().unwrap_err() {
            ClientError::Decode { status: found, message, .. } => {
                assert_eq!(found, status);
                assert!(message.contains("<html>"), "{message}");
            }
            other => panic!("{other}"),
        }
    }
}

#[test]
fn readiness_counts_by_status_alone() {
    let server = serve(vec![
        (200, "ok".to_owned()),
        (503, problem(ErrorCode::NotReady)),
        (503, "no".to_owned()),
    ]);
    let client = client(&server.url);
    assert_eq!(client.ready(), Ok(()));
    assert_eq!(client.ready().unwrap_err().problem().unwrap().code, "not_ready");
    assert!(matches!(client.ready(), Err(ClientError::Decode { status: 503, .. })));
    assert_eq!(server.seen.recv().unwrap().line, "GET /readyz HTTP/1.1");
}
