//! A server that answers each request with the next answer of a list and notes what it was asked.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::thread;

/// A request as it came in: request line, `content-type`, body.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) line: String,
    pub(crate) content_type: Option<String>,
    pub(crate) body: String,
}

pub(crate) struct Scripted {
    pub(crate) url: String,
    pub(crate) seen: Receiver<Seen>,
}

/// Serves these answers (status, body), then stops listening.
pub(crate) fn serve(answers: Vec<(u16, String)>) -> Scripted {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (sender, seen) = channel();
    thread::spawn(move || {
        for (status, body) in answers {
            let (stream, _) = listener.accept().unwrap();
            let _ = sender.send(answer(stream, status, &body));
        }
    });
    Scripted { url, seen }
}

fn answer(mut stream: TcpStream, status: u16, body: &str) -> Seen {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut line = String::new();
    reader.read_line(&mut line).unwrap();
    let (mut length, mut content_type) = (0, None);
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).unwrap();
        let header = header.trim();
        match header.split_once(": ") {
            None => break,
            Some((name, value)) if name.eq_ignore_ascii_case("content-length") => {
                length = value.parse().unwrap();
            }
            Some((name, value)) if name.eq_ignore_ascii_case("content-type") => {
                content_type = Some(value.to_owned());
            }
            Some(_) => {}
        }
    }
    let mut request = vec![0; length];
    reader.read_exact(&mut request).unwrap();
    let media_type =
        if body.starts_with("event:") { "text/event-stream" } else { "application/json" };
    write!(
        stream,
        "HTTP/1.1 {status} X\r\ncontent-type: {media_type}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
    Seen { line: line.trim().to_owned(), content_type, body: String::from_utf8(request).unwrap() }
}
