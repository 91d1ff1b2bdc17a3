//! Whether of two texts near in meaning the later one changes or denies what the earlier one says: by their words alone.
//!
//! The two are aligned word by word. What they share is the frame; what differs in it decides: a verb or adverb of change, a
//! negation, an opposite, a value in the place of another. Everything that is no plain statement about the same thing is left
//! alone: questions, wishes, plans, lists, what happened at another time. A mark that is missing costs little, a wrong one costs
//! trust; so every rule asks for more than it would need. The words are English.

mod lexicon;
mod rules;
mod said;

use engram_index::Analyzer;

use self::said::Said;

/// Words of a text beyond which it says too much to be compared word by word.
pub(crate) const COMPARED_WORDS_MAX: usize = 40;
/// Words of a name before the colon of a turn.
const SPEAKER_WORDS_MAX: usize = 3;

/// What two texts may be to each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum MarkKind {
    /// The later one may tell what became of what the earlier one tells.
    PossibleUpdate,
    /// Only one of the two may be true.
    PossibleContradiction,
}

impl MarkKind {
    /// Both kinds, in the order of their codes in the log, from 1.
    pub const ALL: [MarkKind; 2] = [MarkKind::PossibleUpdate, MarkKind::PossibleContradiction];

    /// Name in requests and answers.
    pub fn name(self) -> &'static str {
        match self {
            MarkKind::PossibleUpdate => "possible_update",
            MarkKind::PossibleContradiction => "possible_contradiction",
        }
    }

    pub(crate) fn code(self) -> u32 {
        self as u32 + 1
    }

    pub(crate) fn from_code(code: u32) -> Option<MarkKind> {
        MarkKind::ALL.into_iter().find(|kind| kind.code() == code)
    }
}

/// What makes two texts differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum MarkGround {
    /// The later one tells of a change.
    Change,
    /// One denies what the other says.
    Negation,
    /// They hold opposite words.
    Opposite,
    /// One value stands in the place of another.
    Value,
}

impl MarkGround {
    /// All of them, in the order of their codes in the log, from 1.
    pub const ALL: [MarkGround; 4] =
        [MarkGround::Change, MarkGround::Negation, MarkGround::Opposite, MarkGround::Value];

    /// Name in answers.
    pub fn name(self) -> &'static str {
        match self {
            MarkGround::Change => "change",
            MarkGround::Negation => "negation",
            MarkGround::Opposite => "opposite",
            MarkGround::Value => "value",
        }
    }

    pub(crate) fn code(self) -> u32 {
        self as u32 + 1
    }

    pub(crate) fn from_code(code: u32) -> Option<MarkGround> {
        MarkGround::ALL.into_iter().find(|ground| ground.code() == code)
    }
}

/// A difference that makes a mark.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Contrast {
    pub(crate) kind: MarkKind,
    pub(crate) ground: MarkGround,
    /// Words of the earlier text that the later one does not share, and the other way round.
    pub(crate) before: String,
    pub(crate) after: String,
    /// Words of the later text that tell of a change.
    pub(crate) cues: Vec<String>,
}

/// What one side of a comparison is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Side<'a> {
    pub(crate) text: &'a str,
    /// Who took part.
    pub(crate) people: &'a [String],
    /// When it happened, ns.
    pub(crate) at_ns: i64,
}

/// What makes two texts differ, if it is more than their wording; `earlier` happened first.
pub(crate) fn contrast(
    analyzer: &Analyzer,
    earlier: Side<'_>,
    later: Side<'_>,
) -> Option<Contrast> {
    let long = |side: Side<'_>| side.text.split_whitespace().count() > COMPARED_WORDS_MAX;
    if long(earlier) || long(later) || analyzer.language() != engram_index::Language::English {
        return None;
    }
    let ((speaker, first), (other_speaker, second)) = (spoken(earlier.text), spoken(later.text));
    let (first, second) = (without_notes(first), without_notes(second));
    let (one, other) = (Said::read(analyzer, &first), Said::read(analyzer, &second));
    if one.hedged || other.hedged || one.subject()? != other.subject()? {
        return None;
    }
    // Who says `I` of himself says nothing of another who does.
    let of_speaker = one.is_of_speaker() || other.is_of_speaker();
    if of_speaker && (earlier.people != later.people || speaker != other_speaker) {
        return None;
    }
    let same_day = (earlier.at_ns.abs_diff(later.at_ns)) < rules::DAY_NS;
    rules::decide(&one, &other, same_day)
}

/// Who says a turn of a conversation, where its text begins with that, and what is said.
fn spoken(text: &str) -> (Option<&str>, &str) {
    let Some((speaker, said)) = text.split_once(": ") else { return (None, text) };
    let name = speaker.split_whitespace().count() <= SPEAKER_WORDS_MAX
        && speaker.starts_with(char::is_uppercase)
        && speaker.chars().all(|c| c.is_alphabetic() || c == ' ' || c == '.');
    if name { (Some(speaker), said) } else { (None, text) }
}

/// A text without what stands in square brackets.
fn without_notes(text: &str) -> String {
    let mut depth = 0_u32;
    let mut outside = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '[' => depth += 1,
            ']' => depth = depth.saturating_sub(1),
            _ if depth == 0 => outside.push(c),
            _ => {}
        }
    }
    outside
}

#[cfg(test)]
mod tests;
