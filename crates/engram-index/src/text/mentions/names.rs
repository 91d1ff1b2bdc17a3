//! Names: runs of capitalised words.

use std::cell::OnceCell;
use std::collections::BTreeSet;

use super::MentionKind;
use super::common_words::{CALENDAR, COMMON, OPENERS};
use super::scan::{Scan, Taken, Word, key_of};
use crate::text::analyzer::Analyzer;
use crate::text::fold::fold;

/// Most words of a name; longer runs are headings.
const NAME_WORDS_MAX: usize = 7;

/// From so many words in capitals only, a run is shouting.
const SHOUTED_WORDS_MIN: usize = 4;

/// Small words inside names.
const LINKS: &str = " al am bin d da de del della den der di do dos du el ibn la las le los of op the van ten ter von zu ";

/// The words that stand in the text with a small letter, folded; gathered when first asked for.
struct Small<'a, 't> {
    scan: &'a Scan<'t>,
    words: OnceCell<BTreeSet<String>>,
}

impl Small<'_, '_> {
    fn contains(&self, folded: &str) -> bool {
        let small = || self.scan.words.iter().filter(|word| !is_capitalised(word.text));
        self.words.get_or_init(|| small().map(|word| fold(word.text)).collect()).contains(folded)
    }
}

/// Names in what is not taken yet.
pub(super) fn names(scan: &Scan<'_>, analyzer: &Analyzer, taken: &mut Taken) {
    let small = Small { scan, words: OnceCell::new() };
    let mut index = 0;
    while index < scan.words.len() {
        let length = run_at(scan, taken, index);
        if length > 0 {
            add(scan, analyzer, (index, index + length, &small), taken);
        }
        index += length.max(1);
    }
}

/// Number of words of the run that starts here: capitalised words, small links between them, figures behind them.
fn run_at(scan: &Scan<'_>, taken: &Taken, start: usize) -> usize {
    let free = |word: &Word<'_>| !taken.overlaps(word.start, word.end());
    let first = scan.words[start];
    if !is_capitalised(first.text) || !free(&first) {
        return 0;
    }
    let mut end = start + 1;
    let mut at = end;
    while let Some(word) = scan.words.get(at).filter(|word| free(word)) {
        let gap = scan.gap_before(at);
        let initial = scan.words[at - 1].text.chars().nth(1).is_none();
        if !(matches!(gap, " " | "-" | "\u{2010}" | "\u{2011}") || (gap == ". " && initial)) {
            break;
        }
        at += 1;
        let numbered = word.text.len() <= 4 && word.text.bytes().all(|b| b.is_ascii_digit());
        if is_capitalised(word.text) || numbered {
            end = at;
        } else if !LINKS.contains(&format!(" {} ", word.text)) || at - end > 2 {
            break;
        }
    }
    end - start
}

fn is_capitalised(word: &str) -> bool {
    let mut chars = word.chars();
    let Some(first) = chars.next() else { return false };
    // `iPhone`: a capital after one small letter.
    first.is_uppercase() || (first.is_lowercase() && chars.next().is_some_and(char::is_uppercase))
}

/// Adds the name of a run without the words around it that only a sentence capitalises.
fn add(
    scan: &Scan<'_>,
    analyzer: &Analyzer,
    (mut start, mut end, small): (usize, usize, &Small<'_, '_>),
    taken: &mut Taken,
) {
    let shouted = |word: &Word<'_>| !word.text.contains(char::is_lowercase);
    if end - start >= SHOUTED_WORDS_MIN && scan.words[start..end].iter().all(shouted) {
        return;
    }
    let word = |index: usize| scan.words[index].text;
    let no_name = |index: usize| is_function_word(word(index), analyzer);
    // `in March the Queen` is a month before a name.
    let dates = |index: usize, end: usize| {
        listed(&CALENDAR, &fold_word(word(index)))
            && index + 1 < end
            && !is_capitalised(word(index + 1))
    };
    let opens = |index: usize| opens_sentence(scan, index) && is_opener(word(index));
    while start < end && (no_name(start) || dates(start, end) || opens(start)) {
        start += 1;
    }
    while start < end && no_name(end - 1) {
        end -= 1;
    }
    if end - start > NAME_WORDS_MAX {
        return add_pieces(scan, analyzer, (start, end, small), taken);
    }
    if start == end || (start + 1 == end && is_common(scan, start, small)) {
        return;
    }
    let words = &scan.words[start..end];
    if words
        .iter()
        .all(|word| word.text.chars().nth(1).is_none() || !word.text.contains(char::is_alphabetic))
    {
        return;
    }
    let last = words[words.len() - 1];
    let end = last.start + without_possessive(last.text).len();
    let place = (words[0].start, end);
    taken.add(MentionKind::Name, key_of(&scan.text[place.0..place.1]), place);
}

/// Takes a long run apart at its small words; without any it is a heading.
fn add_pieces(
    scan: &Scan<'_>,
    analyzer: &Analyzer,
    (start, end, small): (usize, usize, &Small<'_, '_>),
    taken: &mut Taken,
) {
    let linked = |index: usize| !is_capitalised(scan.words[index].text);
    let mut from = start;
    while from < end {
        let length = (from..end).take_while(|index| !linked(*index)).count();
        if (1..=NAME_WORDS_MAX).contains(&length) {
            add(scan, analyzer, (from, from + length, small), taken);
        }
        from += length + 1;
    }
}

/// Whether a word stands where any word has a capital.
fn opens_sentence(scan: &Scan<'_>, index: usize) -> bool {
    let gap = scan.gap_before(index);
    index == 0
        || gap
            .contains(['.', '!', '?', ':', ';', '\n', '"', '“', '„', '…', '•', '-', '(', '*', '>'])
}

/// Stop words and contractions of them: `I'm`, `can't`, `they’ve`.
fn is_function_word(word: &str, analyzer: &Analyzer) -> bool {
    let (head, tail) = word.split_once(['\'', '\u{2019}']).unwrap_or((word, ""));
    let negated = matches!(tail, "t" | "T") && head.ends_with(['n', 'N']);
    negated || analyzer.is_stop_word(&fold(head))
}

fn is_opener(word: &str) -> bool {
    listed(&OPENERS, &fold_word(word))
}

/// Whether a word alone is no name: it stands with a small letter elsewhere, or where any word has a capital and is
/// frequent or looks like an adverb, gerund or participle.
fn is_common(scan: &Scan<'_>, index: usize, small: &Small<'_, '_>) -> bool {
    let folded = fold_word(scan.words[index].text);
    let verbal = folded.len() > 4 && ["ing", "ly", "ed"].into_iter().any(|e| folded.ends_with(e));
    listed(&CALENDAR, &folded)
        || listed(&OPENERS, &folded)
        || (opens_sentence(scan, index) && (verbal || listed(&COMMON, &folded)))
        || small.contains(&folded)
}

fn listed(list: &[&str], word: &str) -> bool {
    list.binary_search(&word).is_ok()
}

fn fold_word(word: &str) -> String {
    fold(without_possessive(word))
}

fn without_possessive(word: &str) -> &str {
    let bare = word.strip_suffix("'s").or_else(|| word.strip_suffix("\u{2019}s"));
    bare.unwrap_or(word).trim_end_matches(['\'', '\u{2019}'])
}
