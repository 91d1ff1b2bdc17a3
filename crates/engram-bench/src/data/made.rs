//! Memories made of nothing but a seed, for measurements whose figures depend on bytes and not on what they mean.
//!
//! Vectors are normal noise, which no compression makes smaller; words are drawn by Zipf's law from a vocabulary, so that texts
//! become smaller about as much as written ones do.

use super::set::to_unit;
use crate::numbers::SplitMix;

const WORDS: usize = 20_000;
const SYLLABLES: [&str; 20] = [
    "ba", "ce", "di", "fo", "gu", "ha", "je", "ki", "lo", "mu", "na", "pe", "ri", "so", "tu", "va",
    "we", "xi", "yo", "zu",
];

/// A set of any size.
pub(crate) struct MadeSet {
    dimension: usize,
    text_bytes: usize,
    seed: u64,
}

impl MadeSet {
    /// Memories with vectors of this length and texts of so many bytes.
    pub(crate) fn new(dimension: usize, text_bytes: usize, seed: u64) -> MadeSet {
        MadeSet { dimension, text_bytes, seed }
    }

    pub(crate) fn dimension(&self) -> usize {
        self.dimension
    }

    /// Vector of memory `i`, unit length.
    pub(crate) fn vector(&self, i: usize) -> Vec<f32> {
        let mut rng = SplitMix::part(self.seed, 2 * i as u64);
        let mut vector = Vec::with_capacity(self.dimension + 1);
        while vector.len() < self.dimension {
            let (a, b) = rng.normal_pair();
            vector.extend([a as f32, b as f32]);
        }
        vector.truncate(self.dimension);
        to_unit(&mut vector);
        vector
    }

    /// Text of memory `i`.
    pub(crate) fn text(&self, i: usize) -> String {
        let mut rng = SplitMix::part(self.seed, 2 * i as u64 + 1);
        let mut text = String::with_capacity(self.text_bytes + 16);
        while text.len() < self.text_bytes {
            // Ranks whose logarithm is uniform: the share of rank r falls as 1/r.
            let rank = libm::exp(rng.unit() * libm::log(WORDS as f64));
            push_word(&mut text, rank as usize);
            text.push(' ');
        }
        text.truncate(self.text_bytes);
        text
    }
}

/// The word of this rank: frequent ones are short.
fn push_word(text: &mut String, rank: usize) {
    let mut rest = rank;
    loop {
        text.push_str(SYLLABLES[rest % SYLLABLES.len()]);
        rest /= SYLLABLES.len();
        if rest == 0 {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    #[test]
    fn memories_are_as_long_as_asked_for_and_each_is_its_own() {
        let set = MadeSet::new(7, 300, 1);
        for i in 0..20 {
            assert_eq!((set.vector(i).len(), set.text(i).len()), (7, 300));
            let length: f32 = set.vector(i).iter().map(|x| x * x).sum();
            assert!((length - 1.0).abs() < 1e-5, "{length}");
            assert_eq!(set.text(i), MadeSet::new(7, 300, 1).text(i));
            assert_ne!(set.text(i), set.text(i + 1));
            assert_ne!(set.vector(i), set.vector(i + 1));
        }
        assert_ne!(set.text(0), MadeSet::new(7, 300, 2).text(0));
    }

    #[test]
    fn texts_become_smaller_as_written_ones_do() {
        let set = MadeSet::new(1, 1_024, 1);
        let mut packed = GzEncoder::new(Vec::new(), Compression::default());
        (0..200).for_each(|i| packed.write_all(set.text(i).as_bytes()).unwrap());
        let share = packed.finish().unwrap().len() as f64 / (200.0 * 1_024.0);
        assert!((0.25..0.55).contains(&share), "{share}");
    }
}
