//! Cold memories: found and read like others, told as missing where the store does not answer, and never in silence.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use engram_engine::{
    Engine, EngineError, Execution, ForgetMode, Mode, RememberOptions, Visibility,
};
use engram_store::{BlobError, BlobStore, MemoryBlobs};

use crate::harness::{DAY, Home, cue, forget, ids, list_ids, remember, settle, store, text};
use crate::storing::{fill, memory, told};

/// A store that can be away.
struct Away {
    inner: MemoryBlobs,
    away: AtomicBool,
}

impl Away {
    fn here(&self, key: &str) -> Result<(), BlobError> {
        if self.away.load(Ordering::Relaxed) {
            let what = "nobody answers".to_owned();
            return Err(BlobError::Unavailable { key: key.to_owned(), what });
        }
        Ok(())
    }
}

impl BlobStore for Away {
    fn put(&self, key: &str, bytes: &[u8]) -> Result<(), BlobError> {
        self.here(key)?;
        self.inner.put(key, bytes)
    }

    fn put_new(&self, key: &str, bytes: &[u8]) -> Result<(), BlobError> {
        self.here(key)?;
        self.inner.put_new(key, bytes)
    }

    fn get_range(&self, key: &str, offset: u64, out: &mut [u8]) -> Result<usize, BlobError> {
        self.here(key)?;
        self.inner.get_range(key, offset, out)
    }

    fn len(&self, key: &str) -> Result<u64, BlobError> {
        self.here(key)?;
        self.inner.len(key)
    }

    fn list(&self, prefix: &str) -> Result<Vec<String>, BlobError> {
        self.here(prefix)?;
        self.inner.list(prefix)
    }

    fn delete(&self, key: &str) -> Result<(), BlobError> {
        self.here(key)?;
        self.inner.delete(key)
    }
}

/// An engine whose memories are cold, all but the last ones.
fn frozen() -> (Home, Arc<Away>, Engine) {
    let store = Arc::new(Away { inner: MemoryBlobs::new(), away: AtomicBool::new(false) });
    let mut home = Home::new();
    home.blobs = Some(store.clone());
    home.settings.graph_vectors_min = u64::MAX;
    home.settings.cold_memories_min = 256;
    home.settings.cold_after_ns = Some(40 * DAY);
    home.settings.space_idle_ns = 1_000 * DAY;
    home.settings.deleted_kept_ns = i64::MAX;
    let engine = home.open();
    fill(&engine, 1_500);
    (home, store, engine)
}

fn freeze(home: &Home, engine: &Engine) {
    home.clock.advance(50 * DAY);
    while engine.maintain(1_000_000).unwrap().more {}
    engine.maintain(1_000_000).unwrap();
    home.clock.advance(-50 * DAY);
}

#[test]
fn a_cold_space_answers_as_before() {
    let (home, store, engine) = frozen();
    let before = told(&engine);
    freeze(&home, &engine);
    let stats = engine.stats("default").unwrap();
    assert!(stats.tiers.cold_memories > 1_000, "{stats:?}");
    assert_eq!(stats.moves.unused, stats.tiers.cold_memories, "{stats:?}");
    let objects = store.list("").unwrap();
    assert_eq!(objects.len() as u64, stats.tiers.segments, "{objects:?}");
    assert!(!home.holds("spaces", "number 77"), "no text is left in local files");
    assert_eq!(told(&engine), before, "cold");
    drop(engine);
    let engine = home.open();
    assert_eq!(told(&engine), before, "cold, after a restart");
    assert!(engine.stats("default").unwrap().tiers.cold_bytes > 0);
    // Used memories are hot again; under no pressure their chunks are too.
    while engine.maintain(1_000_000).unwrap().more {}
    assert_eq!(told(&engine), before, "back in RAM");
}

#[test]
fn a_store_that_is_away_is_told_and_keeps_nobody_from_writing() {
    let (home, cold, engine) = frozen();
    freeze(&home, &engine);
    let all = list_ids(&engine, 100, Visibility::All);
    drop(engine);
    let engine = home.open();
    cold.away.store(true, Ordering::Relaxed);
    let answer = engine.recall("default", &cue(Mode::Keyword, "river lantern")).unwrap();
    assert!(!answer.missing.is_empty(), "{answer:?}");
    assert!(answer.missing.iter().all(|part| part.memories > 0 && part.reason.contains("nobody")));
    let nothing_read = answer.items.iter().all(|item| !item.detail.memory.content.text.is_empty());
    assert!(nothing_read, "what cannot be read is not in the answer");
    let refused = engine.get("default", "m15");
    assert!(matches!(refused, Err(EngineError::ColdUnavailable { .. })), "{refused:?}");
    // An id, its state and its deletion need no text.
    store(&engine, text("new", "written while the store is away"));
    forget(&engine, ids(&["m15", "m16"]), ForgetMode::Delete, Execution::Commit).unwrap();
    let again = remember(&engine, vec![memory(17)], RememberOptions::default()).unwrap();
    assert_eq!(again.items.len(), 1);
    let upkept = engine.maintain(1_000_000);
    assert!(matches!(upkept, Ok(_) | Err(EngineError::ColdUnavailable { .. })), "{upkept:?}");
    assert_eq!(engine.space("default").unwrap().quarantined, None);
    drop(engine);

    let engine = home.open();
    cold.away.store(false, Ordering::Relaxed);
    let answer = engine.recall("default", &cue(Mode::Keyword, "river lantern")).unwrap();
    assert_eq!(answer.missing, []);
    let now = list_ids(&engine, 100, Visibility::All);
    assert_eq!(now.len(), all.len() - 1, "one was written, two were deleted");
    assert!(now.contains(&"new".to_owned()) && !now.contains(&"m15".to_owned()));
}

#[test]
fn without_its_store_a_cold_space_says_so_and_damage_quarantines_it() {
    let (mut home, cold, engine) = frozen();
    freeze(&home, &engine);
    drop(engine);
    home.blobs = None;
    let engine = home.open();
    let answer = engine.recall("default", &cue(Mode::Keyword, "river lantern")).unwrap();
    assert!(answer.missing[0].reason.contains("no cold store"), "{:?}", answer.missing);
    drop(engine);
    for key in cold.list("").unwrap() {
        let mut bytes = vec![0; cold.len(&key).unwrap() as usize];
        cold.get_range(&key, 0, &mut bytes).unwrap();
        bytes[4_200] ^= 1;
        cold.put(&key, &bytes).unwrap();
    }
    home.blobs = Some(cold);
    let engine = home.open();
    let refused = engine.recall("default", &cue(Mode::Keyword, "river lantern"));
    assert!(refused.is_err(), "{refused:?}");
    assert!(engine.space("default").unwrap().quarantined.is_some());
}

#[test]
fn an_upload_to_a_store_that_is_away_is_no_failing_disk() {
    let (home, cold, engine) = frozen();
    cold.away.store(true, Ordering::Relaxed);
    home.clock.advance(50 * DAY);
    let refused = engine.maintain(1_000_000);
    assert!(matches!(refused, Err(EngineError::ColdUnavailable { .. })), "{refused:?}");
    cold.away.store(false, Ordering::Relaxed);
    while engine.maintain(1_000_000).unwrap().more {}
    assert!(engine.stats("default").unwrap().tiers.cold_memories > 1_000);
}

#[test]
fn a_deleted_space_leaves_no_object() {
    let (home, cold, engine) = frozen();
    freeze(&home, &engine);
    assert!(!cold.list("").unwrap().is_empty());
    settle(&engine, |done| engine.delete_space("default", done)).unwrap();
    cold.away.store(true, Ordering::Relaxed);
    assert!(engine.maintain(1_000_000).is_err(), "it is tried again");
    cold.away.store(false, Ordering::Relaxed);
    engine.maintain(1_000_000).unwrap();
    assert_eq!(cold.list("").unwrap(), Vec::<String>::new());
}
