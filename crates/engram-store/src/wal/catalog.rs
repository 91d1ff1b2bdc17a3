//! The catalog: which durable commits stand where, for readers and for dropping what was released.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use super::depot::OpenSegment;
use super::segment::{SegmentHeader, SegmentIndex};
use crate::ids::{Lsn, SpaceId};

/// A segment that takes no more frames.
#[derive(Debug)]
pub(crate) struct SealedSegment {
    pub(crate) header: SegmentHeader,
    pub(crate) name: String,
    /// For each space its first LSN here and the one behind its last.
    pub(crate) spaces: HashMap<SpaceId, (u64, u64)>,
    /// The index, where there is no intact footer to load it from.
    pub(crate) pinned: Option<Arc<SegmentIndex>>,
    /// Held by readers that started when this was the active segment.
    pin: Arc<()>,
}

impl SealedSegment {
    pub(crate) fn new(header: SegmentHeader, name: String, index: &SegmentIndex) -> SealedSegment {
        let range = |(space, entry): (&SpaceId, &super::segment::SpaceOffsets)| {
            (*space, (entry.first.0, entry.end()))
        };
        let spaces = index.spaces.iter().map(range).collect();
        let pin = Arc::new(());
        SealedSegment { header, name, spaces, pinned: None, pin }
    }
}

/// The segment that is being filled, as far as it is durable.
pub(crate) struct ActiveView {
    pub(crate) segment: OpenSegment,
    pub(crate) index: SegmentIndex,
    /// Readers hold it, so that the file is not reused under them.
    pub(crate) pin: Arc<()>,
}

impl ActiveView {
    pub(crate) fn new(segment: OpenSegment, index: SegmentIndex) -> ActiveView {
        ActiveView { segment, index, pin: Arc::new(()) }
    }

    /// The view of the segment now that it has its footer.
    pub(crate) fn seal(self) -> SealedSegment {
        let sealed = SealedSegment::new(self.segment.header, self.segment.name, &self.index);
        SealedSegment { pin: self.pin, ..sealed }
    }
}

/// All segments with durable frames.
#[derive(Default)]
pub(crate) struct Catalog {
    pub(crate) sealed: VecDeque<Arc<SealedSegment>>,
    pub(crate) active: Option<ActiveView>,
    pub(crate) released: HashMap<SpaceId, Lsn>,
    /// Something is quarantined: nothing is dropped, for the log is what a salvage works on, and its holes are
    /// the evidence that makes each later open come to the same verdicts.
    pub(crate) frozen: bool,
}

impl Catalog {
    /// The oldest segment, when nothing in it is needed any more and no reader is in it.
    pub(crate) fn droppable(&self) -> Option<Arc<SealedSegment>> {
        let oldest = self.sealed.front()?;
        let released = |(space, range): (&SpaceId, &(u64, u64))| {
            self.released.get(space).is_some_and(|through| through.0 >= range.1 - 1)
        };
        // Readers hold the Arc of every segment that they still have to visit.
        let unread = Arc::strong_count(oldest) == 1 && Arc::strong_count(&oldest.pin) == 1;
        (unread && !self.frozen && oldest.spaces.iter().all(released)).then(|| Arc::clone(oldest))
    }

    /// Takes the oldest segment out, unless a reader came in between; `dropping` is the caller's own handle.
    pub(crate) fn take_oldest(&mut self, dropping: &Arc<SealedSegment>) -> bool {
        let same = self.sealed.front().is_some_and(|oldest| Arc::ptr_eq(oldest, dropping));
        if !same || Arc::strong_count(dropping) != 2 || Arc::strong_count(&dropping.pin) != 1 {
            return false;
        }
        self.sealed.pop_front();
        true
    }

    /// Segments in use.
    pub(crate) fn segments(&self) -> u64 {
        self.sealed.len() as u64 + u64::from(self.active.is_some())
    }
}
