//! Associations: stated, formed, followed, taken away, and gone with their memories.

use engram_engine::{
    Associate, Association, AssociationQuery, AssociationReceipt, Cue, Dissociate, EdgeDirection,
    EdgeKind, Engine, EngineError, Execution, Filter, ForgetMode, MemoryContent, Mode, NewMemory,
    Spread,
};

use crate::harness::{DAY, Home, NOW, cue, forget, ids, restore, settle, store, text};

fn turn(id: &str, session: &str, minute: i64, words: &str) -> NewMemory {
    NewMemory {
        id: Some(id.to_owned()),
        content: MemoryContent {
            text: words.to_owned(),
            session: session.to_owned(),
            occurred_at: Some(NOW - DAY + minute * 60_000_000_000),
            ..MemoryContent::default()
        },
        vector: None,
    }
}

fn of_people(id: &str, people: &[&str], words: &str) -> NewMemory {
    let mut memory = text(id, words);
    memory.content.people = people.iter().map(|name| (*name).to_owned()).collect();
    memory
}

pub(crate) fn link_all(engine: &Engine) {
    while engine.link(1_000).unwrap().memories > 0 {
        engine.drive().unwrap();
    }
}

pub(crate) fn associate(
    engine: &Engine,
    from: &str,
    to: &str,
) -> Result<AssociationReceipt, EngineError> {
    let request = Associate {
        from: from.to_owned(),
        to: to.to_owned(),
        relation: "causes".to_owned(),
        weight: 0.5,
        reason: "said so".to_owned(),
        principal: String::new(),
    };
    settle(engine, |done| engine.associate("default", request, done))
}

fn dissociate(engine: &Engine, from: &str, to: &str, kinds: &[EdgeKind]) -> AssociationReceipt {
    let (from, to) = (from.to_owned(), to.to_owned());
    let request = Dissociate { from, to, kinds: kinds.to_vec(), principal: String::new() };
    settle(engine, |done| engine.dissociate("default", request, done)).unwrap()
}

fn all_of(engine: &Engine, id: &str) -> Vec<Association> {
    let query = AssociationQuery {
        id: id.to_owned(),
        direction: EdgeDirection::Both,
        kinds: Vec::new(),
        limit: 100,
        offset: 0,
    };
    engine.associations("default", &query).unwrap().items
}

/// `from -kind-> to` of each association, sorted.
fn ties(engine: &Engine, id: &str) -> Vec<String> {
    let mut ties: Vec<String> = all_of(engine, id)
        .iter()
        .map(|tie| format!("{} -{}-> {}", tie.from, tie.kind.name(), tie.to))
        .collect();
    ties.sort();
    ties
}

#[test]
fn a_stated_association_is_durable_replaced_and_taken_away() {
    let home = Home::new();
    let mut engine = home.open();
    store(&engine, text("rain", "rain in the night"));
    store(&engine, text("flood", "the cellar is under water"));
    let made = associate(&engine, "rain", "flood").unwrap();
    assert!(made.created && made.count == 1 && made.commit.is_some());
    assert!(!associate(&engine, "rain", "flood").unwrap().created, "replaced");
    drop(engine);
    engine = home.open();
    let found = all_of(&engine, "flood");
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].from.as_str(), found[0].to.as_str()), ("rain", "flood"));
    assert_eq!((found[0].label.as_str(), found[0].reason.as_str()), ("causes", "said so"));
    assert!((found[0].weight - 0.5).abs() < 1e-4);
    assert_eq!(dissociate(&engine, "flood", "rain", &[]).count, 0, "the other direction");
    assert_eq!(dissociate(&engine, "rain", "flood", &[]).count, 1);
    assert_eq!(dissociate(&engine, "rain", "flood", &[]).commit, None, "nothing left");
    drop(engine);
    assert!(all_of(&home.open(), "flood").is_empty());
}

#[test]
fn an_association_needs_two_memories_that_are_there() {
    let engine = Home::new().open();
    store(&engine, text("a", "kettle"));
    let missing = associate(&engine, "a", "b").unwrap_err();
    assert_eq!(missing, EngineError::MemoryNotFound { id: "b".to_owned() });
    let itself = associate(&engine, "a", "a").unwrap_err();
    assert_eq!(itself, EngineError::SelfAssociation { id: "a".to_owned() });
}

#[test]
fn sessions_are_chained_by_time_whatever_the_order_of_arrival() {
    let home = Home::new();
    let engine = home.open();
    store(&engine, turn("c", "talk", 3, "lantern"));
    store(&engine, turn("a", "talk", 1, "kettle"));
    store(&engine, turn("x", "other", 2, "mirror"));
    link_all(&engine);
    store(&engine, turn("b", "talk", 2, "river"));
    link_all(&engine);
    assert_eq!(ties(&engine, "b"), ["a -next-> b", "b -next-> c"]);
    assert_eq!(ties(&engine, "a"), ["a -next-> b"], "the edge that b stands in is gone");
    assert!(ties(&engine, "x").is_empty());
    assert_eq!(engine.stats("default").unwrap().unlinked, 0);
    drop(engine);
    assert_eq!(ties(&home.open(), "b"), ["a -next-> b", "b -next-> c"]);
}

#[test]
fn who_is_named_ties_memories_and_leaves_with_the_last_of_them() {
    let home = Home::new();
    let engine = home.open();
    store(&engine, of_people("a", &["Ada Lovelace"], "kettle"));
    store(&engine, of_people("b", &["ada  lovelace"], "lantern"));
    link_all(&engine);
    let found = all_of(&engine, "a").into_iter().find(|tie| tie.kind == EdgeKind::Entity);
    assert_eq!(found.unwrap().label, "Ada Lovelace");
    assert_eq!(engine.stats("default").unwrap().entities, 1);
    forget(&engine, ids(&["a", "b"]), ForgetMode::Delete, Execution::Commit).unwrap();
    let stats = engine.stats("default").unwrap();
    assert_eq!((stats.entities, stats.associations), (0, 0), "nothing of it is left");
    drop(engine);
    let stats = home.open().stats("default").unwrap();
    assert_eq!((stats.entities, stats.associations, stats.unlinked), (0, 0, 0));
}

#[test]
fn suppressed_memories_neither_show_nor_conduct() {
    let engine = Home::new().open();
    for id in ["a", "b", "c"] {
        store(&engine, text(id, &format!("word{id}")));
    }
    associate(&engine, "a", "b").unwrap();
    associate(&engine, "b", "c").unwrap();
    let spread = |seed: &str| {
        let asked = Spread {
            seeds: vec![(seed.to_owned(), 1.0)],
            hops: 2,
            kinds: Vec::new(),
            filter: Filter::default(),
            limit: 10,
            edges_max: 1_000,
        };
        let found = engine.spread("default", &asked).unwrap();
        let item =
            |item: &engram_engine::SpreadItem| (item.detail.memory.id.clone(), item.path.len());
        found.items.iter().map(item).collect::<Vec<_>>()
    };
    let path_of = |found: &[(String, usize)], id: &str| {
        found.iter().find(|item| item.0 == id).map(|item| item.1)
    };
    let found = spread("a");
    assert_eq!(path_of(&found, "c"), Some(2), "{found:?}");
    forget(&engine, ids(&["b"]), ForgetMode::Suppress, Execution::Commit).unwrap();
    assert_eq!(spread("a"), [("a".to_owned(), 0)]);
    assert!(ties(&engine, "a").is_empty());
    restore(&engine, ids(&["b"])).unwrap();
    assert_eq!(path_of(&spread("a"), "c"), Some(2), "restored with its associations");
}

#[test]
fn recall_follows_an_association_and_says_so() {
    let engine = Home::new().open();
    store(&engine, text("rain", "rain fell all night on the hills"));
    store(&engine, text("flood", "cellar water pumps"));
    for n in 0..20 {
        store(&engine, text(&format!("other{n}"), &format!("mirror needle orchard{n}")));
    }
    associate(&engine, "rain", "flood").unwrap();
    let found = engine.recall("default", &cue(Mode::Associative, "rain hills night")).unwrap();
    let flood = found.items.iter().find(|item| item.detail.memory.id == "flood").unwrap();
    assert_eq!(found.items[0].detail.memory.id, "rain");
    assert_eq!((flood.path.len(), flood.path[0].from.as_str()), (1, "rain"));
    assert_eq!((flood.path[0].kind, flood.path[0].label.as_str()), (EdgeKind::Explicit, "causes"));
    let part = flood.parts.activation.unwrap();
    assert!(part.contribution > 0.0);
    assert!(found.explanation.edges_followed > 0 && !found.explanation.seeds.is_empty());
    let hybrid = engine.recall("default", &cue(Mode::Hybrid, "rain hills night")).unwrap();
    assert!(hybrid.items.iter().all(|item| item.parts.activation.is_none()));
}

#[test]
fn without_associations_associative_is_hybrid() {
    let engine = Home::new().open();
    for n in 0..300 {
        store(&engine, text(&format!("m{n}"), &format!("kettle river{} tower{}", n % 7, n % 11)));
    }
    let ranking = |mode| {
        let cue = Cue { limit: 100, ..cue(mode, "kettle river3 tower5") };
        let found = engine.recall("default", &cue).unwrap();
        let item =
            |item: &engram_engine::Recalled| (item.detail.memory.id.clone(), item.score.to_bits());
        found.items.iter().map(item).collect::<Vec<_>>()
    };
    assert_eq!(ranking(Mode::Associative), ranking(Mode::Hybrid));
}

#[test]
fn the_words_around_a_turn_help_to_find_it() {
    let engine = Home::new().open();
    store(&engine, turn("q", "talk", 1, "did you ever visit Lisbon"));
    store(&engine, turn("a", "talk", 2, "yes twice"));
    for n in 0..40 {
        store(&engine, turn(&format!("n{n}"), &format!("s{n}"), 1, "yes maybe later"));
    }
    link_all(&engine);
    let found = engine.recall("default", &cue(Mode::Hybrid, "visit Lisbon")).unwrap();
    let rank = found.items.iter().position(|item| item.detail.memory.id == "a");
    assert!(rank.is_some_and(|rank| rank <= 1), "{rank:?}");
    forget(&engine, ids(&["q"]), ForgetMode::Suppress, Execution::Commit).unwrap();
    let found = engine.recall("default", &cue(Mode::Hybrid, "visit Lisbon")).unwrap();
    let a = found.items.iter().find(|item| item.detail.memory.id == "a");
    assert!(a.is_none_or(|a| a.parts.text.is_none()), "hidden words lift nothing");
}

#[test]
fn whoever_waits_for_associations_is_told() {
    let engine = Home::new().open();
    let stored = store(&engine, turn("a", "talk", 1, "kettle"));
    let (sender, receiver) = std::sync::mpsc::channel();
    let done = |sender: std::sync::mpsc::Sender<bool>| {
        Box::new(move |outcome: Result<(), EngineError>| sender.send(outcome.is_ok()).unwrap())
    };
    engine.when_linked("default", stored.lsn, done(sender.clone()));
    assert!(receiver.try_recv().is_err(), "not yet");
    link_all(&engine);
    assert_eq!(receiver.try_recv(), Ok(true));
    engine.when_linked("default", stored.lsn, done(sender));
    assert_eq!(receiver.try_recv(), Ok(true), "at once");
}

#[test]
fn a_deleted_turn_leaves_a_whole_session() {
    let home = Home::new();
    let engine = home.open();
    for (id, minute) in [("a", 1), ("b", 2), ("c", 3)] {
        store(&engine, turn(id, "talk", minute, "kettle"));
    }
    link_all(&engine);
    forget(&engine, ids(&["b"]), ForgetMode::Delete, Execution::Commit).unwrap();
    let next = |engine: &Engine| {
        let ties = ties(engine, "a");
        ties.into_iter().filter(|tie| tie.contains("next")).collect::<Vec<_>>()
    };
    assert_eq!(next(&engine), ["a -next-> c"]);
    drop(engine);
    assert_eq!(next(&home.open()), ["a -next-> c"]);
}

#[test]
fn hiding_an_end_does_not_hide_a_queued_association_from_its_removal() {
    let engine = Home::new().open();
    store(&engine, text("a", "one"));
    store(&engine, text("b", "two"));
    let (from, to) = ("a".to_owned(), "b".to_owned());
    let made = Associate {
        from: from.clone(),
        to: to.clone(),
        relation: String::new(),
        weight: 0.5,
        reason: String::new(),
        principal: String::new(),
    };
    let hidden = engram_engine::Forget {
        purge: Default::default(),
        selection: ids(&["a"]),
        mode: ForgetMode::Suppress,
        execution: Execution::Commit,
        principal: String::new(),
    };
    let shown = engram_engine::Restore {
        selection: ids(&["a"]),
        execution: Execution::Commit,
        principal: String::new(),
    };
    engine.associate("default", made, Box::new(|answer| assert!(answer.is_ok())));
    engine.forget("default", hidden, Box::new(|answer| assert!(answer.is_ok())));
    engine.restore("default", shown, Box::new(|answer| assert!(answer.is_ok())));
    let kinds = Vec::new();
    let gone = Dissociate { from, to, kinds, principal: String::new() };
    let receipt = settle(&engine, |done| engine.dissociate("default", gone, done)).unwrap();
    assert_eq!(receipt.count, 1);
    assert!(all_of(&engine, "a").iter().all(|tie| tie.kind != EdgeKind::Explicit));
}

#[test]
fn a_title_that_many_bear_names_none_of_them() {
    let engine = Home::new().open();
    let titled = |n: u32| {
        let mut memory = text(&format!("m{n}"), "minutes of the meeting");
        memory.content.title = "Weekly Report".to_owned();
        memory
    };
    for n in 0..100 {
        store(&engine, titled(n));
    }
    let cue = "Weekly Report ".repeat(400);
    let found = engine.recall("default", &Cue { text: cue, ..Cue::default() }).unwrap();
    assert!(found.items.iter().all(|item| item.parts.context.is_none()));
    link_all(&engine);
    assert_eq!(engine.stats("default").unwrap().unlinked, 0);
}

#[test]
fn a_date_without_a_year_is_meant_in_the_latest_years() {
    let engine = Home::new().open();
    let mut old = text("old", "treaty");
    old.content.occurred_at = Some(-8_000_000_000_000_000_000);
    store(&engine, old);
    let mut new = text("new", "kettle");
    // 2025-05-06.
    new.content.occurred_at = Some(1_746_500_000_000_000_000);
    store(&engine, new);
    let found = engine.recall("default", &cue(Mode::Hybrid, "what was on May 6?")).unwrap();
    let new = found.items.iter().find(|item| item.detail.memory.id == "new").unwrap();
    assert!(new.parts.context.is_some());
}
