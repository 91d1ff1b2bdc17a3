//! What the difference of two statements amounts to.

use super::lexicon::{ENDS, FIXED, MEASURES, MUTABLE, SHIFTS, STATES, has, opposite};
use super::said::{Said, Value, Word};
use super::{Contrast, MarkGround, MarkKind};

pub(super) const DAY_NS: u64 = 86_400_000_000_000;

/// A change must take up this share of what the earlier text says.
const COVERED_FROM: f32 = 0.5;
/// Words of a statement of a state that a verb of change ends.
const STATE_WORDS_MAX: usize = 6;
/// Words on either side of a value that was swapped.
const VALUE_WORDS_MAX: usize = 3;

/// Words that one side has where the other has other ones, or none.
struct Gap<'a> {
    before: Vec<&'a Word>,
    after: Vec<&'a Word>,
}

/// Two statements word by word.
struct Aligned<'a> {
    shared: Vec<&'a Word>,
    /// Those that say something.
    gaps: Vec<Gap<'a>>,
}

pub(super) fn decide(earlier: &Said, later: &Said, same_day: bool) -> Option<Contrast> {
    let aligned = align(earlier, later);
    let told = |(kind, ground)| {
        let join = |side: fn(&Gap<'_>) -> String| {
            let parts: Vec<String> =
                aligned.gaps.iter().map(side).filter(|part| !part.is_empty()).collect();
            parts.join(" … ")
        };
        let mut cues = later.cues.clone();
        cues.extend(later.changes.iter().cloned());
        let (mut before, mut after) = (join(|gap| raw(&gap.before)), join(|gap| raw(&gap.after)));
        if ground == MarkGround::Negation {
            before = [earlier.negations.join(" "), before].join(" ").trim().to_owned();
            after = [later.negations.join(" "), after].join(" ").trim().to_owned();
        }
        Contrast { kind, ground, before, after, cues }
    };
    let changed = change(earlier, later, &aligned).then_some(MarkGround::Change);
    if let Some(ground) = changed {
        return Some(told((MarkKind::PossibleUpdate, ground)));
    }
    // Without a word of change two times are two facts, and so are two of a kind.
    let apart = (earlier.deictic || later.deictic) && !same_day;
    if apart || !later.changes.is_empty() || !earlier.changes.is_empty() {
        return None;
    }
    let ground = denial(earlier, later, &aligned).or_else(|| swap(earlier, later, &aligned))?;
    let updates =
        !later.cues.is_empty() || ground == MarkGround::Value && is_mutable(earlier, later);
    let kind = match updates {
        true => MarkKind::PossibleUpdate,
        false => MarkKind::PossibleContradiction,
    };
    Some(told((kind, ground)))
}

fn raw(words: &[&Word]) -> String {
    words.iter().map(|word| word.raw.as_str()).collect::<Vec<_>>().join(" ")
}

/// The longest common subsequence of the words, and what stands between it.
fn align<'a>(earlier: &'a Said, later: &'a Said) -> Aligned<'a> {
    let (one, other) = (&earlier.words, &later.words);
    let width = other.len() + 1;
    let mut lengths = vec![0_u32; (one.len() + 1) * width];
    for i in (0..one.len()).rev() {
        for j in (0..other.len()).rev() {
            lengths[i * width + j] = if one[i].key == other[j].key {
                lengths[(i + 1) * width + j + 1] + 1
            } else {
                lengths[(i + 1) * width + j].max(lengths[i * width + j + 1])
            };
        }
    }
    let (mut i, mut j) = (0, 0);
    let mut aligned = Aligned { shared: Vec::new(), gaps: Vec::new() };
    let mut gap = Gap { before: Vec::new(), after: Vec::new() };
    while i < one.len() || j < other.len() {
        let matched = i < one.len() && j < other.len() && one[i].key == other[j].key;
        if matched {
            let full = std::mem::replace(&mut gap, Gap { before: Vec::new(), after: Vec::new() });
            aligned.close(full);
            aligned.shared.push(&one[i]);
            (i, j) = (i + 1, j + 1);
        } else if j == other.len()
            || (i < one.len() && lengths[(i + 1) * width + j] >= lengths[i * width + j + 1])
        {
            gap.before.push(&one[i]);
            i += 1;
        } else {
            gap.after.push(&other[j]);
            j += 1;
        }
    }
    aligned.close(gap);
    aligned
}

impl<'a> Aligned<'a> {
    fn close(&mut self, mut gap: Gap<'a>) {
        gap.before.retain(|word| word.content);
        gap.after.retain(|word| word.content);
        if !gap.before.is_empty() || !gap.after.is_empty() {
            self.gaps.push(gap);
        }
    }

    /// Shared words that say something.
    fn frame(&self) -> usize {
        self.shared.iter().filter(|word| word.content).count()
    }
}

/// Whether the later statement tells of a change of what the earlier one states.
fn change(earlier: &Said, later: &Said, aligned: &Aligned<'_>) -> bool {
    let total = earlier.content().count();
    let subject = usize::from(earlier.words.first().is_some_and(|word| word.content));
    let beyond = shared_anywhere(earlier, later);
    let covered = (subject + beyond) as f32 >= COVERED_FROM * total as f32;
    if later.changes.is_empty() && later.cues.is_empty() {
        return false;
    }
    let verb = |verb: &String| {
        let ends = has(ENDS, verb) && later.negations.is_empty();
        let state = STATES.iter().any(|(own, stems)| {
            own == verb && earlier.words.iter().any(|word| has(stems, &word.key))
        });
        let state = state && total <= STATE_WORDS_MAX && later.negations.is_empty();
        let shifts = has(SHIFTS, verb) && values(earlier) && values(later);
        let turns = matches!(verb.as_str(), "switched" | "moved" | "changed");
        state || (beyond >= 1 && covered && (ends || shifts || turns))
    };
    if later.changes.iter().any(verb) && earlier.changes.is_empty() {
        return true;
    }
    let denies = later.cues.iter().any(|cue| {
        matches!(cue.as_str(), "no longer" | "anymore" | "any more" | "any longer" | "used to")
    });
    if denies && beyond >= 1 && covered {
        return true;
    }
    let turns = later
        .cues
        .iter()
        .any(|cue| matches!(cue.as_str(), "now" | "currently" | "instead" | "again"));
    let differs = aligned.gaps.iter().any(|gap| !gap.before.is_empty() && !gap.after.is_empty())
        || denial(earlier, later, aligned).is_some()
        || earlier.negations.is_empty() != later.negations.is_empty();
    turns && !later.listed && differs && beyond >= 1 && covered
}

/// Words beyond the subject that both say, wherever they stand.
fn shared_anywhere(earlier: &Said, later: &Said) -> usize {
    let own = earlier.words.iter().skip(1).filter(|word| word.content);
    own.filter(|word| later.words.iter().skip(1).any(|other| other.key == word.key)).count()
}

fn values(said: &Said) -> bool {
    let counts =
        |word: &Word| matches!(word.value, Some(Value::Number | Value::Date | Value::Ordinal));
    said.words.iter().any(counts)
}

/// Whether one denies what the other says, in the same words.
fn denial(earlier: &Said, later: &Said, aligned: &Aligned<'_>) -> Option<MarkGround> {
    let flipped = earlier.negations.is_empty() != later.negations.is_empty();
    match aligned.gaps.as_slice() {
        [] if flipped && aligned.frame() >= 2 => Some(MarkGround::Negation),
        [gap] => {
            let [before] = gap.before.as_slice() else { return None };
            let [after] = gap.after.as_slice() else { return None };
            let opposite = opposite(&before.lower, &after.lower);
            (opposite && !flipped && aligned.frame() >= 1).then_some(MarkGround::Opposite)
        }
        _ => {
            let words = |said: &Said| {
                let all: Vec<String> = said.words.iter().map(|word| word.lower.clone()).collect();
                all
            };
            let (one, other) = (words(earlier), words(later));
            let swapped = one.len() == other.len() && aligned.gaps.is_empty() && !flipped;
            let pair = one.iter().zip(&other).any(|(a, b)| opposite(a, b));
            (swapped && pair).then_some(MarkGround::Opposite)
        }
    }
}

/// Whether one value stands in the place of another in a frame that has room for one.
fn swap(earlier: &Said, later: &Said, aligned: &Aligned<'_>) -> Option<MarkGround> {
    let [gap] = aligned.gaps.as_slice() else { return None };
    let sides = [&gap.before, &gap.after];
    let listed = earlier.listed || later.listed || !later.negations.is_empty();
    if listed || sides.iter().any(|side| side.is_empty() || side.len() > VALUE_WORDS_MAX) {
        return None;
    }
    let first = |side: &[&Word]| side.iter().find_map(|word| word.value);
    let kinds = (first(&gap.before), first(&gap.after));
    let one_of_a_kind = is_functional(earlier) && is_functional(later);
    let happened = (earlier.event || later.event) && !one_of_a_kind;
    let is = aligned.shared.iter().any(|word| word.key == "be");
    let fits = match kinds {
        (Some(Value::Number), Some(Value::Number)) => {
            let past = |said: &Said| said.words.iter().any(|word| word.lower == "was");
            let measured = aligned.shared.iter().any(|word| has(MEASURES, &word.lower));
            !happened && (one_of_a_kind || measured || !past(earlier))
        }
        (Some(Value::Date | Value::Ordinal), Some(Value::Date | Value::Ordinal)) => {
            one_of_a_kind || (is && !happened)
        }
        (Some(Value::Name), Some(Value::Name)) => one_of_a_kind,
        (None, None) => one_of_a_kind && gap.before.len() == 1 && gap.after.len() == 1,
        _ => false,
    };
    (fits && aligned.frame() >= 2).then_some(MarkGround::Value)
}

/// Whether a statement is of something of which one thing has one.
fn is_functional(said: &Said) -> bool {
    let is = said.words.iter().any(|word| word.key == "be");
    said.words.iter().any(|word| {
        has(FIXED, &word.key) || has(MUTABLE, &word.key) || (is && word.lower == "called")
    })
}

/// Whether it is of something that may change.
fn is_mutable(earlier: &Said, later: &Said) -> bool {
    let mutable = |said: &Said| said.words.iter().any(|word| has(MUTABLE, &word.key));
    let fixed = |said: &Said| said.words.iter().any(|word| has(FIXED, &word.key));
    mutable(earlier) && mutable(later) && !fixed(earlier) && !fixed(later)
}
