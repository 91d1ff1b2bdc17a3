//! Files of format 1, written once and committed: a log directory, and a segment with the manifest that names it. They must
//! stay readable for ever, and segment and manifest must be written byte for byte the same.

use std::path::Path;
use std::sync::Arc;

use engram_store::{
    BlockCache, CommitTime, Frame, Fs, Lsn, Manifest, ManifestSegment, MemoryFs, OpenMode, RealFs,
    SectionTag, SeededEntropy, Segment, SegmentMeta, SegmentWriter, read_all, read_manifests,
};
use expect_test::expect;

use crate::support::{DIR, SMALL, commit, crate_path, entry, open, read_payloads, space};

const FIXTURE: &str = "tests/fixtures/format-1";
const SEGMENT_FIXTURE: &str = "tests/fixtures/format-1-segment";

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
    assert_eq!(opened.log.next_lsn(space(3)).0, 2, "from the base file");
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
        let fs = Arc::new(fs.clone());
        engram_store::ShardLog::open(fs, DIR.as_ref(), SMALL, &entropy, &mut |_| Ok(())).unwrap().0
    };
    let first = log(1);
    commit(&first, &[(3, b"only in the dropped prefix"), (1, b"")]);
    for round in 0..6_u8 {
        commit(&first, &[(1, &[round; 2_500]), (2, &[round; 1_000])]);
    }
    for (number, through) in [(1, 4), (2, 3), (3, 1)] {
        first.release(space(number), Lsn(through));
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

/// Writes the segment of the fixture and its manifest into `dir`.
fn write_segment(fs: &dyn Fs, dir: &Path) -> Manifest {
    let meta = SegmentMeta { space: space(1), min_lsn: Lsn(1), max_lsn: Lsn(7), epoch: 1 };
    let mut writer = SegmentWriter::create(fs, dir, meta).unwrap();
    let sections: [(&[u8; 4], Vec<u8>); 4] = [
        (b"text", b"a section of a few bytes".to_vec()),
        (b"none", Vec::new()),
        (b"full", (0..4_096_u32).map(|number| (number % 251) as u8).collect()),
        (b"over", vec![0xEE; 4_097]),
    ];
    for (tag, bytes) in sections {
        writer.begin(SectionTag(*tag)).unwrap();
        writer.write(&bytes).unwrap();
    }
    let segment = writer.finish().unwrap();
    let manifest = Manifest {
        space: space(1),
        number: 4,
        lsn: Lsn(7),
        committed_at: CommitTime(1_006),
        chain: std::array::from_fn(|position| position as u8),
        state_sum: 12_500,
        segments: vec![ManifestSegment { role: 2, segment }],
        payload: b"opaque".to_vec(),
    };
    manifest.write(fs, dir).unwrap();
    manifest
}

#[test]
fn a_segment_and_a_manifest_of_format_1_are_readable() {
    let dir = crate_path(SEGMENT_FIXTURE);
    let listing = read_manifests(&RealFs, &dir).unwrap();
    assert!(listing.damaged.is_empty());
    let [manifest] = &listing.manifests[..] else {
        panic!("one manifest");
    };
    let stands = (manifest.number, manifest.lsn, manifest.committed_at, manifest.state_sum);
    assert_eq!(stands, (4, Lsn(7), CommitTime(1_006), 12_500));
    assert_eq!(manifest.payload, b"opaque");
    let ManifestSegment { role, segment } = manifest.segments[0];
    let cache = Arc::new(BlockCache::new(1 << 20));
    let opened = Segment::open(&RealFs, &dir, manifest.space, &segment, cache).unwrap();
    opened.verify().unwrap();
    assert_eq!((role, opened.meta().epoch, opened.block_count()), (2, 1, 5));
    let load = |tag: &[u8; 4]| opened.load(SectionTag(*tag)).unwrap();
    assert_eq!(load(b"text"), b"a section of a few bytes");
    assert!(load(b"none").is_empty());
    assert!(load(b"full").iter().copied().eq((0..4_096_u32).map(|number| (number % 251) as u8)));
    assert_eq!(load(b"over"), [0xEE; 4_097]);
}

#[test]
fn a_segment_and_a_manifest_are_written_as_in_format_1() {
    let fs = MemoryFs::new();
    fs.create_dir_all(DIR.as_ref()).unwrap();
    write_segment(&fs, DIR.as_ref());
    let names = fs.list(DIR.as_ref()).unwrap();
    let committed = crate_path(SEGMENT_FIXTURE);
    assert_eq!(names, RealFs.list(&committed).unwrap());
    assert_eq!(names.len(), 2);
    for name in names {
        let written = read_all(&fs, &Path::new(DIR).join(&name)).unwrap();
        assert!(written == read_all(&RealFs, &committed.join(&name)).unwrap(), "{name}");
    }
}

/// Writes the fixture anew; run by hand (`--ignored`) only when a new format version gets its own directory.
#[test]
#[ignore = "writes the committed fixture"]
fn write_the_segment_fixture() {
    let target = crate_path(SEGMENT_FIXTURE);
    RealFs.create_dir_all(&target).unwrap();
    write_segment(&RealFs, &target);
}
