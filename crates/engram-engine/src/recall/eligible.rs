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
    /// Whether every active document of the tail is in it.
    tail_is_whole: bool,
    /// Nodes that the cue excludes.
    excluded: HashSet<u32>,
    /// The documents that hold all quoted phrases; none = the cue has none.
    phrased: Option<HashSet<DocRef>>,
    pub(super) count: u64,
}

impl Eligible {
    pub(super) fn new(
        snapshot: &Snapshot,
        filter: &Filter,
        (excluded, phrased): (HashSet<u32>, Option<Vec<DocRef>>),
        now_ns: i64,
    ) -> Eligible {
        let phrased = phrased.map(|docs| docs.into_iter().collect::<HashSet<DocRef>>());
        let validities = snapshot.validities(filter, now_ns);
        let mut count = 0;
        let mut chunk = |view: &ChunkView| {
            let expired = view.chunk.columns.expired(now_ns);
            let expired = expired.map(|e| view.active_of(&e)).filter(|e| !e.is_empty());
            if filter.is_empty() && expired.is_none() {
                count += view.active();
                return None;
            }
            let matching = view.active_of(&view.matching(filter, &validities));
            let eligible = expired.map_or(matching.clone(), |expired| matching.and_not(&expired));
            count += eligible.len();
            Some(eligible)
        };
        let chunks = snapshot.chunks.iter().map(&mut chunk).collect();
        let passes = |node: u32, memory: &Memory| {
            !memory.is_expired(now_ns) && validities.pass(filter, node, memory)
        };
        let mut tail = Bitmap::default();
        let mut tail_is_whole = true;
        for (index, doc) in (0_u32..).zip(&snapshot.tail) {
            if doc.state != State::Active {
                continue;
            }
            if passes(doc.node, &doc.doc.memory) {
                tail.insert(index);
            } else {
                tail_is_whole = false;
            }
        }
        count += tail.len();
        let mut eligible = Eligible {
            chunks,
            tail,
            tail_is_whole,
            excluded: HashSet::new(),
            phrased: None,
            count,
        };
        let left_out = |node: &&u32| {
            let found = snapshot.doc_of_node(**node);
            found.is_some_and(|(at, _)| eligible.accepts(snapshot, at))
        };
        eligible.count -= excluded.iter().filter(left_out).count() as u64;
        eligible.excluded = excluded;
        if let Some(docs) = phrased {
            let holding = docs.iter().filter(|at| eligible.accepts(snapshot, **at)).count();
            eligible.count = holding as u64;
            eligible.phrased = Some(docs);
        }
        eligible
    }

    /// Whether every active document is eligible.
    pub(super) fn is_all_active(&self) -> bool {
        self.excluded.is_empty()
            && self.phrased.is_none()
            && self.tail_is_whole
            && self.chunks.iter().all(Option::is_none)
    }

    pub(super) fn accepts(&self, snapshot: &Snapshot, at: DocRef) -> bool {
        let inside = match at {
            DocRef::Chunk(chunk, local) => match &self.chunks[chunk as usize] {
                Some(eligible) => eligible.contains(local),
                None => snapshot.chunks[chunk as usize].state(local) == Some(State::Active),
            },
            DocRef::Tail(index) => self.tail.contains(index),
        };
        inside
            && (self.excluded.is_empty() || !self.excluded.contains(&snapshot.node(at)))
            && self.phrased.as_ref().is_none_or(|docs| docs.contains(&at))
    }
}
