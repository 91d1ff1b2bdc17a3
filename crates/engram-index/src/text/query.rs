//! From the words of a cue to a query that can score any chunk of a corpus.

use std::collections::BTreeMap;
use std::ops::Range;

use super::analyzer::{Analyzer, WordRole};
use super::bm25::{Bm25, CorpusStats, Norm};
use super::terms::TEXT_GAP;

/// Opening and closing quotes of a phrase. Guillemets are taken in both directions of use.
const QUOTES: [(char, char); 6] =
    [('"', '"'), ('“', '”'), ('„', '“'), ('«', '»'), ('»', '«'), ('「', '」')];

/// Most phrases of a cue; further quotes are plain text.
const PHRASES_MAX: usize = 32;

/// A quoted phrase: terms with their places relative to the first one, two or more of them ascending in place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Phrase {
    /// Term and place; the first place is 0.
    pub terms: Vec<(String, u32)>,
}

/// The terms of a query, each once with its number of occurrences, in byte order, and its phrases.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TextQuery {
    terms: Vec<(String, u32)>,
    phrases: Vec<Phrase>,
    /// There is a term outside of the quotes.
    unquoted: bool,
}

impl TextQuery {
    /// Counts the terms of an analysed query.
    pub fn new(terms: &[String]) -> TextQuery {
        let mut counts: BTreeMap<&str, u32> = BTreeMap::new();
        for term in terms {
            *counts.entry(term).or_default() += 1;
        }
        let terms: Vec<(String, u32)> =
            counts.into_iter().map(|(term, n)| (term.to_owned(), n)).collect();
        TextQuery { unquoted: !terms.is_empty(), terms, phrases: Vec::new() }
    }

    /// Analyses a cue. What stands in a pair of double quotes (typewriter, typographic, guillemets, CJK corners) is a
    /// phrase: a document must hold its terms in this order at these distances, stop words counted as any word. All
    /// terms, those of phrases included, count for the score. A quote without its partner is plain text, as is what
    /// follows many phrases; an empty phrase, or one of stop words only, demands nothing.
    pub fn parse(analyzer: &Analyzer, cue: &str) -> TextQuery {
        let mut terms = Vec::new();
        analyzer.terms(cue, &mut terms);
        let mut query = TextQuery::new(&terms);
        let parts = quoted_parts(cue);
        if parts.is_empty() {
            return query;
        }
        let mut outside = Vec::new();
        let mut end = 0;
        for quoted in parts.into_iter().take(PHRASES_MAX) {
            analyzer.terms(&cue[end..quoted.start], &mut outside);
            end = quoted.end;
            query.demand(analyzer, &cue[quoted]);
        }
        analyzer.terms(&cue[end..], &mut outside);
        query.unquoted = !outside.is_empty();
        query
    }

    /// The same query with further terms, each occurrence counting like one in the cue.
    #[must_use]
    pub fn with_terms(self, terms: &[String]) -> TextQuery {
        let mut counts: BTreeMap<String, u32> = self.terms.into_iter().collect();
        for term in terms {
            *counts.entry(term.clone()).or_default() += 1;
        }
        TextQuery { terms: counts.into_iter().collect(), ..self }
    }

    /// The terms in byte order, each with its number of occurrences.
    pub fn terms(&self) -> &[(String, u32)] {
        &self.terms
    }

    /// The phrases that a document must hold.
    pub fn phrases(&self) -> &[Phrase] {
        &self.phrases
    }

    /// Whether the cue is nothing but phrases: who quotes all of it wants exactly that, who quotes a part of a question
    /// stresses it.
    pub fn is_all_quoted(&self) -> bool {
        !self.phrases.is_empty() && !self.unquoted
    }

    /// The same query without its phrases: their terms still count.
    #[must_use]
    pub fn without_phrases(self) -> TextQuery {
        TextQuery { phrases: Vec::new(), unquoted: true, ..self }
    }

    /// Whether the query has no term.
    pub fn is_empty(&self) -> bool {
        self.terms.is_empty()
    }

    /// Adds the phrase of a quoted text, cut where stop words make a gap that no document is searched across.
    fn demand(&mut self, analyzer: &Analyzer, quoted: &str) {
        let mut placed: Vec<(String, u32)> = Vec::new();
        analyzer.words(quoted, &mut |term, position, role| match role {
            // The parts say where the word stands and match it in any spelling; the whole stands in where a part is
            // not indexed.
            WordRole::WholeOfParts | WordRole::PartOfWhole => {}
            WordRole::Word | WordRole::Whole | WordRole::Part => {
                placed.push((term.to_owned(), position));
            }
        });
        for piece in placed.chunk_by(|a, b| b.1 - a.1 < TEXT_GAP) {
            let first = piece[0].1;
            let terms = piece.iter().map(|(term, at)| (term.clone(), at - first)).collect();
            let phrase = Phrase { terms };
            if !self.phrases.contains(&phrase) {
                self.phrases.push(phrase);
            }
        }
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
        WeightedQuery { norm: bm25.norm(stats.avg_len()), terms, phrases: self.phrases.clone() }
    }
}

/// A query with everything it needs to score any chunk of one corpus. What it finds is said in the module of each
/// method: `scan` and `search` for the documents that hold a term, `score_docs` for given ones.
#[derive(Clone, Debug, PartialEq)]
pub struct WeightedQuery {
    pub(super) norm: Norm,
    /// Terms in byte order with idf times occurrences in the query.
    pub(super) terms: Vec<(String, f32)>,
    pub(super) phrases: Vec<Phrase>,
}

impl WeightedQuery {
    /// The terms that some document holds, in byte order, each with its weight: the upper bound of what it can add to
    /// a score.
    pub fn terms(&self) -> &[(String, f32)] {
        &self.terms
    }

    /// Whether documents must hold a phrase.
    pub fn has_phrases(&self) -> bool {
        !self.phrases.is_empty()
    }
}

/// Where the texts between pairs of quotes stand, in order, not nested.
pub(super) fn quoted_parts(cue: &str) -> Vec<Range<usize>> {
    let mut parts = Vec::new();
    // A closing quote that was looked for in vain is nowhere behind either: the time stays linear.
    let mut missing = [false; QUOTES.len()];
    let mut behind = 0;
    for (at, c) in cue.char_indices() {
        if at < behind || !QUOTES.iter().any(|quote| quote.0 == c) {
            continue;
        }
        let start = at + c.len_utf8();
        let mut found: Option<(usize, char)> = None;
        for (quote, missing) in QUOTES.iter().zip(&mut missing) {
            if quote.0 == c && !*missing {
                let end = cue[start..].find(quote.1).map(|end| (start + end, quote.1));
                *missing = end.is_none();
                found = found.min(end).or(end).or(found);
            }
        }
        if let Some((end, close)) = found {
            parts.push(start..end);
            behind = end + close.len_utf8();
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::language::Language;

    fn phrases(cue: &str) -> String {
        let query = TextQuery::parse(&Analyzer::new(Language::English), cue);
        let shown = query.phrases().iter().map(|phrase| {
            let terms: Vec<_> =
                phrase.terms.iter().map(|(term, at)| format!("{term}@{at}")).collect();
            terms.join(" ")
        });
        shown.collect::<Vec<_>>().join(" | ")
    }

    #[test]
    fn a_cue_may_be_nothing_but_quotes() {
        let analyzer = Analyzer::new(Language::English);
        let all = |cue: &str| TextQuery::parse(&analyzer, cue).is_all_quoted();
        assert!(all(r#""red car""#) && all(r#"the "red car" and "blue sky""#));
        assert!(!all(r#"who wrote "red car"?"#) && !all("red car") && !all(""));
        let soft = TextQuery::parse(&analyzer, r#"wrote "red car""#).without_phrases();
        assert!(soft.phrases().is_empty() && soft.terms().len() == 3);
    }

    #[test]
    fn quotes_make_phrases() {
        for (cue, expected) in [
            ("no quotes here", ""),
            (r#"the "state of the art" today"#, "state@0 art@3"),
            (r#""the swimming pool" and "red car""#, "swim@0 pool@1 | red@0 car@1"),
            (r#"a "lone quote"#, ""),
            (r#"5" and "two words""#, ""),
            (r#""" "" "the of""#, ""),
            ("“curly one” «deux mots» „zwei Worte“", "cur@0 one@1 | deux@0 mot@1 | zwei@0 wort@1"),
            ("\"LiHua's plan\"", "li@0 hua@1 plan@2"),
            ("\"e-mail address\"", "email@0 address@2"),
            ("「東京タワー」", "東京@0 京タ@1 タワ@2 ワー@3"),
            (r#""two words" two "two words""#, "two@0 word@1"),
        ] {
            assert_eq!(phrases(cue), expected, "{cue}");
        }
    }
}
