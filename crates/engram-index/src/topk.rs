//! The best `k` of many scored keys, in bounded memory.

use std::cmp::Ordering;

/// A bounded heap. Its result is that of sorting everything by descending score, then ascending key, and keeping the
/// first `k`: the order of insertion never shows. A key pushed twice counts twice.
#[derive(Clone, Debug)]
pub struct TopK {
    k: usize,
    /// Binary heap with the worst kept entry at the root.
    heap: Vec<(u64, f32)>,
}

impl TopK {
    /// Keeps at most `k` entries; 0 keeps none.
    pub fn new(k: usize) -> TopK {
        TopK { k, heap: Vec::new() }
    }

    /// Offers an entry. A NaN score is never kept.
    pub fn push(&mut self, key: u64, score: f32) {
        // Adding zero turns -0 into +0, so that equal scores compare as equal.
        let entry = (key, score + 0.0);
        if score.is_nan() || self.k == 0 {
            return;
        }
        if self.heap.len() < self.k {
            self.heap.push(entry);
            self.sift_up(self.heap.len() - 1);
        } else if precedes(entry, self.heap[0]) {
            self.heap[0] = entry;
            self.sift_down();
        }
    }

    /// The score of the worst entry once `k` are kept: no lower score can enter any more. `None` before that.
    pub fn threshold(&self) -> Option<f32> {
        let full = self.heap.len() == self.k;
        self.heap.first().filter(|_| full).map(|&(_, score)| score)
    }

    /// Forgets everything; keeps the memory, and `k` from now on.
    pub(crate) fn reset(&mut self, k: usize) {
        self.k = k;
        self.heap.clear();
    }

    /// Sorts the kept entries in place, best first. Only [`TopK::reset`] makes sense after it.
    pub(crate) fn sorted(&mut self) -> &[(u64, f32)] {
        self.heap.sort_unstable_by(|a, b| by_rank(*a, *b));
        &self.heap
    }

    /// The kept entries, best first.
    pub fn into_sorted(self) -> Vec<(u64, f32)> {
        let mut entries = self.heap;
        entries.sort_unstable_by(|a, b| by_rank(*a, *b));
        entries
    }

    fn sift_up(&mut self, mut child: usize) {
        while child > 0 {
            let parent = (child - 1) / 2;
            if !precedes(self.heap[parent], self.heap[child]) {
                return;
            }
            self.heap.swap(parent, child);
            child = parent;
        }
    }

    fn sift_down(&mut self) {
        let mut parent = 0;
        loop {
            let mut worst = parent;
            for child in [2 * parent + 1, 2 * parent + 2] {
                if child < self.heap.len() && precedes(self.heap[worst], self.heap[child]) {
                    worst = child;
                }
            }
            if worst == parent {
                return;
            }
            self.heap.swap(parent, worst);
            parent = worst;
        }
    }
}

fn precedes(a: (u64, f32), b: (u64, f32)) -> bool {
    by_rank(a, b) == Ordering::Less
}

/// Best first: higher score, then smaller key. Scores are not NaN and not -0.
pub(crate) fn by_rank(a: (u64, f32), b: (u64, f32)) -> Ordering {
    b.1.total_cmp(&a.1).then(a.0.cmp(&b.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn equals_a_full_sort_in_any_order(
            entries in prop::collection::vec((0_u64..40, -3_i8..4), 0..120),
            k in 0_usize..50,
            turn in 0_usize..120,
        ) {
            let mut entries: Vec<(u64, f32)> =
                entries.into_iter().map(|(key, score)| (key, f32::from(score) / 2.0)).collect();
            let mut expected = entries.clone();
            expected.sort_by(|a, b| b.1.partial_cmp(&a.1).unwrap().then(a.0.cmp(&b.0)));
            expected.truncate(k);
            if !entries.is_empty() {
                let turn = turn % entries.len();
                entries.rotate_left(turn);
            }
            let mut top = TopK::new(k);
            for (pushed, &(key, score)) in entries.iter().enumerate() {
                prop_assert_eq!(top.threshold().is_some(), k > 0 && pushed >= k);
                top.push(key, score);
            }
            if k > 0 && entries.len() >= k {
                prop_assert_eq!(top.threshold(), expected.last().map(|e| e.1));
            }
            prop_assert_eq!(top.into_sorted(), expected);
        }
    }

    #[test]
    fn odd_scores() {
        let mut top = TopK::new(3);
        for (key, score) in
            [(9, f32::NAN), (3, -0.0), (2, 0.0), (1, f32::NEG_INFINITY), (4, f32::INFINITY)]
        {
            top.push(key, score);
        }
        assert_eq!(top.into_sorted(), [(4, f32::INFINITY), (2, 0.0), (3, 0.0)]);
    }
}
