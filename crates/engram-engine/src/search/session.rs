//! What stands before and after a memory in its session.

use engram_index::{Adjacency, Direction};

use crate::association::EdgeKind;
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
}
