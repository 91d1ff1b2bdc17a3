//! Names: runs of capitalised words.

use super::MentionKind;
use super::scan::{Scan, Taken, Word, key_of};
use crate::text::analyzer::Analyzer;
use crate::text::fold::fold;
use std::collections::BTreeSet;

/// Most words of a name; longer runs are headings.
const NAME_WORDS_MAX: usize = 7;

/// From so many words in capitals only, a run is shouting.
const SHOUTED_WORDS_MIN: usize = 4;

/// Small words inside names.
const LINKS: &str = " al am bin d da de del della den der di do dos du el ibn la las le los of op the van ten ter von y und zu ";

/// English words that begin names, but are none alone.
const NOT_ALONE: &str =
    " best big cool dear good great grand happy little new nice old right super ";

/// Words that open sentences, and words with a capital of their own that name nothing: English days and months.
const OPENERS: &str = "
    absolutely actually agreed alright although anyway apparently april ask august basically besides bye certainly
    check come congrats congratulations could day december definitely despite did do does don't each even evening
    eventually every everyone everything exactly february finally find first follow friday get give glad go guys
    haha hello hey hi honestly hope however i i'd i'll i'm i've indeed instead january july june keep know last
    lately let let's like look lol lots love make many march maybe meanwhile monday more morning much my need
    never next night november october oh ok okay once one otherwise people perhaps please probably read really
    recently remember saturday say see september several since some someone something sometimes soon sorry still
    stop sunday sure take tell thank thanks that's then thing think three thursday today together tomorrow tonight
    try tuesday two unfortunately use usually wait want wednesday welcome well what's whenever wherever whether
    without wow yeah year yes yesterday yet";

/// Names in what is not taken yet.
pub(super) fn names(scan: &Scan<'_>, analyzer: &Analyzer, taken: &mut Taken) {
    let small: BTreeSet<String> = scan
        .words
        .iter()
        .filter(|word| !is_capitalised(word.text))
        .map(|word| fold(word.text))
        .collect();
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
    (mut start, mut end, small): (usize, usize, &BTreeSet<String>),
    taken: &mut Taken,
) {
    let shouted = |word: &Word<'_>| !word.text.contains(char::is_lowercase);
    if end - start >= SHOUTED_WORDS_MIN && scan.words[start..end].iter().all(shouted) {
        return;
    }
    let nothing = |index: usize| {
        let folded = fold_word(scan.words[index].text);
        analyzer.is_stop_word(&folded) || OPENERS.split_whitespace().any(|opener| opener == folded)
    };
    let common =
        |index: usize| nothing(index) || small.contains(&fold_word(scan.words[index].text));
    while start < end && nothing(start)
        || start < end && opens_sentence(scan, start) && common(start)
    {
        start += 1;
    }
    while start < end && nothing(end - 1) {
        end -= 1;
    }
    if end - start > NAME_WORDS_MAX {
        return add_pieces(scan, analyzer, (start, end, small), taken);
    }
    if start == end {
        return;
    }
    let words = &scan.words[start..end];
    let alone = words.len() == 1;
    let never_alone = |word: &str| NOT_ALONE.contains(&format!(" {word} "));
    if alone && never_alone(&fold_word(words[0].text)) {
        return;
    }
    if alone && (common(start) || (opens_sentence(scan, start) && is_form_of_verb(words[0].text))) {
        return;
    }
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
    (start, end, small): (usize, usize, &BTreeSet<String>),
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

/// Adverbs, gerunds and participles, which open sentences more often than they name someone.
fn is_form_of_verb(word: &str) -> bool {
    word.len() > 4 && ["ing", "ly", "ed"].into_iter().any(|ending| word.ends_with(ending))
}

fn fold_word(word: &str) -> String {
    fold(without_possessive(word))
}

fn without_possessive(word: &str) -> &str {
    let bare = word.strip_suffix("'s").or_else(|| word.strip_suffix("\u{2019}s"));
    bare.unwrap_or(word).trim_end_matches(['\'', '\u{2019}'])
}
