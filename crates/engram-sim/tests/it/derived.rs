//! What the engine derives by itself, where a commit of it is refused or waits.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};

use engram_engine::{
    Associate, AssociationQuery, Components, Dissociate, Done, EMBEDDER_NONE, EdgeDirection,
    EdgeKind, Engine, EngineError, EngineSettings, Language, MemoryContent, NewMemory, NewSpace,
    RememberOptions, Serial,
};
use engram_sim::{End, Fault, FaultyFs, START_NS, SimClock};
use engram_store::SeededEntropy;

const MINUTE_NS: i64 = 60_000_000_000;

fn open(fs: &FaultyFs) -> Engine {
    let components = Components {
        fs: Arc::new(fs.clone()),
        blobs: None,
        clock: Arc::new(SimClock::default()),
        entropy: Arc::new(SeededEntropy::new(7)),
        phraser: None,
        embedders: BTreeMap::new(),
        wake: Arc::new(|| ()),
    };
    let settings = EngineSettings {
        wal_segment_bytes: 16 << 10,
        commit_queue_bytes_max: 6 << 10,
        graph_vectors_min: 4,
        ..EngineSettings::default()
    };
    Engine::open(components, settings, Path::new("/data")).unwrap().0
}

/// The place where the answer to a request arrives.
type Answer<T> = Arc<Mutex<Option<Result<T, EngineError>>>>;

fn answer<T: Send + 'static>() -> (Answer<T>, Done<T>) {
    let slot: Answer<T> = Arc::default();
    let filled = Arc::clone(&slot);
    (slot, Box::new(move |answer| *filled.lock().unwrap() = Some(answer)))
}

fn create(engine: &Engine, name: &str) {
    let new = NewSpace {
        name: name.to_owned(),
        embedder: EMBEDDER_NONE.to_owned(),
        dimension: Some(4),
        language: Language::None,
        ..NewSpace::default()
    };
    engine.create_space(&new, answer().1);
    engine.drive().unwrap();
}

fn memory(id: &str, minute: i64) -> NewMemory {
    let content = MemoryContent {
        session: "talk".to_owned(),
        occurred_at: Some(START_NS + minute * MINUTE_NS),
        ..MemoryContent::default()
    };
    let vector = Some(vec![1.0, minute as f32, 0.5, -1.0]);
    NewMemory { id: Some(id.to_owned()), content, vector }
}

fn remember(engine: &Engine, space: &str, memories: Vec<NewMemory>) {
    let (slot, done) = answer();
    engine.remember(space, memories, &RememberOptions::default(), done);
    engine.drive().unwrap();
    slot.lock().unwrap().take().unwrap().unwrap();
}

/// The next drive finds no space on the disk.
fn fill_up(fs: &FaultyFs, engine: &Engine) {
    fs.arm(fs.operations(), Fault::Full);
    engine.drive().unwrap_err();
    fs.heal();
}

fn led_to(engine: &Engine, id: &str, kind: EdgeKind) -> Vec<String> {
    let query = AssociationQuery {
        id: id.to_owned(),
        direction: EdgeDirection::Out,
        kinds: vec![kind],
        limit: 100,
        offset: 0,
    };
    engine.associations("a", &query).unwrap().items.into_iter().map(|tie| tie.to).collect()
}

#[test]
fn a_session_is_one_row_though_the_queue_was_full_when_it_was_formed() {
    let fs = FaultyFs::new(1);
    let engine = open(&fs);
    create(&engine, "a");
    remember(&engine, "a", vec![memory("first", 1), memory("last", 20)]);
    engine.link(10).unwrap();
    engine.drive().unwrap();
    assert_eq!(led_to(&engine, "first", EdgeKind::Next), ["last"]);
    remember(&engine, "a", vec![memory("third", 10), memory("second", 5)]);
    create(&engine, "b");
    let mut large = memory("large", 1);
    large.content.text = "x".repeat(6 << 10);
    engine.remember("b", vec![large], &RememberOptions::default(), answer().1);
    assert_eq!(engine.link(10).unwrap().commits, []);
    for _ in 0..2 {
        engine.drive().unwrap();
        engine.link(10).unwrap();
    }
    engine.drive().unwrap();
    for (from, to) in [("first", "second"), ("second", "third"), ("third", "last")] {
        assert_eq!(led_to(&engine, from, EdgeKind::Next), [to]);
    }
}

#[test]
fn a_graph_that_waits_for_its_commit_keeps_its_file() {
    let fs = FaultyFs::new(1);
    let engine = open(&fs);
    let four = || (0..4).map(|n| memory(&format!("m{n}"), n)).collect();
    for space in ["a", "z"] {
        create(&engine, space);
    }
    remember(&engine, "z", four());
    engine.index(100, &Serial).unwrap();
    engine.drive().unwrap();
    remember(&engine, "a", four());
    assert_eq!(engine.index(100, &Serial).unwrap().commits.len(), 1);
    engine.index(100, &Serial).unwrap();
    engine.drive().unwrap();
    drop(engine);
    let engine = open(&fs.reboot(End::PowerCut));
    for space in ["a", "z"] {
        assert_eq!(engine.stats(space).unwrap().indexed_vectors, 4, "{space}");
    }
}

#[test]
fn the_graph_of_a_deleted_space_leaves_the_disk() {
    let fs = FaultyFs::new(1);
    let engine = open(&fs);
    create(&engine, "a");
    remember(&engine, "a", (0..4).map(|n| memory(&format!("m{n}"), n)).collect());
    engine.index(100, &Serial).unwrap();
    engine.drive().unwrap();
    let files = || fs.peek(Path::new("/data/index")).len();
    assert_eq!(files(), 1);
    engine.delete_space("a", answer().1);
    engine.drive().unwrap();
    engine.index(100, &Serial).unwrap();
    assert_eq!(files(), 0);
}

#[test]
fn associations_too_many_for_one_commit_are_formed_in_several() {
    let fs = FaultyFs::new(1);
    let engine = open(&fs);
    create(&engine, "a");
    for batch in 0..10 {
        let named = |n: i64| {
            let mut memory = memory(&format!("m{batch}-{n}"), n);
            let person = |p: i64| format!("Somebody With Quite A Long Name {batch} {n} {p}");
            memory.content.people = (0..20).map(person).collect();
            memory
        };
        remember(&engine, "a", (0..8).map(named).collect());
    }
    for _ in 0..40 {
        engine.link(1_000).unwrap();
        engine.drive().unwrap();
    }
    let stats = engine.stats("a").unwrap();
    assert_eq!((stats.unlinked, stats.entities), (0, 1_600));
}

#[test]
fn nothing_to_take_away_is_told_when_it_is_durable() {
    let fs = FaultyFs::new(1);
    let engine = open(&fs);
    create(&engine, "a");
    remember(&engine, "a", vec![memory("one", 1), memory("two", 2)]);
    let (from, to) = ("one".to_owned(), "two".to_owned());
    let request = Associate {
        from: from.clone(),
        to: to.clone(),
        relation: String::new(),
        weight: 1.0,
        reason: String::new(),
        principal: String::new(),
    };
    engine.associate("a", request, answer().1);
    engine.drive().unwrap();
    let kinds = vec![EdgeKind::Explicit];
    let request = Dissociate { from, to, kinds, principal: String::new() };
    let (taken, done) = answer();
    engine.dissociate("a", request.clone(), done);
    let (nothing, done) = answer();
    engine.dissociate("a", request, done);
    assert!(nothing.lock().unwrap().is_none(), "what it rests on is not durable");
    fill_up(&fs, &engine);
    for slot in [taken, nothing] {
        assert!(slot.lock().unwrap().take().unwrap().is_err());
    }
    assert_eq!(led_to(&engine, "one", EdgeKind::Explicit), ["two"]);
}
