//! A bucket of a service that speaks as much of S3 as a repository needs. It keeps what is overwritten or deleted, as one with object
//! lock does, so that it can be set back to how it was.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// Variables with credentials, and what they hold.
pub(crate) const VARIABLES: [(&str, &str); 2] =
    [("BUCKET_KEY", "some-access-key"), ("BUCKET_SECRET", "some-secret-key")];

/// Versions of an object, oldest first: when, and what; none = it was deleted.
type Versions = Vec<(u64, Option<Vec<u8>>)>;

#[derive(Default)]
struct Shelf {
    changes: u64,
    versions: BTreeMap<String, Versions>,
}

/// A running service with one bucket.
pub(crate) struct Bucket {
    addr: SocketAddr,
    shelf: Arc<Mutex<Shelf>>,
}

struct Request {
    method: String,
    path: String,
    query: BTreeMap<String, String>,
    headers: BTreeMap<String, String>,
    body: Vec<u8>,
}

impl Bucket {
    /// Serves until the process ends.
    pub(crate) fn start() -> Bucket {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = listener.local_addr().unwrap();
        let shelf = Arc::new(Mutex::new(Shelf::default()));
        let own = Arc::clone(&shelf);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let shelf = Arc::clone(&own);
                std::thread::spawn(move || serve(&stream, &shelf));
            }
        });
        Bucket { addr, shelf }
    }

    /// The lines of a configuration that name it as a repository.
    pub(crate) fn config(&self, name: &str) -> String {
        format!(
            "[repositories.{name}]\nurl = \"s3://bucket/engram\"\ns3_endpoint = \"http://{}\"\n\
             s3_allow_http = true\ns3_access_key_env = \"{}\"\ns3_secret_key_env = \"{}\"\n",
            self.addr, VARIABLES[0].0, VARIABLES[1].0
        )
    }

    /// All objects, each as it is now.
    pub(crate) fn objects(&self) -> BTreeMap<String, Vec<u8>> {
        self.shelf.lock().unwrap().objects()
    }

    /// How often it was changed so far.
    pub(crate) fn moment(&self) -> u64 {
        self.shelf.lock().unwrap().changes
    }

    /// What somebody with its credentials can do: replace an object, or delete it.
    pub(crate) fn change(&self, key: &str, content: Option<Vec<u8>>) {
        self.shelf.lock().unwrap().change(key, content);
    }

    /// What only its owner can do: show all objects as they were.
    pub(crate) fn set_back(&self, moment: u64) {
        let mut shelf = self.shelf.lock().unwrap();
        for versions in shelf.versions.values_mut() {
            versions.retain(|(at, _)| *at <= moment);
        }
    }
}

impl Shelf {
    fn objects(&self) -> BTreeMap<String, Vec<u8>> {
        let newest = |(key, versions): (&String, &Versions)| {
            Some((key.clone(), versions.last()?.1.clone()?))
        };
        self.versions.iter().filter_map(newest).collect()
    }

    fn change(&mut self, key: &str, content: Option<Vec<u8>>) {
        self.changes += 1;
        self.versions.entry(key.to_owned()).or_default().push((self.changes, content));
    }
}

fn decoded(text: &str) -> String {
    text.replace("%2F", "/").replace("%3D", "=")
}

fn serve(stream: &TcpStream, shelf: &Mutex<Shelf>) {
    let (mut reader, mut out) = (BufReader::new(stream), stream);
    while let Some(request) = read(&mut reader) {
        let answer = answer(&request, &mut shelf.lock().unwrap());
        if out.write_all(&answer).is_err() {
            return;
        }
    }
}

fn read(reader: &mut BufReader<&TcpStream>) -> Option<Request> {
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|read| *read > 0)?;
    let mut words = line.split_whitespace();
    let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    let length = headers.get("content-length").map_or(0, |length| length.parse().unwrap());
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    let pairs = query.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    let query = pairs.map(|(name, value)| (name.to_owned(), decoded(value))).collect();
    Some(Request { method, path: decoded(path), query, headers, body })
}

fn told(status: &str, more: &str, body: &[u8]) -> Vec<u8> {
    let mut answer = format!(
        "HTTP/1.1 {status}\r\nETag: \"e\"\r\nLast-Modified: Thu, 02 Jan 2025 03:04:05 GMT\r\n{more}\
         Content-Length: {}\r\n\r\n",
        body.len()
    )
    .into_bytes();
    answer.extend_from_slice(body);
    answer
}

fn answer(request: &Request, shelf: &mut Shelf) -> Vec<u8> {
    let key = request.path.strip_prefix("/bucket").unwrap().trim_start_matches('/');
    let objects = shelf.objects();
    let found = objects.get(key);
    match (request.method.as_str(), found) {
        ("GET", _) if key.is_empty() => list(&request.query["prefix"], &objects),
        ("GET" | "HEAD", None) => told("404 Not Found", "", b""),
        ("HEAD", Some(bytes)) => {
            let mut answer = told("200 OK", "", bytes);
            answer.truncate(answer.len() - bytes.len());
            answer
        }
        ("GET", Some(bytes)) => part(&request.headers["range"], bytes),
        ("PUT", Some(_)) if request.headers.contains_key("if-none-match") => {
            told("412 Precondition Failed", "", b"")
        }
        ("PUT", _) => {
            shelf.change(key, Some(request.body.clone()));
            told("200 OK", "", b"")
        }
        ("DELETE", _) => {
            shelf.change(key, None);
            told("204 No Content", "", b"")
        }
        _ => told("405 Method Not Allowed", "", b""),
    }
}

fn part(range: &str, bytes: &[u8]) -> Vec<u8> {
    let (first, last) = range.strip_prefix("bytes=").unwrap().split_once('-').unwrap();
    let (first, last): (usize, usize) = (first.parse().unwrap(), last.parse().unwrap());
    if first >= bytes.len() {
        return told("416 Range Not Satisfiable", "", b"");
    }
    let end = (last + 1).min(bytes.len());
    let range = format!("Content-Range: bytes {first}-{}/{}\r\n", end - 1, bytes.len());
    told("206 Partial Content", &range, &bytes[first..end])
}

fn list(prefix: &str, objects: &BTreeMap<String, Vec<u8>>) -> Vec<u8> {
    let mut xml = String::from("<ListBucketResult><IsTruncated>false</IsTruncated>");
    for (key, bytes) in objects.iter().filter(|(key, _)| key.starts_with(prefix)) {
        xml += &format!(
            "<Contents><Key>{key}</Key><Size>{}</Size><ETag>e</ETag>\
             <LastModified>2025-01-02T03:04:05.000Z</LastModified></Contents>",
            bytes.len()
        );
    }
    told("200 OK", "", (xml + "</ListBucketResult>").as_bytes())
}
