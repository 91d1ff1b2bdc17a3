//! [`LogSurvey`]: a log that is looked at and never touched.
//!
//! Guarantees: the verdicts are those of [`super::ShardLog::open`], for it is the same recovery, run on an overlay; beyond them,
//! whatever is intact is shown, behind a break of its space too.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use super::catalog::Catalog;
use super::depot::Depot;
use super::error::LogError;
use super::read::{OpenFiles, SpaceFrames};
use super::recover::recover;
use super::replay::{Place, Replayer, Sighting};
use super::segment::{HEADER_PAGE_BYTES, SegmentHeader, parse_segment_name};
use super::snapshot::{BASE_NAME, Base};
use super::types::{Frame, LogOptions, Recovery, SpaceTip, TraceWitness};
use crate::entropy::SeededEntropy;
use crate::fs::{Fs, OpenMode, OverlayFs, read_all};
use crate::ids::{Lsn, SpaceId};

/// What a survey comes across, in the order of the log.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum LogRecord {
    /// An intact commit.
    Commit {
        /// Name of the segment file.
        file: String,
        /// Where it stands, in bytes.
        offset: u64,
        /// The commit.
        frame: Frame,
        /// Whether the history of its space is unbroken up to it.
        place: InHistory,
    },
    /// A commit whose payload is damaged.
    Damaged {
        /// Name of the segment file.
        file: String,
        /// Where it stands, in bytes.
        offset: u64,
        /// The space it belongs to.
        space: SpaceId,
        /// Its LSN there.
        lsn: Lsn,
    },
    /// A checkpoint or a footer says that the space had this commit.
    Trace {
        /// The space.
        space: SpaceId,
        /// Its last commit by then.
        lsn: Lsn,
        /// Who says so.
        witness: TraceWitness,
    },
}

/// Where a commit stands in the history of its space.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum InHistory {
    /// Everything before it is there.
    Unbroken,
    /// Something before it is missing or wrong.
    BehindBreak,
}

/// A log as [`LogSurvey::open`] found it.
pub struct LogSurvey {
    depot: Depot,
    files: OpenFiles,
    catalog: Catalog,
    /// What an open would report.
    pub recovery: Recovery,
    /// Where the spaces stood before the first segment.
    pub starts: BTreeMap<SpaceId, SpaceTip>,
    /// The last commit of each space before its break, or at all.
    pub tips: BTreeMap<SpaceId, SpaceTip>,
    /// Damage that nobody owns: spaces of which nothing is left may have stood there.
    pub unknown_losses: bool,
    /// Names of the files of the log, spares apart.
    pub names: Vec<String>,
    /// The greatest sequence number of a segment file; 0 without any.
    pub last_sequence: u64,
    /// The greatest length that a segment was made with, in bytes; 0 without any.
    pub segment_bytes: u64,
}

impl LogSurvey {
    /// Reads the whole log in `dir` and shows what is in it to `visit`, whose error ends the survey. Needs the memory of one
    /// segment. The caller holds the lock on the data directory.
    ///
    /// # Errors
    /// `Io` where nothing of a file can be read, `NewerFormat`, and what `visit` returned.
    pub fn open(
        fs: &Arc<dyn Fs>,
        dir: &Path,
        visit: &mut dyn FnMut(LogRecord) -> Result<(), LogError>,
    ) -> Result<LogSurvey, LogError> {
        let overlay: Arc<dyn Fs> = Arc::new(OverlayFs::new(Arc::clone(fs)));
        let names = log_names(fs.as_ref(), dir)?;
        let sequences = names.iter().filter_map(|name| parse_segment_name(name));
        let last_sequence = sequences.max().unwrap_or(0);
        let mut segment_bytes = 0;
        for name in names.iter().filter(|name| parse_segment_name(name).is_some()) {
            segment_bytes = segment_bytes.max(told_bytes(fs.as_ref(), &dir.join(name), name));
        }
        // The salts of segments that are never written.
        let entropy = SeededEntropy::new(0);
        let depot = Depot::new(overlay, dir, LogOptions::default(), &entropy);
        let mut ignore = |_| Ok(());
        let mut witness = |sighting: Sighting<'_>| visit(record(&sighting));
        let mut replayer = Replayer::witnessed(&mut ignore, &mut witness);
        let recovered = recover(&depot, &mut replayer)?;
        let tips = recovered.spaces.iter().map(|(space, state)| (*space, state.tip));
        Ok(LogSurvey {
            tips: tips.filter(|(_, tip)| tip.lsn.0 > 0).collect(),
            starts: starts(fs.as_ref(), dir)?,
            depot,
            files: OpenFiles::default(),
            catalog: recovered.catalog,
            recovery: recovered.recovery,
            unknown_losses: recovered.unseen_suspect,
            names,
            last_sequence,
            segment_bytes,
        })
    }

    /// The frames of `space` from LSN `from` on, up to its break.
    pub fn read_space(&self, space: SpaceId, from: Lsn) -> SpaceFrames<'_> {
        SpaceFrames::new(&self.depot, &self.files, &self.catalog, space, from)
    }
}

fn record(sighting: &Sighting<'_>) -> LogRecord {
    let at = |place: &Place<'_>| (place.file.to_owned(), place.offset);
    match sighting {
        Sighting::Commit { place, header, payload, accepted } => {
            let (file, offset) = at(place);
            let place = if *accepted { InHistory::Unbroken } else { InHistory::BehindBreak };
            LogRecord::Commit { file, offset, frame: header.into_frame(payload), place }
        }
        Sighting::BadCommit { place, header } => {
            let (file, offset) = at(place);
            let (space, lsn) = (header.stamp.space, header.stamp.lsn);
            LogRecord::Damaged { file, offset, space, lsn }
        }
        Sighting::Trace { space, lsn, witness } => {
            LogRecord::Trace { space: *space, lsn: *lsn, witness: *witness }
        }
    }
}

/// How long a segment says that it is; 0 where it says nothing.
fn told_bytes(fs: &dyn Fs, path: &Path, name: &str) -> u64 {
    let mut page = [0; HEADER_PAGE_BYTES as usize];
    let read = fs.open(path, OpenMode::Read).and_then(|file| file.read_at(0, &mut page));
    let sequence = parse_segment_name(name).filter(|_| read.is_ok()).unwrap_or(0);
    let header = SegmentHeader::decode(&page, sequence).ok().flatten();
    header.map_or(0, |header| header.segment_bytes)
}

/// Names of the files of a log, spares apart. A directory that is not there has none.
fn log_names(fs: &dyn Fs, dir: &Path) -> Result<Vec<String>, LogError> {
    let names = match fs.list(dir) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
        names => names.map_err(|source| LogError::from_io("list", "the log directory", source))?,
    };
    let own = |name: &String| parse_segment_name(name).is_some() || name == BASE_NAME;
    Ok(names.into_iter().filter(own).collect())
}

/// What an intact `base` says.
fn starts(fs: &dyn Fs, dir: &Path) -> Result<BTreeMap<SpaceId, SpaceTip>, LogError> {
    let Ok(bytes) = read_all(fs, &dir.join(BASE_NAME)) else { return Ok(BTreeMap::new()) };
    let entries = Base::decode(&bytes)?.map(|base| base.entries).unwrap_or_default();
    Ok(entries.into_iter().map(|entry| (entry.space, entry.tip)).collect())
}
