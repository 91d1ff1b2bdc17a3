//! Prediction: what followed in the sessions of the past.

use engram_engine::{
    Abstention, Engine, EngineError, Execution, Filter, ForgetMode, MemoryContent, NewMemory,
    Partial, Predict, Prediction, Predictions, RememberOptions,
};

use crate::associating::link_all;
use crate::harness::{DAY, Home, NOW, forget, ids, remember};

fn turn(session: usize, minute: usize, words: &str) -> NewMemory {
    NewMemory {
        id: Some(format!("s{session}-{minute}")),
        content: MemoryContent {
            text: words.to_owned(),
            title: words.split(' ').next().unwrap().to_owned(),
            session: format!("s{session}"),
            occurred_at: Some(NOW - DAY + minute as i64 * 60_000_000_000),
            ..MemoryContent::default()
        },
        vector: None,
    }
}

/// Ten sessions: an alarm, then a restart eight times and a call twice, then calm in each. One that is only an alarm.
fn nights() -> (Home, Engine) {
    let home = Home::of_dimension(64);
    let engine = home.open();
    let mut memories = Vec::new();
    for session in 0..10 {
        let second = if session < 8 { "Restart of the pump" } else { "Call to the engineer" };
        for (minute, words) in ["Alarm in the cellar", second, "Calm again"].iter().enumerate() {
            memories.push(turn(session, minute, words));
        }
    }
    memories.push(turn(10, 0, "Alarm in the cellar"));
    remember(&engine, memories, RememberOptions::default()).unwrap();
    link_all(&engine);
    (home, engine)
}

fn predict(like: &[&str], text: &str) -> Predict {
    Predict {
        like: like.iter().map(|id| (*id).to_owned()).collect(),
        partial: Partial { text: text.to_owned(), ..Partial::default() },
        steps_max: 1,
        filter: Filter::default(),
        antecedents_max: 50,
        limit: 5,
        min_probability: 0.1,
    }
}

fn predicted(engine: &Engine, asked: &Predict) -> Predictions {
    engine.predict("default", asked).unwrap()
}

fn words(items: &[Prediction]) -> Vec<&str> {
    items.iter().map(|item| item.detail.memory.content.text.as_str()).collect()
}

#[test]
fn what_followed_most_often_is_most_probable() {
    let (_home, engine) = nights();
    for asked in [predict(&["s10-0"], ""), predict(&[], "Alarm in the cellar")] {
        let answer = predicted(&engine, &asked);
        assert_eq!(answer.antecedents, 10, "the eleventh has nothing behind it");
        assert_eq!(words(&answer.items), ["Restart of the pump", "Call to the engineer"]);
        let (first, second) = (&answer.items[0], &answer.items[1]);
        assert_eq!((first.count, second.count), (8, 2));
        assert!((first.probability - 8.0 / 11.0).abs() < 1e-3, "{first:?}");
        assert!(first.low < first.probability && first.low > 0.4);
        assert_eq!(first.sources.len(), 8);
        for pair in &first.sources {
            assert_eq!(pair.steps, 1);
            assert_eq!(pair.antecedent.replace("-0", "-1"), pair.follower);
        }
        assert_eq!(answer.abstained, None);
    }
}

#[test]
fn further_steps_see_further() {
    let (_home, engine) = nights();
    let answer = predicted(&engine, &Predict { steps_max: 2, ..predict(&["s0-0"], "") });
    assert_eq!(words(&answer.items)[0], "Calm again");
    assert_eq!(answer.items[0].count, 10);
    assert!(answer.items[0].sources.iter().all(|pair| pair.steps == 2));
    let one = Predict { steps_max: 2, limit: 1, ..predict(&["s0-0"], "") };
    assert_eq!(predicted(&engine, &one).items.len(), 1);
}

#[test]
fn thin_evidence_predicts_nothing() {
    let (_home, engine) = nights();
    let why = |asked: &Predict| {
        let answer = predicted(&engine, asked);
        assert!(answer.items.is_empty());
        answer.abstained.unwrap()
    };
    assert_eq!(why(&predict(&["s0-2"], "")), Abstention::NoEvidence, "nothing follows calm");
    assert_eq!(why(&predict(&["s8-1"], "")), Abstention::TooThin, "there were two calls");
    let sure = Predict { min_probability: 0.9, ..predict(&["s0-0"], "") };
    assert_eq!(why(&sure), Abstention::NoAgreement);
    let mut filtered = predict(&["s0-0"], "");
    filtered.filter.session = Some("s1".to_owned());
    assert_eq!(why(&filtered), Abstention::TooThin, "two may stand for the present");
}

#[test]
fn forgotten_memories_predict_nothing() {
    let (_home, engine) = nights();
    for session in 0..8 {
        let id = format!("s{session}-1");
        forget(&engine, ids(&[&id]), ForgetMode::Suppress, Execution::Commit).unwrap();
    }
    let answer = predicted(&engine, &predict(&["s10-0"], ""));
    assert_eq!(words(&answer.items), ["Calm again", "Call to the engineer"]);
    let unknown = engine.predict("default", &predict(&["s99-0"], "")).unwrap_err();
    assert!(matches!(unknown, EngineError::MemoryNotFound { .. }));
    assert_eq!(engine.predict("default", &predict(&[], "")).unwrap_err(), EngineError::EmptyCue);
}
