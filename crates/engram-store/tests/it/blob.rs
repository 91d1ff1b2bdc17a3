//! Objects: segments on them when calls fail and bytes rot, and folders that others change.

use std::path::Path;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};

use engram_store::{
    BLOCK_BYTES, BLOCK_COST_BYTES, BlobError, BlobStore, BlockCache, Fs, FsBlobs, MemoryFs,
    OpenMode, RealFs, Segment, SegmentRef, StoreError, read_all, segment_file_name,
};

use crate::segment::{directory, name_of, noise, try_open_segment, write};
use crate::support::{FailingFs, FaultyBlobs, space};

const KEY: &str = "cold/one.segment";

fn sections() -> Vec<Vec<u8>> {
    vec![noise(10, 1), Vec::new(), noise(9 << 20, 2), noise(BLOCK_BYTES + 1, 3)]
}

fn open_on(blobs: &FaultyBlobs, segment: &SegmentRef) -> Result<Segment, StoreError> {
    let cache = Arc::new(BlockCache::new(64 * BLOCK_COST_BYTES));
    Segment::open_blob(Arc::new(blobs.clone()), KEY, space(7), segment, cache)
}

/// A segment that was uploaded.
fn uploaded(sections: &[Vec<u8>]) -> (SegmentRef, FaultyBlobs) {
    let fs = directory();
    let segment = write(&fs, sections);
    let blobs = FaultyBlobs::default();
    try_open_segment(&fs, &segment).unwrap().upload(&blobs, KEY).unwrap();
    (segment, blobs)
}

fn check_unavailable<T: std::fmt::Debug>(result: Result<T, StoreError>) {
    assert!(matches!(result, Err(StoreError::Unavailable { .. })), "{result:?}");
}

fn load_all(segment: &Segment) -> Result<Vec<Vec<u8>>, StoreError> {
    (0..4).map(|number| segment.load(name_of(number))).collect()
}

#[test]
fn a_segment_reads_the_same_from_an_object() {
    let sections = sections();
    let (segment, blobs) = uploaded(&sections);
    let asked = |work: &mut dyn FnMut()| {
        let before = blobs.faults.calls.load(Ordering::SeqCst);
        work();
        blobs.faults.calls.load(Ordering::SeqCst) - before
    };
    let mut opened = None;
    assert_eq!(asked(&mut || opened = Some(open_on(&blobs, &segment).unwrap())), 4);
    let opened = opened.unwrap();
    assert_eq!(opened.reference(), segment);
    assert_eq!(opened.file_name(), segment_file_name(space(7), &segment.hash));
    assert!(load_all(&opened).unwrap() == sections);
    opened.verify().unwrap();
    // Requests travel, so a long section comes in few of them.
    assert_eq!(asked(&mut || assert!(opened.load(name_of(2)).unwrap() == sections[2])), 2);
    let mut out = vec![0; 100];
    opened.read(name_of(2), 5_000, &mut out).unwrap();
    assert_eq!(out, sections[2][5_000..5_100]);
    // What is cached is served though the store is away.
    blobs.faults.away.store(true, Ordering::SeqCst);
    opened.read(name_of(2), 5_010, &mut out[..50]).unwrap();
    assert_eq!(out[..50], sections[2][5_010..5_060]);
    check_unavailable(opened.read(name_of(2), 500_000, &mut out));
    check_unavailable(opened.load(name_of(0)));
    check_unavailable(opened.verify());
    check_unavailable(opened.upload(&FaultyBlobs::default(), KEY));
    check_unavailable(open_on(&blobs, &segment).map(drop));
    blobs.faults.away.store(false, Ordering::SeqCst);
    assert!(load_all(&opened).unwrap() == sections, "it is back");
    // A segment goes on from one store to another.
    let other = FaultyBlobs::default();
    opened.upload(&other, KEY).unwrap();
    open_on(&other, &segment).unwrap().verify().unwrap();
}

#[test]
fn whichever_call_fails_a_segment_says_so_and_stays_whole() {
    let sections = vec![noise(10, 1), Vec::new(), noise(70_000, 2), noise(5, 3)];
    let (segment, blobs) = uploaded(&sections);
    let start = || blobs.faults.calls.load(Ordering::SeqCst);
    let work = || load_all(&open_on(&blobs, &segment)?);
    let first = start();
    work().unwrap();
    let calls = start() - first;
    assert!(calls > 4);
    for number in 1..=calls {
        blobs.faults.unavailable_at.store(start() + number, Ordering::SeqCst);
        check_unavailable(work());
        blobs.faults.fail_at.store(start() + number, Ordering::SeqCst);
        let result = work();
        assert!(matches!(result, Err(StoreError::Io { .. })), "call {number}: {result:?}");
    }
    assert!(work().unwrap() == sections);
}

#[test]
fn every_flip_and_every_cut_of_an_object_is_seen() {
    let sections = vec![noise(10, 1), Vec::new(), noise(BLOCK_BYTES, 2), noise(5, 3)];
    let (segment, blobs) = uploaded(&sections);
    let mut good = vec![0; segment.bytes as usize];
    blobs.inner.get_range(KEY, 0, &mut good).unwrap();
    let work = || load_all(&open_on(&blobs, &segment)?);
    for position in 0..good.len() {
        let mut bad = good.clone();
        bad[position] ^= 1 << (position % 8);
        blobs.inner.put(KEY, &bad).unwrap();
        let result = work();
        assert!(matches!(result, Err(StoreError::Corrupt { .. })), "byte {position}: {result:?}");
    }
    for len in (0..good.len()).step_by(37) {
        blobs.inner.put(KEY, &good[..len]).unwrap();
        assert!(matches!(work(), Err(StoreError::Corrupt { .. })), "{len} bytes");
    }
    blobs.inner.put(KEY, &[good.as_slice(), &[0]].concat()).unwrap();
    assert!(matches!(work(), Err(StoreError::Corrupt { .. })), "longer");
    blobs.inner.put(KEY, &good).unwrap();
    let opened = open_on(&blobs, &segment).unwrap();
    // Replaced under an open reader.
    blobs.inner.put(KEY, &good[..BLOCK_BYTES + 3]).unwrap();
    assert!(matches!(opened.load(name_of(0)), Err(StoreError::Corrupt { .. })));
    blobs.inner.delete(KEY).unwrap();
    assert!(matches!(opened.load(name_of(0)), Err(StoreError::Missing { .. })));
    assert!(matches!(work(), Err(StoreError::Missing { .. })));
}

#[test]
fn an_upload_is_whole_or_it_is_told() {
    let fs = directory();
    let segment = write(&fs, &[noise(10, 1), noise(3 << 20, 2)]);
    let opened = try_open_segment(&fs, &segment).unwrap();
    let blobs = FaultyBlobs::default();
    let keys = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&keys);
    let note = move |key: &str| seen.lock().unwrap().push(key.to_owned());
    *blobs.faults.on_call.lock().unwrap() = Some(Box::new(note));
    for number in 1..=2 {
        let next = || blobs.faults.calls.load(Ordering::SeqCst) + number;
        blobs.faults.unavailable_at.store(next(), Ordering::SeqCst);
        check_unavailable(opened.upload(&blobs, KEY));
        blobs.faults.fail_at.store(next(), Ordering::SeqCst);
        assert!(matches!(opened.upload(&blobs, KEY), Err(StoreError::Io { .. })));
    }
    opened.upload(&blobs, KEY).unwrap();
    assert!(keys.lock().unwrap().iter().all(|key| key == KEY));
    blobs.faults.cuts.store(true, Ordering::SeqCst);
    let result = opened.upload(&blobs, "cold/cut");
    assert!(matches!(result, Err(StoreError::Corrupt { .. })), "{result:?}");
    // Rot on the disk does not travel.
    let path = Path::new(crate::segment::DIR).join(opened.file_name());
    let file = fs.open(&path, OpenMode::Write).unwrap();
    file.write_at(2 << 20, b"rot").unwrap();
    let calls = blobs.faults.calls.load(Ordering::SeqCst);
    assert!(matches!(opened.upload(&blobs, "cold/rot"), Err(StoreError::Corrupt { .. })));
    assert_eq!(blobs.faults.calls.load(Ordering::SeqCst), calls, "nothing went up");
}

#[test]
fn an_object_in_a_folder_is_the_old_or_the_new_one_whichever_step_fails() {
    let fs = FailingFs::default();
    let blobs = FsBlobs::open(Arc::new(fs.clone()), "/cold".into()).unwrap();
    let content = |key: &str| {
        let mut bytes = [0; 9];
        blobs.get_range(key, 0, &mut bytes).map(|count| bytes[..count].to_vec())
    };
    blobs.put("old", b"old").unwrap();
    let start = || fs.faults.changes.load(Ordering::SeqCst);
    let first = start();
    blobs.put("old", b"old").unwrap();
    let steps = start() - first;
    assert!(steps >= 5, "{:?}", fs.faults.trace);
    for step in 1..=steps {
        fs.faults.fail_at.store(start() + step, Ordering::SeqCst);
        assert!(blobs.put("old", b"newer").is_err(), "step {step}");
        let found = content("old").unwrap();
        assert!(found == b"old" || found == b"newer", "step {step}: {found:?}");
        assert_eq!(blobs.list("").unwrap(), ["old"], "step {step}");
        blobs.put("old", b"old").unwrap();
    }
    for step in 1..=steps {
        fs.faults.fail_at.store(start() + step, Ordering::SeqCst);
        if blobs.put_new("fresh", b"fresh").is_err() {
            let found = content("fresh");
            assert!(
                matches!(&found, Err(BlobError::NotFound { .. })) || found == Ok(b"fresh".to_vec()),
                "step {step}: {found:?}"
            );
        }
        fs.faults.fail_at.store(0, Ordering::SeqCst);
        blobs.delete("fresh").unwrap();
    }
    fs.faults.full.store(true, Ordering::SeqCst);
    let full = blobs.put("old", b"a full disk is made room on");
    assert!(matches!(full, Err(BlobError::Unavailable { .. })), "{full:?}");
    assert_eq!(content("old").unwrap(), b"old");
}

#[test]
fn a_folder_that_is_not_mounted_loses_nothing() {
    let fs = MemoryFs::new();
    let blobs = FsBlobs::open(Arc::new(fs.clone()), "/cold".into()).unwrap();
    blobs.put("a/b", b"x").unwrap();
    // Not ours: no suffix, no key, a leftover.
    for name in ["notes", "%.blob", "a%b.blob.tmp", "a b.blob"] {
        fs.open(&Path::new("/cold").join(name), OpenMode::Create).unwrap();
    }
    assert_eq!(blobs.list("").unwrap(), ["a/b"]);
    assert_eq!(read_all(&fs, "/cold/a%b.blob".as_ref()).unwrap(), b"x");
    let held = fs.lock("/cold/lock".as_ref()).unwrap();
    assert!(FsBlobs::open(Arc::new(fs.clone()), "/cold".into()).is_ok());
    let away = |result: Result<(), BlobError>| {
        assert!(matches!(result, Err(BlobError::Unavailable { .. })), "{result:?}");
    };
    away(blobs.put("c", b"another process is at it"));
    drop(held);
    fs.remove("/cold/lock".as_ref()).unwrap();
    away(blobs.put("c", b""));
    away(blobs.put_new("c", b""));
    away(blobs.delete("a/b"));
    away(blobs.len("c").map(drop));
    away(blobs.get_range("c", 0, &mut [0]).map(drop));
    away(blobs.list("").map(drop));
    assert_eq!(fs.list("/cold".as_ref()).unwrap().len(), 5, "nothing was made");
}

#[test]
fn two_processes_on_one_folder_create_an_object_once() {
    let scratch = tempfile::tempdir().unwrap();
    let open = || FsBlobs::open(Arc::new(RealFs), scratch.path().join("cold")).unwrap();
    let processes = [open(), open()];
    for round in 0..20 {
        let key = format!("race/{round}");
        let results = std::thread::scope(|scope| {
            let racers = [0, 1, 0, 1].map(|process: usize| {
                let (blobs, key) = (&processes[process], &key);
                scope.spawn(move || blobs.put_new(key, b"mine"))
            });
            racers.map(|racer| racer.join().unwrap())
        });
        let won = results.iter().filter(|result| result.is_ok()).count();
        assert_eq!(won, 1, "{results:?}");
        assert!(!results.iter().any(|result| {
            matches!(result, Err(BlobError::Failed { .. } | BlobError::NotFound { .. }))
        }));
    }
}
