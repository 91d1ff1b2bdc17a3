//! Okapi BM25: how much the terms of a query say about a document.
//!
//! Robertson and Zaragoza, "The Probabilistic Relevance Framework: BM25 and Beyond" (2009), with the never negative
//! idf of Lucene, and like Lucene without the constant factor `k1 + 1`, which changes no order.

use super::impact::{FREQUENCY_UNBOUNDED, pairs_of};
use super::writer::WEIGHT_ONE;

/// What BM25 needs to know about the whole corpus, over all its chunks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CorpusStats {
    /// Number of documents.
    pub docs: u64,
    /// Sum of their lengths, in units of 1 / `WEIGHT_ONE` term.
    pub total_len: u64,
}

impl CorpusStats {
    /// Mean length in the same units; 1 for a corpus without terms, so that it can be divided by.
    pub fn avg_len(self) -> f32 {
        if self.docs == 0 || self.total_len == 0 {
            return 1.0;
        }
        (self.total_len as f64 / self.docs as f64) as f32
    }
}

/// The two parameters of BM25.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bm25 {
    /// How soon repetition stops counting, positive.
    pub k1: f32,
    /// How much long documents are discounted, in [0, 1].
    pub b: f32,
}

impl Default for Bm25 {
    fn default() -> Bm25 {
        Bm25 { k1: 0.9, b: 0.4 }
    }
}

impl Bm25 {
    /// Weight of a term that `df` of `docs` documents hold: `ln(1 + (docs - df + 0.5) / (df + 0.5))`, positive. A `df`
    /// above `docs` (statistics taken at different times) counts as `docs`.
    pub fn idf(&self, docs: u64, df: u64) -> f32 {
        let rest = docs.saturating_sub(df) as f64;
        libm::log1p((rest + 0.5) / (df as f64 + 0.5)) as f32
    }

    /// Score of a term: `idf * tf / (tf + k1 * (1 - b + b * doc_len / avg_len))`, in (0, idf]. Frequency and lengths are
    /// in units of 1 / `WEIGHT_ONE` occurrence; the frequency is positive.
    pub fn score(&self, frequency: u32, doc_len: u32, idf: f32, avg_len: f32) -> f32 {
        self.norm(avg_len).score(frequency, doc_len as f32, idf)
    }

    pub(super) fn norm(&self, avg_len: f32) -> Norm {
        Norm { base: self.k1 * (1.0 - self.b), slope: self.k1 * self.b / avg_len }
    }
}

/// The discount by length: `base + slope * doc_len`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Norm {
    base: f32,
    slope: f32,
}

/// Units of a [`Fixed`] in a score of 1.
const FIXED_ONE: f32 = 4_294_967_296.0;

/// A score as a multiple of 2^-32. Sums are exact, so a document gets the same score in whatever order its terms are
/// added, and a bound is never below the score that it bounds. Nothing is lost: a score of 2^-8 or more is exact, and
/// a smaller one loses less than 2^-32.
pub(super) type Fixed = i64;

/// The score that is given out; it never falls as `fixed` grows.
#[inline]
pub(super) fn to_score(fixed: Fixed) -> f32 {
    fixed as f32 * (1.0 / FIXED_ONE)
}

/// At least one unit.
#[inline]
pub(super) fn to_fixed(score: f32) -> Fixed {
    ((score * FIXED_ONE) as Fixed).max(1)
}

impl Norm {
    /// Written with two divisions so that every operation is monotone: a greater frequency or a smaller length never
    /// gives a lower score, whatever the rounding.
    #[inline]
    fn score(&self, frequency: u32, doc_len: f32, weight: f32) -> f32 {
        let discount = self.base + self.slope * doc_len;
        // Below 2^31, so the signed conversion is the same; it is the one with vector instructions.
        let occurrences = frequency.cast_signed() as f32 * (1.0 / WEIGHT_ONE as f32);
        weight / (1.0 + discount / occurrences)
    }

    /// The score of a posting.
    #[inline]
    pub(super) fn fixed(&self, frequency: u32, doc_len: u32, weight: f32) -> Fixed {
        to_fixed(self.score(frequency, doc_len as f32, weight))
    }

    /// Replaces the lengths of documents by the scores of their postings.
    #[inline]
    pub(super) fn scores(&self, frequencies: &[u32], lens: &mut [f32], weight: f32) {
        for (len, &frequency) in lens.iter_mut().zip(frequencies) {
            *len = self.score(frequency, *len, weight);
        }
    }

    /// A score that no posting under the bound exceeds.
    pub(super) fn bound(&self, impacts: &[u8], weight: f32) -> Fixed {
        let scores = pairs_of(impacts).map(|(frequency, len)| match frequency {
            FREQUENCY_UNBOUNDED => to_fixed(weight),
            _ => self.fixed(frequency, len, weight),
        });
        scores.max().unwrap_or(0)
    }
}
