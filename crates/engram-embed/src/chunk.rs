//! How long text is divided where no tokenizer is at hand.
//!
//! Tokens are estimated from the text: one for each started four ASCII letters or digits of a word, and one
//! for every other visible character. For English this counts about a third too many, so that a chunk of
//! the estimate fits a window of as many real tokens.

use std::ops::Range;

use crate::unicode::is_removed;

/// Tokens of one chunk with its prefix.
const WINDOW_TOKENS: usize = 256;

/// Tokens that neighbouring chunks share.
const OVERLAP_TOKENS: usize = 32;

/// Tokens of prefix before each chunk. Longer prefixes are cut there; content is never cut.
const PREFIX_TOKENS_MAX: usize = 64;

/// ASCII characters of a word that count as one token.
const CHARS_PER_TOKEN: usize = 4;

/// What a chunk may not divide: its place in the text. Counts as one token.
type Unit = Range<usize>;

/// The texts to embed for one input: each chunk behind the prefix. Empty for blank text.
pub(crate) fn chunk_texts(prefix: &str, text: &str) -> Vec<String> {
    let units = units(text);
    if units.is_empty() {
        return Vec::new();
    }
    let prefix_units = self::units(prefix);
    let prefix_tokens = prefix_units.len().min(PREFIX_TOKENS_MAX);
    let prefix = match prefix_units.get(PREFIX_TOKENS_MAX) {
        Some(beyond) => format!("{} ", &prefix[..beyond.start]),
        None => prefix.to_owned(),
    };
    let capacity = WINDOW_TOKENS - prefix_tokens;
    let mut chunks = Vec::new();
    let mut start = 0;
    loop {
        let end = units.len().min(start + capacity);
        let last = end == units.len();
        let end = if last { end } else { word_start(text, &units, end) };
        chunks.push(format!("{prefix}{}", &text[units[start].start..units[end - 1].end]));
        if last {
            return chunks;
        }
        start = word_start(text, &units, end - OVERLAP_TOKENS);
    }
}

/// The nearest unit at or before `at` that starts a word, at most half an overlap away; else `at`.
fn word_start(text: &str, units: &[Unit], at: usize) -> usize {
    let starts =
        |&at: &usize| text[..units[at].start].chars().next_back().is_none_or(|c| c.is_whitespace());
    (at - OVERLAP_TOKENS / 2..=at).rev().find(starts).unwrap_or(at)
}

fn units(text: &str) -> Vec<Unit> {
    let mut units: Vec<Unit> = Vec::new();
    let mut letters = 0;
    for (at, c) in text.char_indices() {
        let end = at + c.len_utf8();
        if c.is_whitespace() || is_removed(c) {
            letters = 0;
        } else if !c.is_ascii_alphanumeric() {
            units.push(at..end);
            letters = 0;
        } else {
            if letters % CHARS_PER_TOKEN == 0 {
                units.push(at..end);
            } else if let Some(unit) = units.last_mut() {
                unit.end = end;
            }
            letters += 1;
        }
    }
    units
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_estimated() {
        assert_eq!(units("I think so, \u{4e2d}\u{6587}!").len(), 8);
        assert_eq!(units(" \u{200b}\n").len(), 0);
        assert_eq!(chunk_texts("Ann: ", " \n"), [""; 0]);
    }

    #[test]
    fn short_text_is_one_chunk_behind_its_prefix() {
        assert_eq!(chunk_texts("Ann: ", "I think so."), ["Ann: I think so."]);
    }

    #[test]
    fn long_text_is_divided_between_words_and_nothing_is_lost() {
        let words: Vec<String> = (0..900).map(|i| format!("word{i}")).collect();
        let chunks = chunk_texts("T. ", &words.join(" "));
        assert!(chunks.len() > 2);
        let mut next = 0;
        for chunk in &chunks {
            let chunk = chunk.strip_prefix("T. ").expect("the prefix");
            assert!(units(chunk).len() <= 254);
            let first: usize = chunk[4..chunk.find(' ').unwrap()].parse().unwrap();
            assert!(first <= next, "{first} leaves a gap behind {next}");
            let last: usize = chunk[chunk.rfind(' ').unwrap() + 5..].parse().unwrap();
            assert!(next == 0 || next - first >= OVERLAP_TOKENS / 2, "{first} to {next}");
            next = last + 1;
        }
        assert_eq!(next, 900);
    }

    #[test]
    fn one_endless_word_is_divided_too() {
        let text = "\u{e9}".repeat(1000);
        let chunks = chunk_texts(&"long title ".repeat(100), &text);
        assert!(chunks.len() > 5);
        assert!(chunks.iter().all(|chunk| units(chunk).len() <= WINDOW_TOKENS));
        let content: usize = chunks.iter().map(|chunk| chunk.matches('\u{e9}').count()).sum();
        assert!(content >= 1000 + OVERLAP_TOKENS * (chunks.len() - 1));
    }
}
