//! Remote providers against a small HTTP server on the loopback address.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use engram_embed::conformance::check_embedder;
use engram_embed::{
    EmbedError, EmbedText, Embedder, FixedEmbedder, RemoteConfig, RemoteEmbedder, RemoteKind,
};
use serde_json::{Value, json};

const DIMENSION: u32 = 32;

/// What the server saw: request line, authorization and body.
#[derive(Clone, Debug)]
struct Seen {
    line: String,
    key: Option<String>,
    body: Value,
}

type Answer = dyn Fn(&Value) -> (u16, String) + Send + Sync;

struct Server {
    url: String,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Server {
    /// Serves until the process ends.
    #[expect(clippy::disallowed_methods, reason = "the other side of a blocking call")]
    fn start(answer: Arc<Answer>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let seen = Arc::new(Mutex::new(Vec::new()));
        let log = seen.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (answer, log) = (answer.clone(), log.clone());
                std::thread::spawn(move || serve(&stream, &*answer, &log));
            }
        });
        Self { url, seen }
    }

    fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }
}

fn serve(mut stream: &TcpStream, answer: &Answer, log: &Mutex<Vec<Seen>>) {
    let mut reader = BufReader::new(stream);
    loop {
        let (mut line, mut key, mut length) = (String::new(), None, 0);
        if reader.read_line(&mut line).unwrap_or(0) == 0 {
            return;
        }
        loop {
            let mut header = String::new();
            reader.read_line(&mut header).unwrap();
            let Some((name, value)) = header.trim_end().split_once(": ") else { break };
            match name.to_ascii_lowercase().as_str() {
                "content-length" => length = value.parse().unwrap(),
                "authorization" => key = Some(value.to_owned()),
                _ => {}
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).unwrap();
        let body: Value = serde_json::from_slice(&body).unwrap();
        log.lock().unwrap().push(Seen {
            line: line.trim_end().to_owned(),
            key,
            body: body.clone(),
        });
        let (status, text) = answer(&body);
        let length = text.len();
        let head = format!("HTTP/1.1 {status} X\r\ncontent-length: {length}\r\n\r\n");
        if stream.write_all((head + &text).as_bytes()).is_err() {
            return;
        }
    }
}

fn vectors(texts: &Value) -> Vec<Vec<f32>> {
    let embedder = FixedEmbedder::new(DIMENSION);
    let texts = texts.as_array().unwrap().iter().map(|text| text.as_str().unwrap());
    // Not of unit norm: the client normalises.
    let double = |vector: Vec<f32>| vector.iter().map(|x| x * 2.0).collect();
    texts.map(|text| double(embedder.embed_query(text).unwrap().unwrap())).collect()
}

fn right_answer(kind: RemoteKind) -> Arc<Answer> {
    Arc::new(move |body| {
        let text = match kind {
            RemoteKind::OpenAi => {
                let rows = vectors(&body["input"]).into_iter().enumerate();
                let rows =
                    rows.map(|(index, embedding)| json!({"index": index, "embedding": embedding}));
                // Backwards: the index counts, not the place.
                json!({"object": "list", "data": rows.rev().collect::<Vec<_>>()})
            }
            RemoteKind::Ollama => json!({"model": "m", "embeddings": vectors(&body["input"])}),
            RemoteKind::Tei => json!(vectors(&body["inputs"])),
        };
        (200, text.to_string())
    })
}

fn embedder(kind: RemoteKind, server: &Server) -> RemoteEmbedder {
    let mut config = RemoteConfig::new(kind, &server.url, "m", DIMENSION);
    config.batch_texts_max = 3;
    config.api_key = Some("sekret".to_owned());
    config.timeout = Duration::from_secs(20);
    RemoteEmbedder::new(config).unwrap()
}

#[test]
fn every_protocol_keeps_the_promises() {
    for (kind, line, name) in [
        (RemoteKind::OpenAi, "POST /v1/embeddings HTTP/1.1", "openai"),
        (RemoteKind::Ollama, "POST /api/embed HTTP/1.1", "ollama"),
        (RemoteKind::Tei, "POST /embed HTTP/1.1", "tei"),
    ] {
        let server = Server::start(right_answer(kind));
        let embedder = embedder(kind, &server);
        check_embedder(&embedder);
        assert_eq!(embedder.identity().provider, name);
        for seen in server.seen() {
            assert_eq!((seen.line.as_str(), seen.key.as_deref()), (line, Some("Bearer sekret")));
            let texts = &seen.body[if kind == RemoteKind::Tei { "inputs" } else { "input" }];
            assert!((1..=3).contains(&texts.as_array().unwrap().len()), "bounded batches");
            if kind != RemoteKind::OpenAi {
                assert_eq!(seen.body["truncate"], json!(false), "never cut silently");
            }
            if kind != RemoteKind::Tei {
                assert_eq!(seen.body["model"], "m");
            }
        }
    }
}

#[test]
fn chunks_carry_prefix_title_and_people() {
    let server = Server::start(right_answer(RemoteKind::Tei));
    let mut config = RemoteConfig::new(RemoteKind::Tei, &server.url, "m", DIMENSION);
    config.prefixes.document = "passage: ".to_owned();
    config.prefixes.query = "query: ".to_owned();
    let embedder = RemoteEmbedder::new(config).unwrap();
    let people = ["Ann".to_owned()];
    let input = EmbedText { title: "Drinks", people: &people, text: "likes tea" };
    embedder.embed_documents(&[input]).unwrap();
    embedder.embed_query("who likes tea").unwrap();
    let bodies: Vec<Value> =
        server.seen().into_iter().map(|seen| seen.body["inputs"].clone()).collect();
    let expected = [json!(["passage: Drinks. Ann: likes tea"]), json!(["query: who likes tea"])];
    assert_eq!(bodies, expected);
}

/// The error of one query to a server with a fixed answer.
fn error_of(status: u16, text: &str) -> EmbedError {
    let text = text.to_owned();
    let server = Server::start(Arc::new(move |_| (status, text.clone())));
    embedder(RemoteKind::Tei, &server).embed_query("tea").unwrap_err()
}

#[test]
fn failures_say_what_the_caller_must_do() {
    for status in [408, 429, 500, 503] {
        let error = error_of(status, "busy");
        assert!(matches!(error, EmbedError::Unavailable { .. }), "{status}: {error}");
    }
    for status in [301, 400, 401, 404, 413, 422] {
        let error = error_of(status, "the key sekret is wrong");
        assert!(matches!(error, EmbedError::Refused { .. }), "{status}: {error}");
        assert!(error.to_string().contains("the key (key) is wrong"), "{error}");
    }
}

#[test]
fn wrong_answers_are_a_bad_model() {
    let zeros = json!([vec![0.0; 32]]).to_string();
    let huge = format!("[[1e300{}]]", ",1".repeat(31));
    let null = format!("[[null{}]]", ",1".repeat(31));
    let two = json!([vec![1.0; 32], vec![1.0; 32]]).to_string();
    for text in ["", "[]", "{}", "[[1.0, 2.0]]", "[[NaN]]", &zeros, &huge, &null, &two] {
        let error = error_of(200, text);
        assert!(matches!(error, EmbedError::BadModel { .. }), "{text}: {error}");
    }
}

#[test]
fn a_server_that_is_away_or_silent_is_unavailable() {
    // Bound but never accepted: the connection stands, no answer comes.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let mut config = RemoteConfig::new(RemoteKind::Tei, &url, "m", DIMENSION);
    config.timeout = Duration::from_millis(200);
    let embedder = RemoteEmbedder::new(config).unwrap();
    let silent = embedder.embed_query("tea").unwrap_err();
    assert!(matches!(silent, EmbedError::Unavailable { .. }), "{silent}");
    drop(listener);
    let away = embedder.embed_query("tea").unwrap_err();
    assert!(matches!(away, EmbedError::Unavailable { .. }), "{away}");
}
