//! Words that say something is unfinished, or that speak of the work instead of the thing.

use super::scan::is_word;
use super::tree::{Finding, Tree};

/// How a forbidden word is compared.
enum Case {
    Exact,
    Any,
}

/// The words. They are put together here so that this file does not contain them itself.
const WORDS: [(&str, Case); 13] = [
    (concat!("TO", "DO"), Case::Exact),
    (concat!("FIX", "ME"), Case::Exact),
    (concat!("XX", "X"), Case::Exact),
    (concat!("HA", "CK"), Case::Exact),
    (concat!("to", "do!"), Case::Exact),
    (concat!("unimple", "mented!"), Case::Exact),
    (concat!("mile", "stone"), Case::Any),
    (concat!("mile", "stones"), Case::Any),
    (concat!("under const", "ruction"), Case::Any),
    (concat!("this ", "issue"), Case::Any),
    (concat!("later ", "issue"), Case::Any),
    (concat!("this ", "task"), Case::Any),
    (concat!("coming ", "soon"), Case::Any),
];

/// Beginnings of paths that exist on one machine only.
const PLACES: [&str; 2] = [concat!("/wo", "rk/"), concat!("/ro", "ot/")];

/// Forbidden words in everything whose text is read.
pub(super) fn forbidden(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in &tree.files {
        let lower = file.text.to_ascii_lowercase();
        for (word, case) in &WORDS {
            let text = match case {
                Case::Exact => &file.text,
                Case::Any => &lower,
            };
            for (offset, _) in text.match_indices(word).filter(|(at, _)| whole(text, *at, word)) {
                findings.push(file.at(offset, format!("contains {word:?}")));
            }
        }
        for place in PLACES {
            for (offset, _) in
                file.text.match_indices(place).filter(|(at, _)| begins(&file.text, *at))
            {
                findings.push(file.at(offset, format!("names a place of one machine: {place:?}")));
            }
        }
    }
    findings.sort_by(|a, b| (&a.path, a.line).cmp(&(&b.path, b.line)));
    findings
}

fn whole(text: &str, start: usize, word: &str) -> bool {
    let behind = text.as_bytes().get(start + word.len());
    let open = word.ends_with('!');
    begins(text, start) && (open || !behind.is_some_and(|byte| is_word(*byte)))
}

fn begins(text: &str, start: usize) -> bool {
    let before = start.checked_sub(1).map(|at| text.as_bytes()[at]);
    !before.is_some_and(|byte| is_word(byte) || byte == b'.')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::tree::check;

    #[test]
    fn unfinished_work_is_found() {
        let good = concat!("// XX", "XX, a to", "do list, the task, ../wo", "rk/x\n");
        assert!(
            check(forbidden, &[("a.rs", good)]).is_empty(),
            "{:?}",
            check(forbidden, &[("a.rs", good)])
        );
        let bad = concat!("\nto", "do!()\n# TO", "DO: x\nMile", "stone 3\nsee /wo", "rk/main\n");
        assert_eq!(
            check(forbidden, &[("a.md", bad)]),
            [
                concat!("a.md:2: contains \"to", "do!\""),
                concat!("a.md:3: contains \"TO", "DO\""),
                concat!("a.md:4: contains \"mile", "stone\""),
                concat!("a.md:5: names a place of one machine: \"/wo", "rk/\""),
            ]
        );
    }
}
