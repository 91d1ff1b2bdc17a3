//! What shapes a graph.

use crate::mix::mix;

/// Most vectors of one graph: the pool keeps a mark beside the ordinal.
pub const VECTORS_MAX: usize = 1 << 31;

/// Candidates that a search keeps by default: recall@10 stays above 0.95 from ten thousand to a million vectors of a graph of
/// default settings.
pub const EF_SEARCH_DEFAULT: usize = 96;

/// Most layers of a graph.
pub(super) const LAYERS_MAX: usize = 16;

/// What shapes a graph. The same settings and vectors give the same bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HnswSettings {
    /// Links that a new node chooses on each layer, from 2 to 128. A node has at most twice as many on the lowest layer and
    /// as many on each other.
    pub m: u32,
    /// Candidates that a new node chooses from, from 1 to 4,096.
    pub ef_construction: u32,
    /// Seed of the levels.
    pub seed: u64,
}

impl Default for HnswSettings {
    fn default() -> HnswSettings {
        HnswSettings { m: 16, ef_construction: 128, seed: 0 }
    }
}

impl HnswSettings {
    /// Whether the values are in their ranges.
    pub fn is_valid(&self) -> bool {
        (2..=128).contains(&self.m) && (1..=4096).contains(&self.ef_construction)
    }

    /// Links that a node of `layer` has room for.
    pub(super) fn capacity(&self, layer: usize) -> usize {
        if layer == 0 { 2 * self.m as usize } else { self.m as usize }
    }

    /// Highest layer of a node: geometric, as the paper draws it with `mL = 1 / ln M`, from a hash of the ordinal.
    pub(super) fn level(&self, ordinal: u32) -> usize {
        let uniform =
            ((mix(self.seed ^ mix(u64::from(ordinal))) >> 11) + 1) as f64 / (1_u64 << 53) as f64;
        let level = -libm::log(uniform) / libm::log(f64::from(self.m));
        (level as usize).min(LAYERS_MAX - 1)
    }
}
