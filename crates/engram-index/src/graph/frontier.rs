//! What one hop collects: a cell for each node, and the nodes that were reached in ascending order without sorting.

/// A set of nodes that is filled in any order and emptied in ascending order, in time of what it holds and one bit for each
/// 4,096 nodes.
#[derive(Debug, Default)]
pub(super) struct Marks {
    words: Vec<u64>,
    /// One bit for each word that is not zero.
    summary: Vec<u64>,
}

impl Marks {
    /// Makes room for nodes below `nodes`.
    pub(super) fn grow(&mut self, nodes: usize) {
        let words = nodes.div_ceil(64);
        if self.words.len() < words {
            self.words.resize(words, 0);
            self.summary.resize(words.div_ceil(64), 0);
        }
    }

    #[inline]
    pub(super) fn set(&mut self, node: u32) {
        let word = node as usize / 64;
        self.words[word] |= 1 << (node % 64);
        self.summary[word / 64] |= 1 << (word % 64);
    }

    /// Takes all nodes out, ascending.
    #[inline]
    pub(super) fn drain(&mut self, mut each: impl FnMut(u32)) {
        for (index, summary) in self.summary.iter_mut().enumerate() {
            let mut words = std::mem::take(summary);
            while words != 0 {
                let word = index * 64 + words.trailing_zeros() as usize;
                words &= words - 1;
                let mut nodes = std::mem::take(&mut self.words[word]);
                while nodes != 0 {
                    each((word * 64) as u32 + nodes.trailing_zeros());
                    nodes &= nodes - 1;
                }
            }
        }
    }
}

/// What arrives at one node in one hop. All zero between hops.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Cell {
    /// Sum of all contributions.
    pub(super) pulse: f32,
    /// The greatest contribution.
    pub(super) best: f32,
    /// The node that made it.
    pub(super) from: u32,
    /// Lower half of the link that carried it.
    pub(super) via: u32,
}

/// A node that a hop reached.
#[derive(Clone, Copy, Debug)]
pub(super) struct Arrival {
    pub(super) node: u32,
    pub(super) pulse: f32,
    /// The greatest contribution to the pulse; 0 for a seed.
    pub(super) best: f32,
    /// The node that made it.
    pub(super) from: u32,
    /// Lower half of the link that carried it.
    pub(super) via: u32,
    /// Links of the node that the next hop looks at; 0 where the budget does not allow it.
    pub(super) links: u32,
}
