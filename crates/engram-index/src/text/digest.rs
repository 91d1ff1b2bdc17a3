//! Digests: the sentences of several texts that say best what the texts have in common.
//!
//! Degree centrality over the similarities of sentences, as in LexRank (Erkan and Radev, JAIR 22, 2004); further sentences
//! must be central and unlike those before (maximal marginal relevance, Carbonell and Goldstein, SIGIR 1998).

use std::collections::{BTreeMap, BTreeSet};

use unicode_segmentation::UnicodeSegmentation;

use super::analyzer::Analyzer;

/// Sentences of one text that are looked at.
const SENTENCES_MAX: usize = 16;
/// Longest sentence, bytes; of a longer one its beginning is taken.
const SENTENCE_BYTES_MAX: usize = 400;
/// How central a further sentence is at least, as a share of the first one.
const CENTRALITY_SHARE: f64 = 0.6;
/// How alike two sentences of a digest are at most.
const ALIKE_MAX: f64 = 0.5;
/// From which similarity on a text supports a sentence of another one.
const SUPPORT_FROM: f64 = 0.3;

/// A sentence of one of several texts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sentence {
    /// Which text it is from.
    pub text: usize,
    /// Where it starts in it, bytes.
    pub start: usize,
    /// Where it ends, bytes.
    pub end: usize,
}

/// A sentence with its terms.
struct Candidate {
    sentence: Sentence,
    /// Ordinals of its terms.
    terms: BTreeSet<u32>,
    /// Root of the sum of the squares of their weights.
    norm: f64,
}

/// The sentences of `texts` that most of the others say in their way, at most `limit`, the most central first. Of equally
/// central ones that of the later text comes first. A text of other words than all others has a part in it only when it is
/// the only one.
pub fn digest(analyzer: &Analyzer, texts: &[&str], limit: usize) -> Vec<Sentence> {
    let (mut ordinals, mut all) = (BTreeMap::new(), Vec::new());
    for (text, words) in texts.iter().enumerate() {
        for (start, sentence) in words.split_sentence_bound_indices().take(SENTENCES_MAX) {
            let sentence = beginning(sentence.trim_end());
            let mut terms = Vec::new();
            analyzer.terms(sentence, &mut terms);
            if terms.is_empty() {
                continue;
            }
            let mut ordinal = |term: String| {
                let next = ordinals.len() as u32;
                *ordinals.entry(term).or_insert(next)
            };
            let terms: BTreeSet<u32> = terms.into_iter().map(&mut ordinal).collect();
            let sentence = Sentence { text, start, end: start + sentence.len() };
            all.push(Candidate { sentence, terms, norm: 0.0 });
        }
    }
    let weights = weights(&mut all, (texts.len(), ordinals.len()));
    let supports: Vec<Vec<f64>> =
        all.iter().map(|one| support(one, &all, (&weights, texts.len()))).collect();
    let others = texts.len().saturating_sub(1).max(1) as f64;
    let central: Vec<f64> = supports.iter().map(|from| from.iter().sum::<f64>() / others).collect();
    let mut order: Vec<usize> = (0..all.len()).collect();
    order.sort_by(|one, other| {
        let (a, b) = (&all[*one].sentence, &all[*other].sentence);
        let by_place = b.text.cmp(&a.text).then(a.start.cmp(&b.start));
        central[*other].total_cmp(&central[*one]).then(by_place)
    });
    let mut chosen: Vec<usize> = Vec::new();
    for next in order {
        let Some(first) = chosen.first() else {
            chosen.push(next);
            continue;
        };
        let supported = supports[next].iter().filter(|from| **from >= SUPPORT_FROM).count() + 1;
        let unlike = |other: &usize| alike(&all[next], &all[*other], &weights) < ALIKE_MAX;
        let fits = central[next] >= CENTRALITY_SHARE * central[*first]
            && central[next] > 0.0
            && supported * 3 >= texts.len()
            && chosen.iter().all(unlike);
        if chosen.len() < limit && fits {
            chosen.push(next);
        }
    }
    chosen.truncate(limit);
    chosen.into_iter().map(|place| all[place].sentence).collect()
}

/// The sentence, or as much of it as fits up to the end of a word.
fn beginning(sentence: &str) -> &str {
    if sentence.len() <= SENTENCE_BYTES_MAX {
        return sentence;
    }
    let mut end = SENTENCE_BYTES_MAX;
    while !sentence.is_char_boundary(end) {
        end -= 1;
    }
    let cut = &sentence[..end];
    cut.rfind(char::is_whitespace).map_or(cut, |space| cut[..space].trim_end())
}

/// Weights of the terms: rarer ones weigh more, `ln(1 + texts / texts with it)`. Sets the norms of the candidates.
fn weights(all: &mut [Candidate], (texts, terms): (usize, usize)) -> Vec<f64> {
    let mut holders: Vec<BTreeSet<usize>> = vec![BTreeSet::new(); terms];
    for one in all.iter() {
        for term in &one.terms {
            holders[*term as usize].insert(one.sentence.text);
        }
    }
    let weight =
        |texts_with: &BTreeSet<usize>| libm::log1p(texts as f64 / texts_with.len().max(1) as f64);
    let weights: Vec<f64> = holders.iter().map(weight).collect();
    for one in all {
        let squares: f64 = one.terms.iter().map(|term| weights[*term as usize].powi(2)).sum();
        one.norm = libm::sqrt(squares);
    }
    weights
}

/// How far each other text supports a sentence: the similarity of what it has nearest to it.
fn support(one: &Candidate, all: &[Candidate], (weights, texts): (&[f64], usize)) -> Vec<f64> {
    let mut best = vec![0.0_f64; texts];
    for other in all.iter().filter(|other| other.sentence.text != one.sentence.text) {
        let place = &mut best[other.sentence.text];
        *place = place.max(alike(one, other, weights));
    }
    best
}

/// Cosine of the weighted terms.
fn alike(one: &Candidate, other: &Candidate, weights: &[f64]) -> f64 {
    let shared = one.terms.intersection(&other.terms);
    let product: f64 = shared.map(|term| weights[*term as usize].powi(2)).sum();
    product / (one.norm * other.norm)
}

#[cfg(test)]
mod tests {
    use super::super::Language;
    use super::*;

    fn told<'t>(texts: &[&'t str], limit: usize) -> Vec<&'t str> {
        let analyzer = Analyzer::new(Language::English);
        let found = digest(&analyzer, texts, limit);
        found.iter().map(|one| &texts[one.text][one.start..one.end]).collect()
    }

    #[test]
    fn what_most_texts_say_is_told_and_what_one_says_is_not() {
        let texts = [
            "Ada runs along the lake. She saw a heron.",
            "In the morning Ada went for a run along the lake.",
            "The printer is broken.",
            "Ada runs along the lake every morning.",
        ];
        assert_eq!(told(&texts, 1), ["Ada runs along the lake."]);
        assert!(!told(&texts, 3).contains(&"The printer is broken."));
    }

    #[test]
    fn a_second_sentence_says_something_else() {
        let texts = [
            "Backups run at two. The disk is nearly full.",
            "Backups run at two at night. Again the disk is nearly full.",
            "The backups run at two. Disk nearly full.",
        ];
        let found = told(&texts, 3);
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found.iter().any(|one| one.contains("ackups")), "{found:?}");
        assert!(found.iter().any(|one| one.contains("isk")), "{found:?}");
    }

    #[test]
    fn long_sentences_are_cut_between_words_and_nothing_comes_of_nothing() {
        let long = "word ".repeat(200);
        let found = told(&[&long], 2);
        assert_eq!(found.len(), 1);
        assert!(found[0].len() <= SENTENCE_BYTES_MAX && found[0].ends_with("word"));
        assert!(told(&["", "...", "the"], 2).is_empty());
        assert!(told(&[], 2).is_empty());
    }
}
