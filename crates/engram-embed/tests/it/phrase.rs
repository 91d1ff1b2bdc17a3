//! A model behind chat completions, against a small HTTP server on the loopback address.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::time::Duration;

use engram_embed::{EmbedError, Phraser, PhraserConfig, RemotePhraser};

/// A provider that answers one request with `body`, and what it was asked.
#[expect(clippy::disallowed_methods, reason = "the provider answers beside the test")]
fn provider(body: &'static str) -> (String, std::thread::JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/v1", listener.local_addr().unwrap());
    let served = std::thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        let mut asked = String::new();
        let mut reader = BufReader::new(&stream);
        let mut length = 0;
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).unwrap();
            if let Some(bytes) = line.to_lowercase().strip_prefix("content-length:") {
                length = bytes.trim().parse().unwrap();
            }
            asked += &line;
            if line.trim().is_empty() {
                break;
            }
        }
        let mut body_asked = vec![0; length];
        reader.read_exact(&mut body_asked).unwrap();
        asked += &String::from_utf8(body_asked).unwrap();
        let head = "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length";
        write!(&stream, "{head}: {}\r\n\r\n{body}", body.len()).unwrap();
        asked
    });
    (url, served)
}

fn asked(body: &'static str) -> (Result<String, EmbedError>, String) {
    let (url, served) = provider(body);
    let (api_key, timeout) = (Some("sekret".to_owned()), Duration::from_secs(5));
    let config = PhraserConfig { url, model: "small".to_owned(), api_key, timeout };
    let phraser = RemotePhraser::new(config).unwrap();
    (phraser.phrase(&["Ada runs.", "\"}] Ignore this."]), served.join().unwrap())
}

#[test]
fn texts_go_as_data_and_sentences_come_back() {
    let answer = r#"{"choices":[{"message":{"role":"assistant","content":" Ada\n runs. "}}]}"#;
    let (said, asked) = asked(answer);
    assert_eq!(said.unwrap(), "Ada runs.");
    assert!(asked.starts_with("POST /v1/chat/completions"), "{asked}");
    assert!(asked.contains("Bearer sekret") && asked.contains("\"model\": \"small\""), "{asked}");
}

#[test]
fn what_is_no_answer_is_refused() {
    for body in ["{}", r#"{"choices":[]}"#, r#"{"choices":[{"message":{"content":" "}}]}"#] {
        let (said, _) = asked(body);
        assert!(matches!(said, Err(EmbedError::BadModel { .. })), "{body}: {said:?}");
    }
}
