//! A space full of memories with vectors, and what is asked of it.

use std::fmt::Write as _;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use engram_api::{CreateSpaceRequest, ModeName, RecallResponse};
use serde_json::json;

use crate::data::{GrownSet, MadeSet, VectorSet};
use crate::failure::BenchError;
use crate::stage::{ChildServer, Wire, space_stats};

/// Name of the space of a benchmark.
pub(super) const SPACE: &str = "bench";
/// Memories in one request.
const BATCH: usize = 250;
/// Items asked for.
pub(super) const LIMIT: usize = 10;

/// Where the memories of a benchmark come from.
pub(super) enum Source<'a> {
    /// The rows of a set with their texts.
    Base(&'a VectorSet, &'a [String]),
    /// A set grown from it.
    Grown(&'a GrownSet<'a>),
    /// The first so many things of a grown set, said again and again in other words.
    Repeated(&'a GrownSet<'a>, usize),
    /// A set that is made of nothing.
    Made(&'a MadeSet),
}

impl Source<'_> {
    pub(super) fn dimension(&self) -> usize {
        match self {
            Source::Base(set, _) => set.dimension,
            Source::Grown(set) | Source::Repeated(set, _) => set.dimension(),
            Source::Made(set) => set.dimension(),
        }
    }

    pub(super) fn vector(&self, i: usize) -> Vec<f32> {
        match self {
            Source::Base(set, _) => set.unit_vector(i),
            Source::Grown(set) => set.vector(i),
            Source::Repeated(set, kinds) => set.vector(set.repeated(i, *kinds)),
            Source::Made(set) => set.vector(i),
        }
    }

    fn text(&self, i: usize) -> String {
        match self {
            Source::Base(_, texts) => texts[i].clone(),
            Source::Grown(set) => set.text(i),
            Source::Repeated(set, kinds) => set.text(set.repeated(i, *kinds)),
            Source::Made(set) => set.text(i),
        }
    }

    /// Query vectors, row by row.
    pub(super) fn queries(&self) -> Vec<f32> {
        match self {
            Source::Base(set, _) => set.queries.clone(),
            Source::Grown(set) | Source::Repeated(set, _) => set.queries(),
            Source::Made(_) => Vec::new(),
        }
    }
}

/// How often and how long a client waits for a busy server.
const BUSY_TRIES: usize = 1_000;
const BUSY_PAUSE: Duration = Duration::from_millis(500);

/// What storing took.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stored {
    /// Until the last acknowledgement.
    pub(super) seconds: f64,
    /// Until associations and graphs were done.
    pub(super) settled_seconds: f64,
    pub(super) server_cpu_seconds: f64,
    pub(super) anonymous_bytes: u64,
    /// Bytes of the vectors and texts themselves.
    pub(super) content_bytes: u64,
}

/// Path of an operation on the space.
pub(super) fn path(operation: &str) -> String {
    format!("/api/v1/spaces/{SPACE}/{operation}")
}

/// Creates the space on an empty server and stores the first `count` memories in order, with ids `m0`, `m1`, …
pub(super) fn store(
    server: &ChildServer,
    source: &Source<'_>,
    count: usize,
    progress: &mut dyn FnMut(&str),
) -> Result<Stored, BenchError> {
    create_space(server, SPACE, source.dimension())?;
    fill(server, source, 0..count, progress)
}

/// Stores these memories of the source in a space that is there.
pub(super) fn fill(
    server: &ChildServer,
    source: &Source<'_>,
    range: std::ops::Range<usize>,
    progress: &mut dyn FnMut(&str),
) -> Result<Stored, BenchError> {
    let started = Instant::now();
    let cpu = server.cpu_seconds();
    let mut wire = connect(server)?;
    let path = path("remember_many");
    let count = range.end;
    // A thread of its own makes the next requests while the server works on one.
    let (send, requests) = mpsc::sync_channel::<(usize, u64, Vec<u8>)>(2);
    let content_bytes = std::thread::scope(|scope| {
        scope.spawn(move || {
            for start in range.step_by(BATCH) {
                let end = (start + BATCH).min(count);
                let (body, bytes) = batch(source, start..end);
                if send.send((end, bytes, Wire::post(&path, &body))).is_err() {
                    // The sender of requests has given up and says why.
                    return;
                }
            }
        });
        let mut content_bytes = 0;
        for (end, bytes, request) in requests {
            call_patiently(&mut wire, &request)?;
            content_bytes += bytes;
            if end.is_multiple_of(40 * BATCH) {
                progress(&format!("{end} of {count} memories stored"));
            }
        }
        Ok::<u64, BenchError>(content_bytes)
    })?;
    let seconds = started.elapsed().as_secs_f64();
    progress("waiting for associations and graphs");
    server.settle(SPACE)?;
    Ok(Stored {
        seconds,
        settled_seconds: started.elapsed().as_secs_f64(),
        server_cpu_seconds: server.cpu_seconds() - cpu,
        anonymous_bytes: server.anonymous_bytes(),
        content_bytes,
    })
}

/// Memories of the space whose associations are not formed yet.
pub(super) fn unlinked(server: &ChildServer) -> Result<u64, BenchError> {
    let stats = space_stats(&mut connect(server)?, SPACE)?;
    Ok(stats["unlinked"].as_u64().unwrap_or(0))
}

/// A space for vectors that callers bring.
pub(super) fn create_space(
    server: &ChildServer,
    name: &str,
    dimension: usize,
) -> Result<(), BenchError> {
    server.client()?.create_space(&space_request(name, dimension))?;
    Ok(())
}

/// What creates a space for vectors that callers bring.
pub(super) fn space_request(name: &str, dimension: usize) -> CreateSpaceRequest {
    CreateSpaceRequest {
        name: name.to_owned(),
        dimension: u32::try_from(dimension).ok(),
        embedder: Some("none".to_owned()),
        ..CreateSpaceRequest::default()
    }
}

/// A body of `remember_many`, and the bytes of its vectors and texts.
pub(super) fn batch(source: &Source<'_>, range: std::ops::Range<usize>) -> (String, u64) {
    let mut body = String::from("{\"memories\":[");
    let mut bytes = 0;
    let first = range.start;
    for i in range {
        if i > first {
            body.push(',');
        }
        bytes += push_memory(&mut body, source, i);
    }
    body.push_str("]}");
    (body, bytes)
}

/// A body of `remember` with memory `i`.
pub(super) fn single(source: &Source<'_>, i: usize) -> String {
    let mut body = String::new();
    push_memory(&mut body, source, i);
    body
}

/// Appends memory `i` as JSON; the bytes of its vector and text.
fn push_memory(body: &mut String, source: &Source<'_>, i: usize) -> u64 {
    let (text, vector) = (source.text(i), source.vector(i));
    let bytes = (text.len() + size_of_val(vector.as_slice())) as u64;
    let (text, vector) = (json!(text), vector_json(&vector));
    write!(body, "{{\"id\":\"m{i}\",\"text\":{text},\"vector\":{vector}}}")
        .expect("a string takes all that is written");
    bytes
}

/// A vector as JSON, with as many digits as it needs.
pub(super) fn vector_json(vector: &[f32]) -> String {
    let mut out = String::from("[");
    for (i, component) in vector.iter().enumerate() {
        let comma = if i == 0 { "" } else { "," };
        write!(out, "{comma}{component}").expect("a string takes all that is written");
    }
    out.push(']');
    out
}

/// A recall that changes nothing.
pub(super) fn recall_request(text: &str, vector: &[f32], mode: ModeName, limit: usize) -> Vec<u8> {
    recall_request_with((text, vector), mode, limit, "\"observe\":true")
}

/// A recall with more fields of its body.
pub(super) fn recall_request_with(
    (text, vector): (&str, &[f32]),
    mode: ModeName,
    limit: usize,
    fields: &str,
) -> Vec<u8> {
    let text = json!(text);
    let mode = mode.as_str();
    let vector = vector_json(vector);
    let cue = format!("\"text\":{text},\"vector\":{vector},\"mode\":\"{mode}\"");
    Wire::post(&path("recall"), &format!("{{{cue},\"limit\":{limit},{fields}}}"))
}

/// Numbers of the memories that a recall finds, best first.
pub(super) fn recalled(wire: &mut Wire, request: &[u8]) -> Result<Vec<u32>, BenchError> {
    let body = call(wire, request)?;
    let answer: RecallResponse = serde_json::from_slice(&body).map_err(|error| failed(&error))?;
    let number = |id: &str| id.strip_prefix('m')?.parse().ok();
    Ok(answer.items.iter().filter_map(|item| number(&item.memory.id)).collect())
}

pub(super) fn connect(server: &ChildServer) -> Result<Wire, BenchError> {
    Wire::connect(server.addr).map_err(|error| failed(&error))
}

/// As a client that waits when the server has too much to do.
fn call_patiently(wire: &mut Wire, request: &[u8]) -> Result<(), BenchError> {
    for _ in 0..BUSY_TRIES {
        let answer = wire.call(request).map_err(|error| failed(&error))?;
        match answer.status {
            200..300 => return Ok(()),
            503 => std::thread::sleep(BUSY_PAUSE),
            status => {
                return Err(failed(&format!("{status} {}", String::from_utf8_lossy(answer.body))));
            }
        }
    }
    Err(failed(&"the server has too much to do for ever"))
}

pub(super) fn call(wire: &mut Wire, request: &[u8]) -> Result<Vec<u8>, BenchError> {
    let answer = wire.call(request).map_err(|error| failed(&error))?;
    match answer.status {
        200..300 => Ok(answer.body.to_vec()),
        status => Err(failed(&format!("{status} {}", String::from_utf8_lossy(answer.body)))),
    }
}

pub(super) fn failed(message: &dyn std::fmt::Display) -> BenchError {
    BenchError::Program { program: "load client".to_owned(), message: message.to_string() }
}
