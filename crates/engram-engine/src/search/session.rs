//! Where memories stand in time: before and after each other in a session, and within a range.

use engram_index::{Adjacency, Direction};

use crate::association::EdgeKind;
use crate::filter::TimeRange;
use crate::memtable::{DocRef, Snapshot};
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
                && !self.memory(at).is_expired(now_ns)
            {
                found.push(at);
                if found.len() == count {
                    break;
                }
            }
        }
        found
    }

    /// When the first and the last memory happened, ns; suppressed and deleted ones may count.
    pub(crate) fn times(&self) -> Option<(i64, i64)> {
        let chunks = self.chunks.iter().filter_map(|view| view.chunk.columns.times());
        let tail = self.tail.iter().map(|tail| tail.doc.memory.happened_at());
        chunks
            .chain(tail.map(|at| (at, at)))
            .reduce(|all, own| (all.0.min(own.0), all.1.max(own.1)))
    }

    /// The live memories that happened in that range, in the order of the log.
    pub(crate) fn happened_within(&self, range: TimeRange) -> Vec<DocRef> {
        let mut found = Vec::new();
        for (index, view) in (0_u32..).zip(&self.chunks) {
            let locals = view.chunk.columns.happened_within(range);
            found.extend(locals.iter().map(|local| DocRef::Chunk(index, local)));
        }
        for (index, tail) in (0_u32..).zip(&self.tail) {
            if range.contains(tail.doc.memory.happened_at()) {
                found.push(DocRef::Tail(index));
            }
        }
        found
    }
}
