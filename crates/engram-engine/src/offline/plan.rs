//! [`RepairPlan`]: what a repair would do, and what would be lost by it.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use engram_store::{Fs, Lsn, SpaceId, SpaceTip, VerifyDepth, list_files};
use prost::Message;

use super::choice::{Choice, Source, choose};
use super::load::manifest_name;
use super::report::VerifyReport;
use super::roll::Known;
use super::session::Offline;
use super::verify::{Examined, Format, examine};
use crate::datadir::{FORMAT_FILE, INDEX_DIR, SPACES_DIR, WAL_DIR};
use crate::error::EngineError;
use crate::stored::CheckpointRecord;

/// What becomes of a space.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpaceFate {
    /// It keeps everything: what was lost in the log stands in its files.
    Kept,
    /// It ends before what broke it.
    Cut,
    /// Its files are moved aside and built anew from the log.
    Rebuilt,
    /// Nothing of it can be served: all that is left of it is moved aside.
    MovedAside,
    /// It had been deleted, and what says so stood behind a break: what is left of it is moved aside.
    WasDeleted,
}

/// Commits that a space loses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LostCommits {
    /// The first one.
    pub from: Lsn,
    /// The last one that anything tells of; none = nothing tells of any, and there may have been some.
    pub through: Option<Lsn>,
    /// How many of them are intact in the log, so that they can be dumped.
    pub readable: u64,
    /// Memories that these store; more may be lost with those that cannot be read.
    pub readable_memories: u64,
}

/// What a repair does with one space.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpaceRepair {
    /// Identity in the log.
    pub id: SpaceId,
    /// Its name, where that can still be read.
    pub name: Option<String>,
    /// What becomes of it.
    pub fate: SpaceFate,
    /// The last commit that it keeps.
    pub keeps_through: Lsn,
    /// Memories that it keeps, where they could be counted.
    pub keeps_memories: Option<u64>,
    /// Memories that it had by its manifest, where that can be read.
    pub had_memories: Option<u64>,
    /// What it loses.
    pub lost: Option<LostCommits>,
    /// What is wrong with it.
    pub why: String,
}

/// What a repair would do.
pub struct RepairPlan {
    /// What is wrong.
    pub report: VerifyReport,
    /// The spaces that are changed, by name; those without one last.
    pub spaces: Vec<SpaceRepair>,
    /// Files that move into the folder of the repair, relative to the directory.
    pub aside: Vec<String>,
    /// The log is written anew.
    pub rewrites_log: bool,
    /// Damage that nobody owns: spaces of which nothing is left may have stood there.
    pub unknown_losses: bool,
    /// Bytes that are written.
    pub bytes: u64,
    pub(super) new_log: Option<NewLog>,
    pub(super) format: Format,
}

/// What a new log is made of.
pub(super) struct NewLog {
    pub(super) first_sequence: u64,
    /// As far as anybody has said how long a segment is.
    pub(super) segment_bytes: Option<u64>,
    pub(super) starts: BTreeMap<SpaceId, SpaceTip>,
    /// The last commit that stays, for the spaces that keep some.
    pub(super) ends: BTreeMap<SpaceId, Lsn>,
}

impl RepairPlan {
    /// True when there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.aside.is_empty() && !self.rewrites_log && self.format == Format::Told
    }

    /// True when anything is lost by it, for certain or perhaps.
    pub fn loses(&self) -> bool {
        let loses =
            |space: &SpaceRepair| space.lost.is_some() || space.fate == SpaceFate::MovedAside;
        self.unknown_losses || self.spaces.iter().any(loses)
    }
}

impl Offline {
    /// Looks at every byte and decides what to do. `progress` is told what is looked at.
    ///
    /// # Errors
    /// A newer format; a failing disk.
    pub fn plan_repair(&self, progress: &mut dyn FnMut(&str)) -> Result<RepairPlan, EngineError> {
        let view = self.view()?;
        let examined = examine(&view, &self.dir, VerifyDepth::Deep, progress)?;
        let choices = choose(&view, &self.dir, &examined)?;
        plan(&view, &self.dir, examined, &choices)
    }
}

fn plan(
    fs: &Arc<dyn Fs>,
    dir: &Path,
    examined: Examined,
    choices: &BTreeMap<SpaceId, Choice>,
) -> Result<RepairPlan, EngineError> {
    let mut spaces = Vec::new();
    let mut aside = examined.leftovers.clone();
    aside.extend(examined.bad_graphs.iter().cloned());
    let mut rewrites_log = !examined.roll.log.recovery.damage.is_empty();
    for (id, choice) in choices {
        let known = &examined.roll.spaces[id];
        let files = files_aside(&**fs, dir, known, *choice)?;
        rewrites_log |= changes_log(known, *choice);
        if let Some(repair) = repair_of(&examined, known, *choice) {
            spaces.push(repair);
        }
        aside.extend(files);
    }
    let log = &examined.roll.log;
    let new_log = rewrites_log.then(|| {
        let names = log.names.iter().map(|name| format!("{WAL_DIR}/{name}"));
        aside.extend(names);
        new_log(&examined, choices)
    });
    if examined.format == Format::Damaged
        && fs.list(dir).is_ok_and(|all| all.contains(&FORMAT_FILE.to_owned()))
    {
        aside.push(FORMAT_FILE.to_owned());
    }
    aside.sort();
    aside.dedup();
    let nameless = |space: &SpaceRepair| (space.name.is_none(), space.name.clone(), space.id);
    spaces.sort_by_key(nameless);
    let segment_bytes = log.segment_bytes;
    Ok(RepairPlan {
        unknown_losses: log.unknown_losses,
        bytes: if rewrites_log { examined.roll.log_bytes + 2 * segment_bytes } else { 0 },
        report: examined.report,
        spaces,
        aside,
        rewrites_log,
        new_log,
        format: examined.format,
    })
}

/// The files of a space that cannot stay.
fn files_aside(
    fs: &dyn Fs,
    dir: &Path,
    known: &Known,
    choice: Choice,
) -> Result<Vec<String>, EngineError> {
    let folders: &[&str] = match choice.source {
        Source::AsItIs | Source::Files => &[],
        Source::Log => &[SPACES_DIR],
        Source::Nothing => &[SPACES_DIR, INDEX_DIR],
    };
    let mut files = Vec::new();
    for folder in folders {
        let names = list_files(fs, &dir.join(folder))?;
        let prefix = known.id.to_string();
        let own = |name: &String| {
            name.starts_with(&format!("{prefix}-")) || *name == manifest_name(known)
        };
        files.extend(names.into_iter().filter(own).map(|name| format!("{folder}/{name}")));
    }
    Ok(files)
}

/// Whether the log must not stay as it is for this space.
fn changes_log(known: &Known, choice: Choice) -> bool {
    let in_log = known.commits > 0 || known.start.lsn.0 > 0;
    match choice.source {
        Source::Files => true,
        Source::Nothing => in_log || known.quarantine.is_some(),
        Source::AsItIs | Source::Log => {
            known.quarantine.is_some() || choice.end < known.log_tip.lsn
        }
    }
}

/// What is told of a space; none when nothing happens to it.
fn repair_of(examined: &Examined, known: &Known, choice: Choice) -> Option<SpaceRepair> {
    let fault = examined.report.spaces.iter().find(|space| space.id == known.id);
    let why = fault.and_then(|space| space.fault.clone());
    let is_changed = changes_log(known, choice) || choice.source == Source::Log;
    if !is_changed && choice.source != Source::Nothing {
        return None;
    }
    let lost = if known.deleted { None } else { lost(examined, known, choice) };
    let fate = match choice.source {
        Source::Nothing if known.deleted => SpaceFate::WasDeleted,
        Source::Nothing => SpaceFate::MovedAside,
        Source::Log => SpaceFate::Rebuilt,
        Source::AsItIs | Source::Files if lost.is_none() => SpaceFate::Kept,
        Source::AsItIs | Source::Files => SpaceFate::Cut,
    };
    let record = known
        .manifest
        .as_ref()
        .and_then(|manifest| CheckpointRecord::decode(manifest.payload.as_slice()).ok());
    Some(SpaceRepair {
        id: known.id,
        name: known.name(),
        fate,
        keeps_through: choice.end,
        keeps_memories: choice.memories,
        had_memories: record.map(|record| record.active + record.suppressed),
        lost,
        why: why.unwrap_or_else(|| "its commits stand in a damaged log".to_owned()),
    })
}

fn lost(examined: &Examined, known: &Known, choice: Choice) -> Option<LostCommits> {
    let from = Lsn(choice.end.0 + 1);
    let left: Vec<_> = known.later.iter().filter(|(lsn, _)| *lsn >= from).collect();
    let certain = (known.seen >= from).then_some(known.seen);
    // What nothing tells of may have stood where the log is broken, or behind what is left of it.
    let manifest = known.manifest.as_ref().map_or(Lsn(0), |manifest| manifest.lsn);
    let perhaps = known.quarantine.is_some() || known.log_tip.lsn < manifest;
    if certain.is_none() && !(perhaps && is_open_ended(examined, known)) {
        return None;
    }
    Some(LostCommits {
        from,
        through: certain,
        readable: left.len() as u64,
        readable_memories: left.iter().map(|(_, memories)| memories).sum(),
    })
}

/// Whether a space may have had commits that nothing tells of. Where only known commits are damaged, or the log ends with a
/// checkpoint, it had none.
fn is_open_ended(examined: &Examined, known: &Known) -> bool {
    if known.proven_end.is_some() {
        return false;
    }
    let broken = examined.roll.log.recovery.quarantined.iter().find(|one| one.space == known.id);
    let by_known = |broken: &engram_store::Quarantine| {
        examined.roll.log.recovery.damage.iter().any(|damage| broken.is_by(damage))
    };
    broken.is_none_or(|broken| !by_known(broken))
}

fn new_log(examined: &Examined, choices: &BTreeMap<SpaceId, Choice>) -> NewLog {
    let log = &examined.roll.log;
    let mut new = NewLog {
        first_sequence: log.last_sequence + 1,
        segment_bytes: Some(log.segment_bytes).filter(|bytes| *bytes > 0),
        // Spaces that are gone keep their place in the books.
        starts: log.starts.clone(),
        ends: BTreeMap::new(),
    };
    for (id, choice) in choices {
        let known = &examined.roll.spaces[id];
        match choice.source {
            Source::AsItIs | Source::Log => {
                new.ends.insert(*id, choice.end);
            }
            Source::Files => {
                if let Some(start) = known.files_start() {
                    new.starts.insert(*id, start);
                    new.ends.insert(*id, choice.end);
                }
            }
            Source::Nothing => {
                new.starts.remove(id);
            }
        }
    }
    new
}
