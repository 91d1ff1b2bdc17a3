//! State in files: what a checkpoint keeps, what leaves the disk, and that nothing of it shows in an answer.

use std::path::Path;

use engram_engine::{
    Associate, Engine, EngineError, Execution, ForgetMode, LogFailure, MemoryContent, Mode,
    NewMemory, RememberOptions, Visibility,
};
use engram_store::{Fs, FsFile, OpenMode};

use crate::harness::{
    DAY, Home, create_space, cue, forget, ids, list_ids, recall, remember, restore, settle, space,
    store, text,
};

/// More than one chunk, a merged one among them, with titles, sessions, people, tags and times.
const MANY: usize = 4_700;

pub(crate) fn memory(n: usize) -> NewMemory {
    let words = ["river", "harbour", "lantern", "orchard", "violin", "granite", "meadow"];
    let word = |by: usize| words[(n / by) % words.len()];
    NewMemory {
        id: Some(format!("m{n}")),
        content: MemoryContent {
            text: format!("{} {} {} number {n}", word(1), word(7), word(49)),
            title: if n.is_multiple_of(40) { format!("Title {n}") } else { String::new() },
            session: format!("s{}", n / 30),
            people: vec![["Ada", "Bob", "Cyd"][n % 3].to_owned()],
            tags: vec![["x", "y"][n % 2].to_owned()],
            occurred_at: Some(DAY * (n % 900) as i64),
            expires_at: (n % 97 == 5).then_some(i64::MAX),
            ..MemoryContent::default()
        },
        vector: None,
    }
}

/// Fills the default space with a bit of everything.
pub(crate) fn fill(engine: &Engine, count: usize) {
    for first in (0..count).step_by(500) {
        let batch = (first..(first + 500).min(count)).map(memory).collect();
        remember(engine, batch, RememberOptions::default()).unwrap();
    }
    let gone: Vec<String> = (0..count).step_by(11).map(|n| format!("m{n}")).collect();
    let gone: Vec<&str> = gone.iter().map(String::as_str).collect();
    forget(engine, ids(&gone), ForgetMode::Delete, Execution::Commit).unwrap();
    forget(engine, ids(&["m1", "m2", "m3"]), ForgetMode::Suppress, Execution::Commit).unwrap();
    let stated = Associate {
        from: "m4".into(),
        to: "m5".into(),
        relation: "leads to".into(),
        weight: 0.5,
        reason: "seen".into(),
        principal: String::new(),
    };
    settle(engine, |done| engine.associate("default", stated, done)).unwrap();
    while engine.link(100_000).unwrap().memories > 0 {
        engine.drive().unwrap();
    }
}

/// All that can be told of a space: rankings in every mode with every score, the list, the figures that are content.
pub(crate) fn told(engine: &Engine) -> String {
    let mut told = String::new();
    for mode in [Mode::Keyword, Mode::Similarity, Mode::Hybrid, Mode::Associative] {
        for text in ["river lantern", "granite number 77", "what did Ada see near Title 80"] {
            let mut asked = cue(mode, text);
            asked.limit = 30;
            asked.neighbours = 1;
            let answer = engine.recall("default", &asked).unwrap();
            told.push_str(&format!("{mode:?} {text} {answer:?}\n"));
        }
    }
    told.push_str(&format!("{:?}\n", list_ids(engine, 100, Visibility::All)));
    let stats = engine.stats("default").unwrap();
    let content = (stats.memories, stats.suppressed, stats.vectors, stats.associations);
    told.push_str(&format!("{content:?} {} {} {}", stats.entities, stats.lsn, stats.state_sum));
    told
}

fn maintain(engine: &Engine) {
    while engine.maintain(1_000_000).unwrap().more {}
}

#[test]
fn nothing_shows_where_the_state_resides() {
    let mut home = Home::new();
    home.settings.graph_vectors_min = u64::MAX;
    let engine = home.open();
    fill(&engine, MANY);
    let before = told(&engine);
    drop(engine);
    assert_eq!(told(&home.open()), before, "from the log alone");

    let engine = home.open();
    maintain(&engine);
    assert_eq!(told(&engine), before, "merged");
    let checkpoint = engine.checkpoint("default").unwrap().unwrap();
    assert!(checkpoint.sealed_memories > 3_000, "{checkpoint:?}");
    assert_eq!(engine.checkpoint("default").unwrap(), None, "there is nothing new");
    assert_eq!(told(&engine), before, "checkpointed");
    drop(engine);

    let engine = home.open();
    assert_eq!(told(&engine), before, "from files");
    let stats = engine.stats("default").unwrap();
    assert!(stats.tiers.warm_memories > 3_000, "{stats:?}");
    assert!(stats.moves.used > 0, "what was in an answer is hot");
    store(&engine, text("late", "a late lantern by the river"));
    forget(&engine, ids(&["m8"]), ForgetMode::Delete, Execution::Commit).unwrap();
    restore(&engine, ids(&["m2"])).unwrap();
    let after = told(&engine);
    drop(engine);
    assert_eq!(told(&home.open()), after, "from files and the log behind them");

    home.settings.memory_bytes_max = 4 << 20;
    let engine = home.open();
    for _ in 0..20 {
        engine.maintain(1_000_000).unwrap();
    }
    assert_eq!(told(&engine), after, "squeezed");
    home.settings.memory_bytes_max = 4 << 30;
    drop(engine);
    let engine = home.open();
    assert_eq!(told(&engine), after);
    maintain(&engine);
    assert_eq!(told(&engine), after, "back in RAM");
    assert!(engine.stats("default").unwrap().moves.room > 0);
}

#[test]
fn under_pressure_memories_move_into_their_files_and_come_back() {
    let mut home = Home::new();
    home.settings.graph_vectors_min = u64::MAX;
    home.settings.memory_bytes_max = 10 << 20;
    let engine = home.open();
    fill(&engine, MANY);
    let full = engine.resident_bytes();
    for _ in 0..20 {
        engine.maintain(1_000_000).unwrap();
    }
    let stats = engine.stats("default").unwrap();
    assert!(stats.moves.pressure > 0, "{stats:?}");
    assert!(stats.tiers.warm_memories > 0);
    assert!(engine.resident_bytes() < full, "{} of {full}", engine.resident_bytes());
    assert!(engine.resident_bytes() <= 10 << 20, "{}", engine.resident_bytes());
}

#[test]
fn the_log_is_dropped_behind_checkpoints_and_nothing_is_missed() {
    let mut home = Home::new();
    home.settings.wal_segment_bytes = 1 << 20;
    home.settings.wal_bytes_max = 3 << 20;
    home.settings.checkpoint_log_bytes = 1 << 20;
    let engine = home.open();
    create_space(&engine, &space("quiet")).unwrap();
    for first in (0..3_000).step_by(100) {
        let batch = (first..first + 100).map(memory).collect();
        remember(&engine, batch, RememberOptions::default()).unwrap();
        engine.maintain(1_000_000).unwrap();
    }
    maintain(&engine);
    let log = engine.log_stats();
    assert!(log.bytes_on_disk <= 4 << 20, "{log:?}");
    assert!(home.files().len() >= 4, "both spaces have files: {:?}", home.files());
    let before = told(&engine);
    drop(engine);
    let engine = home.open();
    assert_eq!(told(&engine), before);
    assert_eq!(engine.stats("quiet").unwrap().memories, 0);
}

#[test]
fn an_idle_space_is_closed_and_opened_by_the_next_request() {
    let home = Home::new();
    let engine = home.open();
    fill(&engine, 600);
    let before = told(&engine);
    assert!(engine.is_open("default"));
    home.clock.advance(DAY);
    let closed = engine.maintain(1_000_000).unwrap();
    assert_eq!((closed.closed_spaces, closed.checkpoints), (1, 1), "{closed:?}");
    assert!(!engine.is_open("default"));
    assert_eq!(engine.open_stats(), []);
    assert_eq!(engine.space_count(), 1);
    home.clock.advance(-DAY);
    assert_eq!(told(&engine), before);
    assert!(engine.is_open("default"));
    let lsn = engine.stats("default").unwrap().lsn.0;
    store(&engine, text("new", "written after the space was opened again"));
    assert_eq!(engine.stats("default").unwrap().lsn.0, lsn + 1);
}

#[test]
fn an_idempotency_key_outlives_a_checkpoint() {
    let home = Home::new();
    let engine = home.open();
    let options = RememberOptions { idempotency_key: Some("once".into()), ..Default::default() };
    let first = remember(&engine, vec![text("a", "said once")], options.clone()).unwrap();
    engine.checkpoint("default").unwrap().unwrap();
    drop(engine);
    let engine = home.open();
    let again = remember(&engine, vec![text("a", "said once")], options.clone()).unwrap();
    assert_eq!(again, first);
    let other = remember(&engine, vec![text("b", "another")], options);
    assert!(matches!(other, Err(EngineError::IdempotencyConflict { .. })), "{other:?}");
}

#[test]
fn what_is_deleted_leaves_the_files_in_time() {
    let mut home = Home::new();
    home.settings.deleted_kept_ns = DAY;
    home.settings.space_idle_ns = 100 * DAY;
    let engine = home.open();
    fill(&engine, 600);
    store(&engine, text("secret", "xylophone"));
    let more = (1_000..1_300).map(memory).collect();
    remember(&engine, more, RememberOptions::default()).unwrap();
    engine.checkpoint("default").unwrap().unwrap();
    assert!(home.holds("spaces", "xylophone"));
    forget(&engine, ids(&["secret"]), ForgetMode::Delete, Execution::Commit).unwrap();
    maintain(&engine);
    assert!(home.holds("spaces", "xylophone"), "not yet due");
    home.clock.advance(2 * DAY);
    maintain(&engine);
    assert!(!home.holds("spaces", "xylophone"), "its chunk was written anew");
}

#[test]
fn a_deleted_space_leaves_no_file() {
    let home = Home::new();
    let engine = home.open();
    create_space(&engine, &space("other")).unwrap();
    for name in ["default", "other"] {
        let memories = (0..600).map(memory).collect();
        let options = RememberOptions::default();
        settle(&engine, |done| engine.remember(name, memories, &options, done)).unwrap();
        engine.checkpoint(name).unwrap().unwrap();
    }
    let files = home.files().len();
    settle(&engine, |done| engine.delete_space("other", done)).unwrap();
    drop(engine);
    // The deletion is in the log, the files are still there.
    assert_eq!(home.files().len(), files);
    let engine = home.open();
    assert!(matches!(engine.stats("other"), Err(EngineError::SpaceNotFound { .. })));
    maintain(&engine);
    assert_eq!(home.files().len(), files / 2);
    assert_eq!(engine.stats("default").unwrap().memories, 600);
}

/// Changes one byte of the first file whose name ends so.
fn damage(home: &Home, ending: &str, at: u64) -> String {
    let name = home.files().into_iter().find(|name| name.ends_with(ending)).unwrap();
    let path = Path::new("/data/spaces").join(&name);
    let file: Box<dyn FsFile> = home.fs.open(&path, OpenMode::Write).unwrap();
    let mut byte = [0];
    file.read_at(at, &mut byte).unwrap();
    file.write_at(at, &[byte[0] ^ 0x10]).unwrap();
    name
}

#[test]
fn damage_in_a_file_quarantines_its_space_and_no_other() {
    for (ending, at) in [(".manifest", 90), (".segment", 4_200), (".segment", 9_000)] {
        let home = Home::new();
        let engine = home.open();
        fill(&engine, 600);
        engine.checkpoint("default").unwrap().unwrap();
        create_space(&engine, &space("other")).unwrap();
        drop(engine);
        damage(&home, ending, at);
        let engine = home.open();
        let refused = engine.recall("default", &cue(Mode::Keyword, "river"));
        let quarantined = matches!(&refused, Err(EngineError::Log(LogFailure::Quarantined(why))) if !why.is_empty());
        let gone = matches!(&refused, Err(EngineError::SpaceNotFound { .. }));
        assert!(quarantined || (gone && ending == ".manifest"), "{ending}: {refused:?}");
        let options = RememberOptions::default();
        let memories = vec![text("a", "served")];
        settle(&engine, |done| engine.remember("other", memories, &options, done)).unwrap();
        assert_eq!(engine.recall("other", &cue(Mode::Keyword, "served")).unwrap().items.len(), 1);
    }
}

#[test]
fn the_scrub_finds_what_nobody_reads() {
    let home = Home::new();
    let engine = home.open();
    fill(&engine, 600);
    engine.checkpoint("default").unwrap().unwrap();
    let name = home.files().into_iter().find(|name| name.ends_with(".segment")).unwrap();
    let path = Path::new("/data/spaces").join(name);
    let file = home.fs.open(&path, OpenMode::Write).unwrap();
    file.write_at(file.len().unwrap() - 20_000, &[0xff; 8]).unwrap();
    let found = (0..200).find_map(|_| engine.maintain(1_000_000).err());
    assert!(matches!(found, Some(EngineError::Log(LogFailure::Corrupt(_)))), "{found:?}");
    let refused = recall_error(&engine);
    assert!(matches!(refused, EngineError::Log(LogFailure::Quarantined(_))), "{refused:?}");
}

fn recall_error(engine: &Engine) -> EngineError {
    engine.recall("default", &cue(Mode::Keyword, "river")).unwrap_err()
}

#[test]
fn writes_are_refused_while_associations_lag_behind() {
    let mut home = Home::new();
    home.settings.index_lag_memories_max = 300;
    let engine = home.open();
    let batch = |first: usize| (first..first + 200).map(memory).collect::<Vec<_>>();
    remember(&engine, batch(0), RememberOptions::default()).unwrap();
    remember(&engine, batch(200), RememberOptions::default()).unwrap();
    let refused = remember(&engine, batch(400), RememberOptions::default());
    assert!(matches!(refused, Err(EngineError::Lagging { waiting: 400, max: 300 })), "{refused:?}");
    assert!(engine.is_lagging("default"));
    while engine.link(100_000).unwrap().memories > 0 {
        engine.drive().unwrap();
    }
    remember(&engine, batch(400), RememberOptions::default()).unwrap();
    assert_eq!(recall(&engine, Mode::Keyword, "river").lsn.0, 6);
}

#[test]
fn one_space_cannot_fill_the_queue_of_all() {
    let mut home = Home::new();
    home.settings.commit_queue_bytes_max = 40_000;
    let engine = home.open();
    create_space(&engine, &space("other")).unwrap();
    let submit = |name: &str, first: usize| {
        let memories = (first..first + 2).map(memory).collect();
        let (sender, receiver) = std::sync::mpsc::channel();
        let done = Box::new(move |outcome: Result<_, EngineError>| drop(sender.send(outcome)));
        engine.remember(name, memories, &RememberOptions::default(), done);
        receiver.try_recv()
    };
    let refused = (0..100).find_map(|n| submit("default", n * 2).ok()).unwrap();
    assert!(matches!(refused, Err(EngineError::Overloaded { .. })), "{refused:?}");
    assert!(submit("other", 0).is_err(), "it waits for its commit: it was taken");
    engine.drive().unwrap();
    assert_eq!(engine.stats("other").unwrap().memories, 2);
}

#[test]
fn upkeep_finds_room_on_a_full_disk() {
    let mut home = Home::new();
    home.settings.reserve_bytes = 1 << 20;
    let engine = home.open();
    engine.maintain(1_000).unwrap();
    let reserve = Path::new("/data/reserve");
    assert_eq!(home.fs.open(reserve, OpenMode::Read).unwrap().len().unwrap(), 1 << 20);
    drop(engine);
    home.fs.remove(reserve).unwrap();
    home.open().maintain(1_000).unwrap();
    assert!(home.fs.open(reserve, OpenMode::Read).is_ok(), "it is made again");
}

#[test]
fn what_is_deleted_leaves_the_files_of_a_closed_space_too() {
    let mut home = Home::new();
    home.settings.deleted_kept_ns = 10 * DAY;
    let engine = home.open();
    fill(&engine, 600);
    store(&engine, text("secret", "xylophone"));
    remember(&engine, (1_000..1_300).map(memory).collect(), RememberOptions::default()).unwrap();
    while engine.link(100_000).unwrap().memories > 0 {
        engine.drive().unwrap();
    }
    forget(&engine, ids(&["secret"]), ForgetMode::Delete, Execution::Commit).unwrap();
    home.clock.advance(DAY);
    maintain(&engine);
    assert!(!engine.is_open("default") && home.holds("spaces", "xylophone"));
    drop(engine);
    let engine = home.open();
    home.clock.advance(20 * DAY);
    maintain(&engine);
    assert!(!engine.is_open("default"), "it is closed again");
    assert!(!home.holds("spaces", "xylophone"));
}
