//! All that is measured at one number of memories.

use std::time::Duration;

use engram_api::BackupKindName;

use super::line::Rate;
use super::making::{MadeBackup, Noticed, archive, full_under_load, make};
use super::program::{Program, repository};
use super::restoring::{Opened, open, recover};
use super::{making, plain};
use crate::benches::corpus::{SPACE, Source, Stored, connect, failed, fill, path, single, store};
use crate::benches::options::BenchOptions;
use crate::failure::BenchError;
use crate::stage::{ChildServer, Load, Pace, Wire, home, space_stats};

/// The share of new memories that the incremental backup has to take, and that of those written singly behind it.
pub(super) const NEW_SHARE: f64 = 0.05;
/// The levels of a check.
pub(super) const LEVELS: [&str; 4] = ["1", "2", "3", "4"];
const SECONDS: u64 = 10;
const SECONDS_QUICK: u64 = 3;

/// What was measured.
pub(super) struct Measured {
    pub(super) memories: usize,
    pub(super) stored: Stored,
    pub(super) full: MadeBackup,
    /// Of the files of the full backup, as they are and as they are stored.
    pub(super) content_bytes: u64,
    pub(super) noticed: Noticed,
    pub(super) incremental: MadeBackup,
    /// New memories that the incremental backup took, and those behind it.
    pub(super) new: usize,
    /// Bytes of the texts and vectors that the incremental backup took, and by how much the repository grew for them.
    pub(super) new_content: u64,
    pub(super) grown_bytes: u64,
    pub(super) copied: Rate,
    /// Seconds of a check of each level.
    pub(super) checks: Vec<f64>,
    /// Content that a check compares.
    pub(super) checked_bytes: u64,
    /// Restored to the end of the full backup, and to the last commit.
    pub(super) at_full: Opened,
    pub(super) at_end: Opened,
    pub(super) recovery_seconds: f64,
}

pub(super) fn measure(
    options: &BenchOptions,
    source: &Source<'_>,
    memories: usize,
    progress: &mut dyn FnMut(&str),
) -> Result<Measured, BenchError> {
    let place = home()?;
    let program = Program::new(&options.program, place.path())?;
    let settings = Program::settings(place.path());
    let settings: Vec<&str> = settings.iter().map(String::as_str).collect();
    let mut server = ChildServer::start_with(&options.program, &settings)?;
    let stored = store(&server, source, memories, progress)?;
    progress("a full backup beside writers");
    let seconds = options.seconds.unwrap_or(if options.quick { SECONDS_QUICK } else { SECONDS });
    let before = Duration::from_secs(seconds);
    let (full, noticed, next) = full_under_load(&server, (source, memories), before)?;
    progress("an incremental backup");
    let new = ((memories as f64 * NEW_SHARE) as usize).max(1);
    let repository = repository(place.path());
    let before = plain::bytes_below(&repository);
    let added = fill(&server, source, next..next + new, progress)?;
    let client = server.client()?;
    let incremental = make(&client, BackupKindName::Incremental)?;
    let grown_bytes = plain::bytes_below(&repository).saturating_sub(before);
    progress("more memories, one at a time");
    let newest = singly(&server, source, next + new..next + 2 * new)?;
    server.settle(SPACE)?;
    archive(&client)?;
    let stats = space_stats(&mut connect(&server)?, SPACE)?;
    let indexed = stats["indexed_vectors"].as_u64().unwrap_or(0);
    server.kill();
    progress("a plain copy");
    let copied = plain::copy(&server.data_dir(), &place.path().join("copy"))?;
    drop(server);
    progress("checks");
    let (mut checks, mut checked_bytes) = (Vec::new(), 0);
    for level in LEVELS {
        let (told, seconds) = program.backup(&["verify", "--level", level])?;
        // The first level reads no content.
        checked_bytes = told["bytes"].as_u64().unwrap_or(0).max(checked_bytes);
        checks.push(seconds);
    }
    progress("restores");
    let (info, _) = program.backup(&["info", &full.view.id])?;
    let to_full = format!("backup:{}", full.view.id);
    let at_full = open(&program, (&options.program, &to_full), 0)?;
    let at_end = open(&program, (&options.program, "latest"), indexed)?;
    let recovery_seconds = recover(&program, &options.program, (source, newest))?;
    Ok(Measured {
        memories,
        stored,
        content_bytes: info["content_bytes"].as_u64().unwrap_or(0),
        full,
        noticed,
        incremental,
        new,
        new_content: added.content_bytes,
        grown_bytes,
        copied,
        checks,
        checked_bytes,
        at_full,
        at_end,
        recovery_seconds,
    })
}

/// Stores memories one in a request: each is a commit of its own. The last of them.
fn singly(
    server: &ChildServer,
    source: &Source<'_>,
    range: std::ops::Range<usize>,
) -> Result<usize, BenchError> {
    let remember = path("remember");
    let seen = Load {
        addr: server.addr,
        clients: making::WRITERS,
        pace: Pace::Closed,
        requests_max: range.len(),
        time_max: Duration::MAX,
        request: &|n| Wire::post(&remember, &single(source, range.start + n)),
    }
    .run()?;
    if seen.refused > 0 {
        return Err(failed(&format!("{} of {} writes were refused", seen.refused, range.len())));
    }
    Ok(range.end - 1)
}
