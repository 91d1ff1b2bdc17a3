//! Updates that cite the recall they followed weigh less against what is well established.

use engram_engine::{
    ContentField, Cue, Effect, Engine, EngineError, Feedback, HistoryQuery, MemoryContent, Mode,
    Update, Updated, Verdict,
};

use crate::harness::{DAY, Home, NOW, cue, settle, store, text};

const HOUR: i64 = DAY / 24;

fn judge(engine: &Engine, id: &str, source: &str) {
    let (verdict, reason) = (Verdict::Useful, String::new());
    let (id, source) = (id.to_owned(), source.to_owned());
    let request = Feedback {
        id,
        verdict: Some(verdict),
        reason,
        source,
        recalled: None,
        pair: None,
        principal: String::new(),
    };
    settle(engine, |done| engine.feedback("default", request, done)).unwrap();
}

fn says(id: &str, said: &str, after_recall: Option<i64>) -> Update {
    let content = MemoryContent { text: said.to_owned(), ..MemoryContent::default() };
    let fields = vec![ContentField::Text];
    Update { id: id.to_owned(), content, fields, after_recall, ..Update::default() }
}

fn update(engine: &Engine, request: Update) -> Result<Updated, EngineError> {
    settle(engine, |done| engine.update("default", request, done))
}

/// Recalls by words; when that was.
fn recall(engine: &Engine, words: &str, effect: Effect) -> i64 {
    let answer = engine.recall("default", &Cue { effect, ..cue(Mode::Hybrid, words) }).unwrap();
    assert!(!answer.items.is_empty());
    answer.at_ns
}

fn train(engine: &Engine) {
    engine.train().unwrap();
    engine.drive().unwrap();
}

fn confidence(engine: &Engine, id: &str) -> f32 {
    engine.get("default", id).unwrap().confidence.mean
}

/// Two memories of which the second is well established.
fn young_and_old(home: &Home) -> Engine {
    let engine = home.open();
    store(&engine, text("old", "the ferry leaves at nine"));
    for (month, source) in ["one", "two", "three"].into_iter().enumerate() {
        home.clock.set(NOW + 30 * (month as i64 + 1) * DAY);
        judge(&engine, "old", source);
    }
    home.clock.set(NOW + 100 * DAY);
    store(&engine, text("young", "the tram leaves at noon"));
    engine
}

#[test]
fn what_is_established_resists_and_what_was_just_stated_gives_way() {
    let home = Home::new();
    let engine = young_and_old(&home);
    let at = recall(&engine, "leaves", Effect::Observe);
    let before = confidence(&engine, "old");
    assert!(before > 0.8);
    let young = update(&engine, says("young", "the tram leaves at one", Some(at))).unwrap();
    let old = update(&engine, says("old", "the ferry leaves at ten", Some(at))).unwrap();
    let (young, old) = (young.reconsolidation.unwrap(), old.reconsolidation.unwrap());
    assert_eq!((young.weight, young.established, young.confirmed), (1.0, 0.0, false));
    assert!(old.weight < 0.3 && old.established > 0.7 && old.labile == 0.0, "{old:?}");
    assert!((confidence(&engine, "young") - 2.0 / 3.0).abs() < 1e-6, "as if it were new");
    let after = confidence(&engine, "old");
    assert!(after < 0.5, "what was believed speaks against it: {after}");
    let query = HistoryQuery { id: "old".to_owned(), before: None, limit: 10 };
    let history = engine.history("default", &query).unwrap();
    assert_eq!(history.versions[0].memory.reconsolidation, Some(old));
    assert_eq!(history.versions[1].memory.reconsolidation, None);
}

#[test]
fn without_a_citation_an_update_is_what_it_was() {
    let home = Home::new();
    let engine = young_and_old(&home);
    let before = engine.get("default", "old").unwrap().confidence;
    let updated = update(&engine, says("old", "the ferry leaves at ten", None)).unwrap();
    assert_eq!(updated.reconsolidation, None);
    assert_eq!(engine.get("default", "old").unwrap().confidence, before, "evidence stays");
}

#[test]
fn a_recall_that_trains_opens_it_and_the_window_closes() {
    let home = Home::new();
    let engine = young_and_old(&home);
    let at = recall(&engine, "ferry", Effect::Train);
    let weight = |engine: &Engine, said: &str| {
        update(engine, says("old", said, Some(at))).unwrap().reconsolidation.unwrap()
    };
    // The use is noted and not in the log yet.
    let noted = weight(&engine, "the ferry leaves at ten");
    assert!(noted.confirmed && noted.labile == 1.0, "{noted:?}");
    train(&engine);
    let home = Home::new();
    let engine = young_and_old(&home);
    let at = recall(&engine, "ferry", Effect::Train);
    train(&engine);
    home.clock.set(at + 3 * HOUR);
    let closing = update(&engine, says("old", "the ferry leaves at ten", Some(at))).unwrap();
    let closing = closing.reconsolidation.unwrap();
    assert!(closing.confirmed && (closing.labile - 0.5).abs() < 1e-6, "{closing:?}");
    assert!(closing.weight > 1.0 - closing.established && closing.weight < 1.0);
}

#[test]
fn a_citation_must_be_possible_and_labels_are_not_weighed() {
    let home = Home::new();
    let engine = young_and_old(&home);
    let now = NOW + 100 * DAY;
    for at in [NOW - 1, now + HOUR] {
        let refused = update(&engine, says("old", "the ferry leaves at ten", Some(at)));
        assert!(matches!(refused, Err(EngineError::Invalid { .. })), "{refused:?}");
    }
    let content = MemoryContent { tags: vec!["seen".to_owned()], ..MemoryContent::default() };
    let fields = vec![ContentField::Tags];
    let (id, after_recall) = ("old".to_owned(), Some(now));
    let labels = Update { id, content, fields, after_recall, ..Update::default() };
    let before = confidence(&engine, "old");
    assert_eq!(update(&engine, labels).unwrap().reconsolidation, None);
    assert_eq!(confidence(&engine, "old"), before);
}

#[test]
fn it_is_in_the_log_and_a_retry_says_the_same() {
    let home = Home::new();
    let mut engine = young_and_old(&home);
    let at = recall(&engine, "ferry", Effect::Observe);
    let keyed = Update {
        idempotency_key: Some("once".to_owned()),
        ..says("old", "the ferry leaves at ten", Some(at))
    };
    let first = update(&engine, keyed.clone()).unwrap();
    assert!(first.reconsolidation.is_some());
    assert_eq!(update(&engine, keyed.clone()).unwrap(), first);
    judge(&engine, "old", "four");
    let told = |engine: &Engine| {
        let detail = engine.get("default", "old").unwrap();
        (
            detail.confidence,
            detail.memory.reconsolidation,
            engine.stats("default").unwrap().learned_sum,
        )
    };
    let before = told(&engine);
    engine = home.open_again(engine);
    assert_eq!(told(&engine), before, "replayed");
    engine.close().unwrap();
    engine = home.open_again(engine);
    assert_eq!(told(&engine), before, "from files");
    assert_eq!(update(&engine, keyed).unwrap(), first);
}
