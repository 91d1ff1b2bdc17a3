//! Receipts of deletions: what they say of files, cold store and log is what stands there.

use std::path::Path;
use std::sync::Arc;

use engram_engine::{
    Engine, EngineError, Execution, Forget, ForgetMode, Forgotten, Purge, Remains,
};
use engram_store::{Fs, Lsn, MemoryBlobs, read_all};

use crate::harness::{DAY, Home, NOW, create_space, forget, ids, settle, space, store, text};

const SECRET: &str = "zanzibar";

fn home() -> Home {
    let mut home = Home::of_dimension(8);
    home.settings.tail_memories_max = 4;
    home.settings.wal_segment_bytes = 64 << 10;
    home
}

/// Whether the word stands in any file of the data directory.
fn on_disk(home: &Home) -> bool {
    ["", "spaces", "wal", "index"].iter().any(|folder| {
        let dir = Path::new("/data").join(folder);
        home.fs.list(&dir).unwrap_or_default().iter().any(|name| {
            let bytes = read_all(&home.fs, &dir.join(name)).unwrap_or_default();
            bytes.windows(SECRET.len()).any(|window| window == SECRET.as_bytes())
        })
    })
}

fn fill(engine: &Engine) {
    store(engine, text("secret", &format!("the {SECRET} ferry")));
    for n in 0..6 {
        store(engine, text(&format!("m{n}"), "nothing to hide"));
    }
    engine.checkpoint("default").unwrap();
    store(engine, text("late", &format!("another {SECRET} ferry")));
}

fn delete(engine: &Engine, purge: Purge) -> Lsn {
    let request = Forget {
        selection: ids(&["secret", "late"]),
        mode: ForgetMode::Delete,
        execution: Execution::Commit,
        purge,
        principal: String::new(),
    };
    let receipt = settle(engine, |done| engine.forget("default", request, done)).unwrap();
    receipt.commit.unwrap().0
}

fn told(engine: &Engine, lsn: Lsn) -> Forgotten {
    engine.forgotten("default", lsn).unwrap()
}

fn keep_up(engine: &Engine) {
    for _ in 0..20 {
        engine.maintain(10_000).unwrap();
    }
}

#[test]
fn a_receipt_is_pending_until_nothing_is_left_and_stays_what_it_was() {
    let home = home();
    let engine = home.open();
    fill(&engine);
    let lsn = delete(&engine, Purge::Soon);
    let first = told(&engine, lsn);
    assert_eq!((first.count, first.purged_at, first.due_at), (2, None, None));
    assert_eq!(first.remains, Remains { files: true, cold_store: false, log: true });
    assert!(on_disk(&home));
    home.clock.set(NOW + DAY / 2);
    keep_up(&engine);
    let last = told(&engine, lsn);
    assert_eq!((last.purged_at, last.remains), (Some(NOW + DAY / 2), Remains::default()));
    assert!(!on_disk(&home), "what the receipt claims is so");
    home.clock.advance(DAY);
    keep_up(&engine);
    let engine = home.open_again(engine);
    assert_eq!(told(&engine, lsn), last);
    engine.close().unwrap();
    let engine = home.open_again(engine);
    assert_eq!(told(&engine, lsn), last);
    assert_eq!(engine.stats("default").unwrap().memories, 6);
}

#[test]
fn nobody_hurries_what_nobody_asked_for_and_time_does_it() {
    let home = home();
    let engine = home.open();
    // Another space holds the log, too.
    create_space(&engine, &space("other")).unwrap();
    fill(&engine);
    let lsn = delete(&engine, Purge::InTime);
    keep_up(&engine);
    let waiting = told(&engine, lsn);
    assert_eq!((waiting.purged_at, waiting.due_at), (None, Some(waiting.committed_at.0 + DAY)));
    assert!(on_disk(&home));
    // Nor does a restart forget that something is left, though nobody asks for the space.
    engine.checkpoint("default").unwrap();
    let engine = home.open_again(engine);
    home.clock.advance(2 * DAY);
    keep_up(&engine);
    assert!(!on_disk(&home));
    assert_eq!(told(&engine, lsn).purged_at, Some(NOW + 2 * DAY));
}

#[test]
fn the_cold_store_is_purged_too() {
    let blobs = Arc::new(MemoryBlobs::new());
    let mut home = home();
    home.blobs = Some(blobs);
    home.settings.cold_after_ns = Some(DAY);
    home.settings.cold_memories_min = 1;
    let engine = home.open();
    fill(&engine);
    home.clock.advance(10 * DAY);
    keep_up(&engine);
    assert!(engine.stats("default").unwrap().tiers.cold_memories > 0);
    let lsn = delete(&engine, Purge::Soon);
    assert!(told(&engine, lsn).remains.cold_store);
    keep_up(&engine);
    let last = told(&engine, lsn);
    assert_eq!((last.purged_at.is_some(), last.remains), (true, Remains::default()));
    assert!(!on_disk(&home));
}

#[test]
fn there_is_no_receipt_for_anything_else() {
    let home = home();
    let engine = home.open();
    fill(&engine);
    let hidden = forget(&engine, ids(&["m1"]), ForgetMode::Suppress, Execution::Commit).unwrap();
    let lsn = hidden.commit.unwrap().0;
    for lsn in [Lsn(1), lsn, Lsn(999)] {
        let missing = engine.forgotten("default", lsn);
        assert_eq!(missing, Err(EngineError::ReceiptNotFound { lsn: lsn.0 }));
    }
}
