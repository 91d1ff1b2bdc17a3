//! Upper bounds of what a group of postings can add to a score, for any parameters of BM25.
//!
//! A score rises with the frequency and falls with the length of the document. So the greatest score of a group is
//! reached by one of the pairs (frequency, length) that no other pair beats in both; they are kept, at most
//! [`PAIRS`], neighbours joined into a looser one where there are more. (Impacts as in Ding and Suel, "Faster Top-k
//! Document Retrieval Using Block-Max Indexes", 2011, without fixing the weights at the time of indexing.)

/// Pairs of a bound.
const PAIRS: usize = 4;

/// Bytes of a bound: for each pair, frequency u16 and length u16. Unused pairs repeat the last.
pub(super) const IMPACT_BYTES: usize = PAIRS * 4;

/// A frequency that stands for itself and all above.
pub(super) const FREQUENCY_UNBOUNDED: u32 = u16::MAX as u32;

/// The pairs of a group that no other beats: frequencies descend and lengths descend.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Impacts {
    best: Vec<(u16, u16)>,
}

impl Impacts {
    /// Of the `(frequency, length)` pairs of a group.
    pub(super) fn new(pairs: impl Iterator<Item = (u32, u32)>) -> Impacts {
        let mut impacts = Impacts { best: pairs.map(|(f, len)| (clamp(f), clamp(len))).collect() };
        impacts.reduce();
        impacts
    }

    /// Takes in another group.
    pub(super) fn merge(&mut self, other: &Impacts) {
        self.best.extend(&other.best);
        self.reduce();
    }

    /// The bound of the group, which is not empty.
    pub(super) fn to_bytes(&self) -> [u8; IMPACT_BYTES] {
        let mut best = self.best.clone();
        while best.len() > PAIRS {
            let looseness = |at: &usize| {
                let (above, below) = (best[*at], best[at + 1]);
                u32::from(above.0 - below.0) * u32::from(above.1 - below.1)
            };
            let at = (0..best.len() - 1).min_by_key(looseness).expect("more than one pair");
            best[at].1 = best[at + 1].1;
            best.remove(at + 1);
        }
        let mut bytes = [0; IMPACT_BYTES];
        for (index, chunk) in bytes.chunks_exact_mut(4).enumerate() {
            let (frequency, len) = best[index.min(best.len() - 1)];
            chunk[..2].copy_from_slice(&frequency.to_le_bytes());
            chunk[2..].copy_from_slice(&len.to_le_bytes());
        }
        bytes
    }

    fn reduce(&mut self) {
        self.best.sort_unstable_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(&b.1)));
        let mut shortest = None;
        self.best.retain(|pair| {
            let kept = shortest.is_none_or(|shortest| pair.1 < shortest);
            shortest = if kept { Some(pair.1) } else { shortest };
            kept
        });
    }
}

/// The pairs of a bound.
pub(super) fn pairs_of(bytes: &[u8]) -> impl Iterator<Item = (u32, u32)> + '_ {
    bytes.chunks_exact(4).map(|pair| {
        let frequency = u16::from_le_bytes([pair[0], pair[1]]);
        (u32::from(frequency), u32::from(u16::from_le_bytes([pair[2], pair[3]])))
    })
}

/// Whether a bound holds for a posting.
pub(super) fn covers(bytes: &[u8], frequency: u32, len: u32) -> bool {
    pairs_of(bytes)
        .any(|pair| (pair.0 >= frequency || pair.0 == FREQUENCY_UNBOUNDED) && pair.1 <= len)
}

/// Whether a bound holds for all postings of a block, given by their frequencies and lengths.
pub(super) fn covers_all(bytes: &[u8], frequencies: &[u32], lens: &[u32]) -> bool {
    let mut pairs = [(0, u32::MAX); PAIRS];
    for (pair, (frequency, len)) in pairs.iter_mut().zip(pairs_of(bytes)) {
        let unbounded = frequency == FREQUENCY_UNBOUNDED;
        *pair = (if unbounded { u32::MAX } else { frequency }, len);
    }
    // Nothing here branches, so that many postings are compared together.
    frequencies.iter().zip(lens).fold(true, |all, (frequency, len)| {
        let holds = |pair: (u32, u32)| (pair.0 >= *frequency) & (pair.1 <= *len);
        all & pairs.iter().fold(false, |any, pair| any | holds(*pair))
    })
}

fn clamp(value: u32) -> u16 {
    u16::try_from(value).unwrap_or(u16::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn bounds_hold_and_are_reached(
            pairs in prop::collection::vec((1_u32..200_000, 0_u32..200_000), 1..40),
            few in prop::collection::vec((1_u32..6, 3_u32..9), 1..40),
        ) {
            let bytes = Impacts::new(pairs.iter().copied()).to_bytes();
            prop_assert!(pairs.iter().all(|&(frequency, len)| covers(&bytes, frequency, len)));
            let (frequencies, lens): (Vec<u32>, Vec<u32>) = pairs.iter().copied().unzip();
            prop_assert!(covers_all(&bytes, &frequencies, &lens));
            let bytes = Impacts::new(few.iter().copied()).to_bytes();
            let (left, right) = few.split_at(few.len() / 2);
            let mut joined = Impacts::new(left.iter().copied());
            joined.merge(&Impacts::new(right.iter().copied()));
            prop_assert_eq!(joined.to_bytes(), bytes);
            prop_assert!(few.iter().all(|&(frequency, len)| covers(&bytes, frequency, len)));
            let most = few.iter().map(|pair| pair.0).max();
            prop_assert_eq!(pairs_of(&bytes).map(|pair| pair.0).max(), most);
            for (frequency, len) in (1..8).flat_map(|f| (0..10).map(move |len| (f, len))) {
                let one = covers_all(&bytes, &[frequency], &[len]);
                prop_assert_eq!(one, covers(&bytes, frequency, len));
            }
        }
    }

    #[test]
    fn beaten_pairs_are_dropped() {
        let bytes = Impacts::new([(1, 5), (2, 9), (1, 6), (2, 30)].into_iter()).to_bytes();
        let pairs: Vec<_> = pairs_of(&bytes).collect();
        assert_eq!(pairs, [(2, 9), (1, 5), (1, 5), (1, 5)]);
    }
}
