//! Which of the near nodes become neighbours.

use super::super::codes::CodedQuery;
use super::layer::LayerView;
use super::pool::Entry;

/// Chosen nodes that a candidate is compared with at a time: most candidates fail at the first few.
const GROUP: usize = 8;

/// Chooses neighbours; reused, it allocates nothing after the first choices.
#[derive(Debug, Default)]
pub(super) struct Selector {
    /// Sorted by the caller: candidates with their exact product with the base, best first.
    pub(super) candidates: Vec<Entry>,
    pub(super) chosen: Vec<u32>,
    query: CodedQuery,
    sums: Vec<i32>,
    spare: Vec<i32>,
}

impl Selector {
    /// Takes candidates in order of nearness to the base and keeps those that are nearer to the base than to any
    /// kept before (algorithm 4 of the paper), up to `limit`. `base_scale` is the scale of the base's codes; the scores of the
    /// candidates are their products with the base's codes times their own scale.
    pub(super) fn select(&mut self, layer: &LayerView<'_>, base_scale: f32, limit: usize) {
        self.chosen.clear();
        for index in 0..self.candidates.len() {
            if self.chosen.len() == limit {
                return;
            }
            let candidate = self.candidates[index];
            if self.is_apart(layer, candidate, candidate.score() * base_scale) {
                self.chosen.push(candidate.node());
            }
        }
    }

    /// Whether no chosen node is as near to the candidate as `nearness`.
    fn is_apart(&mut self, layer: &LayerView<'_>, candidate: Entry, nearness: f32) -> bool {
        if self.chosen.is_empty() {
            return true;
        }
        self.query.set_coded(&layer.codes, candidate.node());
        for group in self.chosen.chunks(GROUP) {
            layer.codes.full(&self.query, group, &mut self.sums, &mut self.spare);
            for (&node, &sum) in group.iter().zip(&self.sums) {
                if sum as f32 * layer.codes.scale(node) * self.query.scale >= nearness {
                    return false;
                }
            }
        }
        true
    }
}
