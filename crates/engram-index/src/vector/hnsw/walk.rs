//! Walking a layer towards a query.

use super::super::codes::CodedQuery;
use super::layer::LayerView;
use super::pool::{Entry, Pool};

/// What a walk works with; reused, it allocates nothing after the first walks.
#[derive(Debug, Default)]
pub(super) struct Walk {
    pub(super) query: CodedQuery,
    pub(super) pool: Pool,
    /// A bit for each node that was met.
    met: Vec<u64>,
    /// Words of `met` that are not zero, some of them more than once.
    touched: Vec<u32>,
    /// Nodes that were met for the first time.
    pub(super) fresh: Vec<u32>,
    pub(super) sums: Vec<i32>,
    pub(super) spare: Vec<i32>,
    /// Scores computed since it was set to zero.
    pub(super) scored: u64,
}

impl Walk {
    /// Fills the pool with the best `size` nodes that are met when always the best one is left by all its links.
    /// Scores are estimates by the upper plane of the codes.
    pub(super) fn run(&mut self, layer: &LayerView<'_>, entry: u32, size: usize) {
        self.begin(layer, entry);
        self.pool.reset(size);
        self.offer_fresh(layer);
        while let Some(node) = self.pool.next() {
            self.meet_neighbours(layer, node);
            self.offer_fresh(layer);
            if let Some(next) = self.pool.peek() {
                layer.prefetch_links(next);
            }
        }
    }

    /// From node 0 of the highest of `layers` down to the one with index `to`, on each layer to the best node nearby, which
    /// is where the walk on the layer below starts. Returns the start on layer `to`.
    pub(super) fn descend(&mut self, layers: &[LayerView<'_>], to: usize) -> u32 {
        let mut entry = 0;
        for layer in layers[to + 1..].iter().rev() {
            self.run(layer, entry, 1);
            entry = layer.below(self.pool.entries().first().map_or(entry, |best| best.node()));
        }
        entry
    }

    /// Forgets the last walk and meets `entry`.
    pub(super) fn begin(&mut self, layer: &LayerView<'_>, entry: u32) {
        for word in self.touched.drain(..) {
            self.met[word as usize] = 0;
        }
        let words = layer.len.div_ceil(64);
        if self.met.len() < words {
            self.met.resize(words, 0);
        }
        self.fresh.clear();
        self.meet(entry);
    }

    /// Puts the neighbours of `node` that were not met before into `fresh`.
    #[inline]
    pub(super) fn meet_neighbours(&mut self, layer: &LayerView<'_>, node: u32) {
        self.fresh.clear();
        for link in layer.links(node) {
            if self.meet(link) {
                layer.codes.prefetch(link);
            }
        }
    }

    /// Whether `node` was not met before; then it is now, and is fresh.
    #[inline]
    fn meet(&mut self, node: u32) -> bool {
        let word = &mut self.met[node as usize / 64];
        let bit = 1 << (node % 64);
        if *word & bit != 0 {
            return false;
        }
        if *word == 0 {
            self.touched.push(node / 64);
        }
        *word |= bit;
        self.fresh.push(node);
        true
    }

    /// Scores the fresh nodes and offers them to the pool.
    #[inline]
    fn offer_fresh(&mut self, layer: &LayerView<'_>) {
        layer.codes.estimate(&self.query, &self.fresh, &mut self.sums);
        self.scored += self.fresh.len() as u64;
        for (&node, &sum) in self.fresh.iter().zip(&self.sums) {
            self.pool.offer(Entry::new(node, sum as f32 * layer.codes.scale(node)));
        }
    }

    /// Scores the fresh nodes and hands them to `visit`.
    pub(super) fn score_fresh(&mut self, layer: &LayerView<'_>, visit: &mut dyn FnMut(&mut Pool, Entry)) {
        layer.codes.estimate(&self.query, &self.fresh, &mut self.sums);
        self.scored += self.fresh.len() as u64;
        for (&node, &sum) in self.fresh.iter().zip(&self.sums) {
            visit(&mut self.pool, Entry::new(node, sum as f32 * layer.codes.scale(node)));
        }
    }
}
