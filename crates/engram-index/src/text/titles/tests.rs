use expect_test::{Expect, expect};
use proptest::prelude::*;

use super::*;
use crate::text::language::Language;

fn matcher(titles: &[&str]) -> TitleMatcher {
    let analyzer = Analyzer::new(Language::English);
    let mut matcher = TitleMatcher::new();
    for (key, title) in (0..).zip(titles) {
        matcher.insert(&analyzer, title, key);
    }
    matcher
}

fn check(titles: &[&str], text: &str, expected: &Expect) {
    let found = matcher(titles).find(text);
    let shown: Vec<String> = found
        .iter()
        .map(|found| format!("{:?} {}", found.keys, &text[found.start..found.end]))
        .collect();
    expected.assert_eq(&shown.join(" | "));
}

#[test]
fn the_longest_title_wins() {
    let titles = ["New York", "New York Times", "York", "Times Square", "New"];
    check(
        &titles,
        "The New York Times building near Times Square, new york.",
        &expect!["[1] New York Times | [3] Times Square | [0] new york"],
    );
    check(&titles, "New YORK, and York; a new year", &expect!["[0] New YORK | [2] York"]);
}

#[test]
fn spellings() {
    let titles =
        ["Li Hua", "Spider-Man", "Danny Huston (actor)", "Caroline", "東京", "Beyoncé", "R2-D2"];
    check(
        &titles,
        "LiHua saw spider man with Danny Huston; Caroline's trip to 東京タワー, BEYONCE, @li_hua and r2d2 R2-D2",
        &expect![
            "[0] LiHua | [1] spider man | [2] Danny Huston | [3] Caroline | [4] 東京 | [5] BEYONCE | [0] li_hua | [6] R2-D2"
        ],
    );
    check(&titles, "Danny Huston (actor) and Danny", &expect!["[2] Danny Huston (actor"]);
}

#[test]
fn titles_that_would_be_found_everywhere() {
    let matcher = matcher(&["The", "It", "", "X", "to be or not", "...", "Music", "jazz"]);
    assert_eq!(matcher.len(), 2);
    check(
        &["Music", "jazz", "The Who"],
        "music and Music, Jazz and jazz; the who",
        &expect!["[0] Music | [1] Jazz | [1] jazz"],
    );
}

#[test]
fn one_title_of_several() {
    check(
        &["Paris", "Paris (Texas)", "paris"],
        "Paris or paris",
        &expect!["[0, 1, 2] Paris | [2] paris"],
    );
}

#[test]
fn clones_do_not_see_changes() {
    let analyzer = Analyzer::new(Language::English);
    let mut titles = matcher(&["Alpha One"]);
    let before = titles.clone();
    for key in 1..500 {
        titles.insert(&analyzer, &format!("Title {key}"), key);
    }
    assert_eq!((before.len(), titles.len()), (1, 500));
    assert_eq!(before.find("Title 7"), []);
    assert_eq!(titles.find("alpha one, title 7").len(), 2);
    for key in 1..500 {
        titles.remove(&analyzer, &format!("Title {key}"), key);
        titles.remove(&analyzer, "never there", key);
    }
    assert_eq!(titles.len(), 1);
    assert_eq!(titles.find("Title 7 of Alpha One").len(), 1);
}

proptest! {
    /// Against a search of every sequence at every token.
    #[test]
    fn finds_what_a_plain_search_finds(
        titles in prop::collection::vec(prop::collection::vec("[ab]b{0,1}", 1..4), 0..12),
        gone in prop::collection::vec(any::<bool>(), 12),
        text in prop::collection::vec("[ab]b{0,1}", 0..20),
    ) {
        let analyzer = Analyzer::new(Language::None);
        let mut matcher = TitleMatcher::new();
        let titles: Vec<String> = titles.iter().map(|words| words.join(" ")).collect();
        for (key, title) in (0..).zip(&titles) {
            matcher.insert(&analyzer, title, key);
        }
        for ((key, title), _) in (0..).zip(&titles).zip(&gone).filter(|(_, gone)| **gone) {
            matcher.remove(&analyzer, title, key);
        }
        let keys_of = |words: &[String]| -> Vec<u64> {
            let wanted = words.join(" ");
            let kept = (0_u64..).zip(titles.iter().zip(&gone));
            kept.filter(|(_, (title, gone))| !**gone && **title == wanted && wanted.len() > 1)
                .map(|(key, _)| key)
                .collect()
        };
        let mut expected = Vec::new();
        let mut at = 0;
        while at < text.len() {
            let lengths = (1..=3.min(text.len() - at)).rev();
            let found = lengths.map(|n| (n, keys_of(&text[at..at + n]))).find(|f| !f.1.is_empty());
            let (length, keys) = found.unwrap_or((1, Vec::new()));
            if !keys.is_empty() {
                expected.push((keys, text[at..at + length].join(" ")));
            }
            at += length;
        }
        let text = text.join(" ");
        let found: Vec<_> = matcher
            .find(&text)
            .into_iter()
            .map(|found| (found.keys, text[found.start..found.end].to_owned()))
            .collect();
        prop_assert_eq!(found, expected);
    }
}
