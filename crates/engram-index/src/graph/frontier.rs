//! What one hop collects: the nodes that it reached, in ascending order without sorting.

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

/// A node that a hop reached.
#[derive(Clone, Copy, Debug)]
pub(super) struct Arrival {
    pub(super) node: u32,
    /// What the hop brought it.
    pub(super) pulse: f32,
    /// What each of its links takes on in the next hop, before the factor of its type; 0 where it does not push.
    pub(super) share: f32,
    /// Links of the node that the next hop looks at; 0 where the budget does not allow it.
    pub(super) links: u32,
}

/// A node with its activation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Activated {
    /// The node.
    pub node: u32,
    /// Sum of what the seeds and all hops brought it, above 0 and finite.
    pub activation: f32,
}
