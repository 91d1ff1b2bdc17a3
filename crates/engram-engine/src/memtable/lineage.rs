//! Which nodes are versions of one memory.
//!
//! To every index an older version is a deleted document. What tells the two apart is its lineage: merges keep what has one,
//! and what is deleted loses it. So an older version needs no place of its own, and none is lost with the other.

use engram_store::Lsn;

use super::by_node::ByNode;

/// What is known of a node of a memory that has more than one version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Lineage {
    /// Node of the first version: its place among memories that happened at the same time.
    pub(crate) first: u32,
    /// Commit that put a newer version in its place; none = it is the newest.
    pub(crate) replaced: Option<Lsn>,
}

/// The lineages of all nodes that have one. A copy shares all but what changes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Versions {
    lineages: ByNode<Lineage>,
}

impl Versions {
    /// Notes that a document under a node was replaced by one under a newer node.
    pub(super) fn replace(&mut self, old: u32, new: u32, at: Lsn) {
        let first = self.first(old);
        self.insert(old, Lineage { first, replaced: Some(at) });
        self.insert(new, Lineage { first, replaced: None });
    }

    pub(crate) fn insert(&mut self, node: u32, lineage: Lineage) {
        self.lineages.insert(node, lineage);
    }

    pub(super) fn forget(&mut self, node: u32) {
        self.lineages.remove(node);
    }

    /// Node of the first version of a memory.
    pub(crate) fn first(&self, node: u32) -> u32 {
        self.lineages.get(node).map_or(node, |lineage| lineage.first)
    }

    /// The commit that replaced an older version; none for every other node.
    pub(crate) fn replaced(&self, node: u32) -> Option<Lsn> {
        self.lineages.get(node)?.replaced
    }

    /// Whether a node is that of an older version.
    pub(crate) fn is_older(&self, node: u32) -> bool {
        self.replaced(node).is_some()
    }

    /// All of them by node.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, Lineage)> {
        self.lineages.iter().map(|(node, own)| (node, *own))
    }

    /// Estimated bytes in RAM.
    pub(crate) fn heap_bytes(&self) -> u64 {
        self.lineages.heap_bytes() as u64
    }
}
