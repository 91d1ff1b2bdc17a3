use engram_index::{Analyzer, Language};

use super::{Contrast, MarkGround, MarkKind, Side, contrast};

/// Two texts of one speaker, a month apart.
fn told(earlier: &str, later: &str) -> Option<Contrast> {
    let analyzer = Analyzer::new(Language::English);
    let people = ["Ann".to_owned()];
    let side = |text, days: i64| Side { text, people: &people, at_ns: days * 86_400_000_000_000 };
    contrast(&analyzer, side(earlier, 0), side(later, 30))
}

fn kind(earlier: &str, later: &str) -> Option<MarkKind> {
    told(earlier, later).map(|contrast| contrast.kind)
}

#[test]
fn what_differs_is_told() {
    let found =
        told("Our rent is 900 euros a month.", "Our rent is now 980 euros a month.").unwrap();
    assert_eq!((found.kind, found.ground), (MarkKind::PossibleUpdate, MarkGround::Change));
    assert_eq!((found.before.as_str(), found.after.as_str()), ("900", "980"));
    assert_eq!(found.cues, ["now"]);
    let found = told("Lukas can swim.", "Lukas can't swim.").unwrap();
    assert_eq!(
        (found.kind, found.ground, found.after.as_str()),
        (MarkKind::PossibleContradiction, MarkGround::Negation, "not")
    );
}

#[test]
fn what_is_no_plain_statement_of_the_same_is_left_alone() {
    for (earlier, later) in [
        ("Omar lives in Cairo.", "Does Omar live in Oslo now?"),
        ("Omar lives in Cairo.", "Omar wants to live in Oslo now."),
        ("Omar lives in Cairo.", "Elif lives in Oslo now."),
        ("I slept well last night.", "I slept badly last night."),
        ("He lives in Cairo.", "He lives in Oslo now."),
        ("Omar lives in Cairo.", "Omar lives in Cairo now."),
    ] {
        assert_eq!(kind(earlier, later), None, "{earlier} {later}");
    }
}
