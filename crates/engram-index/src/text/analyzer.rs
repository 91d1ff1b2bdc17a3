//! From text to terms: what the index takes for the same word.

use std::collections::BTreeSet;
use std::fmt;

use rust_stemmers::Stemmer;
use unicode_normalization::char::is_combining_mark;

use super::fold::{Casing, fold, lower};
use super::language::{Language, StemOn};
use super::segment::{Joint, Part, Token, segment};
use super::stop_words::stop_words;
use super::terms::Terms;
use super::units::number_and_unit;

/// Longest term in bytes; a longer one is cut at a character boundary.
pub const TERM_BYTES_MAX: usize = 64;

/// Most parts whose word is also indexed as a whole: longer chains are lists or noise.
const WHOLE_PARTS_MAX: usize = 8;

/// Turns text into terms, the same way for documents and queries: words of UAX 29, lower case, without accents and stop
/// words, as Snowball stems.
///
/// A word of several parts (`LiHua`, `e-mail`, `snake_case`, `2026-01-05`, `example.com`, `5km`) yields the whole
/// without its joints and each part, so either spelling finds the other. Emoji are terms, whatever their skin. Runs of Han, kana, Hangul, Thai and their like yield
/// overlapping pairs of characters, or the character when it stands alone.
pub struct Analyzer {
    language: Language,
    stemmer: Option<(Stemmer, StemOn)>,
    stop: BTreeSet<String>,
}

impl fmt::Debug for Analyzer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Analyzer").field("language", &self.language).finish_non_exhaustive()
    }
}

impl Analyzer {
    /// The analyser of a language.
    pub fn new(language: Language) -> Analyzer {
        Analyzer {
            language,
            stemmer: language.stemmer().map(|(algorithm, on)| (Stemmer::create(algorithm), on)),
            stop: stop_words(language).split_whitespace().map(fold).collect(),
        }
    }

    /// Its language.
    pub fn language(&self) -> Language {
        self.language
    }

    /// Appends the terms of `text` to `out`, in the order of the text. Terms repeat as often as they occur.
    pub fn terms(&self, text: &str, out: &mut Vec<String>) {
        self.words(text, &mut |term, _, _| out.push(term.to_owned()));
    }

    /// Appends the same terms with their positions. A text that is appended to another stands too far behind it for a
    /// phrase to reach across.
    pub fn analyze(&self, text: &str, out: &mut Terms) {
        let base = out.next_text();
        let end = self.words(text, &mut |term, at, _| out.push(term, base.saturating_add(at)));
        if end > 0 {
            out.reach(base.saturating_add(end));
        }
    }

    /// Calls `out` for each term, with its position and what the term is in its word; returns the position behind the
    /// last word. Positions count words and parts of words, those without a term included.
    pub(super) fn words(&self, text: &str, out: &mut dyn FnMut(&str, u32, WordRole)) -> u32 {
        let mut sink = Sink { analyzer: self, out, position: 0 };
        segment(text, &mut |token| match token {
            Token::Word(parts) => sink.word(parts),
            Token::Unspaced(_, run) => sink.pairs(run),
            Token::Emoji(emoji) => sink.emoji(emoji),
        });
        sink.position
    }

    /// Whether a folded word is a stop word.
    pub(super) fn is_stop_word(&self, folded: &str) -> bool {
        self.stop.contains(folded)
    }

    /// The term of a word; `None` when it has none.
    fn term(&self, word: &str) -> Option<String> {
        let mut folded = fold(word);
        if !folded.ends_with(char::is_alphanumeric) {
            // Compatibility characters may end in a full stop: a parenthesised or dotted digit.
            folded.truncate(folded.trim_end_matches('.').len());
        }
        if !folded.contains(char::is_alphanumeric) || self.stop.contains(folded.as_str()) {
            return None;
        }
        let mut term = match &self.stemmer {
            Some((stemmer, on)) if folded.chars().all(|c| !c.is_numeric()) => match on {
                StemOn::Folded => stemmer.stem(cut(&folded)).into_owned(),
                StemOn::Accented => fold(&stemmer.stem(cut(&lower(word, self.casing())))),
            },
            _ => folded,
        };
        term.truncate(cut(&term).len());
        (!term.is_empty()).then_some(term)
    }

    fn casing(&self) -> Casing {
        match self.language {
            Language::Turkish => Casing::Turkic,
            _ => Casing::Common,
        }
    }
}

/// What a term is in the word that it comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WordRole {
    /// All of it.
    Word,
    /// A whole of which some part is not indexed.
    Whole,
    /// A whole of which every part is indexed.
    WholeOfParts,
    /// A part; all parts are indexed.
    Part,
    /// A part of a [`WordRole::Whole`].
    PartOfWhole,
}

/// Takes the terms of one text.
struct Sink<'a> {
    analyzer: &'a Analyzer,
    out: &'a mut dyn FnMut(&str, u32, WordRole),
    /// Of the next word.
    position: u32,
}

impl Sink<'_> {
    fn word(&mut self, parts: &[Part<'_>]) {
        let language = self.analyzer.language;
        if language == Language::English {
            return match without_clitics(parts) {
                Some(parts) => self.compound(parts),
                None => self.position += 1,
            };
        }
        // Elsewhere an apostrophe mostly ends an article or a pronoun: `l'homme` is two words.
        for (place, word) in parts.chunk_by(|_, b| b.joint != Joint::Apostrophe).enumerate() {
            let elided = language != Language::None
                && (place > 0 || word.len() < parts.len())
                && word.iter().all(|part| part.text.chars().count() == 1);
            if elided {
                self.position += 1;
            } else {
                self.compound(word);
            }
        }
    }

    fn compound(&mut self, parts: &[Part<'_>]) {
        let [part] = parts else {
            return self.parts(parts);
        };
        self.emit(part.text, WordRole::Word);
        self.position += 1;
        if let Some((number, unit)) = number_and_unit(part.text) {
            self.position -= 1;
            for part in [number, unit] {
                self.emit(part, WordRole::PartOfWhole);
                self.position += 1;
            }
        }
    }

    fn parts(&mut self, parts: &[Part<'_>]) {
        let bytes: usize = parts.iter().map(|part| part.text.len()).sum();
        let whole = parts.len() <= WHOLE_PARTS_MAX && bytes <= TERM_BYTES_MAX;
        // A single character is only telling as a piece of the whole.
        let kept = |part: &Part<'_>| !whole || part.text.chars().nth(1).is_some();
        let complete = parts.iter().all(kept);
        if whole {
            let joined: String = parts.iter().map(|part| part.text).collect();
            self.emit(&joined, if complete { WordRole::WholeOfParts } else { WordRole::Whole });
        }
        for part in parts {
            if kept(part) {
                self.emit(part.text, if complete { WordRole::Part } else { WordRole::PartOfWhole });
            }
            self.position += 1;
        }
    }

    fn emit(&mut self, word: &str, role: WordRole) {
        if let Some(term) = self.analyzer.term(word) {
            (self.out)(&term, self.position, role);
        }
    }

    /// Overlapping pairs of characters, each with its marks; a single character stays alone.
    fn pairs(&mut self, run: &str) {
        let run = fold(run);
        let base = |c: char| !is_combining_mark(c);
        let mut starts = run.char_indices().filter(|(_, c)| base(*c)).map(|(at, _)| at);
        let Some(mut start) = starts.next() else { return };
        let Some(mut middle) = starts.next() else { return self.pair(&run) };
        for end in starts.chain([run.len()]) {
            self.pair(&run[start..end]);
            (start, middle) = (middle, end);
        }
        self.position += 1;
    }

    fn pair(&mut self, pair: &str) {
        (self.out)(cut(pair), self.position, WordRole::Word);
        self.position += 1;
    }

    fn emoji(&mut self, emoji: &str) {
        let plain = |c: &char| !matches!(c, '\u{FE0E}' | '\u{FE0F}' | '\u{1F3FB}'..='\u{1F3FF}');
        let term: String = emoji.chars().filter(plain).collect();
        if !term.is_empty() {
            (self.out)(cut(&term), self.position, WordRole::Word);
        }
        self.position += 1;
    }
}

/// An English word without its possessive or contracted verb; `None` for a negated auxiliary, which says nothing.
fn without_clitics<'a, 't>(parts: &'a [Part<'t>]) -> Option<&'a [Part<'t>]> {
    let (last, head) = parts.split_last()?;
    if last.joint != Joint::Apostrophe || head.is_empty() {
        return Some(parts);
    }
    let is = |clitic: &str| last.text.eq_ignore_ascii_case(clitic);
    if is("t") && head.last().is_some_and(|part| part.text.ends_with(['n', 'N'])) {
        return None;
    }
    Some(if ["s", "re", "ve", "ll", "d", "m"].into_iter().any(is) { head } else { parts })
}

/// The longest prefix that is no longer than a term may be.
fn cut(term: &str) -> &str {
    &term[..term.floor_char_boundary(TERM_BYTES_MAX)]
}

#[cfg(test)]
mod tests;
