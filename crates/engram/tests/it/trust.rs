//! Whom the command line trusts and as whom it shows itself, by its global flags.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::thread;

use crate::world::World;

/// Answers one request with a problem of this status; gives its address and, joined, the key that came.
fn refusing(status: u16) -> (String, thread::JoinHandle<Option<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let served = thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        let mut key = None;
        for line in BufReader::new(&stream).lines().map(Result::unwrap) {
            match line.split_once(": ") {
                Some((name, value)) if name.eq_ignore_ascii_case("authorization") => {
                    key = Some(value.to_owned());
                }
                None if line.is_empty() => break,
                _ => {}
            }
        }
        let body = format!(
            r#"{{"type":"urn:engram:error:of_later","title":"Who asks is not known","status":{status},"detail":"it is so","code":"of_later","errno":"ERR-1999","kind":"fix_request","fix":"Give a key.","example":"--api-key-file key","retryable":false}}"#
        );
        let head = format!("HTTP/1.1 {status} X\r\ncontent-type: application/problem+json");
        let text =
            format!("{head}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len());
        (&stream).write_all(text.as_bytes()).unwrap();
        key
    });
    (url, served)
}

#[test]
fn the_key_of_a_file_is_sent_and_never_shown() {
    let world = World::new();
    let key = world.write("key", "engram_a_secret_c\n");
    for status in [401, 403] {
        let (url, served) = refusing(status);
        let failed = world.run(&["status", "--server", &url, "--api-key-file", &key]);
        assert_eq!(served.join().unwrap().as_deref(), Some("Bearer engram_a_secret_c"));
        let failed = failed.fails(1, &["Who asks is not known", "Give a key."]);
        assert!(!failed.stderr.contains("secret"), "{}", failed.stderr);
    }
    let (url, served) = refusing(401);
    world.run(&["status", "--server", &url]).fails(1, &["Who asks is not known"]);
    assert_eq!(served.join().unwrap(), None);
}

#[test]
fn what_cannot_be_used_is_told_before_anything_is_sent() {
    let world = World::new();
    let bad = world.write("bad.pem", "secret\n");
    let lines = world.write("lines", "secret one\nsecret two\n");
    let flags: [(&[&str], &str); 6] = [
        (&["--ca-file", "missing.pem"], "missing.pem: it cannot be read"),
        (&["--ca-file", &bad], "no certificate is there"),
        (&["--client-cert-file", &bad, "--client-key-file", &bad], "no certificate is there"),
        (&["--client-cert-file", &bad], "--client-key-file belong together"),
        (&["--client-key-file", &bad], "--client-key-file belong together"),
        (&["--api-key-file", &lines], "lines: an API key is"),
    ];
    for (flags, said) in flags {
        let flags: Vec<&str> = ["status"].iter().chain(flags).copied().collect();
        let failed = world.run(&flags).fails(2, &[said]);
        assert!(!failed.stderr.contains("secret"), "{}", failed.stderr);
    }
}
