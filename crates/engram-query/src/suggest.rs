//! What may come next at the end of a statement that is being typed: what the parser looked for there.

use crate::grammar::{body, opening};
use crate::reader::{Expected, Reader};
use crate::token::{TokenKind, tokens};

/// Something that may be typed next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Suggestion {
    /// Byte of the text from which it takes the place of what was typed.
    pub start: usize,
    /// What to type.
    pub text: String,
    /// What it is.
    pub kind: SuggestionKind,
    /// What it means; may be empty.
    pub help: &'static str,
}

/// What a suggestion is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SuggestionKind {
    /// A keyword.
    Keyword,
    /// A field or a setting.
    Field,
    /// One of the names that a field or a clause takes.
    Word,
    /// A sign.
    Symbol,
    /// A sample of a value.
    Sample,
}

/// What may stand at the end of `prefix`; a word that is being typed is completed. Empty where the statement is wrong before its
/// end, or ends within a text.
pub fn complete(prefix: &str) -> Vec<Suggestion> {
    let Ok(found) = tokens(prefix) else { return Vec::new() };
    let typed = found
        .iter()
        .rev()
        .find(|token| token.kind != TokenKind::End)
        .filter(|token| token.kind == TokenKind::Word && token.span.end == prefix.len());
    let start = typed.map_or(prefix.len(), |token| token.span.start);
    let (before, word) = prefix.split_at(start);
    let Ok(mut reader) = Reader::new(before) else { return Vec::new() };
    // An error is expected: the statement is not finished. What counts is whether its end was reached.
    let _ = opening(&mut reader).and_then(|opening| body(&mut reader, opening));
    if !reader.at_end() {
        return Vec::new();
    }
    let all = reader.expected();
    let mut suggestions: Vec<Suggestion> = all
        .into_iter()
        .filter_map(|expected| suggestion(expected, start))
        .filter(|one| word.is_empty() || goes_on(&one.text, word, one.kind))
        .collect();
    suggestions.dedup_by(|a, b| a.text == b.text);
    suggestions
}

fn goes_on(text: &str, word: &str, kind: SuggestionKind) -> bool {
    kind != SuggestionKind::Symbol
        && text.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word))
}

fn suggestion(expected: Expected, start: usize) -> Option<Suggestion> {
    let (text, kind, help) = match expected {
        Expected::Keyword(words, help) => (words, SuggestionKind::Keyword, help),
        Expected::Field(name, help) => (name, SuggestionKind::Field, help),
        Expected::Word(word) => (word, SuggestionKind::Word, ""),
        Expected::Symbol(symbol) => (symbol, SuggestionKind::Symbol, ""),
        Expected::Value(sort, sample) => (sample, SuggestionKind::Sample, sort),
        Expected::End => return None,
    };
    Some(Suggestion { start, text: text.to_owned(), kind, help })
}
