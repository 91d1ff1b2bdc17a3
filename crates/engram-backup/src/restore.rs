//! Putting a data directory together again.
//!
//! Guarantees: only what fits is used: files by their hash, commits by the chain of their space up to the last one of the plan; the
//! directory cannot be opened before all of it is there; what it writes later is on a timeline that no other has.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use engram_engine::{DirectoryIdentity, NewDirectory, reusable};
use engram_store::{BlobStore, Clock, Entropy, Fs, LogRewrite, SpaceId, SpaceTip};

use crate::error::BackupError;
use crate::keys;
use crate::lineage::follow;
use crate::record::{ForkRecord, TimelineRecord};
use crate::repository::Repository;
use crate::target::{PlannedSpace, RestorePlan};

/// How a directory is put together.
pub struct RestoreOptions {
    /// Files.
    pub fs: Arc<dyn Fs>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
    /// The cold store that the directory will be opened with.
    pub blobs: Option<Arc<dyn BlobStore>>,
    /// A directory whose files are taken where their hashes fit.
    pub reuse: Option<PathBuf>,
    /// Whether the restored directory begins a timeline that the repository knows: not for one that is thrown away.
    pub begins_timeline: bool,
}

/// What was put together.
#[derive(Clone, Debug, PartialEq)]
pub struct Restored {
    /// Who the directory is.
    pub directory: DirectoryIdentity,
    /// Commits in its log.
    pub commits: u64,
    /// Bytes of files that came from the repository.
    pub fetched: u64,
    /// Bytes of files that were there already.
    pub reused: u64,
}

/// Puts the directory of a plan together at `dir`, where there is none or an empty one.
///
/// # Errors
/// Something does not fit, the repository does not answer, the disk fails: what was written so far cannot be opened.
pub fn restore(
    repository: &Repository,
    plan: &RestorePlan,
    options: &RestoreOptions,
    dir: &Path,
    progress: &mut dyn FnMut(&str, u64, u64),
) -> Result<Restored, BackupError> {
    let timeline = match options.begins_timeline {
        true => begin_timeline(repository, plan, options.clock.now_ns())?,
        false => plan.highest_timeline.saturating_add(1),
    };
    let (fs, entropy, blobs) =
        (Arc::clone(&options.fs), Arc::clone(&options.entropy), options.blobs.clone());
    let directory = NewDirectory::create(fs, entropy, blobs, dir, timeline)?;
    let mut work =
        Work { repository, directory: &directory, options, done: 0, fetched: 0, reused: 0 };
    for space in &plan.spaces {
        work.files(space, &mut |done| progress("files", done, plan.bytes))?;
    }
    let starts = plan.spaces.iter().filter(|space| space.start.lsn.0 > 0);
    let starts: BTreeMap<SpaceId, SpaceTip> = starts.map(|space| (space.id, space.start)).collect();
    let mut log = directory.log(starts, plan.log_segment_bytes)?;
    let total = plan.spaces.iter().map(|space| space.last.lsn - space.covered).sum();
    let mut commits = 0;
    for space in &plan.spaces {
        replay(repository, space, &mut log, &mut |count| {
            commits += count;
            progress("commits", commits, total);
        })?;
    }
    log.finish()?;
    let Work { fetched, reused, .. } = work;
    let directory = directory.finish()?;
    Ok(Restored { directory, commits, fetched, reused })
}

/// Takes the next number that no timeline has, and says where it comes from.
fn begin_timeline(
    repository: &Repository,
    plan: &RestorePlan,
    now_ns: i64,
) -> Result<u32, BackupError> {
    let forks = plan.spaces.iter();
    let forks: Vec<ForkRecord> = forks
        .map(|space| ForkRecord { space: space.id.to_string(), lsn: space.last.lsn })
        .collect();
    let mut timeline = plan.highest_timeline;
    loop {
        timeline = timeline.saturating_add(1);
        let record = TimelineRecord {
            timeline,
            parent: plan.timeline,
            at: now_ns,
            target: plan.target.clone(),
            forks: forks.clone(),
        };
        match repository.put_new_record(&keys::timeline(timeline), &record) {
            // Another restore was faster.
            Err(BackupError::Conflict { .. }) => {}
            stored => return stored.map(|_| timeline),
        }
    }
}

struct Work<'a> {
    repository: &'a Repository,
    directory: &'a NewDirectory,
    options: &'a RestoreOptions,
    done: u64,
    fetched: u64,
    reused: u64,
}

impl Work<'_> {
    /// Puts the files of a space in their places, its manifest last.
    fn files(
        &mut self,
        space: &PlannedSpace,
        progress: &mut dyn FnMut(u64),
    ) -> Result<(), BackupError> {
        let Some(record) = &space.record else { return Ok(()) };
        let backup = keys::backup(space.backup.as_deref().unwrap_or_default());
        let Some(manifest) = record.decoded(&backup)? else { return Ok(()) };
        for file in &manifest.segments {
            let bytes = self.content(space.id, file.segment.hash)?;
            self.directory.put_file(space.id, file, &bytes)?;
            self.done += bytes.len() as u64;
            progress(self.done);
        }
        let graphs = record.files.iter().filter(|file| file.role == crate::record::FileRole::Graph);
        for graph in graphs {
            let bytes = self.content(space.id, graph.hash)?;
            self.directory.put_graph(space.id, graph.hash, &bytes)?;
            self.done += bytes.len() as u64;
            progress(self.done);
        }
        Ok(self.directory.put_manifest(&manifest)?)
    }

    fn content(&mut self, space: SpaceId, hash: [u8; 32]) -> Result<Vec<u8>, BackupError> {
        if let Some(dir) = &self.options.reuse
            && let Some(bytes) = reusable(&*self.options.fs, dir, (space, hash))
        {
            self.reused += bytes.len() as u64;
            return Ok(bytes);
        }
        let key = keys::object(space, &hash);
        let bytes = self.repository.get(&key)?;
        if *blake3::hash(&bytes).as_bytes() != hash {
            return Err(BackupError::corrupt(&key, "its content is not that of its name"));
        }
        self.fetched += bytes.len() as u64;
        Ok(bytes)
    }
}

/// Writes the commits of a space behind its files into the new log.
fn replay(
    repository: &Repository,
    space: &PlannedSpace,
    log: &mut LogRewrite,
    progress: &mut dyn FnMut(u64),
) -> Result<(), BackupError> {
    let mut tip = space.start;
    for span in &space.spans {
        let frames = span.load(repository)?;
        let count = frames.len() as u64;
        for frame in frames {
            follow(&mut tip, &frame, &span.piece)?;
            log.push(frame)?;
        }
        progress(count);
    }
    if tip != space.last.tip() {
        let key = space.spans.last().map(|span| span.piece.key()).unwrap_or_default();
        let what =
            format!("space {:?} ends at LSN {} and not where it should", space.name, tip.lsn);
        return Err(BackupError::corrupt(&key, what));
    }
    Ok(())
}
