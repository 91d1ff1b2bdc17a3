//! Where words begin and end: the boundaries of UAX 29, refined for what people write to machines.
//!
//! On top of the standard, `:` separates, a change from lower to upper case starts a new part of the same word
//! (`LiHua`), hyphens, underscores and full stops between letters join parts, and scripts written without spaces come
//! out as whole runs. Commas and full stops between digits stay inside the number. Emoji are words of their own.

use unicode_normalization::char::is_combining_mark;
use unicode_segmentation::UnicodeSegmentation;

/// How a part is attached to the one before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Joint {
    /// First part of its word.
    None,
    /// By a hyphen, an underscore, a full stop between letters, or a change of case.
    Tight,
    /// By an apostrophe.
    Apostrophe,
}

/// A piece of a word as written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Part<'t> {
    pub(super) joint: Joint,
    /// Where it starts in the text, in bytes.
    pub(super) start: usize,
    pub(super) text: &'t str,
}

/// What the segmentation finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Token<'a, 't> {
    /// A word of one or more parts.
    Word(&'a [Part<'t>]),
    /// A run of a script written without spaces (or, for Hangul, with endings glued on).
    /// With its start in the text, in bytes.
    Unspaced(usize, &'t str),
    /// An emoji with its modifiers.
    Emoji(&'t str),
}

/// Calls `token` for every word and run of `text` in order.
pub(super) fn segment<'t>(text: &'t str, token: &mut dyn FnMut(Token<'_, 't>)) {
    let mut open = Open { text, parts: Vec::new(), run: 0..0, end: 0 };
    for (start, word) in text.split_word_bound_indices() {
        if !word.contains(char::is_alphanumeric) {
            if word.starts_with(is_emoji) {
                open.close(token);
                token(Token::Emoji(word));
            }
            continue;
        }
        if start != open.end && !open.joined_by_hyphen(start) {
            open.close(token);
        }
        open.word(start, word, token);
    }
    open.close(token);
}

/// The token that may still grow.
struct Open<'t> {
    text: &'t str,
    parts: Vec<Part<'t>>,
    /// Bytes of the unspaced run; empty when there is none.
    run: std::ops::Range<usize>,
    /// Where the last word ended.
    end: usize,
}

impl<'t> Open<'t> {
    fn joined_by_hyphen(&self, start: usize) -> bool {
        !self.parts.is_empty()
            && matches!(&self.text[self.end..start], "-" | "\u{2010}" | "\u{2011}")
    }

    fn close(&mut self, token: &mut dyn FnMut(Token<'_, 't>)) {
        if !self.parts.is_empty() {
            token(Token::Word(&self.parts));
            self.parts.clear();
        }
        if !self.run.is_empty() {
            token(Token::Unspaced(self.run.start, &self.text[self.run.clone()]));
            self.run = 0..0;
        }
    }

    /// Takes one word of UAX 29 apart.
    fn word(&mut self, start: usize, word: &'t str, token: &mut dyn FnMut(Token<'_, 't>)) {
        let hyphen = start != self.end;
        let mut joint = if hyphen { Joint::Tight } else { Joint::None };
        let mut part = 0..0;
        let mut before = ' ';
        for (at, c) in word.char_indices() {
            let next = at + c.len_utf8();
            match class(c, before) {
                Class::Inside if part.is_empty() && !self.run.is_empty() => {
                    self.run.end = start + next;
                }
                // A mark without a letter before it is no part of a word.
                Class::Inside if part.is_empty() => {}
                Class::Inside => part = extend(&part, at, next),
                Class::Unspaced => {
                    self.push(joint, start + part.start, &word[part.clone()]);
                    part = 0..0;
                    joint = Joint::None;
                    if self.run.is_empty() || self.run.end != start + at {
                        self.close(token);
                        self.run = start + at..start + at;
                    }
                    self.run.end = start + next;
                }
                Class::Break(after) => {
                    self.push(joint, start + part.start, &word[part.clone()]);
                    joint = after;
                    part = next..next;
                    if after == Joint::None {
                        self.close(token);
                    }
                }
                Class::NewPart => {
                    self.push(joint, start + part.start, &word[part.clone()]);
                    joint = Joint::Tight;
                    part = at..next;
                }
                Class::Letter => {
                    if !self.run.is_empty() {
                        self.close(token);
                        part = at..at;
                    }
                    part = extend(&part, at, next);
                }
            }
            before = c;
        }
        self.push(joint, start + part.start, &word[part]);
        self.end = start + word.len();
    }

    fn push(&mut self, joint: Joint, start: usize, text: &'t str) {
        if !text.is_empty() {
            let joint = if self.parts.is_empty() { Joint::None } else { joint };
            self.parts.push(Part { joint, start, text });
        }
    }
}

fn extend(part: &std::ops::Range<usize>, at: usize, next: usize) -> std::ops::Range<usize> {
    if part.is_empty() { at..next } else { part.start..next }
}

enum Class {
    /// Belongs to whatever stands before it: marks, format characters, separators inside a number.
    Inside,
    /// Belongs to a part.
    Letter,
    /// A capital after a small letter.
    NewPart,
    /// Belongs to a run.
    Unspaced,
    /// Separates parts; `Joint::None` separates words.
    Break(Joint),
}

fn class(c: char, before: char) -> Class {
    match c {
        'a'..='z' | '0'..='9' => Class::Letter,
        '.' | ',' if before.is_numeric() => Class::Inside,
        '.' | '_' => Class::Break(Joint::Tight),
        '\'' | '\u{2019}' | '\u{2018}' | '\u{FF07}' => Class::Break(Joint::Apostrophe),
        _ if is_unspaced(c) => Class::Unspaced,
        _ if c.is_alphanumeric() => {
            if c.is_uppercase() && before.is_lowercase() {
                Class::NewPart
            } else {
                Class::Letter
            }
        }
        _ if is_combining_mark(c) || is_format(c) => Class::Inside,
        _ => Class::Break(Joint::None),
    }
}

/// Pictographs, signs of weather, games, hands and hearts, arrows and regional indicators; not letters in a frame such as
/// the trade mark sign.
fn is_emoji(c: char) -> bool {
    matches!(
        c,
        '\u{231A}' | '\u{231B}' | '\u{23E9}'..='\u{23FA}' | '\u{2600}'..='\u{27BF}'
            | '\u{2B05}'..='\u{2B07}' | '\u{2B1B}' | '\u{2B1C}' | '\u{2B50}' | '\u{2B55}'
            | '\u{1F000}'..='\u{1F0FF}' | '\u{1F18E}' | '\u{1F1E6}'..='\u{1F1FF}'
            | '\u{1F300}'..='\u{1FAFF}'
    )
}

/// Invisible characters that may stand inside a word: soft hyphen, zero-width joiners, direction marks.
fn is_format(c: char) -> bool {
    matches!(
        c,
        '\u{AD}' | '\u{61C}' | '\u{180E}' | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}'
            | '\u{2060}'..='\u{206F}' | '\u{FEFF}'
    )
}

/// Letters of scripts whose words are not separated by spaces, or whose words take endings that no stemmer here knows:
/// Han, Hiragana, Katakana, Bopomofo, Hangul, Thai, Lao, Myanmar, Khmer.
fn is_unspaced(c: char) -> bool {
    c >= '\u{0E00}'
        && matches!(
            c,
            '\u{0E00}'..='\u{0EFF}' | '\u{1000}'..='\u{109F}' | '\u{1100}'..='\u{11FF}'
                | '\u{1780}'..='\u{17FF}' | '\u{2E80}'..='\u{2FDF}' | '\u{3005}'..='\u{3007}'
                | '\u{3021}'..='\u{3029}' | '\u{3031}'..='\u{3035}' | '\u{3041}'..='\u{30FA}'
                | '\u{30FC}'..='\u{318F}' | '\u{31A0}'..='\u{31BF}' | '\u{31F0}'..='\u{31FF}'
                | '\u{3400}'..='\u{4DBF}' | '\u{4E00}'..='\u{9FFF}' | '\u{A960}'..='\u{A97F}'
                | '\u{AC00}'..='\u{D7FF}' | '\u{F900}'..='\u{FAFF}' | '\u{FF66}'..='\u{FFDC}'
                | '\u{1B000}'..='\u{1B16F}' | '\u{20000}'..='\u{3FFFF}'
        )
}
