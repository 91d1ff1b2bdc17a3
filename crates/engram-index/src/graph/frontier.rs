//! What one hop collects: the nodes that it reached, in ascending order without sorting.

/// Words that one byte of the summary stands for.
const SUMMARY_WORDS: usize = 64;

/// A set of nodes that is filled in any order and emptied in ascending order, in time of what it holds and one byte for each
/// 4,096 nodes.
#[derive(Debug, Default)]
pub(super) struct Marks {
    words: Vec<u64>,
    /// Whether one of its words is not zero. Bytes: setting one needs no look at what was there.
    summary: Vec<u8>,
}

impl Marks {
    /// Makes room for nodes below `nodes`.
    pub(super) fn grow(&mut self, nodes: usize) {
        let words = nodes.div_ceil(64);
        if self.words.len() < words {
            self.words.resize(words, 0);
            self.summary.resize(words.div_ceil(SUMMARY_WORDS), 0);
        }
    }

    #[inline]
    pub(super) fn set(&mut self, node: u32) {
        let word = node as usize / 64;
        self.words[word] |= 1 << (node % 64);
        self.summary[word / SUMMARY_WORDS] = 1;
    }

    /// Takes all nodes out, ascending.
    #[inline]
    pub(super) fn drain(&mut self, mut each: impl FnMut(u32)) {
        for (index, marked) in self.summary.iter_mut().enumerate() {
            if std::mem::take(marked) == 0 {
                continue;
            }
            let first = index * SUMMARY_WORDS;
            let end = self.words.len().min(first + SUMMARY_WORDS);
            for word in first..end {
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
