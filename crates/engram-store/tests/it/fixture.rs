//! A log directory of format 1, written once and committed: it must stay readable for ever.

use std::path::Path;

use engram_store::{Frame, Fs, MemoryFs, OpenMode, RealFs, SeededEntropy, read_all};
use expect_test::expect;

use crate::support::{DIR, SMALL, commit, crate_path, entry, open, read_payloads};

const FIXTURE: &str = "tests/fixtures/format-1";

fn describe(frames: &[Frame]) -> String {
    let line = |frame: &Frame| {
        let (stamp, payload) = (frame.stamp, &frame.payload);
        let (lsn, time, sum) = (stamp.lsn, stamp.time.0, frame.state_sum);
        let chain: String = frame.chain[..4].iter().map(|byte| format!("{byte:02x}")).collect();
        let (last, len) = (stamp.space.0[15], payload.len());
        let (epoch, kind) = (frame.epoch, frame.kind);
        format!(
            "space {last} lsn {lsn} time {time} kind {kind} epoch {epoch} sum {sum} chain {chain} {len} bytes\n"
        )
    };
    frames.iter().map(line).collect()
}

/// Reads the fixture into memory, so that recovery cannot change the committed files.
fn load() -> MemoryFs {
    let fs = MemoryFs::new();
    fs.create_dir_all(DIR.as_ref()).unwrap();
    for name in RealFs.list(&crate_path(FIXTURE)).unwrap() {
        let bytes = read_all(&RealFs, &crate_path(FIXTURE).join(&name)).unwrap();
        let file = fs.open(&Path::new(DIR).join(name), OpenMode::Create).unwrap();
        file.write_at(0, &bytes).unwrap();
    }
    fs
}

#[test]
fn a_log_of_format_1_is_readable() {
    let fs = load();
    let opened = open(&fs);
    assert!(opened.recovery.damage.is_empty() && opened.recovery.quarantined.is_empty());
    assert!(opened.recovery.clean && opened.recovery.torn_tail.is_none());
    expect![[r#"
        space 1 lsn 5 time 1004 kind 3 epoch 1 sum 7500 chain 2e218e0b 2500 bytes
        space 2 lsn 4 time 1003 kind 3 epoch 1 sum 3000 chain 15530762 1000 bytes
        space 1 lsn 6 time 1005 kind 3 epoch 1 sum 10000 chain 8af7ac88 2500 bytes
        space 2 lsn 5 time 1004 kind 3 epoch 1 sum 4000 chain b34cc97b 1000 bytes
        space 1 lsn 7 time 1006 kind 3 epoch 1 sum 12500 chain e7d5da0a 2500 bytes
        space 2 lsn 6 time 1005 kind 3 epoch 1 sum 5000 chain 6e3b7eb2 1000 bytes
        space 2 lsn 7 time 9000 kind 3 epoch 1 sum 436 chain 5f6ff2bf 4 bytes
    "#]]
    .assert_eq(&describe(&opened.frames));
    assert_eq!(opened.log.next_lsn(crate::support::space(3)).0, 2, "from the base file");
    commit(&opened.log, &[(1, b"and goes on"), (4, b"new")]);
    drop(opened);
    assert_eq!(read_payloads(&open(&fs).log, 4, 1), [b"new"]);
}

/// Writes the fixture anew; run by hand (`--ignored`) only when a new format version gets its own directory.
#[test]
#[ignore = "writes the committed fixture"]
fn write_the_fixture() {
    let fs = MemoryFs::new();
    let log = |seed| {
        let entropy = SeededEntropy::new(seed);
        let fs = std::sync::Arc::new(fs.clone());
        engram_store::ShardLog::open(fs, DIR.as_ref(), SMALL, &entropy, &mut |_| Ok(())).unwrap().0
    };
    let first = log(1);
    commit(&first, &[(3, b"only in the dropped prefix"), (1, b"")]);
    for round in 0..6_u8 {
        commit(&first, &[(1, &[round; 2_500]), (2, &[round; 1_000])]);
    }
    for (number, through) in [(1, 4), (2, 3), (3, 1)] {
        first.release(crate::support::space(number), engram_store::Lsn(through));
    }
    assert_eq!(first.maintain().unwrap().dropped, 1);
    first.append(entry(2, b"last"), 9_000).unwrap();
    first.close().unwrap();
    let target = crate_path(FIXTURE);
    RealFs.create_dir_all(&target).unwrap();
    for name in fs.list(DIR.as_ref()).unwrap() {
        if name.starts_with("spare-") {
            continue;
        }
        let bytes = read_all(&fs, &Path::new(DIR).join(&name)).unwrap();
        let file = RealFs.open(&target.join(name), OpenMode::Create).unwrap();
        file.write_at(0, &bytes).unwrap();
    }
}
