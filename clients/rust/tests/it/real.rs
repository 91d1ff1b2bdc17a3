//! A real server, whose binary `ENGRAM_BINARY` names, and what becomes of writes on a line to it that breaks.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use engram_api::{
    CreateSpaceRequest, MemoryPatch, RememberManyRequest, RememberRequest, UpdateRequest,
};
use engram_client::{Client, ClientError, ClientOptions};
use serde_json::Value;
use tempfile::TempDir;

use crate::scripted::memory;

/// A server with data of its own. It ends with this value.
pub(crate) struct Server {
    child: Child,
    url: String,
    /// Outlives the server, which writes to it.
    data: TempDir,
}

impl Server {
    pub(crate) fn start() -> Server {
        let data = tempfile::tempdir().unwrap();
        let (child, url) = spawn(data.path(), "127.0.0.1:0");
        Server { child, url, data }
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Ends the server as a crash does.
    pub(crate) fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Starts it again after that, at the same address with the same data.
    pub(crate) fn start_again(&mut self) {
        let address = self.url.strip_prefix("http://").unwrap();
        self.child = spawn(self.data.path(), address).0;
    }
}

fn spawn(folder: &Path, http: &str) -> (Child, String) {
    let binary =
        std::env::var_os("ENGRAM_BINARY").expect("ENGRAM_BINARY must name the engram binary");
    let log = folder.join("log");
    let mut command = Command::new(binary);
    command
        .args(["start", "--output", "json", "--log-level", "warn"])
        .args(["--http", http, "--grpc", "off", "--data-dir"])
        .arg(folder.join("data"))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(File::create(&log).unwrap());
    // What the environment says about a server or its configuration is about another one.
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("ENGRAM_") {
            command.env_remove(name);
        }
    }
    let mut child = command.spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let ready: Value = serde_json::from_str(&line).unwrap_or_else(|_| {
        panic!("the server did not start: {}", std::fs::read_to_string(&log).unwrap())
    });
    (child, ready["url"].as_str().unwrap().to_owned())
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A way to a server that breaks after each first, third and further odd request, when it was done. Gives its address.
fn breaking_way(url: &str) -> String {
    let to = url.strip_prefix("http://").unwrap().to_owned();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for (at, stream) in listener.incoming().enumerate() {
            let mut near = stream.unwrap();
            let mut far = TcpStream::connect(&to).unwrap();
            far.write_all(&message(&near)).unwrap();
            let answer = message(&far);
            // Whoever waits for another answer on this connection finds it closed.
            if at % 2 == 1 {
                let _ = near.write_all(&answer);
            }
        }
    });
    format!("http://{address}")
}

/// The next request or answer, as it came.
fn message(stream: &TcpStream) -> Vec<u8> {
    let mut reader = BufReader::new(stream);
    let (mut message, mut length) = (Vec::new(), 0);
    loop {
        let start = message.len();
        reader.read_until(b'\n', &mut message).unwrap();
        let line = String::from_utf8_lossy(&message[start..]).to_ascii_lowercase();
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        if line.trim().is_empty() {
            break;
        }
    }
    let head = message.len();
    message.resize(head + length, 0);
    reader.read_exact(&mut message[head..]).unwrap();
    message
}

#[test]
#[ignore = "needs ENGRAM_BINARY"]
fn what_a_broken_connection_lost_is_stored_once() {
    let server = Server::start();
    let straight = Client::new(server.url()).unwrap();
    let request = CreateSpaceRequest {
        name: "lost".to_owned(),
        dimension: Some(3),
        embedder: Some("none".to_owned()),
        ..CreateSpaceRequest::default()
    };
    straight.create_space(&request).unwrap();

    let retry_wait = Duration::from_millis(1);
    let options = ClientOptions { retry_wait, ..ClientOptions::new(breaking_way(server.url())) };
    let space = Client::with_options(options).unwrap().space("lost");
    let request = RememberRequest { memory: memory(None), ..RememberRequest::default() };
    let stored = space.remember(&request).unwrap();
    assert!(stored.created);
    let memories = vec![memory(None), memory(Some("named"))];
    let request = RememberManyRequest { memories, ..RememberManyRequest::default() };
    assert_eq!(space.remember_many(&request).unwrap().created, 2);
    let set = MemoryPatch { place: Some(Some("Bern".to_owned())), ..MemoryPatch::default() };
    let request = UpdateRequest { id: stored.id, set: Some(set), ..UpdateRequest::default() };
    assert_eq!(space.update(&request).unwrap().version, 2);
    assert_eq!(straight.space("lost").stats().unwrap().memories, 3);

    let request = RememberRequest { memory: memory(Some("own")), ..RememberRequest::default() };
    let error = space.remember(&request).unwrap_err();
    assert!(matches!(error, ClientError::Transport { timed_out: false, .. }), "{error}");
    assert!(!space.remember(&request).unwrap().created, "the first one was stored");
}
