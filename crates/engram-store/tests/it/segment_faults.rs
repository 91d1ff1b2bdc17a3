//! Segments and manifests when the device fails, and when bytes change behind their back.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use engram_store::{
    BLOCK_BYTES, BlockCache, CommitTime, Fs, FsFile, Lsn, Manifest, ManifestListing,
    ManifestSegment, MemoryFs, OpenMode, Segment, SegmentRef, SegmentWriter, StoreError, read_all,
    read_manifests, segment_file_name,
};
use proptest::prelude::any;
use proptest::{collection, proptest};

use crate::segment::{DIR, meta, name_of, noise, try_open_segment, try_write, write};
use crate::support::{FailingFs, space};

fn failing() -> FailingFs {
    let fs = FailingFs::default();
    fs.create_dir_all(DIR.as_ref()).unwrap();
    fs
}

/// More than one piece, an empty section, and one that ends on a block.
fn sections() -> Vec<Vec<u8>> {
    vec![noise((2 << 20) + 5, 1), Vec::new(), noise(BLOCK_BYTES, 2)]
}

fn load_all(segment: &Segment, count: usize) -> Result<Vec<Vec<u8>>, StoreError> {
    (0..count).map(|position| segment.load(name_of(position))).collect()
}

fn temporaries(fs: &dyn Fs) -> usize {
    let names = fs.list(DIR.as_ref()).unwrap();
    names.iter().filter(|name| name.ends_with(".tmp")).count()
}

#[test]
fn a_segment_is_synced_before_it_has_its_name() {
    let fs = failing();
    try_write(&fs, DIR.as_ref(), &sections(), 1 << 20).unwrap();
    let trace = fs.faults.trace.lock().unwrap().join(" ");
    assert_eq!(trace, "create write write write write sync rename sync_dir");
    fs.faults.trace.lock().unwrap().clear();
    manifest(1).write(&fs, DIR.as_ref()).unwrap();
    let trace = fs.faults.trace.lock().unwrap().join(" ");
    assert_eq!(trace, "remove create write sync rename sync_dir");
}

#[test]
fn a_segment_is_complete_or_not_there_whichever_step_fails() {
    let expected = write(&crate::segment::directory(), &sections());
    let name = segment_file_name(space(7), &expected.hash);
    let mut failed = 0;
    for number in 1.. {
        for lasting in [false, true] {
            let fs = failing();
            let armed = if lasting { &fs.faults.fail_from } else { &fs.faults.fail_at };
            armed.store(number, Ordering::SeqCst);
            let result = try_write(&fs, DIR.as_ref(), &sections(), 100_000);
            fs.faults.fail_from.store(0, Ordering::SeqCst);
            if let Ok(segment) = result {
                assert_eq!(segment, expected);
                assert!(
                    fs.faults.changes.load(Ordering::SeqCst) < number,
                    "{number} was swallowed"
                );
                assert_eq!(failed, 2 * (number - 1));
                assert_eq!(failed, 16, "each of the eight steps of the writer");
                return;
            }
            failed += 1;
            assert!(matches!(result, Err(StoreError::Io { .. })), "step {number}");
            assert!(lasting || temporaries(&fs) == 0, "step {number} leaves something");
            let names = fs.list(DIR.as_ref()).unwrap();
            if names.contains(&name) {
                let opened = try_open_segment(&fs, &expected).unwrap();
                opened.verify().unwrap();
                assert_eq!(load_all(&opened, 3).unwrap(), sections());
            }
            assert!(names.iter().all(|other| *other == name || other.ends_with(".tmp")));
            assert_eq!(try_write(&fs, DIR.as_ref(), &sections(), 7_777).unwrap(), expected);
            read_manifests(&fs, DIR.as_ref()).unwrap();
            assert_eq!(
                fs.list(DIR.as_ref()).unwrap(),
                std::slice::from_ref(&name),
                "step {number}"
            );
        }
    }
}

#[test]
fn a_writer_that_failed_once_cannot_be_finished() {
    let fs = failing();
    let mut writer = SegmentWriter::create(&fs, DIR.as_ref(), meta()).unwrap();
    writer.begin(name_of(0)).unwrap();
    fs.faults.fail_at.store(2, Ordering::SeqCst);
    assert!(writer.write(&noise(2 << 20, 1)).is_err());
    // Whoever overlooks the error is told again, though the device is well now.
    assert!(writer.write(&noise(10, 2)).is_err());
    assert!(matches!(writer.finish(), Err(StoreError::Io { action: "write", .. })));
    assert!(fs.list(DIR.as_ref()).unwrap().is_empty());
}

#[test]
fn a_full_disk_is_told_and_leaves_nothing() {
    let fs = failing();
    manifest(1).write(&fs, DIR.as_ref()).unwrap();
    let before = fs.list(DIR.as_ref()).unwrap();
    fs.faults.full.store(true, Ordering::SeqCst);
    let result = try_write(&fs, DIR.as_ref(), &sections(), 1 << 20);
    assert!(matches!(result, Err(StoreError::DiskFull { .. })));
    assert!(matches!(manifest(2).write(&fs, DIR.as_ref()), Err(StoreError::DiskFull { .. })));
    assert_eq!(fs.list(DIR.as_ref()).unwrap(), before);
    assert_eq!(Manifest::read(&fs, DIR.as_ref(), space(7)).unwrap(), manifest(1));
}

#[test]
fn a_missing_directory_or_file_is_told() {
    let fs = MemoryFs::new();
    let segment = SegmentRef { hash: [1; 32], bytes: 9_000, min_lsn: Lsn(1), max_lsn: Lsn(1) };
    let missing = |result: Result<(), StoreError>| {
        assert!(matches!(result, Err(StoreError::Missing { .. })));
    };
    missing(SegmentWriter::create(&fs, DIR.as_ref(), meta()).map(drop));
    missing(manifest(1).write(&fs, DIR.as_ref()));
    missing(Manifest::read(&fs, DIR.as_ref(), space(7)).map(drop));
    missing(try_open_segment(&fs, &segment).map(drop));
    let listing = read_manifests(&fs, DIR.as_ref()).unwrap();
    assert!(listing.manifests.is_empty() && listing.damaged.is_empty());
}

/// A small segment with a file handle to change it.
fn small(fs: &MemoryFs) -> (SegmentRef, Vec<u8>, Box<dyn FsFile>) {
    let sections = [noise(10, 1), Vec::new(), noise(BLOCK_BYTES, 2), noise(BLOCK_BYTES + 1, 3)];
    let segment = write(fs, &sections);
    let path = Path::new(DIR).join(segment_file_name(space(7), &segment.hash));
    let bytes = read_all(fs, &path).unwrap();
    (segment, bytes, fs.open(&path, OpenMode::Write).unwrap())
}

#[test]
fn every_flipped_byte_of_a_segment_is_seen() {
    let fs = crate::segment::directory();
    let (segment, bytes, file) = small(&fs);
    let read_all_sections =
        || -> Result<(), StoreError> { load_all(&try_open_segment(&fs, &segment)?, 4).map(drop) };
    read_all_sections().unwrap();
    for (position, byte) in bytes.iter().enumerate() {
        let offset = position as u64;
        file.write_at(offset, &[byte ^ (1 << (position % 8))]).unwrap();
        let result = read_all_sections();
        // No byte is harmless: the zeros behind a section are in its last block, those behind the header in block 0.
        let Err(StoreError::Corrupt { offset: from, bytes: len, .. }) = result else {
            panic!("byte {position}: {result:?}");
        };
        assert!((from..from + len).contains(&offset), "byte {position} is not in {from} + {len}");
        file.write_at(offset, &[*byte]).unwrap();
    }
    read_all_sections().unwrap();
}

#[test]
fn every_truncation_of_a_segment_is_seen() {
    let fs = crate::segment::directory();
    let (segment, bytes, file) = small(&fs);
    for len in (0..bytes.len() as u64).rev() {
        file.set_len(len).unwrap();
        let result = try_open_segment(&fs, &segment).map(drop);
        assert!(matches!(result, Err(StoreError::Corrupt { .. })), "{len} bytes");
        // A reference that agrees with the wrong length does not help.
        let result = try_open_segment(&fs, &SegmentRef { bytes: len, ..segment }).map(drop);
        assert!(matches!(result, Err(StoreError::Corrupt { .. })), "{len} bytes");
    }
    file.set_len(0).unwrap();
    file.write_at(0, &bytes).unwrap();
    let opened = try_open_segment(&fs, &segment).unwrap();
    opened.verify().unwrap();
    file.write_at(bytes.len() as u64, b"more").unwrap();
    assert!(matches!(try_open_segment(&fs, &segment), Err(StoreError::Corrupt { .. })), "longer");
    // Cut under an open reader.
    file.set_len(BLOCK_BYTES as u64 + 20).unwrap();
    assert!(matches!(opened.load(name_of(0)), Err(StoreError::Corrupt { .. })));
    assert!(matches!(opened.verify(), Err(StoreError::Corrupt { .. })));
}

#[test]
fn verify_names_block_and_section_and_sees_what_open_cannot() {
    let fs = crate::segment::directory();
    let (segment, bytes, file) = small(&fs);
    let cache = Arc::new(BlockCache::new(1 << 20));
    let opened = Segment::open(&fs, DIR.as_ref(), space(7), &segment, Arc::clone(&cache)).unwrap();
    let mut out = [0; 10];
    opened.read(name_of(3), 5, &mut out).unwrap();
    // Block 0 is the header, 1 section 0, 2 section 2, 3 and 4 section 3.
    let at = 3 * BLOCK_BYTES as u64 + 5;
    file.write_at(at, &[bytes[at as usize] ^ 1]).unwrap();
    let error = opened.verify().unwrap_err().to_string();
    assert!(error.contains("block 3 of section s003"), "{error}");
    assert_eq!(opened.verify_blocks(0, 3).unwrap(), 3);
    assert_eq!(opened.verify_blocks(4, 9).unwrap(), 1);
    assert!(matches!(opened.verify_blocks(2, 2), Err(StoreError::Corrupt { offset: 12_288, .. })));
    opened.read(name_of(3), 5, &mut out).unwrap();
    assert_eq!(out, bytes[at as usize..at as usize + 10], "what is cached was checked");
    assert!(opened.read(name_of(3), BLOCK_BYTES as u64, &mut [0]).is_ok());
    let fresh = try_open_segment(&fs, &segment).unwrap();
    assert!(fresh.read(name_of(3), 5, &mut out).is_err());
    assert!(fresh.load_into(name_of(3), 5, &mut out).is_err());
    fresh.load_into(name_of(2), 5, &mut out).unwrap();
    file.write_at(at, &bytes[at as usize..=at as usize]).unwrap();
    opened.verify().unwrap();
    // A footer that rots while the segment is open.
    let at = bytes.len() as u64 - 70;
    file.write_at(at, &[bytes[at as usize] ^ 1]).unwrap();
    let error = opened.verify().unwrap_err().to_string();
    assert!(error.contains("footer"), "{error}");
}

#[test]
fn a_sector_that_cannot_be_read_is_an_io_error() {
    let fs = failing();
    let segment = try_write(&fs, DIR.as_ref(), &sections(), 1 << 20).unwrap();
    let opened = try_open_segment(&fs, &segment).unwrap();
    let name = segment_file_name(space(7), &segment.hash);
    *fs.faults.unreadable.lock().unwrap() = Some((name, 9_000..9_001));
    fs.faults.unreadable_times.store(4, Ordering::SeqCst);
    let failed = |result: Result<(), StoreError>| {
        assert!(matches!(result, Err(StoreError::Io { action: "read", .. })));
    };
    failed(opened.load(name_of(0)).map(drop));
    failed(opened.verify());
    failed(opened.read(name_of(0), 8_900 - 4_096, &mut [0; 200]));
    failed(opened.verify_blocks(0, 10).map(drop));
    opened.verify().unwrap();
}

#[test]
fn a_segment_of_a_newer_format_is_named() {
    let fs = crate::segment::directory();
    let (segment, mut bytes, file) = small(&fs);
    bytes[8..12].copy_from_slice(&2_u32.to_le_bytes());
    let crc = crc32c::crc32c(&bytes[..60]);
    file.write_at(0, &bytes[..60]).unwrap();
    file.write_at(60, &crc.to_le_bytes()).unwrap();
    let result = try_open_segment(&fs, &segment).map(drop);
    assert!(matches!(result, Err(StoreError::NewerFormat { found: 2, supported: 1 })));
}

pub(crate) fn manifest(number: u64) -> Manifest {
    let segment = |byte: u8| SegmentRef {
        hash: [byte; 32],
        bytes: 5_000 + u64::from(byte),
        min_lsn: Lsn(1),
        max_lsn: Lsn(number),
    };
    Manifest {
        space: space(7),
        number,
        lsn: Lsn(number * 10),
        committed_at: CommitTime(-5),
        chain: [9; 16],
        state_sum: u64::MAX,
        segments: (1..=number as u8)
            .map(|byte| ManifestSegment { role: byte, segment: segment(byte) })
            .collect(),
        payload: vec![number as u8; number as usize * 3],
    }
}

#[test]
fn every_flip_and_every_truncation_of_a_manifest_is_seen() {
    for number in [0, 2] {
        let bytes = manifest(number).encode();
        assert_eq!(Manifest::decode(&bytes).unwrap(), manifest(number));
        for position in 0..bytes.len() {
            let mut bad = bytes.clone();
            for bit in 0..8 {
                bad[position] = bytes[position] ^ (1 << bit);
                let result = Manifest::decode(&bad);
                assert!(matches!(result, Err(StoreError::Corrupt { .. })), "byte {position}");
            }
            assert!(Manifest::decode(&bytes[..position]).is_err(), "cut at {position}");
        }
        let longer = [bytes.as_slice(), &[0]].concat();
        assert!(Manifest::decode(&longer).is_err());
    }
}

/// A manifest with the hash that makes it pass.
fn sealed(mut body: Vec<u8>) -> Vec<u8> {
    let hash = blake3::hash(&body);
    body.extend_from_slice(&hash.as_bytes()[..16]);
    body
}

#[test]
fn a_manifest_with_impossible_values_is_refused() {
    let good = manifest(2).encode();
    let good = &good[..good.len() - 16];
    let with = |at: usize, bytes: &[u8]| {
        let mut body = good.to_vec();
        body[at..at + bytes.len()].copy_from_slice(bytes);
        Manifest::decode(&sealed(body))
    };
    assert!(with(16, &[1]).is_ok());
    let corrupt = |result| assert!(matches!(result, Err(StoreError::Corrupt { .. })), "{result:?}");
    corrupt(with(8, &0_u32.to_le_bytes()));
    corrupt(with(12, &3_u32.to_le_bytes()));
    corrupt(with(12, &u32::MAX.to_le_bytes()));
    corrupt(with(40, &u64::MAX.to_le_bytes()));
    corrupt(with(80, &u64::MAX.to_le_bytes()));
    corrupt(with(80, &5_u64.to_le_bytes()));
    corrupt(with(88 + 1, &[1]));
    let newer = with(8, &7_u32.to_le_bytes());
    assert!(matches!(newer, Err(StoreError::NewerFormat { found: 7, supported: 1 })));
}

proptest! {
    #[test]
    fn any_manifest_comes_back(
        number in any::<u64>(),
        time in any::<i64>(),
        roles in collection::vec(any::<u8>(), 0..9),
        payload in collection::vec(any::<u8>(), 0..300),
    ) {
        let segment = |role: &u8| ManifestSegment {
            role: *role,
            segment: SegmentRef {
                hash: [role ^ 5; 32],
                bytes: number ^ 77,
                min_lsn: Lsn(number),
                max_lsn: Lsn(!number),
            },
        };
        let manifest = Manifest {
            number,
            committed_at: CommitTime(time),
            segments: roles.iter().map(segment).collect(),
            payload,
            ..manifest(0)
        };
        assert_eq!(Manifest::decode(&manifest.encode()).unwrap(), manifest);
    }

    #[test]
    fn any_bytes_are_decoded_or_refused(
        bytes in collection::vec(any::<u8>(), 0..300),
        count in 0..5_u32,
    ) {
        let _ = Manifest::decode(&bytes);
        let mut body = bytes;
        if body.len() >= 16 {
            body[0..8].copy_from_slice(b"ENGRAMMF");
            body[8..12].copy_from_slice(&1_u32.to_le_bytes());
            body[12..16].copy_from_slice(&count.to_le_bytes());
        }
        if let Ok(manifest) = Manifest::decode(&sealed(body.clone())) {
            assert_eq!(manifest.encode(), sealed(body));
        }
    }
}

#[test]
fn a_manifest_is_the_old_or_the_new_one_whichever_step_fails() {
    for number in 1..=6 {
        for lasting in [false, true] {
            let fs = failing();
            manifest(1).write(&fs, DIR.as_ref()).unwrap();
            let done = fs.faults.changes.load(Ordering::SeqCst);
            let armed = if lasting { &fs.faults.fail_from } else { &fs.faults.fail_at };
            armed.store(done + number, Ordering::SeqCst);
            assert!(manifest(2).write(&fs, DIR.as_ref()).is_err(), "step {number}");
            fs.faults.fail_from.store(0, Ordering::SeqCst);
            let listing = read_manifests(&fs, DIR.as_ref()).unwrap();
            let [found] = &listing.manifests[..] else {
                panic!("step {number}: {listing:?}");
            };
            assert_eq!(*found, manifest(if number == 6 { 2 } else { 1 }), "step {number}");
            assert_eq!(fs.list(DIR.as_ref()).unwrap().len(), 1, "step {number}");
            manifest(3).write(&fs, DIR.as_ref()).unwrap();
            assert_eq!(Manifest::read(&fs, DIR.as_ref(), space(7)).unwrap(), manifest(3));
        }
    }
}

fn put(fs: &dyn Fs, name: &str, bytes: &[u8]) {
    let path: PathBuf = Path::new(DIR).join(name);
    fs.open(&path, OpenMode::Create).unwrap().write_at(0, bytes).unwrap();
}

fn spaces_of(listing: &ManifestListing) -> Vec<u32> {
    let number = |space: engram_store::SpaceId| u32::from(space.0[15]);
    listing.manifests.iter().map(|manifest| number(manifest.space)).collect()
}

#[test]
fn a_directory_of_manifests_is_read_and_tidied() {
    let fs = failing();
    let of = |number: u32| Manifest { space: space(number), ..manifest(2) };
    for number in [9, 2, 5] {
        of(number).write(&fs, DIR.as_ref()).unwrap();
    }
    let named = |number: u32, suffix: &str| format!("{}{suffix}", space(number));
    put(&fs, &named(3, ".manifest"), b"");
    put(&fs, &named(4, ".manifest"), &of(5).encode());
    let keep = ["notes.txt", "x.manifest", "x.tmp", "x.manifest.tmp"];
    for (name, bytes) in [(named(6, ".manifest.tmp"), "half"), (named(6, "-0.segment.tmp"), "")] {
        put(&fs, &name, bytes.as_bytes());
    }
    keep.iter().for_each(|name| put(&fs, name, b"not ours"));
    let segment = write(&fs, &[noise(5, 5)]);
    let listing = read_manifests(&fs, DIR.as_ref()).unwrap();
    assert_eq!(spaces_of(&listing), [2, 5, 9]);
    assert_eq!(listing.manifests[0], of(2));
    let damaged: Vec<_> = listing.damaged.iter().map(|(space, _)| *space).collect();
    assert_eq!(damaged, [space(3), space(4)]);
    assert!(listing.damaged[1].1.to_string().contains("another space"));
    let names = fs.list(DIR.as_ref()).unwrap();
    assert!(keep.iter().all(|name| names.iter().any(|other| other == name)), "{names:?}");
    assert!(names.contains(&segment_file_name(space(7), &segment.hash)));
    assert_eq!(names.len(), 5 + keep.len() + 1, "{names:?}");

    // A passing failure is no damage; a lasting one costs one space.
    let unreadable = |times: u64| {
        *fs.faults.unreadable.lock().unwrap() = Some((named(5, ".manifest"), 0..9));
        fs.faults.unreadable_times.store(times, Ordering::SeqCst);
        read_manifests(&fs, DIR.as_ref()).unwrap()
    };
    assert_eq!(spaces_of(&unreadable(1)), [2, 5, 9]);
    let listing = unreadable(2);
    assert_eq!(spaces_of(&listing), [2, 9]);
    let found = |(owner, error): &(_, StoreError)| {
        *owner == space(5) && matches!(error, StoreError::Io { .. })
    };
    assert!(listing.damaged.iter().any(found));
    let mut newer = of(8).encode();
    newer.truncate(newer.len() - 16);
    newer[8] = 2;
    put(&fs, &named(8, ".manifest"), &sealed(newer));
    let result = read_manifests(&fs, DIR.as_ref());
    assert!(matches!(result, Err(StoreError::NewerFormat { found: 2, supported: 1 })));
}

#[test]
fn a_leftover_that_cannot_be_removed_is_told() {
    let fs = failing();
    put(&fs, &format!("{}.manifest.tmp", space(1)), b"");
    fs.faults.fail_from.store(1, Ordering::SeqCst);
    let result = read_manifests(&fs, DIR.as_ref());
    let Err(StoreError::Io { action: "remove", source, .. }) = result else {
        panic!("{result:?}");
    };
    assert_eq!(source.kind(), io::ErrorKind::Other);
}
