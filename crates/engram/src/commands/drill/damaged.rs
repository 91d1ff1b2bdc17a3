//! Damage in the files of a data directory: in its log, or in a segment.

use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::{Arc, mpsc};

use engram_engine::{
    Done, DumpQuery, DumpSection, DumpedRecord, EMBEDDER_NONE, Engine, EngineError, MemoryContent,
    NewMemory, NewSpace, Offline, RememberOptions,
};
use engram_server::engine_problem;
use engram_store::{Lsn, MemoryBlobs, OsEntropy, RealFs, SystemClock, VerifyDepth};

use super::copy::cold_dir;
use super::report::Outcome;
use super::scratch::{copy, told};
use super::stage::{Recovery, Stage, engine};
use crate::failure::Failure;

/// Bytes that are changed.
const CHANGED_BYTES: usize = 16;
/// Where in a commit: behind its length, so that what follows it is found.
const INTO_COMMIT: u64 = 24;
/// A space of a copy that no installation has; it is not archived, and gone after the recovery.
const EXTRA_SPACE: &str = "engram-drill-extra";
/// It has no vectors, and must say how long they would be.
const EXTRA_DIMENSION: u32 = 8;
/// Commits of it, so that something follows what is damaged.
const EXTRA_COMMITS: u32 = 4;

/// A commit in the log is damaged that others follow.
pub(super) fn log(stage: &Stage<'_>) -> Result<Outcome, Failure> {
    let dir = injured(stage)?;
    write_commits(&engine(&dir, stage.cold(&dir)?, 0)?)?;
    let places = commits(&dir)?;
    // The last one would be taken for one that was never finished.
    let (file, offset) = &places[places.len().saturating_sub(2) / 2];
    spoil(&dir.join(file), offset + INTO_COMMIT)?;
    let injury = format!("changed a commit in {file}, {} bytes from its begin", offset);
    recover(stage, &dir, injury)
}

/// A segment is damaged.
pub(super) fn segment(stage: &Stage<'_>) -> Result<Outcome, Failure> {
    let dir = injured(stage)?;
    let mut largest = largest_segment(&dir)?;
    if largest.is_none() {
        // All of it is in the log: a server would put it into files some day.
        let engine = engine(&dir, stage.cold(&dir)?, 0)?;
        for space in &stage.uninjured.plan.spaces {
            engine.checkpoint(&space.name).map_err(failed)?;
        }
        drop(engine);
        largest = largest_segment(&dir)?;
    }
    let Some((path, bytes)) = largest else {
        return Ok(Outcome::not_possible("no space has a memory, so there is no segment"));
    };
    spoil(&path, bytes / 2)?;
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    recover(stage, &dir, format!("changed the middle of {name}"))
}

/// A copy of the uninjured copy.
fn injured(stage: &Stage<'_>) -> Result<PathBuf, Failure> {
    let dir = stage.scratch.path("injured");
    copy(&stage.uninjured.dir, &dir)?;
    let cold = cold_dir(&stage.uninjured.dir);
    if cold.is_dir() {
        copy(&cold, &cold_dir(&dir))?;
    }
    Ok(dir)
}

/// The damage is found, and what is damaged replaced.
fn recover(stage: &Stage<'_>, dir: &Path, injury: String) -> Result<Outcome, Failure> {
    let mut wrong = Vec::new();
    let mut steps = vec![injury];
    match damage(dir)? {
        Some(what) => steps.push(format!("`engram store verify --deep` finds it: {what}")),
        None => wrong.push("`engram store verify --deep` does not find it".to_owned()),
    }
    let access = stage.access(Arc::new(MemoryBlobs::new()))?;
    let how = Recovery {
        access: &access,
        target: &stage.target,
        dir,
        force: true,
        through: stage.archived_through,
    };
    let (recovered, found) = stage.recover(&how, &stage.uninjured)?;
    steps.push("restored over it, with those of its files that were whole".to_owned());
    wrong.extend(found);
    Ok(Outcome::done(steps, recovered, wrong))
}

fn failed(error: EngineError) -> Failure {
    Failure::Problem(Box::new(engine_problem(error)))
}

/// A copy as somebody has it who does not serve it.
fn offline(dir: &Path) -> Result<Offline, Failure> {
    let opened = Offline::open(Arc::new(RealFs), Arc::new(SystemClock), Arc::new(OsEntropy), dir);
    let none = || Failure::Partly(format!("{} is no data directory", dir.display()));
    opened.map_err(failed)?.ok_or_else(none)
}

/// The first thing that is wrong with a copy.
fn damage(dir: &Path) -> Result<Option<String>, Failure> {
    let report = offline(dir)?.verify(VerifyDepth::Deep, None, &mut |_| {}).map_err(failed)?;
    if report.is_intact() {
        return Ok(None);
    }
    let finding = report.findings.first().map(|one| format!("{}: {}", one.file, one.what));
    let fault = report.spaces.iter().find_map(|space| space.fault.clone());
    Ok(finding.or(fault))
}

/// File and offset of each commit of the log, in order.
fn commits(dir: &Path) -> Result<Vec<(String, u64)>, Failure> {
    let query = DumpQuery { space: None, from: Lsn(0), section: DumpSection::Log };
    let mut places = Vec::new();
    let mut visit = |record: DumpedRecord| {
        if let DumpedRecord::Commit { file, offset, .. } = record {
            places.push((file, offset));
        }
        ControlFlow::Continue(())
    };
    offline(dir)?.dump(&query, &mut visit).map_err(failed)?;
    Ok(places)
}

/// Commits of a space of the drill's own: where all of the others is in files, the log would have none.
fn write_commits(engine: &Engine) -> Result<(), Failure> {
    let new = NewSpace {
        name: EXTRA_SPACE.to_owned(),
        embedder: EMBEDDER_NONE.to_owned(),
        dimension: Some(EXTRA_DIMENSION),
        ..NewSpace::default()
    };
    driven(engine, |done| engine.create_space(&new, done))?;
    for number in 0..EXTRA_COMMITS {
        let text = format!("commit {number} of a drill");
        let content = MemoryContent { text, ..MemoryContent::default() };
        let memory = NewMemory { id: None, content, vector: None };
        let options = RememberOptions::default();
        driven(engine, |done| engine.remember(EXTRA_SPACE, vec![memory], &options, done))?;
    }
    Ok(())
}

fn driven<T: Send + 'static>(engine: &Engine, submit: impl FnOnce(Done<T>)) -> Result<T, Failure> {
    let (sender, receiver) = mpsc::channel();
    submit(Box::new(move |outcome| drop(sender.send(outcome))));
    engine.drive().map_err(failed)?;
    let none = || Failure::Partly("a commit of the drill was not answered".to_owned());
    receiver.try_recv().map_err(|_| none())?.map_err(failed)
}

fn largest_segment(dir: &Path) -> Result<Option<(PathBuf, u64)>, Failure> {
    let spaces = dir.join("spaces");
    let entries = fs::read_dir(&spaces).map_err(|error| told(&spaces, &error))?;
    let segments = entries.flatten().filter_map(|entry| {
        let path = entry.path();
        let is_one = path.extension().is_some_and(|extension| extension == "segment");
        is_one.then_some((path, entry.metadata().ok()?.len()))
    });
    Ok(segments.max_by_key(|(_, bytes)| *bytes))
}

/// Changes bytes of a file.
fn spoil(path: &Path, at: u64) -> Result<(), Failure> {
    let mut bytes = fs::read(path).map_err(|error| told(path, &error))?;
    let at = usize::try_from(at).unwrap_or(usize::MAX).min(bytes.len());
    for byte in bytes[at..].iter_mut().take(CHANGED_BYTES) {
        *byte ^= 0x5a;
    }
    fs::write(path, bytes).map_err(|error| told(path, &error))
}
