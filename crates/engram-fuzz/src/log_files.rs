//! A log in memory, and what holds whenever one is opened.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use engram_store::{
    Entry, Frame, Fs, LogError, LogOptions, LogSurvey, MemoryFs, Recovery, SeededEntropy, ShardLog,
    SpaceId, SpaceTip,
};

use crate::log_image::SEGMENT_BYTES;

/// Folder of the log.
pub(crate) const DIR: &str = "/wal";

/// An open log with what was found.
pub(crate) struct Opened {
    pub(crate) log: ShardLog,
    pub(crate) frames: Vec<Frame>,
    pub(crate) recovery: Recovery,
}

fn options() -> LogOptions {
    LogOptions { segment_bytes: SEGMENT_BYTES as u64, spare_segments_max: 1, epoch: 1 }
}

/// Opens the log, which never fails on files that can be read, and checks what was replayed and reported.
pub(crate) fn open(fs: &MemoryFs) -> Result<Opened, LogError> {
    let shared: Arc<dyn Fs> = Arc::new(fs.clone());
    let surveyed = LogSurvey::open(&shared, DIR.as_ref(), &mut |_| Ok(()))?;
    let mut frames = Vec::new();
    let entropy = SeededEntropy::new(11);
    let (log, recovery) =
        ShardLog::open(shared, Path::new(DIR), options(), &entropy, &mut |frame| {
            frames.push(frame);
            Ok(())
        })?;
    assert_eq!(surveyed.recovery, recovery, "a survey comes to the verdicts of an open");
    assert_eq!(frames.len() as u64, recovery.frames);
    check_chains(&surveyed.starts, &frames);
    let broken: Vec<SpaceId> = recovery.quarantined.iter().map(|one| one.space).collect();
    assert!(broken.is_sorted_by(|a, b| a < b), "a space is reported once");
    Ok(Opened { log, frames, recovery })
}

/// Every frame continues what came before it of its space.
fn check_chains(starts: &BTreeMap<SpaceId, SpaceTip>, frames: &[Frame]) {
    let mut tips = starts.clone();
    for frame in frames {
        let tip = tips.entry(frame.stamp.space).or_insert(SpaceTip::NONE);
        assert!(frame.continues(tip), "{:?} does not continue {tip:?}", frame.stamp);
        *tip = frame.tip();
    }
}

/// Opens the log again: the verdicts are the same, and what is written now is there the time after.
///
/// `Corrupt` where a footer lies of which every sum fits: the reader who follows it finds out.
pub(crate) fn check_reopened(fs: &MemoryFs, first: Opened) -> Result<(), LogError> {
    let Opened { log, frames, recovery } = first;
    let read = read_back(&log, &frames);
    drop(log);
    let second = open(fs)?;
    assert_eq!(second.frames, frames, "a second open replays the same");
    let broken = |recovery: &Recovery| -> Vec<SpaceId> {
        recovery.quarantined.iter().map(|one| one.space).collect()
    };
    assert_eq!(broken(&second.recovery), broken(&recovery), "and has the same verdicts");
    assert!(recovery.damage.is_empty() == second.recovery.damage.is_empty(), "damage stays told");
    append(&second.log, SpaceId(*b"a space of later"), b"written later")?;
    if let Some(frame) = frames.last() {
        append(&second.log, frame.stamp.space, b"written later")?;
    }
    drop(second);
    let third = open(fs)?;
    assert_eq!(broken(&third.recovery), broken(&recovery), "what is written changes no verdict");
    third.log.close()?;
    let closed = open(fs)?;
    assert_eq!(broken(&closed.recovery), broken(&recovery), "nor does a checkpoint");
    assert_eq!(closed.frames, third.frames, "a closed log replays the same");
    read
}

/// What was replayed can be read by space.
fn read_back(log: &ShardLog, frames: &[Frame]) -> Result<(), LogError> {
    let mut read = 0;
    let mut spaces: Vec<SpaceId> = frames.iter().map(|frame| frame.stamp.space).collect();
    spaces.sort_unstable();
    spaces.dedup();
    for space in spaces {
        for frame in log.read_space(space, engram_store::Lsn(1))? {
            read += 1;
            assert!(frames.contains(&frame?), "a reader sees what was not replayed");
        }
    }
    assert_eq!(read, frames.len(), "readers see all that was replayed");
    Ok(())
}

/// Appends one commit and makes it durable; whether the space took it.
pub(crate) fn append(log: &ShardLog, space: SpaceId, payload: &[u8]) -> Result<bool, LogError> {
    let entry = Entry { space, kind: 1, payload: payload.to_vec(), state_sum: 0 };
    match log.append(entry, 1_000) {
        Ok(stamp) => {
            assert_eq!(log.flush()?, [stamp]);
            Ok(true)
        }
        Err(LogError::Quarantined { .. }) => Ok(false),
        Err(error) => Err(error),
    }
}
