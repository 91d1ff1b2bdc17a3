//! The words of a text with their places, and what is already spoken for.

use unicode_normalization::char::is_combining_mark;
use unicode_segmentation::UnicodeSegmentation;

use super::{Mention, MentionKind};
use crate::text::fold::fold;

/// A word of UAX 29 with a letter or digit.
#[derive(Clone, Copy, Debug)]
pub(super) struct Word<'t> {
    pub(super) start: usize,
    pub(super) text: &'t str,
}

impl Word<'_> {
    pub(super) fn end(&self) -> usize {
        self.start + self.text.len()
    }
}

/// A text taken apart.
#[derive(Debug)]
pub(super) struct Scan<'t> {
    pub(super) text: &'t str,
    pub(super) words: Vec<Word<'t>>,
}

impl<'t> Scan<'t> {
    pub(super) fn new(text: &'t str) -> Scan<'t> {
        let words = text.unicode_word_indices().map(|(start, text)| Word { start, text });
        Scan { text, words: words.collect() }
    }

    /// What stands between a word and the one before it; from the start of the text for the first.
    pub(super) fn gap_before(&self, index: usize) -> &'t str {
        let from = index.checked_sub(1).map_or(0, |before| self.words[before].end());
        self.text.get(from..self.words[index].start).unwrap_or("")
    }

    /// The word at `index` if exactly `gap` stands before it.
    pub(super) fn after(&self, gap: &str, index: usize) -> Option<Word<'t>> {
        let word = *self.words.get(index)?;
        (self.gap_before(index) == gap).then_some(word)
    }
}

/// Mentions found so far, not overlapping: who comes first keeps its place.
#[derive(Debug, Default)]
pub(super) struct Taken {
    /// By ascending start.
    mentions: Vec<Mention>,
}

impl Taken {
    /// Adds a mention with its key unless its place is taken or the key is empty.
    pub(super) fn add(&mut self, kind: MentionKind, key: String, (start, end): (usize, usize)) {
        if key.is_empty() || self.overlaps(start, end) {
            return;
        }
        let at = self.mentions.partition_point(|mention| mention.start < start);
        self.mentions.insert(at, Mention { kind, key, start, end });
    }

    pub(super) fn overlaps(&self, start: usize, end: usize) -> bool {
        let next = self.mentions.partition_point(|mention| mention.end <= start);
        self.mentions.get(next).is_some_and(|mention| mention.start < end)
    }

    pub(super) fn into_sorted(self) -> Vec<Mention> {
        self.mentions
    }
}

/// The words of a phrase, folded, parts of a name in one word apart (`LiHua` as `li hua`).
pub(super) fn key_of(phrase: &str) -> String {
    let mut spaced = String::with_capacity(phrase.len() + 4);
    let mut before = ' ';
    for c in phrase.chars() {
        if c.is_uppercase() && before.is_lowercase() {
            spaced.push(' ');
        }
        spaced.push(c);
        before = c;
    }
    let inside = |c| is_combining_mark(c) || matches!(c, '\'' | '\u{2019}' | '.');
    let separate = |c: char| !(c.is_alphanumeric() || inside(c));
    let words = spaced.split(separate).map(|word| fold(word.trim_matches('.')));
    words.filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}
