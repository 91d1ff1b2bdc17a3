//! Okapi BM25: how much the terms of a query say about a document.
//!
//! Robertson and Zaragoza, "The Probabilistic Relevance Framework: BM25 and Beyond" (2009), with the never negative
//! idf of Lucene, and like Lucene without the constant factor `k1 + 1`, which changes no order.

use std::collections::BTreeMap;

use super::postings::Postings;

/// What BM25 needs to know about the whole corpus, over all its chunks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CorpusStats {
    /// Number of documents.
    pub docs: u64,
    /// Sum of their lengths in terms.
    pub total_len: u64,
}

impl CorpusStats {
    /// Mean length in terms; 1 for a corpus without terms, so that it can be divided by.
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

    /// Score of a term that occurs `tf` times: `idf * tf / (tf + k1 * (1 - b + b * doc_len / avg_len))`, in [0, idf).
    pub fn score(&self, tf: u32, doc_len: u32, idf: f32, avg_len: f32) -> f32 {
        let tf = tf as f32;
        let length = 1.0 - self.b + self.b * (doc_len as f32 / avg_len);
        idf * (tf / (tf + self.k1 * length))
    }
}

/// The terms of a query, each once with its number of occurrences, in byte order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TextQuery {
    terms: Vec<(String, u32)>,
}

impl TextQuery {
    /// Counts the terms of an analysed query.
    pub fn new(terms: &[String]) -> TextQuery {
        let mut counts: BTreeMap<&str, u32> = BTreeMap::new();
        for term in terms {
            *counts.entry(term).or_default() += 1;
        }
        TextQuery { terms: counts.into_iter().map(|(term, n)| (term.to_owned(), n)).collect() }
    }

    /// Whether the query has no term.
    pub fn is_empty(&self) -> bool {
        self.terms.is_empty()
    }

    /// Weighs the terms for a corpus of `stats`, given the number of its documents that hold a term (`df`, summed over
    /// all chunks). Terms that no document holds are left out.
    pub fn weigh(
        &self,
        bm25: Bm25,
        stats: CorpusStats,
        df: &mut dyn FnMut(&str) -> u64,
    ) -> WeightedQuery {
        let mut terms = Vec::new();
        for (term, occurrences) in &self.terms {
            let df = df(term);
            if df > 0 {
                terms.push((term.clone(), bm25.idf(stats.docs, df) * *occurrences as f32));
            }
        }
        WeightedQuery { bm25, avg_len: stats.avg_len(), terms }
    }
}

/// A query with everything it needs to score any chunk of one corpus.
#[derive(Clone, Debug, PartialEq)]
pub struct WeightedQuery {
    bm25: Bm25,
    avg_len: f32,
    /// Terms in byte order with idf times occurrences in the query.
    terms: Vec<(String, f32)>,
}

impl WeightedQuery {
    /// The terms that some document holds, in byte order, each with its weight: the upper bound of what it can add to
    /// a score.
    pub fn terms(&self) -> &[(String, f32)] {
        &self.terms
    }

    /// Scores the documents of one chunk and calls `hit`, by ascending ordinal, for each that holds a term and that
    /// `accept` lets pass. The terms are added in one fixed order, so the score of a document does not depend on the
    /// chunk it lies in.
    pub fn scan(
        &self,
        postings: &Postings,
        accept: &mut dyn FnMut(u32) -> bool,
        hit: &mut dyn FnMut(u32, f32),
    ) {
        let mut scores = Vec::new();
        for (term, weight) in &self.terms {
            let Some(list) = postings.postings(term) else {
                continue;
            };
            scores.resize(postings.docs() as usize, 0.0_f32);
            for posting in list {
                let len = postings.doc_len(posting.doc);
                scores[posting.doc as usize] +=
                    self.bm25.score(posting.frequency, len, *weight, self.avg_len);
            }
        }
        for (doc, score) in (0_u32..).zip(scores) {
            if score > 0.0 && accept(doc) {
                hit(doc, score);
            }
        }
    }
}
