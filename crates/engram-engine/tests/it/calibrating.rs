//! Relevance calibrated from judgements of what recall showed.

use engram_engine::{
    Engine, EngineError, Feedback, FeedbackReceipt, JudgedRecall, Mode, Recalibration, Recall,
    Verdict,
};

use crate::harness::{Home, create_space, recall, recalled_ids, settle, space, store, text};

fn judge(
    engine: &Engine,
    id: &str,
    verdict: Verdict,
    recalled: JudgedRecall,
) -> Result<FeedbackReceipt, EngineError> {
    let request = Feedback {
        id: id.to_owned(),
        verdict: Some(verdict),
        reason: String::new(),
        source: String::new(),
        recalled: Some(recalled),
        pair: None,
        principal: String::new(),
    };
    settle(engine, |done| engine.feedback("default", request, done))
}

fn shown(answer: &Recall, place: usize, mode: Mode) -> JudgedRecall {
    let item = &answer.items[place];
    let uncalibrated = Some(item.uncalibrated);
    JudgedRecall { relevance: item.relevance, uncalibrated, mode }
}

/// Memories that are never judged, and one that is.
fn kettles() -> (Home, Engine) {
    let home = Home::new();
    let engine = home.open();
    store(&engine, text("a", "the kettle boils in the kitchen"));
    store(&engine, text("b", "a kettle of fish"));
    store(&engine, text("c", "the harbour in the fog"));
    store(&engine, text("judged", "lantern"));
    (home, engine)
}

fn relevances(answer: &Recall) -> Vec<f32> {
    answer.items.iter().map(|item| item.relevance).collect()
}

#[test]
fn judgements_move_relevance_and_never_the_order() {
    let (_home, engine) = kettles();
    let before = recall(&engine, Mode::Hybrid, "kettle in the kitchen");
    let other = recall(&engine, Mode::Associative, "kettle in the kitchen");
    assert_eq!(
        relevances(&before),
        before.items.iter().map(|i| i.uncalibrated).collect::<Vec<_>>()
    );
    let high = JudgedRecall { uncalibrated: Some(0.9), relevance: 0.9, mode: Mode::Hybrid };
    for _ in 0..60 {
        judge(&engine, "judged", Verdict::NotUseful, high).unwrap();
    }
    let after = recall(&engine, Mode::Hybrid, "kettle in the kitchen");
    assert_eq!(recalled_ids(&after), recalled_ids(&before));
    for (old, new) in before.items.iter().zip(&after.items) {
        assert_eq!(new.uncalibrated, old.relevance);
        // What was judged has lost some of its strength.
        if old.detail.memory.id != "judged" {
            assert_eq!(new.score, old.score);
        }
    }
    assert!(after.items[0].relevance < 0.5 * before.items[0].relevance);
    assert!(relevances(&after).is_sorted_by(|a, b| a >= b), "{:?}", relevances(&after));
    // What was judged in one mode says nothing of another.
    let now = recall(&engine, Mode::Associative, "kettle in the kitchen");
    assert_eq!(relevances(&now), relevances(&other));
    let told = engine.calibration("default").unwrap();
    assert_eq!(
        (told.len(), told[0].mode, told[0].judgements, told[0].useful),
        (1, Mode::Hybrid, 60, 0)
    );
    assert!(told[0].error_after < told[0].error_before && told[0].error_before > 0.8);
    create_space(&engine, &space("other")).unwrap();
    assert!(engine.calibration("other").unwrap().is_empty(), "each space learns by itself");
}

#[test]
fn one_judgement_changes_little_and_what_is_wrong_says_nothing_of_relevance() {
    let (_home, engine) = kettles();
    let first = |engine: &Engine| recall(engine, Mode::Hybrid, "kettle").items[0].relevance;
    let before = first(&engine);
    let said = JudgedRecall { uncalibrated: None, relevance: 0.9, mode: Mode::Hybrid };
    judge(&engine, "judged", Verdict::Wrong, said).unwrap();
    assert_eq!(first(&engine), before);
    assert!(engine.calibration("default").unwrap().is_empty());
    judge(&engine, "judged", Verdict::NotUseful, said).unwrap();
    let after = first(&engine);
    assert!(after < before && after > before - 0.1, "{before} {after}");
    for wrong in [-0.1, 1.1, f32::NAN] {
        for said in [
            JudgedRecall { relevance: wrong, ..said },
            JudgedRecall { uncalibrated: Some(wrong), ..said },
        ] {
            let refused = judge(&engine, "judged", Verdict::Useful, said);
            assert!(matches!(refused, Err(EngineError::Invalid { .. })), "{refused:?}");
        }
    }
}

#[test]
fn a_judgement_that_gives_only_the_shown_relevance_is_turned_back() {
    let (_home, engine) = kettles();
    let low = JudgedRecall { uncalibrated: Some(0.2), relevance: 0.2, mode: Mode::Hybrid };
    for _ in 0..50 {
        judge(&engine, "judged", Verdict::Useful, low).unwrap();
    }
    let fit = engine.calibration("default").unwrap()[0].fit;
    assert_ne!(fit, Recalibration::IDENTITY);
    let (home, again) = kettles();
    for _ in 0..50 {
        judge(&again, "judged", Verdict::Useful, low).unwrap();
    }
    let by_relevance = JudgedRecall { relevance: fit.apply(0.2), uncalibrated: None, ..low };
    judge(&engine, "judged", Verdict::NotUseful, by_relevance).unwrap();
    judge(&again, "judged", Verdict::NotUseful, low).unwrap();
    assert_eq!(engine.calibration("default"), again.calibration("default"));
    drop(home);
}

#[test]
fn what_was_learned_of_relevance_is_in_the_log_and_in_files() {
    let (home, mut engine) = kettles();
    for (place, verdict) in [(0, Verdict::Useful), (1, Verdict::NotUseful)] {
        for mode in [Mode::Hybrid, Mode::Keyword] {
            let answer = recall(&engine, mode, "kettle kitchen");
            let id = answer.items[place].detail.memory.id.clone();
            judge(&engine, &id, verdict, shown(&answer, place, mode)).unwrap();
        }
    }
    let told = |engine: &Engine| {
        let sum = engine.stats("default").unwrap().learned_sum;
        (engine.calibration("default").unwrap(), sum, recall(engine, Mode::Hybrid, "kettle"))
    };
    let before = told(&engine);
    assert_eq!(before.0.len(), 2);
    engine = home.open_again(engine);
    assert_eq!(told(&engine), before, "replayed");
    engine.close().unwrap();
    engine = home.open_again(engine);
    assert_eq!(told(&engine), before, "from files");
    let answer = recall(&engine, Mode::Hybrid, "kettle");
    judge(&engine, "a", Verdict::Useful, shown(&answer, 0, Mode::Hybrid)).unwrap();
    assert_eq!(
        engine.calibration("default").unwrap().iter().map(|of| of.judgements).sum::<u64>(),
        5
    );
}
