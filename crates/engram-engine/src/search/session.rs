//! Where memories stand in time: before and after each other in a session, and within a range.

use engram_index::{Adjacency, Direction};

use crate::association::EdgeKind;
use crate::filter::TimeRange;
use crate::memtable::{ChunkView, DocRef, Snapshot};
use crate::model::State;

/// Neighbours that are passed over because they are not recallable, before the search for more of them ends.
const PASSED_OVER_MAX: usize = 16;

impl Snapshot {
    /// The recallable memories that stand before (`In`) or after (`Out`) one in its session, nearest first, at most `count`.
    pub(crate) fn beside(
        &self,
        node: u32,
        direction: Direction,
        count: usize,
        now_ns: i64,
    ) -> Vec<DocRef> {
        let next = EdgeKind::Next.edge_type();
        let mut found = Vec::new();
        let mut node = node;
        for _ in 0..count + PASSED_OVER_MAX {
            let mut links = self.associations.graph.links(node);
            let Some(link) =
                links.find(|link| link.edge_type == next && link.direction == direction)
            else {
                break;
            };
            node = link.node;
            if let Some((at, State::Active)) = self.doc_of_node(node)
                && !self.is_expired(at, now_ns)
            {
                found.push(at);
                if found.len() == count {
                    break;
                }
            }
        }
        found
    }

    /// When the first and the last active memory happened, ns.
    pub(crate) fn times(&self) -> Option<(i64, i64)> {
        let chunks = self.chunks.iter().filter_map(ChunkView::active_times);
        let active = self.tail.iter().filter(|tail| tail.state == State::Active);
        let tail = active.map(|tail| tail.doc.memory.happened_at());
        chunks
            .chain(tail.map(|at| (at, at)))
            .reduce(|all, own| (all.0.min(own.0), all.1.max(own.1)))
    }

    /// The active memories that happened in that range, in the order of the log; none where they are more than `most`.
    pub(crate) fn happened_within(&self, range: TimeRange, most: u64) -> Option<Vec<DocRef>> {
        let tail = (0_u32..).zip(&self.tail).filter(|(_, tail)| {
            tail.state == State::Active && range.contains(tail.doc.memory.happened_at())
        });
        let tail: Vec<DocRef> = tail.map(|(index, _)| DocRef::Tail(index)).collect();
        let mut sets = Vec::with_capacity(self.chunks.len());
        let mut count = tail.len() as u64;
        for view in &self.chunks {
            let locals = view.active_of(&view.chunk.columns.happened_within(range));
            count += locals.len();
            sets.push(locals);
        }
        if count > most {
            return None;
        }
        let chunks = (0_u32..).zip(&sets);
        let found = chunks.flat_map(|(index, locals)| {
            locals.iter().map(move |local| DocRef::Chunk(index, local))
        });
        Some(found.chain(tail).collect())
    }
}
