//! Any input gives a plan that its operation reads, or an error that points into the text. Nothing panics.

use engram_query::{FIELDS, KEYWORDS, Parameters, STATEMENTS, compile, complete, render};
use proptest::prelude::*;
use serde_json::json;

use crate::check::{NOW_NS, accept, parameters};

fn check(text: &str, parameters: &Parameters) -> Result<(), TestCaseError> {
    match compile(text, parameters, NOW_NS) {
        Ok(plan) => {
            let accepted = accept(&plan);
            prop_assert!(accepted.is_ok(), "{text}\n{}\n{accepted:?}", plan.request);
        }
        Err(error) => {
            let span = error.span;
            prop_assert!(text.get(span.start..span.end).is_some(), "{text}: {span:?}");
            prop_assert!(error.line >= 1 && error.column >= 1);
            prop_assert!(error.message.chars().count() <= 401);
            let shown = render(&error, text);
            let controls = shown.chars().filter(|letter| letter.is_control() && *letter != '\n');
            prop_assert_eq!(controls.count(), 0, "{}", shown);
        }
    }
    let half = text.char_indices().nth(text.chars().count() / 2).map_or(0, |(at, _)| at);
    for prefix in [text, &text[..half]] {
        for suggestion in complete(prefix) {
            prop_assert!(prefix.is_char_boundary(suggestion.start));
        }
    }
    Ok(())
}

/// A piece of a statement: a word of the language, a value, a sign, or something odd.
fn piece() -> impl Strategy<Value = String> {
    let names: Vec<String> = FIELDS.iter().map(|field| field.name.to_owned()).collect();
    let words: Vec<String> = KEYWORDS.iter().map(|word| (*word).to_owned()).collect();
    let values = [
        "'x'",
        "'it''s'",
        "5",
        "-0.5",
        "1e400",
        "99999999999999999999",
        "$1",
        "$name",
        "$",
        "TRUE",
        "null",
        "now()",
        "7 days",
        "fact",
        "explicit",
        "\"q\"",
        "[1, 2]",
        "{a: 1}",
        "[]",
        "{}",
        "'",
        "\"",
        "/*",
        "--",
        "'2026-01-05'",
        "DATE '2026-01-05'",
        "TIMESTAMP '2026-01-05T00:00:00Z'",
        "INTERVAL '1 month'",
        "é",
        "\u{0}",
    ];
    let signs = [
        "=", "!=", "<>", "<", "<=", ">", ">=", "(", ")", "[", "]", "{", "}", ",", ";", ":", ".",
        "+", "-", "*",
    ];
    let own = |all: &[&str]| all.iter().map(|one| (*one).to_owned()).collect::<Vec<String>>();
    prop_oneof![
        4 => prop::sample::select(words),
        3 => prop::sample::select(names),
        4 => prop::sample::select(own(&values)),
        3 => prop::sample::select(own(&signs)),
    ]
}

fn given() -> Parameters {
    Parameters::none().with("1", json!([0.5, 1])).with("name", "x")
}

/// An example with pieces of it taken out, doubled or replaced.
fn mutated() -> impl Strategy<Value = String> {
    let examples: Vec<&str> = STATEMENTS.iter().flat_map(|entry| entry.examples).copied().collect();
    let change = (any::<prop::sample::Index>(), 0_usize..3, piece());
    (prop::sample::select(examples), prop::collection::vec(change, 1..4)).prop_map(
        |(example, changes)| {
            let mut words: Vec<String> = example.split_inclusive(' ').map(str::to_owned).collect();
            for (place, how, piece) in changes {
                let at = place.index(words.len());
                match how {
                    0 if words.len() > 1 => drop(words.remove(at)),
                    1 => words.insert(at, format!("{piece} ")),
                    _ => words[at] = format!("{piece} "),
                }
            }
            words.concat()
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_500, ..ProptestConfig::default() })]

    #[test]
    fn any_text(text in "\\PC{0,60}") {
        check(&text, &Parameters::none())?;
    }

    #[test]
    fn any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
        check(&String::from_utf8_lossy(&bytes), &Parameters::none())?;
    }

    #[test]
    fn any_pieces(pieces in prop::collection::vec(piece(), 0..24)) {
        check(&pieces.join(" "), &given())?;
    }

    #[test]
    fn any_condition(pieces in prop::collection::vec(piece(), 0..12)) {
        check(&format!("RECALL 'x' WHERE {}", pieces.join(" ")), &Parameters::none())?;
    }

    #[test]
    fn examples_with_mistakes(text in mutated()) {
        check(&text, &parameters(&text))?;
    }

    #[test]
    fn examples_that_are_not_finished(
        example in prop::sample::select(STATEMENTS.iter().flat_map(|entry| entry.examples).copied().collect::<Vec<&str>>()),
        place in any::<prop::sample::Index>(),
    ) {
        let ends: Vec<usize> = example.char_indices().map(|(at, _)| at).collect();
        let text = &example[..ends[place.index(ends.len())]];
        check(text, &parameters(text))?;
    }
}

#[test]
fn depth_of_any_sort_is_refused_and_not_followed() {
    for open in ["(", "NOT ", "NOT (", "[", "{a: ", "a.", "-", "/*", "EXPLAIN "] {
        for head in ["RECALL WHERE ", "REMEMBER (metadata = ", "REMEMBER (metadata.", "FORGET ", ""]
        {
            let text = format!("{head}{}", open.repeat(20_000));
            assert!(compile(&text, &Parameters::none(), 0).is_err(), "{head}{open}");
            complete(&text);
        }
    }
    for text in [
        format!("RECALL WHERE tag = 'a'{}", " AND tag = 'a' OR tag = 'b'".repeat(5_000)),
        format!("REMEMBER (text = 'a', metadata.{}a = 1)", "a.".repeat(20_000)),
        format!("RECALL WHERE metadata.{}a = 1", "a.".repeat(20_000)),
        format!("RECALL WHERE tags CONTAINS ALL ('a'{})", ", 'a'".repeat(20_000)),
    ] {
        assert!(compile(&text, &Parameters::none(), 0).is_err());
    }
}
