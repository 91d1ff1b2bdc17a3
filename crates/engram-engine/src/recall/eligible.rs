//! Which documents a cue may find.

use std::collections::HashSet;

use engram_index::Bitmap;

use crate::filter::Filter;
use crate::memtable::{ChunkView, DocRef, Snapshot};
use crate::model::{Memory, State};

/// The documents that are active, not expired and let pass by the filter.
pub(super) struct Eligible {
    /// Per chunk; none = all its active documents.
    chunks: Vec<Option<Bitmap>>,
    tail: Bitmap,
    /// Nodes that the cue excludes.
    excluded: HashSet<u32>,
    pub(super) count: u64,
}

impl Eligible {
    pub(super) fn new(
        snapshot: &Snapshot,
        filter: &Filter,
        excluded: HashSet<u32>,
        now_ns: i64,
    ) -> Eligible {
        let mut count = 0;
        let mut chunk = |view: &ChunkView| {
            let expired = view.chunk.columns.expired(now_ns);
            if filter.is_empty() && expired.is_none() {
                count += view.active();
                return None;
            }
            let locals = |ids: &[String]| {
                let locals: Vec<u32> =
                    ids.iter().flat_map(|id| view.chunk.locals_of_id(id)).collect();
                Bitmap::from_ordinals(&locals)
            };
            let matching = view.active_of(&view.chunk.columns.matching(filter, &locals));
            let eligible = expired.map_or(matching.clone(), |expired| matching.and_not(&expired));
            count += eligible.len();
            Some(eligible)
        };
        let chunks = snapshot.chunks.iter().map(&mut chunk).collect();
        let passes = |memory: &Memory| !memory.is_expired(now_ns) && filter.matches(memory);
        let mut tail = Bitmap::default();
        for (index, doc) in (0_u32..).zip(&snapshot.tail) {
            if doc.state == State::Active && passes(&doc.doc.memory) {
                tail.insert(index);
            }
        }
        count += tail.len();
        let mut eligible = Eligible { chunks, tail, excluded: HashSet::new(), count };
        let left_out = |node: &&u32| {
            let found = snapshot.doc_of_node(**node);
            found.is_some_and(|(at, _)| eligible.accepts(snapshot, at))
        };
        eligible.count -= excluded.iter().filter(left_out).count() as u64;
        eligible.excluded = excluded;
        eligible
    }

    pub(super) fn accepts(&self, snapshot: &Snapshot, at: DocRef) -> bool {
        match at {
            DocRef::Chunk(chunk, local) => {
                self.accepts_in(&snapshot.chunks[chunk as usize], chunk as usize, local)
            }
            DocRef::Tail(index) => self.accepts_tail(snapshot, index),
        }
    }

    pub(super) fn accepts_in(&self, view: &ChunkView, chunk: usize, local: u32) -> bool {
        let inside = match &self.chunks[chunk] {
            Some(eligible) => eligible.contains(local),
            None => view.state(local) == Some(State::Active),
        };
        inside && (self.excluded.is_empty() || !self.excluded.contains(&view.chunk.node(local)))
    }

    pub(super) fn accepts_tail(&self, snapshot: &Snapshot, index: u32) -> bool {
        let node = snapshot.tail[index as usize].node;
        self.tail.contains(index) && !self.excluded.contains(&node)
    }
}
