//! A server that answers each request with the next reply of a list and notes what it was asked.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use engram_api::{ErrorCode, MemoryInput, Operation, Problem};
use engram_client::{Client, ClientOptions};

/// A request as it came in: request line, three of its headers, body.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) line: String,
    pub(crate) content_type: Option<String>,
    pub(crate) authorization: Option<String>,
    pub(crate) last_event_id: Option<String>,
    pub(crate) body: String,
}

pub(crate) struct Scripted {
    pub(crate) url: String,
    pub(crate) seen: Receiver<Seen>,
}

/// What becomes of a request.
#[derive(Clone, Debug)]
pub(crate) enum Reply {
    /// It is answered with this status and body.
    Answer(u16, String),
    /// The connection ends without an answer.
    Lost,
    /// The connection ends in the middle of the answer.
    Torn,
    /// The connection stays open for so long, and no answer comes.
    Silence(Duration),
    /// It is sent on to this address.
    Redirect(String),
}

impl From<(u16, String)> for Reply {
    fn from((status, body): (u16, String)) -> Reply {
        Reply::Answer(status, body)
    }
}

/// Gives these replies, then stops listening.
pub(crate) fn serve<R: Into<Reply>>(replies: Vec<R>) -> Scripted {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (sender, seen) = channel();
    let replies: Vec<Reply> = replies.into_iter().map(Into::into).collect();
    thread::spawn(move || {
        for reply in replies {
            let (mut stream, _) = listener.accept().unwrap();
            // Noted before the reply: who has an answer finds its request here.
            let _ = sender.send(read(&stream));
            give(&mut stream, reply);
        }
    });
    Scripted { url, seen }
}

fn read(stream: &TcpStream) -> Seen {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).unwrap();
    let (mut length, mut content_type, mut authorization, mut last_event_id) =
        (0, None, None, None);
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).unwrap();
        let Some((name, value)) = header.trim().split_once(": ") else { break };
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.parse().unwrap(),
            "content-type" => content_type = Some(value.to_owned()),
            "authorization" => authorization = Some(value.to_owned()),
            "last-event-id" => last_event_id = Some(value.to_owned()),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    let body = String::from_utf8(body).unwrap();
    Seen { line: line.trim().to_owned(), content_type, authorization, last_event_id, body }
}

fn give(stream: &mut TcpStream, reply: Reply) {
    let written = match reply {
        Reply::Answer(status, body) => {
            let is_stream = body.starts_with("event:") || body.starts_with("id:");
            let sort = if is_stream { "text/event-stream" } else { "application/json" };
            let head = format!("content-type: {sort}\r\ncontent-length: {}", body.len());
            format!("HTTP/1.1 {status} X\r\n{head}\r\nconnection: close\r\n\r\n{body}")
        }
        Reply::Lost => return,
        Reply::Torn => "HTTP/1.1 200 X\r\ncontent-length: 100\r\n\r\n{\"id\":".to_owned(),
        Reply::Silence(time) => return thread::sleep(time),
        Reply::Redirect(to) => {
            format!("HTTP/1.1 307 X\r\nlocation: {to}\r\ncontent-length: 0\r\n\r\n")
        }
    };
    stream.write_all(written.as_bytes()).unwrap();
}

/// A client that does not wait for long.
pub(crate) fn client(url: &str) -> Client {
    let options = ClientOptions {
        retry_wait: Duration::from_millis(1),
        follow_away_max: Duration::from_secs(2),
        ..ClientOptions::new(url)
    };
    Client::with_options(options).unwrap()
}

/// The answer that stands in the table of operations as an example.
pub(crate) fn example(operation: &str) -> String {
    Operation::by_name(operation).unwrap().response_example.to_owned()
}

pub(crate) fn problem(code: ErrorCode) -> String {
    serde_json::to_string(&Problem::new(code, "scripted")).unwrap()
}

pub(crate) fn memory(id: Option<&str>) -> MemoryInput {
    MemoryInput {
        id: id.map(str::to_owned),
        text: Some("hello".to_owned()),
        ..MemoryInput::default()
    }
}
