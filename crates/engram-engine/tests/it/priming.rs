//! Priming: what a session recalled biases what it recalls next, and nothing else.

use engram_engine::{
    AsOf, Cue, Effect, Engine, ForgetMode, Mode, NewMemory, Priming, RankWeights, Recall, Training,
};
use engram_store::Lsn;

use crate::harness::{
    Home, NOW, create_space, cue, forget, ids, recalled_ids, settle, space, store, text,
};

const MINUTE: i64 = 60_000_000_000;

fn in_session(session: &str, words: &str) -> Cue {
    let prime = Some(session.to_owned());
    Cue { prime, effect: Effect::Train, ..cue(Mode::Associative, words) }
}

fn ask(engine: &Engine, cue: &Cue) -> Recall {
    engine.recall("default", cue).unwrap()
}

fn said(id: &str, session: &str, words: &str) -> NewMemory {
    let mut memory = text(id, words);
    memory.content.session = session.to_owned();
    memory
}

/// Two places that the same words ask for.
fn two_towns(engine: &Engine) {
    store(engine, said("oslo", "a", "the fair was held at the market square of Oslo"));
    store(engine, said("genoa", "b", "the regatta was held at the old harbour of Genoa"));
    for number in 0..20 {
        store(engine, text(&format!("other{number}"), &format!("lantern {number} in the hall")));
    }
}

const FOLLOW_UP: &str = "and where was that held?";

#[test]
fn a_follow_up_means_what_the_session_spoke_of() {
    let home = Home::new();
    let engine = home.open();
    two_towns(&engine);
    let unprimed = ask(&engine, &cue(Mode::Associative, FOLLOW_UP));
    assert_eq!(recalled_ids(&unprimed)[..2], ["genoa", "oslo"]);
    let first = ask(&engine, &in_session("s", "the fair"));
    assert_eq!(first.primed, Some(Priming { turn: 1, memories: 0 }));
    assert!(first.items.iter().all(|item| item.primed_by.is_none()));
    home.clock.set(NOW + 10_000_000_000);
    let follow_up = ask(&engine, &in_session("s", FOLLOW_UP));
    assert_eq!(recalled_ids(&follow_up)[0], "oslo");
    let item = &follow_up.items[0];
    let by = item.primed_by.as_ref().unwrap();
    assert_eq!((by.id.as_str(), by.turns, by.age_ns), ("oslo", 1, 10_000_000_000));
    let part = item.parts.priming.unwrap();
    let expected = first.items[0].relevance * (1.0_f32 + 1.0 / 6.0).powf(-0.5);
    assert!((part.raw - expected).abs() < 1e-5 && part.weight == 0.1, "{part:?} {expected}");
    assert_eq!(follow_up.primed.unwrap().turn, 2);
    // Another session asks about Genoa, and means it.
    ask(&engine, &in_session("t", "the regatta"));
    assert_eq!(recalled_ids(&ask(&engine, &in_session("t", FOLLOW_UP)))[0], "genoa");
    assert_eq!(recalled_ids(&ask(&engine, &in_session("s", FOLLOW_UP)))[0], "oslo");
}

#[test]
fn who_names_no_session_sees_no_difference() {
    let home = Home::new();
    let engine = home.open();
    two_towns(&engine);
    let plain = cue(Mode::Associative, FOLLOW_UP);
    let before = ask(&engine, &plain);
    for _ in 0..3 {
        ask(&engine, &in_session("s", "the fair"));
    }
    assert_eq!(ask(&engine, &plain), before);
    let other = ask(&engine, &Cue { prime: Some("other".to_owned()), ..plain });
    assert_eq!((&other.items, other.primed.unwrap().turn), (&before.items, 1));
    let past = AsOf::Lsn(Lsn(1_000));
    let asked = Cue { as_of: Some(past), ..in_session("s", FOLLOW_UP) };
    let unnamed = Cue { prime: None, ..asked.clone() };
    assert_eq!(ask(&engine, &asked), ask(&engine, &unnamed), "the past has no session");
}

#[test]
fn it_wears_off_with_turns_and_with_minutes() {
    let home = Home::new();
    let engine = home.open();
    two_towns(&engine);
    let observing = Cue { effect: Effect::Observe, ..in_session("s", FOLLOW_UP) };
    let first = |session: &str| {
        let cue = Cue { prime: Some(session.to_owned()), ..observing.clone() };
        let answer = ask(&engine, &cue);
        let priming = answer.items.iter().find_map(|item| item.parts.priming);
        (recalled_ids(&answer)[0].clone(), priming.map_or(0.0, |part| part.raw))
    };
    ask(&engine, &in_session("s", "the fair"));
    let unheard = Cue { mode: Mode::Keyword, ..in_session("s", "unheard") };
    let (top, mut level) = first("s");
    assert_eq!(top, "oslo");
    for turn in 1..8 {
        ask(&engine, &unheard);
        let (_, next) = first("s");
        assert!(next < level, "{turn}: {next} < {level}");
        level = next;
    }
    ask(&engine, &unheard);
    assert_eq!(first("s"), ("genoa".to_owned(), 0.0));
    ask(&engine, &in_session("t", "the fair"));
    let mut level = first("t").1;
    for minutes in [1, 10, 60] {
        home.clock.set(NOW + minutes * MINUTE);
        let (_, next) = first("t");
        assert!(next < level && next > 0.0, "{minutes}: {next} < {level}");
        level = next;
    }
    home.clock.set(NOW + 61 * MINUTE);
    assert_eq!(first("t"), ("genoa".to_owned(), 0.0));
}

#[test]
fn who_observes_is_biased_and_leaves_nothing() {
    let engine = Home::new().open();
    two_towns(&engine);
    ask(&engine, &in_session("s", "the fair"));
    let observing = Cue { effect: Effect::Observe, ..in_session("s", FOLLOW_UP) };
    let once = ask(&engine, &observing);
    assert_eq!((recalled_ids(&once)[0].as_str(), once.primed.unwrap().turn), ("oslo", 2));
    assert_eq!(ask(&engine, &observing), once);
    ask(&engine, &Cue { effect: Effect::Observe, ..in_session("new", "the fair") });
    assert_eq!(ask(&engine, &in_session("new", FOLLOW_UP)).primed.unwrap().turn, 1);
}

#[test]
fn nothing_of_it_is_in_the_log_and_a_restart_forgets_it() {
    let home = Home::new();
    let mut engine = home.open();
    let still = engram_engine::NewSpace { training: Training::Never, ..space("still") };
    create_space(&engine, &still).unwrap();
    let options = engram_engine::RememberOptions::default();
    let memories = vec![text("oslo", "the fair was held"), text("genoa", "the regatta was held")];
    settle(&engine, |done| engine.remember("still", memories, &options, done)).unwrap();
    let lsn = engine.recall("still", &cue(Mode::Hybrid, "held")).unwrap().lsn;
    let follow_up = in_session("s", "held");
    engine.recall("still", &in_session("s", "regatta")).unwrap();
    let primed = engine.recall("still", &follow_up).unwrap();
    assert_eq!((recalled_ids(&primed)[0].as_str(), primed.trained), ("genoa", false));
    engine.train().unwrap();
    engine.drive().unwrap();
    assert_eq!(engine.recall("still", &cue(Mode::Hybrid, "held")).unwrap().lsn, lsn);
    engine = home.open_again(engine);
    let forgotten = engine.recall("still", &follow_up).unwrap();
    assert_eq!(forgotten.primed, Some(Priming { turn: 1, memories: 0 }));
    assert_eq!(recalled_ids(&forgotten)[0], "oslo");
}

#[test]
fn what_stands_beside_it_is_in_mind_too() {
    let engine = Home::new().open();
    for number in 0..10 {
        store(&engine, text(&format!("other{number}"), &format!("lantern {number} in the hall")));
    }
    store(&engine, said("question", "x", "Bob: how was the regatta?"));
    store(&engine, said("answer", "x", "Ada: splendid, with a fresh breeze"));
    crate::associating::link_all(&engine);
    ask(&engine, &in_session("s", "regatta"));
    let answer = ask(&engine, &in_session("s", "and then?"));
    let beside = answer.items.iter().find(|item| item.detail.memory.id == "answer").unwrap();
    assert_eq!(beside.primed_by.as_ref().unwrap().id, "question");
    let [one, other] = ["question", "answer"].map(|id| {
        let item = answer.items.iter().find(|item| item.detail.memory.id == id).unwrap();
        item.parts.priming.unwrap().raw
    });
    assert!((other - 0.5 * one).abs() < 1e-6);
    // In a mode without associations it stands for itself.
    let hybrid = ask(&engine, &Cue { mode: Mode::Hybrid, ..in_session("s", "and then?") });
    let primed = hybrid.items.iter().filter(|item| item.primed_by.is_some());
    assert!(
        primed.clone().all(|item| item.primed_by.as_ref().unwrap().id == item.detail.memory.id)
    );
    assert!(primed.count() > 0);
    let keyword = ask(&engine, &Cue { mode: Mode::Keyword, ..in_session("s", "regatta") });
    assert!(keyword.items[0].parts.priming.is_none(), "one route and nothing else");
}

#[test]
fn what_is_forgotten_is_in_mind_of_nobody() {
    let engine = Home::new().open();
    two_towns(&engine);
    ask(&engine, &in_session("s", "the fair at Oslo"));
    forget(&engine, ids(&["oslo"]), ForgetMode::Suppress, Default::default()).unwrap();
    let answer = ask(&engine, &in_session("s", FOLLOW_UP));
    assert!(!recalled_ids(&answer).contains(&"oslo".to_owned()));
    let by_oslo = |item: &engram_engine::Recalled| {
        item.primed_by.as_ref().is_some_and(|by| by.id == "oslo" || by.id.is_empty())
    };
    assert!(!answer.items.iter().any(by_oslo));
}

#[test]
fn a_further_page_belongs_to_the_turn_of_the_first() {
    let engine = Home::new().open();
    two_towns(&engine);
    ask(&engine, &in_session("s", "the fair"));
    let whole = Cue { limit: 20, effect: Effect::Observe, ..in_session("s", "held in the hall") };
    let expected = recalled_ids(&ask(&engine, &whole));
    let mut page = Cue { limit: 5, ..in_session("s", "held in the hall") };
    let mut found = Vec::new();
    for _ in 0..4 {
        let answer = ask(&engine, &page);
        assert_eq!(answer.primed.unwrap().turn, 2);
        found.extend(recalled_ids(&answer));
        page.after = answer.next;
    }
    assert_eq!(found, expected);
    assert_eq!(ask(&engine, &in_session("s", "held")).primed.unwrap().turn, 3);
}

#[test]
fn its_weight_can_be_set_and_its_name_has_bounds() {
    let engine = Home::new().open();
    two_towns(&engine);
    ask(&engine, &in_session("s", "the fair"));
    let weights = Some(RankWeights { priming: 0.0, ..RankWeights::default() });
    let off = ask(&engine, &Cue { weights, ..in_session("s", FOLLOW_UP) });
    assert!(off.items.iter().all(|item| item.primed_by.is_none()));
    assert_eq!(recalled_ids(&off)[0], "genoa");
    for name in ["", &"x".repeat(257)] {
        assert!(engine.recall("default", &in_session(name, "held")).is_err());
    }
}
