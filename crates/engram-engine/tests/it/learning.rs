//! Strength and confidence: what use, feedback and repetition make of them, and that all of it is in the log.

use engram_engine::{
    ContentField, Cue, DecayLaw, DecaySettings, Effect, Engine, EngineError, Execution, Feedback,
    FeedbackReceipt, ForgetMode, MemoryContent, MemoryDetail, Mode, NewMemory, NewSpace, OwnDecay,
    RankWeights, Source, Training, Update, VectorChange, Verdict,
};

use crate::associating::link_all;
use crate::harness::{
    DAY, Home, NOW, create_space, cue, forget, ids, recalled_ids, settle, space, store, text,
};

fn train(engine: &Engine) -> u64 {
    let done = engine.train().unwrap();
    engine.drive().unwrap();
    done.memories
}

/// A cue whose answer counts as used.
fn using(mode: Mode, words: &str) -> Cue {
    Cue { effect: Effect::Train, ..cue(mode, words) }
}

fn judge(
    engine: &Engine,
    id: &str,
    verdict: Verdict,
    source: &str,
) -> Result<FeedbackReceipt, EngineError> {
    let request = Feedback {
        pair: None,
        id: id.to_owned(),
        verdict: Some(verdict),
        reason: String::new(),
        source: source.to_owned(),
        recalled: None,
        principal: String::new(),
    };
    settle(engine, |done| engine.feedback("default", request, done))
}

/// Stores a newer version of a memory with all of its content as `change` makes it.
fn change(engine: &Engine, id: &str, change: impl FnOnce(&mut MemoryContent)) {
    let mut content = get(engine, id).memory.content.clone();
    change(&mut content);
    let request = Update {
        id: id.to_owned(),
        content,
        fields: ContentField::ALL.to_vec(),
        vector: VectorChange::Keep,
        if_version: None,
        reason: String::new(),
        after_recall: None,
        idempotency_key: None,
        principal: String::new(),
    };
    settle(engine, |done| engine.update("default", request, done)).unwrap();
}

fn get(engine: &Engine, id: &str) -> MemoryDetail {
    engine.get("default", id).unwrap()
}

/// All that was learned of these memories.
fn learned(engine: &Engine, of: &[&str]) -> Vec<String> {
    let told = |id: &&str| {
        let detail = get(engine, id);
        format!("{:?} {:?}", detail.strength, detail.confidence)
    };
    of.iter().map(told).collect()
}

#[test]
fn what_is_recalled_grows_strong_and_what_is_observed_does_not() {
    let home = Home::new();
    let engine = home.open();
    store(&engine, text("a", "the kettle boils in the kitchen"));
    store(&engine, text("b", "a harbour in the fog"));
    home.clock.set(NOW + 30 * DAY);
    let observed = Cue { limit: 1, ..cue(Mode::Hybrid, "kettle") };
    assert!(!engine.recall("default", &observed).unwrap().trained);
    assert_eq!(train(&engine), 0);
    let before = get(&engine, "a").strength;
    assert!((before.retrievability - 0.9).abs() < 1e-6 && before.uses == 0, "{before:?}");
    let used = Cue { effect: Effect::Train, ..observed };
    let answer = engine.recall("default", &used).unwrap();
    assert!(answer.trained && recalled_ids(&answer) == ["a"]);
    assert_eq!(get(&engine, "a").strength, before, "an answer waits for nothing");
    assert_eq!(train(&engine), 1);
    let after = get(&engine, "a").strength;
    assert!(after.stability_days > 35.0 && after.retrievability > 0.99, "{after:?}");
    assert_eq!((after.uses, after.used_at), (1, Some(NOW + 30 * DAY)));
    assert!((get(&engine, "b").strength.retrievability - 0.9).abs() < 1e-6, "not in the answer");
    assert_eq!(train(&engine), 0, "each use is told once");
}

#[test]
fn a_space_may_let_recall_train_nothing() {
    let engine = Home::new().open();
    let new = NewSpace { training: Training::Never, ..space("still") };
    create_space(&engine, &new).unwrap();
    let options = engram_engine::RememberOptions::default();
    let memories = vec![text("a", "the kettle boils")];
    settle(&engine, |done| engine.remember("still", memories, &options, done)).unwrap();
    assert!(!engine.recall("still", &using(Mode::Hybrid, "kettle")).unwrap().trained);
    assert_eq!(train(&engine), 0);
}

#[test]
fn feedback_moves_strength_and_confidence_each_its_way() {
    let home = Home::new();
    let engine = home.open();
    for id in ["useful", "useless", "wrong", "left"] {
        store(&engine, text(id, &format!("{id} kettle")));
    }
    home.clock.set(NOW + 20 * DAY);
    let left = get(&engine, "left");
    judge(&engine, "useful", Verdict::Useful, "").unwrap();
    judge(&engine, "useless", Verdict::NotUseful, "").unwrap();
    judge(&engine, "wrong", Verdict::Wrong, "").unwrap();
    let [useful, useless, wrong] = ["useful", "useless", "wrong"].map(|id| get(&engine, id));
    assert!(useful.strength.stability_days > 2.0 * left.strength.stability_days);
    assert!(useful.confidence.mean > left.confidence.mean && useful.confidence.evidence == 2);
    assert!(useless.strength.retrievability < left.strength.retrievability);
    assert_eq!(useless.confidence, left.confidence, "no use is no untruth");
    assert!(wrong.strength.retrievability < left.strength.retrievability);
    assert!((wrong.confidence.mean - 0.5).abs() < 1e-6, "Beta(2, 2): {:?}", wrong.confidence);
    judge(&engine, "wrong", Verdict::Wrong, "").unwrap();
    let again = get(&engine, "wrong").confidence;
    judge(&engine, "wrong", Verdict::Wrong, "somebody else").unwrap();
    let other = get(&engine, "wrong").confidence;
    assert!((again.mean - 2.0 / 4.5).abs() < 1e-6 && (other.mean - 2.0 / 5.5).abs() < 1e-6);
    let gone = judge(&engine, "nobody", Verdict::Useful, "").unwrap_err();
    assert_eq!(gone, EngineError::MemoryNotFound { id: "nobody".to_owned() });
}

#[test]
fn what_was_learned_is_the_same_after_every_kind_of_restart() {
    let all = ["a", "b", "c"];
    let home = Home::new();
    let mut engine = home.open();
    store(&engine, text("a", "the kettle boils"));
    store(&engine, text("b", "kettle and lantern"));
    let pinned = MemoryContent { decay: Some(OwnDecay::Pinned), ..text("c", "kettle").content };
    store(&engine, NewMemory { content: pinned, ..text("c", "") });
    home.clock.set(NOW + 9 * DAY);
    engine.recall("default", &using(Mode::Associative, "kettle")).unwrap();
    assert_eq!(train(&engine), 3);
    home.clock.set(NOW + 40 * DAY);
    judge(&engine, "a", Verdict::Useful, "one").unwrap();
    judge(&engine, "b", Verdict::Wrong, "two").unwrap();
    let before = learned(&engine, &all);
    assert_eq!(get(&engine, "c").strength.law, "pinned");
    drop(engine);
    engine = home.open();
    assert_eq!(learned(&engine, &all), before, "replayed");
    engine.checkpoint("default").unwrap().unwrap();
    drop(engine);
    engine = home.open();
    assert_eq!(learned(&engine, &all), before, "from files");
    judge(&engine, "a", Verdict::NotUseful, "").unwrap();
    let later = learned(&engine, &all);
    assert_ne!(later, before);
    engine.close().unwrap();
    drop(engine);
    assert_eq!(learned(&home.open(), &all), later, "from files and the log behind them");
}

#[test]
fn what_was_used_just_before_a_stop_is_learned_and_what_is_forgotten_leaves_nothing() {
    let home = Home::new();
    let engine = home.open();
    store(&engine, text("a", "the kettle boils"));
    home.clock.set(NOW + 30 * DAY);
    engine.recall("default", &using(Mode::Hybrid, "kettle")).unwrap();
    engine.close().unwrap();
    drop(engine);
    let engine = home.open();
    assert_eq!(get(&engine, "a").strength.uses, 1);
    judge(&engine, "a", Verdict::Wrong, "").unwrap();
    engine.recall("default", &using(Mode::Hybrid, "kettle")).unwrap();
    forget(&engine, ids(&["a"]), ForgetMode::Delete, Execution::Commit).unwrap();
    assert_eq!(train(&engine), 1, "it was in an answer");
    store(&engine, text("a", "the kettle boils"));
    let anew = get(&engine, "a");
    assert_eq!((anew.strength.uses, anew.confidence.evidence), (0, 1), "another memory");
}

fn said(id: &str, words: &str, source: &str) -> NewMemory {
    let mut memory = text(id, words);
    memory.content.source = Source { reference: source.to_owned(), ..Source::default() };
    memory
}

#[test]
fn repetition_strengthens_and_only_another_source_makes_surer() {
    let home = Home::new();
    let engine = home.open();
    store(&engine, said("first", "The harbour is closed on Sunday.", "harbour master"));
    link_all(&engine);
    home.clock.set(NOW + 20 * DAY);
    store(&engine, said("same", "the harbour is closed on sunday", "harbour master"));
    link_all(&engine);
    let first = get(&engine, "first");
    assert_eq!((first.strength.uses, first.confidence.evidence), (1, 1), "{first:?}");
    home.clock.set(NOW + 60 * DAY);
    store(&engine, said("other", "The harbour is closed on Sunday!", "newspaper"));
    link_all(&engine);
    let [first, other] = ["first", "other"].map(|id| get(&engine, id));
    assert_eq!((first.strength.uses, first.confidence.evidence), (2, 2), "{first:?}");
    assert!(first.strength.stability_days > 60.0, "spaced: {:?}", first.strength);
    assert!(other.confidence.mean > 0.7, "each is evidence for the other");
    store(&engine, said("else", "The harbour is open on Monday.", "newspaper"));
    link_all(&engine);
    assert_eq!(get(&engine, "first").strength.uses, 2, "this says something else");
}

#[test]
fn who_corrects_a_memory_repeats_nothing_and_signs_count() {
    let home = Home::new();
    let engine = home.open();
    store(&engine, said("a", "The harbour is closed on Sunday.", "master"));
    store(&engine, said("b", "The harbour is closed on Sunday.", "master"));
    link_all(&engine);
    let before = learned(&engine, &["a"]);
    change(&engine, "b", |content| content.source.reference = "somebody else".to_owned());
    link_all(&engine);
    assert_eq!(learned(&engine, &["a"]), before);
    store(&engine, said("plus", "the offset is 5", "x"));
    store(&engine, said("minus", "the offset is -5", "y"));
    link_all(&engine);
    assert_eq!(get(&engine, "plus").confidence.evidence, 1, "they say the opposite");
}

#[test]
fn an_update_keeps_what_was_learned_and_may_change_how_it_fades() {
    let home = Home::new();
    let engine = home.open();
    store(&engine, text("a", "the kettle boils"));
    home.clock.set(NOW + 20 * DAY);
    judge(&engine, "a", Verdict::Useful, "one").unwrap();
    let before = get(&engine, "a");
    change(&engine, "a", |content| content.tags = vec!["kitchen".to_owned()]);
    let after = get(&engine, "a");
    assert_eq!((after.memory.version, after.strength), (2, before.strength));
    assert_eq!(after.confidence, before.confidence);
    let own = OwnDecay::Fading { law: None, half_life_days: Some(1.0) };
    change(&engine, "a", |content| content.decay = Some(own));
    let faster = get(&engine, "a");
    assert!(faster.strength.stability_days < 1.0, "{:?}", faster.strength);
    assert_eq!((faster.confidence, faster.strength.uses), (before.confidence, 1));
}

#[test]
fn strength_ranks_where_it_has_a_weight() {
    let home = Home::new();
    let engine = home.open();
    store(&engine, text("old", "kettle"));
    home.clock.set(NOW + 300 * DAY);
    store(&engine, text("new", "kettle"));
    let weights = RankWeights { strength: 0.5, ..RankWeights::default() };
    let by_strength = Cue { weights: Some(weights), ..cue(Mode::Hybrid, "kettle") };
    assert_eq!(recalled_ids(&engine.recall("default", &by_strength).unwrap()), ["new", "old"]);
    judge(&engine, "old", Verdict::Useful, "").unwrap();
    home.clock.set(NOW + 400 * DAY);
    assert_eq!(recalled_ids(&engine.recall("default", &by_strength).unwrap()), ["old", "new"]);
}

#[test]
fn a_space_and_a_memory_choose_their_laws() {
    let home = Home::new();
    let engine = home.open();
    let decay = DecaySettings::of(DecayLaw::Ebbinghaus);
    create_space(&engine, &NewSpace { decay, ..space("study") }).unwrap();
    let options = engram_engine::RememberOptions::default();
    let own = OwnDecay::Fading { law: Some(DecayLaw::Exponential), half_life_days: Some(1.0) };
    let content = MemoryContent { decay: Some(own), ..text("b", "kettle").content };
    let memories = vec![text("a", "kettle"), NewMemory { content, ..text("b", "") }];
    settle(&engine, |done| engine.remember("study", memories, &options, done)).unwrap();
    home.clock.set(NOW + DAY);
    let strength = |engine: &Engine, id: &str| engine.get("study", id).unwrap().strength;
    assert!((strength(&engine, "a").retrievability - 0.30).abs() < 0.01);
    assert_eq!(strength(&engine, "a").law, "ebbinghaus");
    assert!((strength(&engine, "b").retrievability - 0.5).abs() < 1e-6);
    drop(engine);
    let engine = home.open();
    assert_eq!(strength(&engine, "a").law, "ebbinghaus", "the space remembers its law");
    let wrong = DecaySettings { law: DecayLaw::Fsrs, stability_days: -1.0 };
    let refused = create_space(&engine, &NewSpace { decay: wrong, ..space("wrong") }).unwrap_err();
    assert!(
        matches!(refused, EngineError::Invalid { ref field, .. } if field == "decay.stability_days")
    );
}

#[test]
fn what_is_nearly_the_same_is_counted_and_changes_no_number() {
    let home = Home::new();
    let engine = home.open();
    store(&engine, text("alone", "a lantern by the river"));
    for n in 0..7 {
        store(&engine, text(&format!("k{n}"), "the kettle boils in the kitchen"));
        link_all(&engine);
    }
    let crowding = |recall: &engram_engine::Recall| -> Vec<u32> {
        let kettle = |item: &&engram_engine::Recalled| item.detail.memory.id.starts_with('k');
        recall.items.iter().filter(kettle).map(|item| item.crowding).collect()
    };
    let crowded = engine.recall("default", &cue(Mode::Hybrid, "kettle")).unwrap();
    assert_eq!(crowding(&crowded), [6; 7]);
    let alone = engine.recall("default", &cue(Mode::Hybrid, "lantern")).unwrap();
    assert_eq!(alone.items[0].crowding, 0);
    let confidence = |recall: &engram_engine::Recall| recall.items[0].detail.confidence;
    assert_eq!(confidence(&crowded), confidence(&alone), "one source says it seven times");
    forget(&engine, ids(&["k3"]), ForgetMode::Suppress, Execution::Commit).unwrap();
    let fewer = engine.recall("default", &cue(Mode::Hybrid, "kettle")).unwrap();
    assert_eq!(crowding(&fewer), [5; 6]);
}

#[test]
fn a_memory_tells_how_it_came_to_be_and_how_it_will_fade() {
    let home = Home::new();
    let engine = home.open();
    store(&engine, text("a", "the kettle boils"));
    home.clock.set(NOW + 30 * DAY);
    judge(&engine, "a", Verdict::Useful, "one").unwrap();
    judge(&engine, "a", Verdict::Wrong, "two").unwrap();
    let told = engine.retention("default", "a", 365.0).unwrap();
    assert_eq!(told.standing.strength, get(&engine, "a").strength);
    let [useful, wrong] = told.reviews[..] else { panic!("{:?}", told.reviews) };
    assert!((useful.before - 0.9).abs() < 1e-5 && useful.after > 0.999);
    assert!(wrong.stability_days < useful.stability_days && wrong.after <= wrong.before);
    assert!(told.ahead.is_sorted_by(|a, b| a.0 < b.0 && a.1 >= b.1), "{:?}", told.ahead);
    let (level, half) = told.falls[1];
    let half = half.unwrap();
    home.clock.set(half);
    assert!((get(&engine, "a").strength.retrievability - level).abs() < 1e-3);
    assert_eq!(told.sources.len(), 2);
    let far = engine.retention("default", "a", -1.0).unwrap_err();
    assert!(matches!(far, EngineError::Invalid { ref field, .. } if field == "horizon_days"));
}
