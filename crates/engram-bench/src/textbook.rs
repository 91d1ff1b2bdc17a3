//! Textbook BM25 over the text alone: the baseline that every mode has to beat.
//!
//! Robertson and Zaragoza (2009) with the never negative idf of Lucene, k1 0.9, b 0.4, over the terms that the index's
//! own analyser makes. It shares no code with the index's postings, so that it checks them as well.

use std::collections::BTreeMap;

use engram_index::{Analyzer, Language};

const K1: f64 = 0.9;
const B: f64 = 0.4;

/// An inverted file of one corpus.
pub(crate) struct TextbookBm25 {
    analyzer: Analyzer,
    /// By term: document and number of occurrences.
    postings: BTreeMap<String, Vec<(usize, u32)>>,
    lengths: Vec<f64>,
    mean_length: f64,
}

impl TextbookBm25 {
    /// Indexes the texts; document `n` is the n-th of them.
    pub(crate) fn new(texts: impl Iterator<Item = String>) -> TextbookBm25 {
        let analyzer = Analyzer::new(Language::English);
        let mut postings: BTreeMap<String, Vec<(usize, u32)>> = BTreeMap::new();
        let mut lengths = Vec::new();
        for (document, text) in texts.enumerate() {
            let counts = counts(&analyzer, &text);
            lengths.push(f64::from(counts.values().sum::<u32>()));
            for (term, count) in counts {
                postings.entry(term).or_default().push((document, count));
            }
        }
        let mean_length = (lengths.iter().sum::<f64>() / lengths.len().max(1) as f64).max(1.0);
        TextbookBm25 { analyzer, postings, lengths, mean_length }
    }

    /// The best `limit` documents with a term of the query, best first, equal ones in the order of the corpus.
    pub(crate) fn search(&self, query: &str, limit: usize) -> Vec<usize> {
        let mut scores: BTreeMap<usize, f64> = BTreeMap::new();
        for (term, occurrences) in counts(&self.analyzer, query) {
            let Some(list) = self.postings.get(&term) else { continue };
            let (df, n) = (list.len() as f64, self.lengths.len() as f64);
            let idf = libm::log(1.0 + (n - df + 0.5) / (df + 0.5));
            for (document, tf) in list {
                let length = 1.0 - B + B * self.lengths[*document] / self.mean_length;
                let tf = f64::from(*tf);
                *scores.entry(*document).or_default() +=
                    f64::from(occurrences) * idf * tf * (K1 + 1.0) / (tf + K1 * length);
            }
        }
        let mut ranked: Vec<(usize, f64)> = scores.into_iter().collect();
        ranked.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        ranked.truncate(limit);
        ranked.into_iter().map(|(document, _)| document).collect()
    }
}

fn counts(analyzer: &Analyzer, text: &str) -> BTreeMap<String, u32> {
    let mut terms = Vec::new();
    analyzer.terms(text, &mut terms);
    let mut counts = BTreeMap::new();
    for term in terms {
        *counts.entry(term).or_default() += 1;
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rare_words_and_short_texts_win() {
        let texts = [
            "the dog barks",
            "a dog and a cat and another cat in a very long sentence about the garden",
            "the cat sleeps",
            "nothing of the kind",
        ];
        let index = TextbookBm25::new(texts.into_iter().map(str::to_owned));
        assert_eq!(index.search("dog", 10), [0, 1]);
        // Twice the cat beats the shorter text with k1 0.9 and b 0.4.
        assert_eq!(index.search("cats", 10), [1, 2]);
        assert_eq!(index.search("barking cat", 1), [0]);
        assert!(index.search("the", 10).is_empty());
        assert!(TextbookBm25::new(std::iter::empty()).search("dog", 10).is_empty());
    }
}
