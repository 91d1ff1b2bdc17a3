//! Sets of documents of one snapshot.

use engram_index::Bitmap;

use crate::filter::Filter;
use crate::memtable::{ChunkView, DocRef, Snapshot, Validities};
use crate::model::State;

/// Documents, by chunk and in the tail.
pub(super) struct DocSet {
    chunks: Vec<Bitmap>,
    tail: Bitmap,
}

impl DocSet {
    /// The recallable documents that a filter lets pass.
    pub(super) fn recallable(snapshot: &Snapshot, filter: &Filter, now_ns: i64) -> DocSet {
        let validities = snapshot.validities(filter, now_ns);
        let chunk = |view: &ChunkView| {
            let active = view.active_of(&view.matching(filter, &validities));
            match view.chunk.columns.expired(now_ns) {
                Some(expired) => active.and_not(&expired),
                None => active,
            }
        };
        let mut tail = Bitmap::new();
        for (index, doc) in (0_u32..).zip(&snapshot.tail) {
            let memory = &doc.doc.memory;
            let passes = || validities.pass(filter, doc.node, memory);
            if doc.state == State::Active && !memory.is_expired(now_ns) && passes() {
                tail.insert(index);
            }
        }
        let mut all = DocSet { chunks: snapshot.chunks.iter().map(chunk).collect(), tail };
        // What a belief says is said by what it rests on.
        for node in snapshot.beliefs.nodes() {
            match snapshot.doc_of_node(node) {
                Some((DocRef::Chunk(chunk, local), _)) => all.chunks[chunk as usize].remove(local),
                Some((DocRef::Tail(index), _)) => all.tail.remove(index),
                None => false,
            };
        }
        all
    }

    /// Those that a filter lets pass which asks nothing of validity. Columns answer it; only what stands in the tail is looked at.
    pub(super) fn matching(&self, snapshot: &Snapshot, filter: &Filter) -> DocSet {
        let chunks = self.chunks.iter().zip(&snapshot.chunks);
        let stated = Validities::default();
        let mut tail = Bitmap::new();
        for index in self.tail.iter() {
            if filter.matches(&snapshot.tail[index as usize].doc.memory) {
                tail.insert(index);
            }
        }
        let chunk = |(own, view): (&Bitmap, &ChunkView)| own.and(&view.matching(filter, &stated));
        DocSet { chunks: chunks.map(chunk).collect(), tail }
    }

    /// Those that are named.
    pub(super) fn only(&self, named: impl Iterator<Item = DocRef>) -> DocSet {
        let empty = self.chunks.iter().map(|_| Bitmap::new());
        let mut only = DocSet { chunks: empty.collect(), tail: Bitmap::new() };
        for at in named.filter(|at| self.contains(*at)) {
            match at {
                DocRef::Chunk(chunk, local) => only.chunks[chunk as usize].insert(local),
                DocRef::Tail(index) => only.tail.insert(index),
            };
        }
        only
    }

    /// Those that are in the other set, and those that are not.
    pub(super) fn split(&self, other: &DocSet) -> (DocSet, DocSet) {
        let pairs = || self.chunks.iter().zip(&other.chunks);
        let inside = pairs().map(|(own, other)| own.and(other)).collect();
        let outside = pairs().map(|(own, other)| own.and_not(other)).collect();
        (
            DocSet { chunks: inside, tail: self.tail.and(&other.tail) },
            DocSet { chunks: outside, tail: self.tail.and_not(&other.tail) },
        )
    }

    pub(super) fn len(&self) -> u64 {
        self.chunks.iter().map(Bitmap::len).sum::<u64>() + self.tail.len()
    }

    pub(super) fn contains(&self, at: DocRef) -> bool {
        match at {
            DocRef::Chunk(chunk, local) => self.chunks[chunk as usize].contains(local),
            DocRef::Tail(index) => self.tail.contains(index),
        }
    }

    /// In the order of the log.
    pub(super) fn iter(&self) -> impl Iterator<Item = DocRef> + '_ {
        let chunks = (0_u32..).zip(&self.chunks).flat_map(|(chunk, locals)| {
            locals.iter().map(move |local| DocRef::Chunk(chunk, local))
        });
        chunks.chain(self.tail.iter().map(DocRef::Tail))
    }

    /// The last `count` of them, in the order of the log.
    pub(super) fn newest(&self, count: usize) -> impl Iterator<Item = DocRef> + '_ {
        self.iter().skip((self.len() as usize).saturating_sub(count))
    }

    /// At most `count` of them, evenly spaced in the order of the log.
    pub(super) fn spread_out(&self, count: usize) -> impl Iterator<Item = DocRef> + '_ {
        let step = (self.len() as usize).div_ceil(count.max(1)).max(1);
        self.iter().step_by(step).take(count)
    }
}
