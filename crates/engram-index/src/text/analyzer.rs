//! From text to terms: what the index takes for the same word.

use std::collections::BTreeSet;
use std::fmt;

use rust_stemmers::Stemmer;
use unicode_normalization::char::is_combining_mark;

use super::fold::{Casing, fold, lower};
use super::language::{Language, StemOn};
use super::segment::{Joint, Part, Token, segment};
use super::stop_words::stop_words;

/// Longest term in bytes; a longer one is cut at a character boundary.
pub const TERM_BYTES_MAX: usize = 64;

/// Most parts whose word is also indexed as a whole: longer chains are lists or noise.
const WHOLE_PARTS_MAX: usize = 8;

/// Turns text into terms, the same way for documents and queries: words of UAX 29, lower case, without accents and stop
/// words, as Snowball stems.
///
/// A word of several parts (`LiHua`, `e-mail`, `2026-01-05`, `example.com`) yields the whole without its joints
/// and each part, so either spelling finds the other. Runs of Han, kana, Hangul, Thai and their like yield
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
        segment(text, &mut |token| match token {
            Token::Word(parts) => self.word(parts, out),
            Token::Unspaced(run) => pairs(run, out),
        });
    }

    fn word(&self, parts: &[Part<'_>], out: &mut Vec<String>) {
        if self.language == Language::English {
            let Some(parts) = without_clitics(parts) else {
                return;
            };
            return self.compound(parts, out);
        }
        // Elsewhere an apostrophe mostly ends an article or a pronoun: `l'homme` is two words.
        for (place, word) in parts.chunk_by(|_, b| b.joint != Joint::Apostrophe).enumerate() {
            let elided = self.language != Language::None
                && (place > 0 || word.len() < parts.len())
                && word.iter().all(|part| part.text.chars().count() == 1);
            if !elided {
                self.compound(word, out);
            }
        }
    }

    fn compound(&self, parts: &[Part<'_>], out: &mut Vec<String>) {
        if let [part] = parts {
            return self.term(part.text, out);
        }
        let bytes: usize = parts.iter().map(|part| part.text.len()).sum();
        let whole = parts.len() <= WHOLE_PARTS_MAX && bytes <= TERM_BYTES_MAX;
        if whole {
            let joined: String = parts.iter().map(|part| part.text).collect();
            self.term(&joined, out);
        }
        for part in parts {
            // A single character is only telling as a piece of the whole.
            if !whole || part.text.chars().nth(1).is_some() {
                self.term(part.text, out);
            }
        }
    }

    fn term(&self, word: &str, out: &mut Vec<String>) {
        let mut folded = fold(word);
        if !folded.ends_with(char::is_alphanumeric) {
            // Compatibility characters may end in a full stop: a parenthesised or dotted digit.
            folded.truncate(folded.trim_end_matches('.').len());
        }
        if !folded.contains(char::is_alphanumeric) || self.stop.contains(folded.as_str()) {
            return;
        }
        let mut term = match &self.stemmer {
            Some((stemmer, on)) if folded.chars().all(|c| !c.is_numeric()) => match on {
                StemOn::Folded => stemmer.stem(cut(&folded)).into_owned(),
                StemOn::Accented => fold(&stemmer.stem(cut(&lower(word, self.casing())))),
            },
            _ => folded,
        };
        term.truncate(cut(&term).len());
        if !term.is_empty() {
            out.push(term);
        }
    }

    fn casing(&self) -> Casing {
        match self.language {
            Language::Turkish => Casing::Turkic,
            _ => Casing::Common,
        }
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

/// Overlapping pairs of characters, each with its marks; a single character stays alone.
fn pairs(run: &str, out: &mut Vec<String>) {
    let run = fold(run);
    let mut starts = run.char_indices().filter(|(_, c)| !is_combining_mark(*c)).map(|(at, _)| at);
    let Some(mut start) = starts.next() else { return };
    let mut push = |pair: &str| out.push(cut(pair).to_owned());
    let Some(mut middle) = starts.next() else { return push(&run) };
    for end in starts.chain([run.len()]) {
        push(&run[start..end]);
        (start, middle) = (middle, end);
    }
}

/// The longest prefix that is no longer than a term may be.
fn cut(term: &str) -> &str {
    &term[..term.floor_char_boundary(TERM_BYTES_MAX)]
}

#[cfg(test)]
mod tests;
