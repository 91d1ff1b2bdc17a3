//! What becomes of each space in a repair: where its history is taken from, and how far it reaches.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use engram_store::{Frame, Fs, LogRecord, LogSurvey, Lsn, SpaceId, SpaceTip};

use super::load::Trial;
use super::roll::Known;
use super::verify::Examined;
use crate::datadir::WAL_DIR;
use crate::error::EngineError;

/// Where the history of a repaired space comes from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Source {
    /// Files and log, as a server would read them.
    AsItIs,
    /// The files, and what the log has behind them; what is missing in the log before that is not needed.
    Files,
    /// The log alone, from its birth on.
    Log,
    /// Nothing can be served of it.
    Nothing,
}

/// What becomes of a space.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Choice {
    pub(super) source: Source,
    /// The last commit that stays.
    pub(super) end: Lsn,
    /// Memories by then, where they were counted.
    pub(super) memories: Option<u64>,
}

/// Decides for every space that is not gone.
pub(super) fn choose(
    fs: &Arc<dyn Fs>,
    dir: &Path,
    examined: &Examined,
) -> Result<BTreeMap<SpaceId, Choice>, EngineError> {
    let mut choices = BTreeMap::new();
    let mut from_files = BTreeMap::new();
    for (id, known) in &examined.roll.spaces {
        if known.is_gone() {
            continue;
        }
        let choice = choose_one(fs, dir, examined, known)?;
        if choice.source == Source::Files {
            let manifest = known.manifest.as_ref().map_or(Lsn(0), |manifest| manifest.lsn);
            from_files.insert(*id, (manifest, choice.end));
        }
        choices.insert(*id, choice);
    }
    let mut frames = behind_files(fs, dir, examined, &from_files)?;
    for id in from_files.keys() {
        let known = &examined.roll.spaces[id];
        let own = frames.remove(id).unwrap_or_default();
        let trial = Trial::start(&**fs, dir, known, known.manifest.as_ref()).ok().flatten();
        if let (Some(mut trial), Some(choice)) = (trial, choices.get_mut(id)) {
            if let Some((lsn, _)) = trial.follow(own.into_iter().map(Ok))? {
                choice.end = Lsn(lsn.0 - 1);
            }
            choice.memories = Some(trial.memories());
        }
    }
    Ok(choices)
}

fn choose_one(
    fs: &Arc<dyn Fs>,
    dir: &Path,
    examined: &Examined,
    known: &Known,
) -> Result<Choice, EngineError> {
    let nothing = Choice { source: Source::Nothing, end: Lsn(0), memories: None };
    let memories = examined.memories.get(&known.id).copied();
    let as_it_is = Choice { source: Source::AsItIs, end: known.log_tip.lsn, memories };
    if known.deleted {
        return Ok(if known.is_well_deleted() { as_it_is } else { nothing });
    }
    if let (Some(manifest), false) = (&known.manifest, examined.bad_files.contains(&known.id)) {
        let log_has_it = known.log_tip.lsn >= manifest.lsn;
        if !log_has_it || known.files_tip.lsn > known.log_tip.lsn {
            return Ok(Choice { source: Source::Files, end: known.files_tip.lsn, memories });
        }
        return Ok(ended(as_it_is, examined.breaks.get(&known.id).map(|(lsn, _)| *lsn)));
    }
    if !known.has_head() {
        return Ok(nothing);
    }
    // The log alone.
    let is_alone = known.manifest.is_none() && known.manifest_fault.is_none();
    let source = if is_alone { Source::AsItIs } else { Source::Log };
    let Ok(Some(mut trial)) = Trial::start(&**fs, dir, known, None) else { return Ok(nothing) };
    let broken = trial.follow(examined.roll.log.read_space(known.id, Lsn(1)))?;
    let all = Choice { source, end: known.log_tip.lsn, memories: Some(trial.memories()) };
    let choice = ended(all, broken.map(|(lsn, _)| lsn));
    Ok(if choice.end.0 == 0 { nothing } else { choice })
}

/// The same, ended before a commit that makes no sense.
fn ended(choice: Choice, broken: Option<Lsn>) -> Choice {
    match broken {
        Some(lsn) => Choice { end: Lsn(lsn.0.saturating_sub(1)), memories: None, ..choice },
        None => choice,
    }
}

/// The commits behind the files of these spaces, each up to its end.
fn behind_files(
    fs: &Arc<dyn Fs>,
    dir: &Path,
    examined: &Examined,
    wanted: &BTreeMap<SpaceId, (Lsn, Lsn)>,
) -> Result<BTreeMap<SpaceId, Vec<Frame>>, EngineError> {
    let mut tips: BTreeMap<SpaceId, SpaceTip> = BTreeMap::new();
    for (id, (start, end)) in wanted {
        if start < end
            && let Some(tip) = examined.roll.spaces[id].files_start()
        {
            tips.insert(*id, tip);
        }
    }
    let mut frames: BTreeMap<SpaceId, Vec<Frame>> = BTreeMap::new();
    if tips.is_empty() {
        return Ok(frames);
    }
    LogSurvey::open(fs, &dir.join(WAL_DIR), &mut |record| {
        if let LogRecord::Commit { frame, .. } = record
            && let Some(tip) = tips.get_mut(&frame.stamp.space)
            && frame.continues(tip)
        {
            *tip = frame.tip();
            frames.entry(frame.stamp.space).or_default().push(frame);
        }
        Ok(())
    })?;
    Ok(frames)
}

impl Known {
    /// Where its files stand.
    pub(super) fn files_start(&self) -> Option<SpaceTip> {
        let manifest = self.manifest.as_ref()?;
        Some(SpaceTip {
            lsn: manifest.lsn,
            time: manifest.committed_at,
            chain: manifest.chain,
            state_sum: manifest.state_sum,
        })
    }
}
