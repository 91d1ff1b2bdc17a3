//! The simulated disk and clock on their own.

use std::path::Path;

use std::sync::Arc;

use engram_sim::{BlobFault, End, Fault, FaultyBlobs, FaultyFs, SimClock};
use engram_store::{BlobError, BlobStore, Clock, Fs, FsFile, OpenMode, conformance, read_all};

fn with_file(seed: u64, bytes: &[u8]) -> (FaultyFs, Box<dyn FsFile>) {
    let fs = FaultyFs::new(seed);
    fs.create_dir_all("/d".as_ref()).expect("created");
    let file = fs.open("/d/f".as_ref(), OpenMode::Create).expect("created");
    file.write_at(0, bytes).expect("written");
    file.sync_data().expect("synced");
    fs.sync_dir("/d".as_ref()).expect("synced");
    (fs, file)
}

fn content(fs: &FaultyFs) -> Vec<u8> {
    read_all(fs, "/d/f".as_ref()).expect("read")
}

#[test]
fn the_faulty_file_system_conforms_when_nothing_is_armed() {
    conformance::check_fs(&FaultyFs::new(1), "/suite".as_ref());
}

#[test]
fn the_faulty_store_conforms_when_nothing_is_armed() {
    let store: Arc<dyn BlobStore> = Arc::new(FaultyBlobs::new(1, &FaultyFs::new(1)));
    conformance::check_blobs(&store);
}

#[test]
fn a_store_is_away_until_it_is_healed_and_loses_answers_not_objects() {
    let store = FaultyBlobs::new(1, &FaultyFs::new(1));
    store.arm(0, BlobFault::Lost);
    let lost = store.put("a", b"1234");
    assert!(matches!(lost, Err(BlobError::Unavailable { .. })), "{lost:?}");
    assert_eq!(store.len("a"), Ok(4));
    store.arm(store.calls(), BlobFault::Away);
    for _ in 0..2 {
        assert!(matches!(store.len("a"), Err(BlobError::Unavailable { .. })));
    }
    assert!(store.is_away() && store.was_absent());
    store.heal();
    assert_eq!(store.len("a"), Ok(4));
}

#[test]
fn a_read_is_cut_or_garbled_once_and_the_object_stays_as_it_is() {
    let store = FaultyBlobs::new(1, &FaultyFs::new(1));
    store.put("a", &[7; 100]).unwrap();
    let mut bytes = [0; 100];
    store.arm(0, BlobFault::Short);
    assert!(store.get_range("a", 0, &mut bytes).unwrap() < 100);
    store.arm(0, BlobFault::Garbled);
    assert_eq!(store.get_range("a", 0, &mut bytes), Ok(100));
    assert_eq!(bytes.iter().filter(|byte| **byte != 7).count(), 1);
    assert!(store.was_damaged());
    assert_eq!(store.get_range("a", 0, &mut bytes), Ok(100));
    assert_eq!(bytes, [7; 100]);
}

#[test]
fn a_crash_in_the_store_ends_the_process_and_the_next_one_finds_what_was_put() {
    let fs = FaultyFs::new(1);
    let store = FaultyBlobs::new(1, &fs);
    store.put("a", b"1").unwrap();
    store.arm(store.calls(), BlobFault::Crash);
    assert!(store.put("b", b"2").is_err());
    assert!(fs.crashed() && store.len("a").is_err());
    let next = store.after(&fs.reboot(End::PowerCut));
    assert_eq!(next.len("a"), Ok(1));
}

#[test]
fn the_simulated_clock_conforms_and_jumps() {
    let clock = SimClock::default();
    conformance::check_clock(&clock);
    let start = clock.now_ns();
    clock.jump(-5);
    assert_eq!(clock.now_ns(), start - 5);
    assert_eq!(clock.at(9, || clock.now_ns()), 9);
    assert_eq!(clock.now_ns(), start - 5);
}

#[test]
fn a_power_cut_keeps_what_was_synced_and_tears_the_rest_by_sectors() {
    let (mut old, mut new, mut mixed, mut coarse) = (0, 0, 0, 0);
    for seed in 0..200 {
        let (fs, file) = with_file(seed, &[1; 16_384]);
        file.write_at(0, &[2; 16_384]).unwrap();
        let found = content(&fs.reboot(End::PowerCut));
        assert_eq!(found.len(), 16_384);
        for sector in found.chunks(512) {
            assert!(sector.iter().all(|byte| *byte == sector[0]), "a sector is written at once");
        }
        let rewritten = found.iter().filter(|byte| **byte == 2).count();
        match rewritten {
            0 => old += 1,
            16_384 => new += 1,
            _ => mixed += 1,
        }
        let whole = |page: &[u8]| page.iter().all(|byte| *byte == page[0]);
        coarse += usize::from(rewritten % 16_384 != 0 && found.chunks(4_096).all(whole));
    }
    assert!(old > 20 && new > 20 && mixed > 50, "old {old}, new {new}, mixed {mixed}");
    assert!(coarse > 20, "4 KiB tears: {coarse}");
}

#[test]
fn a_kill_keeps_everything_and_a_later_power_cut_still_takes_it() {
    let mut lost = 0;
    for seed in 0..50 {
        let (fs, file) = with_file(seed, b"old");
        file.write_at(0, b"new").unwrap();
        let killed = fs.reboot(End::Kill);
        assert_eq!(content(&killed), b"new");
        assert!(file.write_at(0, b"x").is_err(), "the dead process writes nothing");
        lost += usize::from(content(&killed.reboot(End::PowerCut)) == b"old");
    }
    assert!(lost > 10, "{lost}");
}

#[test]
fn names_need_their_own_sync() {
    let survives = |synced: bool| {
        let count = |seed| {
            let (fs, _) = with_file(seed, b"1");
            let other = fs.open("/d/g".as_ref(), OpenMode::Create).unwrap();
            other.write_at(0, b"2").unwrap();
            other.sync_data().unwrap();
            fs.rename("/d/g".as_ref(), "/d/f".as_ref()).unwrap();
            if synced {
                fs.sync_dir("/d".as_ref()).unwrap();
            }
            let cut = fs.reboot(End::PowerCut);
            let seen = content(&cut);
            assert!(seen == b"1" || seen == b"2", "old or new, never a mix");
            usize::from(seen == b"2")
        };
        (0..60).map(count).sum::<usize>()
    };
    assert_eq!(survives(true), 60);
    let unsynced = survives(false);
    assert!(unsynced > 5 && unsynced < 55, "{unsynced}");
}

#[test]
fn after_a_failed_sync_the_cache_lies_and_the_next_sync_helps_nobody() {
    let mut lost = 0;
    for seed in 0..50 {
        let (fs, file) = with_file(seed, b"old");
        file.write_at(0, b"new").unwrap();
        fs.arm(fs.operations(), Fault::Io);
        assert!(file.sync_data().is_err());
        assert_eq!(content(&fs), b"new", "the cache still shows it");
        file.sync_data().expect("a later sync succeeds");
        lost += usize::from(content(&fs.reboot(End::PowerCut)) == b"old");
    }
    assert!(lost > 10, "{lost}");
    let (fs, file) = with_file(1, b"old");
    file.write_at(0, b"new").unwrap();
    fs.arm(fs.operations(), Fault::Io);
    assert!(file.sync_data().is_err());
    file.write_at(0, b"new").unwrap();
    file.sync_data().unwrap();
    assert_eq!(content(&fs.reboot(End::PowerCut)), b"new", "written again, then synced");
}

#[test]
fn faults_come_at_their_operation_once_or_for_good() {
    let (fs, file) = with_file(1, b"abc");
    let next = fs.operations();
    fs.arm(next + 1, Fault::Io);
    assert!(file.len().is_ok() && file.len().is_err() && file.len().is_ok());
    fs.arm(fs.operations(), Fault::FullForGood);
    for _ in 0..2 {
        let error = file.write_at(0, b"x").unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::StorageFull);
    }
    assert!(file.len().is_ok(), "reading needs no space");
    fs.heal();
    file.write_at(0, b"x").unwrap();
    fs.arm(fs.operations(), Fault::IoForGood);
    assert!(file.len().is_err() && file.len().is_err());
    fs.heal();
    fs.arm(fs.operations(), Fault::Crash);
    assert!(file.len().is_err() && fs.crashed() && file.len().is_err());
    assert_eq!(fs.fired().values().sum::<u64>(), 4);
}

#[test]
fn a_short_write_stores_a_part_and_says_so() {
    let mut partial = 0;
    for seed in 0..20 {
        let (fs, file) = with_file(seed, &[1; 1_000]);
        fs.arm(fs.operations(), Fault::ShortWrite);
        assert!(file.len().is_ok(), "only writes are cut short");
        assert!(file.write_at(0, &[2; 1_000]).is_err());
        let kept = content(&fs).iter().filter(|byte| **byte == 2).count();
        partial += usize::from(kept > 0 && kept < 1_000);
    }
    assert!(partial > 10, "{partial}");
}

#[test]
fn a_full_disk_refuses_growth_until_something_is_removed() {
    let (fs, file) = with_file(1, &[1; 1_000]);
    fs.limit(Some(1_500));
    file.write_at(0, &[2; 1_000]).expect("no growth");
    let other = fs.open("/d/g".as_ref(), OpenMode::Create).unwrap();
    let error = other.write_at(0, &[3; 600]).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::StorageFull);
    assert_eq!(fs.used(), 1_500, "what fits is written");
    fs.remove("/d/f".as_ref()).unwrap();
    other.write_at(0, &[3; 600]).expect("space came back");
}

#[test]
fn rot_flips_bits_at_rest() {
    let (fs, _) = with_file(1, b"abc");
    assert!(fs.rot("/d/f".as_ref(), 1, 0b11));
    assert!(!fs.rot("/d/f".as_ref(), 3, 1) && !fs.rot("/d/g".as_ref(), 0, 1));
    assert_eq!(content(&fs.reboot(End::PowerCut)), b"aac");
    assert_eq!(fs.peek(Path::new("/d")).len(), 1);
}
