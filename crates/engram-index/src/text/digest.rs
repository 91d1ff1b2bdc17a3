//! Digests: the sentences of several texts that say best what the texts have in common.
//!
//! Centrality by the centroid (Radev, Jing, Styś and Tam, "Centroid-based summarization of multiple documents", 2004): a
//! sentence is worth what its terms say, each by how rare it is among all that is known and by how many of the texts hold it.
//! So greetings, which all chats share, say little. Further sentences must be central, supported by other texts and unlike those
//! before (maximal marginal relevance, Carbonell and Goldstein, SIGIR 1998).

use std::collections::{BTreeMap, BTreeSet};

use unicode_segmentation::UnicodeSegmentation;

use super::analyzer::Analyzer;

/// Sentences of one text that are looked at.
const SENTENCES_MAX: usize = 16;
/// Longest sentence, bytes; of a longer one its beginning is taken.
const SENTENCE_BYTES_MAX: usize = 400;
/// How central a further sentence is at least, as a share of the first one.
const CENTRALITY_SHARE: f64 = 0.6;
/// What a term counts that no other text holds: where texts share nothing but greetings, something is said all the same.
const OWN_SHARE: f64 = 0.1;
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

/// The sentences of `texts` that say best what they have in common, at most `limit`, the most central first. Of equally
/// central ones that of the later text comes first. `rarity` is what a term says, in [0, 1]: 1 = nothing else holds it. A text of
/// other words than all others has a part in it only when it is the only one.
pub fn digest(
    analyzer: &Analyzer,
    texts: &[&str],
    limit: usize,
    rarity: &dyn Fn(&str) -> f64,
) -> Vec<Sentence> {
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
    let mut weights = vec![0.0; ordinals.len()];
    for (term, ordinal) in &ordinals {
        weights[*ordinal as usize] = rarity(term);
    }
    for one in &mut all {
        let squares: f64 = one.terms.iter().map(|term| weights[*term as usize].powi(2)).sum();
        one.norm = libm::sqrt(squares);
    }
    let central = centralities(&all, &weights, texts.len());
    let mut order: Vec<usize> = (0..all.len()).collect();
    order.sort_by(|one, other| {
        let (a, b) = (&all[*one].sentence, &all[*other].sentence);
        let by_place = b.text.cmp(&a.text).then(a.start.cmp(&b.start));
        central[*other].total_cmp(&central[*one]).then(by_place)
    });
    let mut chosen: Vec<usize> = Vec::new();
    for next in order {
        let fits = match chosen.first() {
            None => true,
            Some(first) => {
                let unlike = |other: &usize| alike(&all[next], &all[*other], &weights) < ALIKE_MAX;
                central[next] >= CENTRALITY_SHARE * central[*first]
                    && central[next] > 0.0
                    && chosen.iter().all(unlike)
                    && (1 + supporters(&all[next], &all, &weights)) * 3 >= texts.len()
            }
        };
        if fits && chosen.len() < limit {
            chosen.push(next);
        }
    }
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

/// How central each sentence is: what its terms say, each by the share of the other texts that hold it, over the root of their
/// number, so that no sentence is central for its length.
fn centralities(all: &[Candidate], weights: &[f64], texts: usize) -> Vec<f64> {
    let mut holders: Vec<BTreeSet<usize>> = vec![BTreeSet::new(); weights.len()];
    for one in all {
        for term in &one.terms {
            holders[*term as usize].insert(one.sentence.text);
        }
    }
    let others = texts.saturating_sub(1).max(1) as f64;
    let central = |one: &Candidate| {
        let terms = one.terms.iter().map(|term| *term as usize);
        // Its own text holds each of them.
        let said: f64 = terms
            .map(|term| weights[term] * (OWN_SHARE + (holders[term].len() - 1) as f64 / others))
            .sum();
        said / libm::sqrt(one.terms.len() as f64)
    };
    all.iter().map(central).collect()
}

/// How many other texts say the like of a sentence.
fn supporters(one: &Candidate, all: &[Candidate], weights: &[f64]) -> usize {
    let others = all.iter().filter(|other| {
        other.sentence.text != one.sentence.text && alike(one, other, weights) >= SUPPORT_FROM
    });
    others.map(|other| other.sentence.text).collect::<BTreeSet<usize>>().len()
}

/// Cosine of the weighted terms.
fn alike(one: &Candidate, other: &Candidate, weights: &[f64]) -> f64 {
    let shared = one.terms.intersection(&other.terms);
    let product: f64 = shared.map(|term| weights[*term as usize].powi(2)).sum();
    // Sentences of nothing but what everybody says are not alike.
    product / (one.norm * other.norm).max(f64::MIN_POSITIVE)
}

#[cfg(test)]
mod tests {
    use super::super::Language;
    use super::*;

    fn told<'t>(texts: &[&'t str], limit: usize) -> Vec<&'t str> {
        let analyzer = Analyzer::new(Language::English);
        let found = digest(&analyzer, texts, limit, &|_| 1.0);
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
    fn greetings_are_not_what_chats_have_in_common() {
        let texts = [
            "Hey Ada! The boiler leaks. Thanks!",
            "Hey Ada! A plumber saw that the boiler leaks again. Thanks!",
            "Hey Ada! Hope you are well. Thanks!",
            "Hey Ada! Is the boiler fixed? Thanks!",
        ];
        let analyzer = Analyzer::new(Language::English);
        let rarity = |term: &str| if ["hey", "ada", "thank"].contains(&term) { 0.1 } else { 0.9 };
        let found = digest(&analyzer, &texts, 3, &rarity);
        let found: Vec<&str> =
            found.iter().map(|one| &texts[one.text][one.start..one.end]).collect();
        assert_eq!(found[0], "The boiler leaks.", "{found:?}");
        assert!(!found.iter().any(|one| one.contains("Thanks")), "{found:?}");
        // Where texts have only that in common, what one of them says is told.
        let others = ["Hey Ada! The boiler leaks.", "Hey Ada! Radiators drip water."];
        let found = digest(&analyzer, &others, 1, &rarity);
        let told = &others[found[0].text][found[0].start..found[0].end];
        assert!(!told.starts_with("Hey"), "{told}");
        // Where it is all that there is, it is told.
        assert_eq!(digest(&analyzer, &["Thanks!", "Thanks!"], 3, &rarity).len(), 1);
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
