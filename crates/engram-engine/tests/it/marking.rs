//! Pairs that are marked from their texts: what marks them, what becomes of the marks, and what a decision does.

use engram_engine::{
    Associate, AssociationQuery, ContentField, Dissociate, EdgeDirection, EdgeKind, Engine,
    EngineError, Execution, Feedback, FeedbackReceipt, ForgetMode, InvalidValue, MarkDetail,
    MarkGround, MarkKind, MarkState, MarksQuery, MemoryContent, Mode, NewMemory, Outcome,
    PairDecision, PairJudgement, Update, Verdict,
};

use crate::associating::link_all;
use crate::harness::{
    DAY, Home, NOW, forget, ids, recall, recalled_ids, restore, settle, store, text,
};

/// Memories with the same vector are as near as can be.
fn near(id: &str, said: &str, day: i64) -> NewMemory {
    let mut memory = text(id, said);
    memory.content.occurred_at = Some(NOW - 100 * DAY + day * DAY);
    memory.vector = Some(vec![1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]);
    memory
}

fn small() -> Home {
    let mut home = Home::of_dimension(8);
    home.settings.tail_memories_max = 4;
    home.settings.checkpoint_log_bytes = 1;
    home.settings.deleted_kept_ns = 0;
    home
}

fn asked() -> MarksQuery {
    MarksQuery { id: None, kind: None, state: None, limit: 100, offset: 0 }
}

fn marks(engine: &Engine) -> Vec<MarkDetail> {
    engine.marks("default", &asked()).unwrap().items
}

/// Earlier, later and state of all marked pairs.
fn pairs(engine: &Engine) -> Vec<(String, String, MarkState)> {
    marks(engine).into_iter().map(|mark| (mark.earlier.0, mark.later.0, mark.state)).collect()
}

fn pair(earlier: &str, later: &str, state: MarkState) -> (String, String, MarkState) {
    (earlier.to_owned(), later.to_owned(), state)
}

fn decide(
    engine: &Engine,
    (id, other): (&str, &str),
    decision: PairDecision,
) -> Result<FeedbackReceipt, EngineError> {
    let request = Feedback {
        id: id.to_owned(),
        verdict: None,
        pair: Some(PairJudgement { other: other.to_owned(), decision }),
        reason: "asked them".to_owned(),
        source: "ann".to_owned(),
        recalled: None,
        principal: String::new(),
    };
    settle(engine, |done| engine.feedback("default", request, done))
}

fn kinds(engine: &Engine, id: &str) -> Vec<(EdgeKind, String)> {
    let query = AssociationQuery {
        id: id.to_owned(),
        direction: EdgeDirection::Out,
        kinds: vec![EdgeKind::Supersedes, EdgeKind::Contradicts],
        limit: 10,
        offset: 0,
    };
    let page = engine.associations("default", &query).unwrap();
    page.items.into_iter().map(|tie| (tie.kind, tie.to)).collect()
}

#[test]
fn a_pair_is_marked_with_its_evidence_and_nothing_else_changes() {
    let home = small();
    let engine = home.open();
    // Told last, happened first.
    store(&engine, near("new", "Mara moved to Porto.", 30));
    store(&engine, near("old", "Mara lives in Lisbon.", 1));
    store(&engine, near("same", "Mara paints boats in Lisbon.", 2));
    link_all(&engine);
    assert_eq!(pairs(&engine), [pair("old", "new", MarkState::Open)]);
    let mark = marks(&engine).remove(0);
    let evidence = mark.evidence.unwrap();
    assert_eq!((evidence.kind, evidence.ground), (MarkKind::PossibleUpdate, MarkGround::Change));
    assert_eq!((evidence.before.as_str(), evidence.after.as_str()), ("lives Lisbon", "Porto"));
    assert_eq!((evidence.cues, evidence.cosine), (vec!["moved".to_owned()], 1.0));
    assert_eq!(mark.earlier.1, NOW - 99 * DAY);
    for id in ["old", "new"] {
        let detail = engine.get("default", id).unwrap();
        assert_eq!((detail.marks.len(), detail.superseded_by), (1, None));
    }
    assert!(engine.get("default", "same").unwrap().marks.is_empty());
    let found = recalled_ids(&recall(&engine, Mode::Keyword, "Mara"));
    assert_eq!(found.len(), 3, "all are recallable");
    let asked = |kind, state| MarksQuery { kind, state, ..asked() };
    let count = |kind, state| engine.marks("default", &asked(kind, state)).unwrap().total;
    assert_eq!(count(Some(MarkKind::PossibleUpdate), Some(MarkState::Open)), 1);
    assert_eq!(count(Some(MarkKind::PossibleContradiction), None), 0);
    assert_eq!(count(None, Some(MarkState::Unrelated)), 0);
    let none =
        engine.marks("default", &MarksQuery { id: Some("nobody".to_owned()), ..asked(None, None) });
    assert!(matches!(none, Err(EngineError::MemoryNotFound { .. })), "{none:?}");
    let bad = engine.marks("default", &MarksQuery { limit: 0, ..asked(None, None) });
    assert!(matches!(bad, Err(EngineError::Invalid { .. })), "{bad:?}");
}

#[test]
fn who_states_the_same_attribute_of_the_same_needs_no_mark() {
    let home = small();
    let engine = home.open();
    for (id, said, day) in [("a", "Mara lives in Lisbon.", 1), ("b", "Mara now lives in Porto.", 2)]
    {
        let mut memory = near(id, said, day);
        memory.content.subject = "Mara".to_owned();
        memory.content.attribute = "home".to_owned();
        store(&engine, memory);
    }
    link_all(&engine);
    assert_eq!(pairs(&engine), []);
    assert_eq!(kinds(&engine, "b"), [(EdgeKind::Supersedes, "a".to_owned())]);
}

#[test]
fn marks_come_page_by_page() {
    let home = small();
    let engine = home.open();
    for n in 0..5 {
        let vector = (0..8).map(|place| f32::from(u8::from(place == n))).collect();
        let mut memory = near(&format!("a{n}"), &format!("Shop {n} is open on Mondays."), 1);
        memory.vector = Some(vector);
        let mut denied = near(&format!("b{n}"), &format!("Shop {n} is closed on Mondays."), 2);
        denied.vector.clone_from(&memory.vector);
        store(&engine, memory);
        store(&engine, denied);
    }
    link_all(&engine);
    let (mut offset, mut found) = (Some(0), Vec::new());
    while let Some(at) = offset {
        let query = MarksQuery { limit: 2, offset: at, ..asked() };
        let page = engine.marks("default", &query).unwrap();
        assert_eq!(page.total, 5);
        found.extend(page.items.into_iter().map(|mark| mark.later.0));
        offset = page.next;
    }
    assert_eq!(found, ["b0", "b1", "b2", "b3", "b4"]);
}

#[test]
fn marks_survive_restarts_and_go_with_their_memories() {
    let home = small();
    let engine = home.open();
    store(&engine, near("a", "Lukas can swim.", 1));
    store(&engine, near("b", "Lukas cannot swim.", 2));
    link_all(&engine);
    let before = (marks(&engine), engine.stats("default").unwrap().learned_sum);
    assert_eq!(before.0.len(), 1);
    let engine = home.open_again(engine);
    assert_eq!((marks(&engine), engine.stats("default").unwrap().learned_sum), before);
    while engine.maintain(10_000).unwrap().more {}
    let engine = home.open_again(engine);
    assert_eq!((marks(&engine), engine.stats("default").unwrap().learned_sum), before);
    forget(&engine, ids(&["a"]), ForgetMode::Suppress, Execution::Commit).unwrap();
    assert_eq!(pairs(&engine), []);
    assert!(engine.get("default", "b").unwrap().marks.is_empty());
    restore(&engine, ids(&["a"])).unwrap();
    assert_eq!(pairs(&engine).len(), 1);
    forget(&engine, ids(&["a"]), ForgetMode::Delete, Execution::Commit).unwrap();
    assert_eq!(pairs(&engine), []);
    let engine = home.open_again(engine);
    assert_eq!(pairs(&engine), []);
}

#[test]
fn a_decision_settles_a_pair() {
    let home = small();
    let engine = home.open();
    store(&engine, near("a", "The lake is safe for swimming.", 1));
    store(&engine, near("b", "The lake is dangerous for swimming.", 2));
    link_all(&engine);
    assert_eq!(pairs(&engine), [pair("a", "b", MarkState::Open)]);
    let asked = recall(&engine, Mode::Keyword, "lake swimming");
    assert_eq!(asked.outcome, Outcome::Ambiguous, "it is asked which of the two is true");
    decide(&engine, ("b", "a"), PairDecision::Contradicts).unwrap();
    assert_eq!(pairs(&engine), [pair("a", "b", MarkState::Contradicts)]);
    assert_eq!(kinds(&engine, "b"), [(EdgeKind::Contradicts, "a".to_owned())]);
    for id in ["a", "b"] {
        let detail = engine.get("default", id).unwrap();
        assert!((detail.confidence.mean - 0.5).abs() < 1e-6, "Beta(2, 2): {detail:?}");
        assert_eq!(detail.marks[0].state, MarkState::Contradicts);
    }
    decide(&engine, ("a", "b"), PairDecision::Supersedes).unwrap();
    assert_eq!(kinds(&engine, "a"), [(EdgeKind::Supersedes, "b".to_owned())]);
    assert_eq!(kinds(&engine, "b"), [], "the newer decision counts");
    let detail = engine.get("default", "b").unwrap();
    assert_eq!((detail.superseded_by.as_deref(), detail.marks.len()), (Some("a"), 0));
    let engine = home.open_again(engine);
    assert_eq!(pairs(&engine), [pair("a", "b", MarkState::Supersedes)]);
    // What was decided stays with a newer version, what was found in the text does not.
    let request = Update {
        id: "a".to_owned(),
        content: MemoryContent { text: "The lake is safe.".to_owned(), ..Default::default() },
        fields: vec![ContentField::Text],
        ..Update::default()
    };
    settle(&engine, |done| engine.update("default", request, done)).unwrap();
    link_all(&engine);
    assert_eq!(kinds(&engine, "a"), [(EdgeKind::Supersedes, "b".to_owned())]);
    assert_eq!(marks(&engine)[0].evidence, None);
    decide(&engine, ("a", "b"), PairDecision::Unrelated).unwrap();
    assert_eq!((kinds(&engine, "a"), kinds(&engine, "b")), (vec![], vec![]));
    assert!(engine.get("default", "b").unwrap().marks.is_empty());
    link_all(&engine);
    let engine = home.open_again(engine);
    assert_eq!(pairs(&engine), [pair("a", "b", MarkState::Unrelated)], "it does not come back");
}

/// A statement of the attribute that all of these state.
fn states(id: &str, said: &str, day: i64) -> NewMemory {
    let mut memory = near(id, said, day);
    memory.content.subject = "The lake".to_owned();
    memory.content.attribute = "state".to_owned();
    memory
}

fn by(engine: &Engine, id: &str) -> Option<String> {
    engine.get("default", id).unwrap().superseded_by
}

#[test]
fn what_is_found_later_overturns_no_decision_and_closes_no_circle() {
    let home = small();
    let engine = home.open();
    store(&engine, states("a", "The lake is safe.", 1));
    store(&engine, states("b", "The lake is dangerous.", 2));
    // Decided before that fields were compared, and against them.
    decide(&engine, ("a", "b"), PairDecision::Supersedes).unwrap();
    link_all(&engine);
    assert_eq!((by(&engine, "a"), by(&engine, "b")), (None, Some("a".to_owned())));
    let answer = recall(&engine, Mode::Hybrid, "The lake is dangerous.");
    assert_eq!(recalled_ids(&answer), ["a", "b"]);
    assert!(answer.items.is_sorted_by(|a, b| a.relevance >= b.relevance));
    // A statement between the two, and one behind them.
    store(&engine, states("between", "The lake is frozen.", 1));
    store(&engine, states("c", "The lake is dry.", 3));
    link_all(&engine);
    assert_eq!(by(&engine, "b").as_deref(), Some("a"), "the decision stands");
    decide(&engine, ("a", "c"), PairDecision::Unrelated).unwrap();
    let engine = home.open_again(engine);
    link_all(&engine);
    assert_eq!(by(&engine, "b").as_deref(), Some("a"));
}

#[test]
fn the_newest_decision_turns_a_chain_around() {
    let home = small();
    let engine = home.open();
    for (day, id) in ["a", "b", "c"].into_iter().enumerate() {
        store(&engine, near(id, &format!("The lake {id} is safe."), day as i64));
    }
    link_all(&engine);
    let judge = |newer: &str, older: &str| {
        decide(&engine, (newer, older), PairDecision::Supersedes).unwrap();
    };
    judge("b", "a");
    judge("c", "b");
    judge("a", "c");
    let chain = ["a", "b", "c"].map(|id| by(&engine, id));
    assert_eq!(chain, [None, Some("c".to_owned()), Some("a".to_owned())]);
    // What was overturned does not come back with a newer version.
    for id in ["a", "b", "c"] {
        let request = Update {
            id: id.to_owned(),
            content: MemoryContent { text: format!("The {id} is safe."), ..Default::default() },
            fields: vec![ContentField::Text],
            ..Update::default()
        };
        settle(&engine, |done| engine.update("default", request, done)).unwrap();
        assert_eq!(["a", "b", "c"].map(|id| by(&engine, id)), chain, "after {id}");
    }
}

#[test]
fn a_pair_that_was_denied_stays_apart_when_what_stood_between_goes() {
    let home = small();
    let engine = home.open();
    store(&engine, states("a", "The lake is safe.", 1));
    store(&engine, states("b", "The lake is dangerous.", 2));
    store(&engine, states("c", "The lake is dry.", 3));
    link_all(&engine);
    let chain = |engine: &Engine| ["a", "b", "c"].map(|id| by(engine, id));
    assert_eq!(chain(&engine), [Some("b".to_owned()), Some("c".to_owned()), None]);
    decide(&engine, ("a", "c"), PairDecision::Unrelated).unwrap();
    let restate = |said: &str| {
        let request = Update {
            id: "b".to_owned(),
            content: MemoryContent { text: said.to_owned(), ..Default::default() },
            fields: vec![ContentField::Text],
            ..Update::default()
        };
        settle(&engine, |done| engine.update("default", request, done)).unwrap();
    };
    restate("The lake is very dangerous.");
    assert_eq!(by(&engine, "a"), None, "until it is found anew");
    link_all(&engine);
    assert_eq!(chain(&engine), [Some("b".to_owned()), Some("c".to_owned()), None]);
    forget(&engine, ids(&["b"]), ForgetMode::Delete, Execution::Commit).unwrap();
    link_all(&engine);
    assert_eq!(by(&engine, "a"), None);
    let engine = home.open_again(engine);
    assert_eq!(by(&engine, "a"), None);
}

#[test]
fn what_may_not_take_a_place_leaves_who_stands_there() {
    let home = small();
    let engine = home.open();
    store(&engine, states("a", "The lake is safe.", 1));
    store(&engine, near("b", "The lake is dangerous.", 2));
    store(&engine, states("c", "The lake is dry.", 3));
    link_all(&engine);
    decide(&engine, ("a", "b"), PairDecision::Unrelated).unwrap();
    // Now it states the same attribute, between the two.
    let request = Update {
        id: "b".to_owned(),
        content: MemoryContent {
            subject: "The lake".to_owned(),
            attribute: "state".to_owned(),
            ..Default::default()
        },
        fields: vec![ContentField::Subject, ContentField::Attribute],
        ..Update::default()
    };
    settle(&engine, |done| engine.update("default", request, done)).unwrap();
    link_all(&engine);
    assert_eq!(["a", "b"].map(|id| by(&engine, id)), ["c", "c"].map(|id| Some(id.to_owned())));
}

#[test]
fn a_pair_that_nobody_marked_may_be_decided_and_bad_requests_are_refused() {
    let home = small();
    let engine = home.open();
    store(&engine, text("a", "one"));
    store(&engine, text("b", "another"));
    decide(&engine, ("a", "b"), PairDecision::Supersedes).unwrap();
    assert_eq!(engine.get("default", "b").unwrap().superseded_by.as_deref(), Some("a"));
    assert_eq!(marks(&engine)[0].evidence, None);
    let apart = Dissociate {
        from: "a".to_owned(),
        to: "b".to_owned(),
        kinds: vec![EdgeKind::Supersedes],
        principal: String::new(),
    };
    settle(&engine, |done| engine.dissociate("default", apart, done)).unwrap();
    assert_eq!(pairs(&engine), [], "the decision is withdrawn");
    decide(&engine, ("a", "b"), PairDecision::Supersedes).unwrap();
    let missing = decide(&engine, ("a", "nobody"), PairDecision::Unrelated);
    assert!(matches!(missing, Err(EngineError::MemoryNotFound { .. })), "{missing:?}");
    let itself = decide(&engine, ("a", "a"), PairDecision::Unrelated);
    assert!(matches!(itself, Err(EngineError::SelfAssociation { .. })), "{itself:?}");
    for (verdict, pair) in [
        (None, None),
        (
            Some(Verdict::Useful),
            Some(PairJudgement { other: "b".to_owned(), decision: PairDecision::Unrelated }),
        ),
    ] {
        let request = Feedback {
            id: "a".to_owned(),
            verdict,
            pair,
            reason: String::new(),
            source: String::new(),
            recalled: None,
            principal: String::new(),
        };
        let refused = settle(&engine, |done| engine.feedback("default", request, done));
        let why =
            matches!(&refused, Err(EngineError::Invalid { problem: InvalidValue::Missing, .. }));
        assert!(why, "{refused:?}");
    }
    let stated = Associate {
        from: "a".to_owned(),
        to: "b".to_owned(),
        relation: String::new(),
        weight: 1.0,
        reason: String::new(),
        principal: String::new(),
    };
    settle(&engine, |done| engine.associate("default", stated, done)).unwrap();
    forget(&engine, ids(&["a"]), ForgetMode::Delete, Execution::Commit).unwrap();
    assert_eq!(engine.get("default", "b").unwrap().superseded_by, None);
}
