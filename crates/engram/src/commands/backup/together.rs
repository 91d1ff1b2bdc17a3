//! What a restore into a directory does, for the command and for drills; and somebody who works with what came of it.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use engram_api::ErrorCode;
use engram_backup::{
    BackupError, Finding, Repository, RestoreOptions, RestorePlan, Restored, restore,
};
use engram_engine::{
    Components, Cue, Effect, Engine, EngineError, EngineSettings, Filter, ListQuery, Mode, Offline,
    Visibility,
};
use engram_store::{BlobStore, Clock, OsEntropy, RealFs, SpaceId, SystemClock, VerifyDepth};

use super::failed;
use crate::failure::Failure;

/// Memories of each space that are looked for by their words.
const LOOKED_FOR: usize = 20;

/// Where a directory is put together, and how.
pub(crate) struct Place<'a> {
    pub(crate) dir: &'a Path,
    /// The cold store that it will be opened with.
    pub(crate) cold: Option<Arc<dyn BlobStore>>,
    /// A directory that is there is moved aside.
    pub(crate) force: bool,
    /// Every byte is looked at afterwards.
    pub(crate) look: bool,
    /// The repository is told of the timeline that begins with it.
    pub(crate) begins_timeline: bool,
}

/// A directory that was put together.
pub(crate) struct Together {
    pub(crate) restored: Restored,
    /// Where the directory is that was in the way.
    pub(crate) aside: Option<PathBuf>,
    /// Memories of each space, suppressed ones too; empty where nobody looked.
    pub(crate) memories: BTreeMap<SpaceId, u64>,
}

/// Puts the directory of a plan together.
pub(crate) fn put_together(
    repository: &Repository,
    plan: &RestorePlan,
    place: &Place<'_>,
    progress: &mut dyn FnMut(&str, u64, u64),
) -> Result<Together, Failure> {
    let aside = make_room(place.dir, place.force)?;
    let options = RestoreOptions {
        fs: Arc::new(RealFs),
        clock: Arc::new(SystemClock),
        entropy: Arc::new(OsEntropy),
        blobs: place.cold.clone(),
        reuse: aside.clone(),
        begins_timeline: place.begins_timeline,
    };
    let restored = restore(repository, plan, &options, place.dir, progress).map_err(failed)?;
    let memories = match place.look {
        true => look_at(place.dir)?,
        false => BTreeMap::new(),
    };
    Ok(Together { restored, aside, memories })
}

/// Moves a directory that is in the way aside, where that is wanted; to where.
fn make_room(dir: &Path, force: bool) -> Result<Option<PathBuf>, Failure> {
    let told = |error: std::io::Error| {
        Failure::new(ErrorCode::IoFailed, format!("{}: {error}", dir.display()))
    };
    let is_empty = match fs::read_dir(dir) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => true,
        entries => entries.map_err(told)?.next().is_none(),
    };
    if is_empty {
        return Ok(None);
    }
    if !force {
        let detail = format!(
            "{} is not empty; restore into another directory, or move this one aside with --force",
            dir.display()
        );
        return Err(Failure::usage(detail));
    }
    // Held by a server, it is not touched.
    let opened = Offline::open(Arc::new(RealFs), Arc::new(SystemClock), Arc::new(OsEntropy), dir);
    match opened.map_err(|error| failed(error.into()))? {
        Some(lock) => drop(lock),
        None => {
            let detail = format!("{} is no data directory; it is not moved", dir.display());
            return Err(Failure::usage(detail));
        }
    }
    let now = SystemClock.now_ns() / 1_000_000_000;
    let mut name = dir.file_name().unwrap_or_default().to_owned();
    name.push(format!(".before-restore-{now}"));
    let aside = dir.with_file_name(name);
    fs::rename(dir, &aside).map_err(told)?;
    Ok(Some(aside))
}

/// Looks at every byte of a directory; gives the memories of each space.
fn look_at(dir: &Path) -> Result<BTreeMap<SpaceId, u64>, Failure> {
    let told = |error: EngineError| failed(error.into());
    let opened = Offline::open(Arc::new(RealFs), Arc::new(SystemClock), Arc::new(OsEntropy), dir);
    let Some(offline) = opened.map_err(told)? else { return Ok(BTreeMap::new()) };
    let report = offline.verify(VerifyDepth::Deep, None, &mut |_| {}).map_err(told)?;
    if report.is_intact() {
        let counted = report.spaces.iter().filter_map(|space| Some((space.id, space.memories?)));
        return Ok(counted.collect());
    }
    let first = report.findings.first().map(|one| format!("{}: {}", one.file, one.what));
    let fault = report.spaces.iter().find_map(|space| space.fault.clone());
    let detail = format!(
        "what was put together in {} is not intact: {}",
        dir.display(),
        first.or(fault).unwrap_or_default()
    );
    Err(Failure::new(ErrorCode::RepositoryDamaged, detail))
}

/// Opens what was put together and works with it: each space must stand where its last commit says, list its memories, and find them
/// by their words.
pub(crate) fn work_with(
    dir: &Path,
    plan: &RestorePlan,
    blobs: Option<Arc<dyn BlobStore>>,
) -> Result<Vec<Finding>, BackupError> {
    let components = Components {
        fs: Arc::new(RealFs),
        clock: Arc::new(SystemClock),
        entropy: Arc::new(OsEntropy),
        blobs,
        // What is asked needs words only.
        embedders: BTreeMap::new(),
        phraser: None,
        wake: Arc::new(|| {}),
    };
    let settings = EngineSettings { reserve_bytes: 0, ..EngineSettings::default() };
    let (engine, _) = Engine::open(components, settings, dir)?;
    let mut findings = Vec::new();
    for space in &plan.spaces {
        let mut find = |why: String| findings.push(Finding { what: space.name.clone(), why });
        let stats = engine.stats(&space.name)?;
        if (stats.lsn.0, stats.state_sum) != (space.last.lsn, space.last.state_sum) {
            find(format!("it stands at LSN {} and not at {}", stats.lsn, space.last.lsn));
            continue;
        }
        for (id, text) in some_memories(&engine, &space.name)? {
            if !recalls(&engine, &space.name, &id, &text)? {
                find(format!("memory {id:?} is not found by its own words"));
            }
        }
    }
    Ok(findings)
}

fn some_memories(engine: &Engine, space: &str) -> Result<Vec<(String, String)>, EngineError> {
    let query = ListQuery {
        filter: Filter::default(),
        after: None,
        limit: LOOKED_FOR,
        visibility: Visibility::Active,
        as_of: None,
    };
    let page = engine.list(space, &query)?;
    let memories = page.items.into_iter().map(|item| item.memory);
    Ok(memories.map(|memory| (memory.id.clone(), memory.content.text.clone())).collect())
}

fn recalls(engine: &Engine, space: &str, id: &str, text: &str) -> Result<bool, EngineError> {
    let words: Vec<&str> = text.split_whitespace().take(12).collect();
    if words.is_empty() {
        return Ok(true);
    }
    let cue = Cue {
        text: words.join(" "),
        mode: Mode::Keyword,
        limit: 50,
        effect: Effect::Observe,
        ..Cue::default()
    };
    let found = engine.recall(space, &cue)?;
    // Many memories may say the same: then the page is full of what is as good.
    let is_full = found.items.len() >= 50;
    Ok(is_full || found.items.iter().any(|item| item.detail.memory.id == id))
}
