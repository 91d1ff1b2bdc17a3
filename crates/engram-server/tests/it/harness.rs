//! A server for one test, a client that sends exactly the bytes it is told to, and files that fail on demand.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Condvar, Mutex};

use engram_api::Problem;
use engram_embed::{EmbedError, EmbedText, Embedder, EmbedderIdentity, FixedEmbedder};
use engram_server::{ConfigSources, EmbedderMap, RunningServer, Server, ServerParts, Settings};
use engram_store::{Fs, FsFile, FsLock, OpenMode, RealFs};
use serde_json::{Value, json};
use tempfile::TempDir;

/// Dimension of the embedder that the tests call `builtin`.
pub(crate) const DIMENSION: usize = 16;

/// Settings on a free port; `more` are keys and values as flags give them.
pub(crate) fn settings(dir: &Path, more: &[(&str, &str)]) -> Settings {
    let mut flags = vec![
        ("http.addr".to_owned(), "127.0.0.1:0".to_owned()),
        ("grpc.addr".to_owned(), "127.0.0.1:0".to_owned()),
        ("data_dir".to_owned(), dir.display().to_string()),
        ("wal.segment_bytes".to_owned(), "1 MiB".to_owned()),
        ("limits.drain_timeout".to_owned(), "5s".to_owned()),
    ];
    flags.extend(more.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())));
    Settings::load(&ConfigSources { flags, ..ConfigSources::default() }).unwrap()
}

/// Panics at a text that says so, else the fixed embedder.
struct TestEmbedder(FixedEmbedder);

impl Embedder for TestEmbedder {
    fn identity(&self) -> &EmbedderIdentity {
        self.0.identity()
    }

    fn embed_documents(&self, inputs: &[EmbedText<'_>]) -> Result<Vec<Vec<Vec<f32>>>, EmbedError> {
        for input in inputs {
            assert_ne!(input.text, "panic", "asked for by a test");
            if input.text == "unavailable" {
                return Err(EmbedError::Unavailable { message: "away".to_owned() });
            }
        }
        self.0.embed_documents(inputs)
    }

    fn embed_query(&self, text: &str) -> Result<Option<Vec<f32>>, EmbedError> {
        self.0.embed_query(text)
    }
}

pub(crate) fn embedders() -> EmbedderMap {
    let fixed: Arc<dyn Embedder> = Arc::new(TestEmbedder(FixedEmbedder::new(DIMENSION as u32)));
    BTreeMap::from([("builtin".to_owned(), fixed)])
}

pub(crate) fn parts() -> ServerParts {
    ServerParts { embedders: Some(embedders()), ..ServerParts::default() }
}

/// A server with its own directory, stopped in order at the end.
pub(crate) struct Fixture {
    pub(crate) dir: Arc<TempDir>,
    server: Option<RunningServer>,
    pub(crate) addr: SocketAddr,
}

impl Fixture {
    pub(crate) fn start() -> Fixture {
        Fixture::start_with(&[], parts())
    }

    pub(crate) fn start_with(more: &[(&str, &str)], parts: ServerParts) -> Fixture {
        let fixture = Fixture::begin(Arc::new(TempDir::new().unwrap()), more, parts);
        fixture.server.as_ref().unwrap().wait_ready().unwrap();
        fixture
    }

    /// Without waiting for the log to be read.
    pub(crate) fn begin(dir: Arc<TempDir>, more: &[(&str, &str)], parts: ServerParts) -> Fixture {
        let server = Server::start_with(settings(dir.path(), more), parts).unwrap();
        Fixture { dir, addr: server.addr(), server: Some(server) }
    }

    /// Stops in order and starts again on the same directory.
    pub(crate) fn restart(mut self) -> Fixture {
        self.stop().unwrap();
        let fixture = Fixture::begin(Arc::clone(&self.dir), &[], parts());
        fixture.server.as_ref().unwrap().wait_ready().unwrap();
        fixture
    }

    pub(crate) fn stop(&mut self) -> Result<(), Box<Problem>> {
        let server = self.server.take().expect("it is stopped once");
        server.stop_handle().stop();
        server.join()
    }

    pub(crate) fn server(&self) -> &RunningServer {
        self.server.as_ref().expect("it runs")
    }

    pub(crate) fn get(&self, path: &str) -> Reply {
        send(self.addr, "GET", path, &[], b"")
    }

    pub(crate) fn delete(&self, path: &str) -> Reply {
        send(self.addr, "DELETE", path, &[], b"")
    }

    pub(crate) fn post(&self, path: &str, body: &Value) -> Reply {
        self.post_bytes(path, body.to_string().as_bytes())
    }

    pub(crate) fn post_bytes(&self, path: &str, body: &[u8]) -> Reply {
        send(self.addr, "POST", path, &[("Content-Type", "application/json")], body)
    }

    /// An operation on the space `default`.
    pub(crate) fn call(&self, operation: &str, body: &Value) -> Reply {
        self.post(&format!("/api/v1/spaces/default/{operation}"), body)
    }

    /// The same, which must succeed.
    pub(crate) fn ok(&self, operation: &str, body: &Value) -> Value {
        self.call(operation, body).json(200)
    }

    pub(crate) fn remember(&self, id: &str, text: &str) -> Value {
        self.ok("remember", &json!({ "id": id, "text": text }))
    }

    /// Recallable memories.
    pub(crate) fn count(&self) -> u64 {
        let stats = self.get("/api/v1/spaces/default/stats").json(200);
        stats["memories"].as_u64().unwrap()
    }
}

impl Drop for Fixture {
    fn drop(&mut self) {
        if let Some(server) = self.server.take() {
            server.stop_handle().stop();
            // A test that breaks the log cannot close it.
            drop(server.join());
        }
    }
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: Vec<u8>,
}

impl Reply {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }

    /// The body of an answer with that status.
    #[track_caller]
    pub(crate) fn json(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.text());
        serde_json::from_slice(&self.body).unwrap()
    }

    /// The problem of an answer with that status and code.
    #[track_caller]
    pub(crate) fn problem(&self, status: u16, code: &str) -> Value {
        let problem = self.json(status);
        assert_eq!(problem["code"], code, "{problem}");
        assert_eq!(problem["status"], status, "{problem}");
        assert_eq!(self.header("content-type"), "application/problem+json");
        assert_eq!(problem["request_id"], self.header("x-request-id"), "{problem}");
        assert!(!problem["fix"].as_str().unwrap().is_empty());
        problem
    }
}

/// Sends one request on a connection of its own.
pub(crate) fn send(
    addr: SocketAddr,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Reply {
    try_send(addr, method, path, headers, body).expect("the server answers")
}

/// The same; `None` when the connection ends without an answer.
pub(crate) fn try_send(
    addr: SocketAddr,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Option<Reply> {
    let mut head = format!("{method} {path} HTTP/1.1\r\nConnection: close\r\n");
    let has = |name: &str| headers.iter().any(|(given, _)| given.eq_ignore_ascii_case(name));
    if !has("host") {
        head += &format!("Host: {addr}\r\n");
    }
    if !body.is_empty() && !has("content-length") && !has("transfer-encoding") {
        head += &format!("Content-Length: {}\r\n", body.len());
    }
    for (name, value) in headers {
        head += &format!("{name}: {value}\r\n");
    }
    let mut stream = TcpStream::connect(addr).unwrap();
    stream.write_all(format!("{head}\r\n").as_bytes()).unwrap();
    // A server may answer and close before it took everything.
    drop(stream.write_all(body));
    receive(&mut stream)
}

/// Reads one answer up to the end of the connection; `None` when there is none.
pub(crate) fn receive(stream: &mut TcpStream) -> Option<Reply> {
    let mut bytes = Vec::new();
    drop(stream.read_to_end(&mut bytes));
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n")?;
    let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
    let mut lines = head.lines();
    let status = lines.next()?.split(' ').nth(1)?.parse().unwrap();
    let headers: BTreeMap<String, String> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
        .collect();
    let mut body = bytes[end + 4..].to_vec();
    if headers.contains_key("transfer-encoding") {
        assert_eq!(headers["content-type"], "text/event-stream", "other answers have a length");
        body = unchunked(&body);
    }
    Some(Reply { status, headers, body })
}

/// What chunks hold (RFC 9112, 7.1).
fn unchunked(mut bytes: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    while let Some(line) = bytes.windows(2).position(|pair| pair == b"\r\n") {
        let length = std::str::from_utf8(&bytes[..line]).unwrap();
        let length = usize::from_str_radix(length, 16).unwrap();
        body.extend_from_slice(&bytes[line + 2..line + 2 + length]);
        bytes = &bytes[line + 2 + length + 2..];
    }
    body
}

/// What [`FaultyFs`] does to the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Fault {
    None,
    /// No new file; those that are there have their room already.
    DiskFull,
    SyncFails,
    SyncPanics,
}

/// The real file system, with a fault that can be switched on, and a gate.
#[derive(Clone)]
pub(crate) struct FaultyFs {
    fault: Arc<AtomicU8>,
    gate: Gate,
}

impl FaultyFs {
    pub(crate) fn new() -> FaultyFs {
        FaultyFs {
            fault: Arc::new(AtomicU8::new(Fault::None as u8)),
            gate: Arc::new((Mutex::new(true), Condvar::new())),
        }
    }

    pub(crate) fn set(&self, fault: Fault) {
        self.fault.store(fault as u8, Ordering::SeqCst);
    }

    /// While shut, whoever opens or syncs a file waits.
    pub(crate) fn set_gate(&self, open: bool) {
        *self.gate.0.lock().unwrap() = open;
        self.gate.1.notify_all();
    }

    pub(crate) fn parts(&self) -> ServerParts {
        ServerParts { fs: Arc::new(self.clone()), ..parts() }
    }
}

impl Fs for FaultyFs {
    fn create_dir_all(&self, dir: &Path) -> io::Result<()> {
        RealFs.create_dir_all(dir)
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        RealFs.list(dir)
    }

    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Box<dyn FsFile>> {
        wait_for(&self.gate);
        if mode == OpenMode::Create && self.fault.load(Ordering::SeqCst) == Fault::DiskFull as u8 {
            return Err(ErrorKind::StorageFull.into());
        }
        let file = RealFs.open(path, mode)?;
        Ok(Box::new(FaultyFile {
            file,
            fault: Arc::clone(&self.fault),
            gate: Arc::clone(&self.gate),
        }))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        RealFs.rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        RealFs.remove(path)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        RealFs.sync_dir(dir)
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn FsLock>> {
        RealFs.lock(path)
    }
}

type Gate = Arc<(Mutex<bool>, Condvar)>;

fn wait_for(gate: &Gate) {
    let open = gate.0.lock().unwrap();
    drop(gate.1.wait_while(open, |open| !*open).unwrap());
}

struct FaultyFile {
    file: Box<dyn FsFile>,
    fault: Arc<AtomicU8>,
    gate: Gate,
}

impl FaultyFile {
    fn has(&self, fault: Fault) -> bool {
        self.fault.load(Ordering::SeqCst) == fault as u8
    }
}

impl FsFile for FaultyFile {
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
        self.file.read_at(offset, buf)
    }

    fn write_at(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.file.write_at(offset, data)
    }

    fn sync_data(&self) -> io::Result<()> {
        wait_for(&self.gate);
        assert!(!self.has(Fault::SyncPanics), "asked for by a test");
        if self.has(Fault::SyncFails) {
            return Err(io::Error::other("asked for by a test"));
        }
        self.file.sync_data()
    }

    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.file.set_len(len)
    }
}
