//! The writer: lays a batch out over segments and writes it.
//!
//! Guarantees: every segment that a batch needs exists before any byte of the batch is written; a segment is
//! written only after all earlier ones are synced; a batch counts only when its last sync succeeded.

use std::collections::{HashSet, VecDeque};
use std::ops::Range;
use std::sync::Arc;

use super::catalog::{ActiveView, Catalog};
use super::depot::{Depot, OpenSegment};
use super::error::LogError;
use super::frame::{FRAME_HEADER_BYTES, FrameHeader, FrameKind, encode};
use super::segment::{Fill, Predecessor, SegmentIndex, Trailer};
use crate::bug::Bug;

/// The largest piece that a disk loses at once, in bytes.
const BLOCK_BYTES: u64 = 4096;

/// One frame to write; `batch_start` is filled in when its place is known.
pub(crate) struct Item<'a> {
    pub(crate) header: FrameHeader,
    pub(crate) payload: &'a [u8],
}

/// The end of the log, and how it grows. Owned by whoever flushes.
pub(crate) struct Writer {
    pub(crate) active: Option<OpenSegment>,
    /// Everything in the active segment.
    pub(crate) index: SegmentIndex,
    pub(crate) fill: Fill,
    /// Empty segments behind the active one.
    pub(crate) ready: VecDeque<OpenSegment>,
    pub(crate) next_sequence: u64,
    /// What the next segment to be made follows.
    pub(crate) follows: Predecessor,
    /// The last thing in the log is a checkpoint.
    pub(crate) clean: bool,
}

/// How a write failed.
pub(crate) struct WriteError {
    pub(crate) error: LogError,
    /// False when nothing of the batch was written.
    pub(crate) began: bool,
}

/// What a write made durable, to be published in the catalog.
#[derive(Default)]
pub(crate) struct Written {
    parts: Vec<PartWritten>,
    /// `sync_data` calls.
    pub(crate) syncs: u64,
}

struct PartWritten {
    segment: OpenSegment,
    /// Where the commits of the batch stand.
    commits: SegmentIndex,
    /// Where its footer stands, when it is full.
    footer_offset: Option<u32>,
}

/// What of a batch goes into one segment.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Part {
    items: Range<usize>,
    /// The segment is full then.
    seal: bool,
}

impl Writer {
    /// Writes `items` as one batch and syncs it.
    pub(crate) fn write(
        &mut self,
        depot: &Depot,
        items: &[Item<'_>],
    ) -> Result<Written, WriteError> {
        let parts = self.prepare(depot, items);
        let parts = parts.map_err(|error| WriteError { error, began: false })?;
        let mut written = Written::default();
        for part in parts {
            let done = self.write_part(&items[part.items], part.seal);
            let done = done.map_err(|error| WriteError { error, began: true })?;
            written.syncs += 1;
            written.parts.push(done);
        }
        Ok(written)
    }

    /// Fills the active segment up with its footer; the next one takes over.
    pub(crate) fn roll(&mut self, depot: &Depot) -> Result<Written, WriteError> {
        if self.ready.is_empty() {
            self.grow(depot).map_err(|error| WriteError { error, began: false })?;
        }
        let part = self.write_part(&[], true);
        let part = part.map_err(|error| WriteError { error, began: true })?;
        Ok(Written { parts: vec![part], syncs: 1 })
    }

    /// Payload of the padding frame behind which the next block starts; `None` when the next frame starts a block anyway.
    pub(crate) fn padding(&self) -> Option<Vec<u8>> {
        let gap = self.fill.end.next_multiple_of(BLOCK_BYTES) - self.fill.end;
        let gap = match gap {
            0 => return None,
            short if short < FRAME_HEADER_BYTES => short + BLOCK_BYTES,
            enough => enough,
        };
        Some(vec![0; (gap - FRAME_HEADER_BYTES) as usize])
    }

    /// Makes the first segment when there is none.
    pub(crate) fn start(&mut self, depot: &Depot) -> Result<(), LogError> {
        if self.active.is_none() {
            self.grow(depot)?;
            self.active = self.ready.pop_front();
        }
        Ok(())
    }

    /// Lays the batch out and makes the segments that it needs.
    fn prepare(&mut self, depot: &Depot, items: &[Item<'_>]) -> Result<Vec<Part>, LogError> {
        self.start(depot)?;
        loop {
            if let Some(parts) = self.lay_out(items) {
                return Ok(parts);
            }
            self.grow(depot)?;
        }
    }

    fn grow(&mut self, depot: &Depot) -> Result<(), LogError> {
        let segment = depot.activate(self.next_sequence, self.follows)?;
        self.ready.push_back(segment);
        self.next_sequence += 1;
        self.follows = Predecessor::Sealed;
        Ok(())
    }

    /// Which items go into which segment; `None` when there are too few segments. A ready segment may be too small for a
    /// frame (made under smaller options): then it is sealed empty and passed over.
    fn lay_out(&self, items: &[Item<'_>]) -> Option<Vec<Part>> {
        let mut segments = self.active.iter().chain(&self.ready);
        let mut area_end = segments.next()?.header.area_end();
        let (mut fill, mut index) = (self.fill, &self.index);
        let empty = SegmentIndex::default();
        let mut own = HashSet::new();
        let (mut parts, mut start) = (Vec::new(), 0);
        for (position, item) in items.iter().enumerate() {
            let space = item.header.stamp.space;
            let len = item.payload.len() as u64;
            loop {
                let is_commit = u64::from(item.header.frame_kind == FrameKind::Commit);
                let known = index.spaces.contains_key(&space) || own.contains(&space);
                let is_new = if known { 0 } else { is_commit };
                if let Some(next) = fill.with(len, is_new, is_commit, area_end) {
                    fill = next;
                    break;
                }
                parts.push(Part { items: start..position, seal: true });
                area_end = segments.next()?.header.area_end();
                (fill, index, start) = (Fill::EMPTY, &empty, position);
                own.clear();
            }
            own.insert(space);
        }
        parts.push(Part { items: start..items.len(), seal: false });
        Some(parts)
    }

    /// Encodes and writes what goes into the active segment, with its footer when it is full, and syncs it.
    fn write_part(&mut self, items: &[Item<'_>], seal: bool) -> Result<PartWritten, LogError> {
        let segment = self.active.clone().expect("prepare made it");
        let salt = segment.header.salt();
        let batch_start = self.fill.end as u32;
        let mut bytes = Vec::new();
        let mut commits = SegmentIndex::default();
        for item in items {
            let offset = u64::from(batch_start) + bytes.len() as u64;
            let mut header = item.header;
            header.batch_start = batch_start;
            encode(&mut bytes, salt, offset, &header, item.payload);
            if header.frame_kind == FrameKind::Commit {
                commits.push(header.stamp.space, header.stamp.lsn, offset);
                self.index.push(header.stamp.space, header.stamp.lsn, offset);
            }
        }
        let mut trailer = None;
        if seal {
            let footer_offset = batch_start + bytes.len() as u32;
            let epoch = items.last().map_or(0, |item| item.header.epoch);
            let header = FrameHeader::service(FrameKind::Footer, epoch, batch_start);
            encode(&mut bytes, salt, u64::from(footer_offset), &header, &self.index.encode());
            trailer = Some(Trailer { footer_offset, batch_start });
        }
        let end = u64::from(batch_start) + bytes.len() as u64;
        assert!(end <= segment.header.area_end(), "room for the footer is kept");
        let write = |offset, bytes: &[u8]| {
            let result = segment.file.write_at(offset, bytes);
            result.map_err(|source| LogError::from_io("write", &segment.name, source))
        };
        write(u64::from(batch_start), &bytes)?;
        if let Some(trailer) = trailer {
            write(segment.header.area_end(), &trailer.encode(&segment.header))?;
        }
        sync(&segment)?;
        if seal {
            self.active = self.ready.pop_front();
            self.index = SegmentIndex::default();
            self.fill = Fill::EMPTY;
        } else {
            let (spaces, frames) = (self.index.spaces.len() as u64, self.index.frames);
            self.fill = Fill { end, spaces, frames };
        }
        let footer_offset = trailer.map(|trailer| trailer.footer_offset);
        Ok(PartWritten { segment, commits, footer_offset })
    }
}

fn sync(segment: &OpenSegment) -> Result<(), LogError> {
    if Bug::AcknowledgedUnsynced.is_on() {
        return Ok(());
    }
    let mut synced = segment.file.sync_data();
    if synced.is_err() && Bug::SyncRetried.is_on() {
        synced = segment.file.sync_data();
    }
    synced.map_err(|source| LogError::from_io("sync", &segment.name, source))
}

impl Written {
    /// Shows the readers what became durable.
    pub(crate) fn publish(self, catalog: &mut Catalog) {
        for part in self.parts {
            let fresh = || ActiveView::new(part.segment.clone(), SegmentIndex::default());
            let view = catalog.active.get_or_insert_with(fresh);
            assert_eq!(view.segment.name, part.segment.name, "segments are published in order");
            view.index.append(&part.commits);
            if let Some(footer_offset) = part.footer_offset {
                let view = catalog.active.take().expect("it was just filled");
                catalog.sealed.push_back(Arc::new(view.seal(footer_offset)));
            }
        }
    }
}
