//! The changes of a space as they come: where a feed goes on, and when it ends.

use std::thread;
use std::time::Duration;

use engram_api::{
    ChangeName, ChangesRequest, CreateSpaceRequest, ErrorCode, MissedView, RememberRequest,
};
use engram_client::{ChangeEvent, ChangeFeed, Client, ClientError, ClientOptions};

use crate::real::Server;
use crate::scripted::{Reply, client, example, memory, problem, serve};

fn commit(lsn: u64, id: &str) -> String {
    let data = format!(
        r#"{{"lsn":{lsn},"committed_at":"2026-01-05T11:00:01Z","changes":[{{"change":"remembered","id":"{id}"}}]}}"#
    );
    format!("id: {lsn}\nevent: commit\ndata: {data}\n\n")
}

fn said(code: ErrorCode) -> String {
    format!("event: problem\ndata: {}\n\n", problem(code))
}

fn stream(events: &[String]) -> Reply {
    Reply::Answer(200, events.concat())
}

/// What the next event is, in short.
fn next(feed: &mut ChangeFeed) -> String {
    match feed.next() {
        None => "end".to_owned(),
        Some(Err(error)) => error.problem().map_or("error".to_owned(), |own| own.code.clone()),
        Some(Ok(ChangeEvent::Commit(commit))) => match commit.changes[0].change {
            ChangeName::Remembered => commit.changes[0].id.clone(),
            _ => "upkeep".to_owned(),
        },
        Some(Ok(ChangeEvent::Missed(MissedView { after, before }))) => format!("{after}-{before}"),
        Some(Ok(ChangeEvent::Alive)) => "alive".to_owned(),
        Some(Ok(ChangeEvent::Away(_))) => "away".to_owned(),
    }
}

#[test]
fn a_feed_goes_on_behind_the_last_event_that_came() {
    let alive = "id: 16\nevent: alive\ndata: {\"lsn\":16}\n\n".to_owned();
    let missed = "id: 19\nevent: missed\ndata: {\"after\":17,\"before\":20}\n\n".to_owned();
    let later = "id: 21\nevent: later\ndata: {}\n\n".to_owned();
    let server = serve(vec![
        Reply::Answer(200, example("changes")),
        Reply::Answer(503, problem(ErrorCode::Overloaded)),
        stream(&[commit(15, "a"), alive]),
        Reply::Lost,
        Reply::Answer(502, "<html>".to_owned()),
        stream(&[commit(17, "b"), said(ErrorCode::NotReady)]),
        stream(&[missed, commit(20, "c"), later, said(ErrorCode::SpaceNotFound)]),
    ]);
    let mut feed = client(&server.url).space("s").follow_changes(None);
    assert_eq!(feed.lsn(), None);
    let told: Vec<String> = std::iter::repeat_with(|| next(&mut feed)).take(10).collect();
    let expected =
        ["a", "alive", "away", "b", "away", "17-20", "c", "space_not_found", "end", "end"];
    assert_eq!(told, expected);
    assert_eq!(feed.lsn(), Some(21));
    let seen: Vec<_> = server.seen.iter().map(|seen| (seen.line, seen.last_event_id)).collect();
    assert_eq!(seen[0], ("POST /api/v1/spaces/s/changes HTTP/1.1".to_owned(), None));
    let places: Vec<_> = seen[1..].iter().map(|(_, place)| place.as_deref().unwrap()).collect();
    assert_eq!(places, ["14", "14", "16", "16", "16", "17"]);
    assert!(seen[1..].iter().all(|(line, _)| line == "GET /api/v1/spaces/s/changes HTTP/1.1"));
}

#[test]
fn a_feed_that_never_began_tells_why() {
    for (reply, code) in [
        (Reply::Lost, "error"),
        (Reply::Answer(502, "<html>".to_owned()), "error"),
        (Reply::Answer(200, "{}".to_owned()), "error"),
        (Reply::Answer(404, problem(ErrorCode::SpaceNotFound)), "space_not_found"),
    ] {
        let server = serve(vec![reply.clone()]);
        let mut feed = client(&server.url).space("s").follow_changes(Some(3));
        assert_eq!(
            (next(&mut feed).as_str(), next(&mut feed).as_str()),
            (code, "end"),
            "{reply:?}"
        );
        assert_eq!(server.seen.iter().count(), 1);
    }
}

#[test]
fn what_is_no_event_of_engram_ends_a_feed() {
    for strange in ["event: commit\ndata: {}\n\n", "event: alive\ndata: {}\n\n"] {
        let server = serve(vec![Reply::Answer(200, strange.to_owned())]);
        let mut feed = client(&server.url).space("s").follow_changes(Some(3));
        let error = feed.next().unwrap().unwrap_err();
        assert!(matches!(error, ClientError::Decode { status: 200, .. }), "{error}");
        assert!(feed.next().is_none());
    }
}

#[test]
fn patience_has_an_end() {
    let server = serve(vec![stream(&[commit(4, "a")])]);
    let follow_away_max = Duration::from_millis(50);
    let retry_wait = Duration::from_millis(5);
    let options = ClientOptions { follow_away_max, retry_wait, ..ClientOptions::new(&server.url) };
    let mut feed = Client::with_options(options).unwrap().space("s").follow_changes(Some(3));
    let told: Vec<String> = std::iter::repeat_with(|| next(&mut feed)).take(4).collect();
    assert_eq!(told, ["a", "away", "error", "end"]);
}

fn remember(client: &Client, id: &str) {
    let request = RememberRequest { memory: memory(Some(id)), ..RememberRequest::default() };
    client.space("s").remember(&request).unwrap();
}

/// The next event that is not about what the server finds by itself.
fn loud(feed: &mut ChangeFeed) -> String {
    let mut told = std::iter::repeat_with(|| next(feed));
    told.find(|told| told != "alive" && told != "upkeep").unwrap()
}

#[test]
#[ignore = "needs ENGRAM_BINARY"]
fn a_server_that_was_away_is_followed_without_a_gap() {
    let mut server = Server::start();
    let client = Client::new(server.url()).unwrap();
    let request = CreateSpaceRequest {
        name: "s".to_owned(),
        dimension: Some(3),
        embedder: Some("none".to_owned()),
        ..CreateSpaceRequest::default()
    };
    client.create_space(&request).unwrap();
    let start = client.space("s").changes(&ChangesRequest::default()).unwrap().lsn;
    let mut feed = client.space("s").follow_changes(Some(start));
    remember(&client, "a");
    assert_eq!(loud(&mut feed), "a");
    assert!(feed.lsn() > Some(start));

    server.kill();
    assert_eq!(loud(&mut feed), "away");
    let server = thread::spawn({
        let client = client.clone();
        move || {
            thread::sleep(Duration::from_millis(300));
            server.start_again();
            remember(&client, "b");
            remember(&client, "c");
            server
        }
    });
    assert_eq!((loud(&mut feed).as_str(), loud(&mut feed).as_str()), ("b", "c"));
    let server = server.join().unwrap();

    // Where the place lies before what is kept, that is told first.
    let mut early = client.space("s").follow_changes(Some(0));
    assert!(loud(&mut early).starts_with("0-"));
    assert_eq!(loud(&mut early), "a");
    client.delete_space("s").unwrap();
    assert_eq!((loud(&mut feed).as_str(), next(&mut feed).as_str()), ("space_not_found", "end"));
    drop(server);
}
