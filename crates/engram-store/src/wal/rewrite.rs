//! [`LogRewrite`]: a log written anew out of commits that another one had.
//!
//! Guarantees: every commit keeps its stamp, chain and bytes, and is taken only as the next one of its space; the files are a
//! closed log when [`LogRewrite::finish`] returns, complete and synced. Nothing else is in the directory by then.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use super::depot::Depot;
use super::error::LogError;
use super::frame::{FrameHeader, FrameKind};
use super::segment::{Fill, Predecessor, SegmentIndex};
use super::snapshot::{BASE_NAME, Base, Snapshot, SpaceEntry};
use super::types::{Frame, LogOptions, SpaceTip};
use super::writer::{Item, Writer};
use crate::entropy::Entropy;
use crate::fs::{Fs, write_atomically};
use crate::ids::SpaceId;

/// Payloads that are gathered before they are written, in bytes.
const BATCH_BYTES: usize = 4 << 20;

/// A log that is being written anew.
pub struct LogRewrite {
    depot: Depot,
    writer: Writer,
    first_sequence: u64,
    starts: BTreeMap<SpaceId, SpaceTip>,
    tips: BTreeMap<SpaceId, SpaceTip>,
    batch: Vec<Frame>,
    batch_bytes: usize,
}

impl LogRewrite {
    /// Starts a log in the empty directory `dir` (created when missing), whose first segment has this sequence number and in which
    /// the spaces of `starts` go on from there; the others start with LSN 1.
    ///
    /// # Errors
    /// `BadOption`, `Io`, `DiskFull`.
    pub fn create(
        fs: Arc<dyn Fs>,
        dir: &Path,
        options: LogOptions,
        entropy: &dyn Entropy,
        (first_sequence, starts): (u64, BTreeMap<SpaceId, SpaceTip>),
    ) -> Result<LogRewrite, LogError> {
        options.check()?;
        let created = fs.create_dir_all(dir);
        created.map_err(|source| LogError::from_io("create", "the log directory", source))?;
        let writer = Writer {
            active: None,
            index: SegmentIndex::default(),
            fill: Fill::EMPTY,
            ready: std::collections::VecDeque::new(),
            next_sequence: first_sequence,
            follows: Predecessor::Sealed,
            clean: false,
        };
        let depot = Depot::new(fs, dir, options, entropy);
        let tips = starts.clone();
        Ok(LogRewrite {
            depot,
            writer,
            first_sequence,
            starts,
            tips,
            batch: Vec::new(),
            batch_bytes: 0,
        })
    }

    /// Adds the next commit of its space.
    ///
    /// # Errors
    /// `Corrupt` when it is not the next one; `PayloadTooLarge`, `Io`, `DiskFull`.
    pub fn push(&mut self, frame: Frame) -> Result<(), LogError> {
        let space = frame.stamp.space;
        let tip = self.tips.entry(space).or_insert(SpaceTip::NONE);
        if !frame.continues(tip) {
            let what = format!("LSN {} of space {space} is not its next one", frame.stamp.lsn);
            return Err(LogError::Corrupt { file: "the new log".to_owned(), offset: 0, what });
        }
        let (bytes, max) = (frame.payload.len() as u64, self.depot.options.payload_bytes_max());
        if bytes > max {
            return Err(LogError::PayloadTooLarge { bytes, max });
        }
        *tip = frame.tip();
        self.batch_bytes += frame.payload.len();
        self.batch.push(frame);
        if self.batch_bytes >= BATCH_BYTES { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<(), LogError> {
        self.batch_bytes = 0;
        let batch = std::mem::take(&mut self.batch);
        if batch.is_empty() {
            return Ok(());
        }
        let item = |frame: &'_ Frame| FrameHeader::of_frame(frame);
        let items: Vec<Item<'_>> = batch
            .iter()
            .map(|frame| Item { header: item(frame), payload: &frame.payload })
            .collect();
        self.writer.write(&self.depot, &items).map(|_| ()).map_err(|failed| failed.error)
    }

    /// Writes the rest, the proof that it is whole, and `base`. Returns the names of the files.
    ///
    /// # Errors
    /// `Io`, `DiskFull`.
    pub fn finish(mut self) -> Result<Vec<String>, LogError> {
        self.flush()?;
        let entry = |(space, tip): (&SpaceId, &SpaceTip)| SpaceEntry {
            space: *space,
            tip: *tip,
            quarantined: false,
            adopted: false,
        };
        let stands = |(_, tip): &(&SpaceId, &SpaceTip)| tip.lsn.0 > 0;
        let entries = self.tips.iter().filter(stands).map(entry).collect();
        let snapshot = Snapshot { entries, unlisted_suspect: false };
        let parts = snapshot.encode_parts(self.depot.options.payload_bytes_max());
        self.writer.start(&self.depot)?;
        let padding = self.writer.padding();
        let epoch = self.depot.options.epoch;
        let service = |kind| FrameHeader::service(kind, epoch, 0);
        let padding = padding.iter().map(|payload| Item {
            header: service(FrameKind::Padding),
            payload: payload.as_slice(),
        });
        let parts = parts.iter().map(|payload| Item {
            header: service(FrameKind::Checkpoint),
            payload: payload.as_slice(),
        });
        let items: Vec<Item<'_>> = padding.chain(parts).collect();
        self.writer.write(&self.depot, &items).map_err(|failed| failed.error)?;
        let base = Base {
            first_sequence: self.first_sequence,
            entries: self.starts.iter().map(entry).collect(),
        };
        let path = self.depot.path(BASE_NAME);
        let written = write_atomically(self.depot.fs.as_ref(), &path, &base.encode());
        written.map_err(|source| LogError::from_io("write", BASE_NAME, source))?;
        let names = self.depot.fs.list(&self.depot.dir);
        names.map_err(|source| LogError::from_io("list", "the log directory", source))
    }
}
