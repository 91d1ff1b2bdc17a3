//! The catalog: which durable commits stand where, for readers and for dropping what was released.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

use super::depot::OpenSegment;
use super::segment::{SegmentHeader, SegmentIndex};
use crate::ids::{Lsn, SpaceId};

/// The commits of one space in a sealed segment; their LSNs are dense.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct SpaceRun {
    pub(crate) space: SpaceId,
    pub(crate) first: Lsn,
    pub(crate) count: u32,
    /// How many frame offsets stand before those of this space in the footer.
    pub(crate) position: u32,
}

impl SpaceRun {
    /// The LSN behind the last one.
    pub(crate) fn end(&self) -> u64 {
        self.first.0 + u64::from(self.count)
    }
}

/// Where the offsets of the frames of a sealed segment are found.
#[derive(Debug)]
pub(crate) enum Whereabouts {
    /// In the footer frame at this offset, which is intact.
    Footer(u64),
    /// Here, for want of such a footer.
    Memory(SegmentIndex),
}

/// A segment that takes no more frames.
#[derive(Debug)]
pub(crate) struct SealedSegment {
    pub(crate) header: SegmentHeader,
    pub(crate) name: String,
    /// Ascending by space, as in the footer.
    pub(crate) runs: Box<[SpaceRun]>,
    pub(crate) whereabouts: Whereabouts,
    /// Held by readers that started when this was the active segment.
    pin: Arc<()>,
}

impl SealedSegment {
    /// With an intact footer at `footer_offset` that says what `index` does.
    pub(crate) fn with_footer(
        header: SegmentHeader,
        name: String,
        index: &SegmentIndex,
        footer_offset: u32,
    ) -> SealedSegment {
        let whereabouts = Whereabouts::Footer(u64::from(footer_offset));
        SealedSegment { header, name, runs: runs(index), whereabouts, pin: Arc::new(()) }
    }

    /// Without a footer that could be read.
    pub(crate) fn without_footer(
        header: SegmentHeader,
        name: String,
        index: SegmentIndex,
    ) -> SealedSegment {
        let runs = runs(&index);
        let whereabouts = Whereabouts::Memory(index);
        SealedSegment { header, name, runs, whereabouts, pin: Arc::new(()) }
    }

    /// The commits of `space` in it.
    pub(crate) fn run(&self, space: SpaceId) -> Option<&SpaceRun> {
        let place = self.runs.binary_search_by_key(&space, |run| run.space);
        place.ok().map(|place| &self.runs[place])
    }
}

fn runs(index: &SegmentIndex) -> Box<[SpaceRun]> {
    let mut position = 0;
    let mut run = |(space, entry): (&SpaceId, &super::segment::SpaceOffsets)| {
        let count = entry.offsets.len() as u32;
        let run = SpaceRun { space: *space, first: entry.first, count, position };
        position += count;
        run
    };
    index.spaces.iter().map(&mut run).collect()
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
    pub(crate) fn seal(self, footer_offset: u32) -> SealedSegment {
        let OpenSegment { header, name, .. } = self.segment;
        let sealed = SealedSegment::with_footer(header, name, &self.index, footer_offset);
        SealedSegment { pin: self.pin, ..sealed }
    }
}

/// All segments with durable frames.
#[derive(Default)]
pub(crate) struct Catalog {
    pub(crate) sealed: VecDeque<Arc<SealedSegment>>,
    pub(crate) active: Option<ActiveView>,
    released: HashMap<SpaceId, Lsn>,
    /// The spaces with frames in the oldest sealed segment that are not released. `None` until somebody asks, so that
    /// asking again costs nothing, however many spaces there are.
    held: Option<BTreeSet<SpaceId>>,
    /// Something is quarantined: nothing is dropped, for the log is what a salvage works on, and its holes are
    /// the evidence that makes each later open come to the same verdicts.
    pub(crate) frozen: bool,
}

impl Catalog {
    /// Takes note that the frames of `space` up to `through` are needed no more.
    pub(crate) fn release(&mut self, space: SpaceId, through: Lsn) {
        let released = self.released.entry(space).or_insert(Lsn(0));
        if through <= *released {
            return;
        }
        *released = through;
        if let Some(held) = &mut self.held
            && let Some(run) = self.sealed.front().and_then(|oldest| oldest.run(space))
            && is_released(run, through)
        {
            held.remove(&space);
        }
    }

    /// The spaces that keep the oldest sealed segment from being dropped, ascending. None when there is no such segment.
    pub(crate) fn held(&mut self) -> Option<&BTreeSet<SpaceId>> {
        let oldest = self.sealed.front()?;
        let released = &self.released;
        let look_up = || {
            let through = |run: &SpaceRun| released.get(&run.space).copied().unwrap_or_default();
            let held = oldest.runs.iter().filter(|run| !is_released(run, through(run)));
            held.map(|run| run.space).collect()
        };
        Some(self.held.get_or_insert_with(look_up))
    }

    /// The oldest segment, when nothing in it is needed any more and no reader is in it.
    pub(crate) fn droppable(&mut self) -> Option<Arc<SealedSegment>> {
        let is_free = !self.frozen && self.held()?.is_empty();
        let oldest = self.sealed.front()?;
        // Readers hold the Arc of every segment that they still have to visit.
        let unread = Arc::strong_count(oldest) == 1 && Arc::strong_count(&oldest.pin) == 1;
        (is_free && unread).then(|| Arc::clone(oldest))
    }

    /// Takes the oldest segment out, unless a reader came in between; `dropping` is the caller's own handle.
    pub(crate) fn take_oldest(&mut self, dropping: &Arc<SealedSegment>) -> bool {
        let same = self.sealed.front().is_some_and(|oldest| Arc::ptr_eq(oldest, dropping));
        if !same || Arc::strong_count(dropping) != 2 || Arc::strong_count(&dropping.pin) != 1 {
            return false;
        }
        self.sealed.pop_front();
        self.held = None;
        true
    }

    /// Whether a segment has a frame of `space` up to `through`.
    pub(crate) fn holds(&self, space: SpaceId, through: Lsn) -> bool {
        let sealed = self.sealed.iter().filter_map(|sealed| Some(sealed.run(space)?.first));
        let active = self.active.as_ref().and_then(|view| view.index.spaces.get(&space));
        sealed.chain(active.map(|own| own.first)).any(|first| first <= through)
    }

    /// Segments in use.
    pub(crate) fn segments(&self) -> u64 {
        self.sealed.len() as u64 + u64::from(self.active.is_some())
    }

    /// What they take on the disk, in bytes.
    pub(crate) fn bytes(&self) -> u64 {
        let sealed = self.sealed.iter().map(|sealed| sealed.header.segment_bytes).sum::<u64>();
        sealed + self.active.as_ref().map_or(0, |view| view.segment.header.segment_bytes)
    }
}

fn is_released(run: &SpaceRun, through: Lsn) -> bool {
    through.0 >= run.end() - 1
}
