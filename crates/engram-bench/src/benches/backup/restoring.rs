//! Putting directories together, and servers that start on them.

use std::time::{Duration, Instant};

use engram_api::ModeName;
use serde_json::Value;

use super::line::Rate;
use super::program::Program;
use crate::benches::corpus::{SPACE, Source, connect, failed, recall_request, recalled};
use crate::failure::BenchError;
use crate::stage::{ChildServer, data_dir, home, space_stats};

const LOOK: Duration = Duration::from_millis(10);
const INDEXED_MAX: Duration = Duration::from_secs(7_200);

/// A restored directory on which a server was started.
pub(super) struct Opened {
    /// Files that were put in their places, until all of the directory was durable.
    pub(super) restored: Rate,
    /// Commits behind the files, which are replayed.
    pub(super) commits: u64,
    /// From the start of the server until it had opened the space: the answer to the first request.
    pub(super) open_seconds: f64,
    /// From then on until everything was associated and in the graph.
    pub(super) indexed_seconds: f64,
}

/// Restores to this target, without the check of what was put together, and starts a server on it. `indexed` is how many vectors were in
/// a graph before.
pub(super) fn open(
    program: &Program,
    (path, to): (&std::path::Path, &str),
    indexed: u64,
) -> Result<Opened, BenchError> {
    let own = home()?;
    let dir = data_dir(own.path());
    let dir = dir.to_string_lossy();
    let (told, seconds) =
        program.backup(&["restore", "--to", to, "--no-verify", "--into", &dir])?;
    let number = |name: &str| told[name].as_u64().unwrap_or(0);
    let started = Instant::now();
    let server = ChildServer::start_in(own, path, &[])?;
    let mut wire = connect(&server)?;
    let mut stats = space_stats(&mut wire, SPACE)?;
    let open_seconds = started.elapsed().as_secs_f64();
    let opened = Instant::now();
    while !is_indexed(&stats, indexed) {
        if opened.elapsed() > INDEXED_MAX {
            return Err(failed(&format!("the restored space is never indexed: {stats}")));
        }
        std::thread::sleep(LOOK);
        stats = space_stats(&mut wire, SPACE)?;
    }
    Ok(Opened {
        restored: Rate { bytes: number("fetched_bytes"), seconds },
        commits: number("commits"),
        open_seconds,
        indexed_seconds: opened.elapsed().as_secs_f64(),
    })
}

fn is_indexed(stats: &Value, indexed: u64) -> bool {
    let number = |name: &str| stats[name].as_u64().unwrap_or(0);
    number("unlinked") == 0 && number("indexed_vectors") >= indexed
}

/// Seconds from the start of a restore, as an operator runs it, until the server on what was restored has found memory `newest` by its
/// own vector.
pub(super) fn recover(
    program: &Program,
    path: &std::path::Path,
    (source, newest): (&Source<'_>, usize),
) -> Result<f64, BenchError> {
    let own = home()?;
    let dir = data_dir(own.path());
    let request = recall_request("", &source.vector(newest), ModeName::Similarity, 1);
    let started = Instant::now();
    program.backup(&["restore", "--into", &dir.to_string_lossy()])?;
    let server = ChildServer::start_in(own, path, &[])?;
    let found = recalled(&mut connect(&server)?, &request)?;
    let seconds = started.elapsed().as_secs_f64();
    match found[..] {
        [id] if id as usize == newest => Ok(seconds),
        _ => Err(failed(&format!("memory {newest} is not found after a restore: {found:?}"))),
    }
}
