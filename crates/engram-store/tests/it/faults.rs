//! The log when the device fails: full disks, failed syncs and writes, panics.

use std::io;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};

use engram_store::{Fs, LogError, Lsn, ShardLog};

use crate::support::{DIR, FailingFs, SMALL, commit, entry, open, read_payloads, space, try_open};

fn hook(fs: &FailingFs, hook: impl Fn() -> io::Result<()> + Send + 'static) {
    *fs.faults.on_sync.lock().unwrap() = Some(Box::new(hook));
}

fn unhook(fs: &FailingFs) {
    *fs.faults.on_sync.lock().unwrap() = None;
}

#[test]
fn a_failed_sync_poisons_the_log_and_is_never_retried() {
    let fs = FailingFs::default();
    let opened = open(&fs);
    let log = &opened.log;
    commit(log, &[(1, b"durable")]);
    log.append(entry(1, b"unknown"), 5).unwrap();
    hook(&fs, || Err(io::Error::other("the device went away")));
    assert!(matches!(log.flush(), Err(LogError::Poisoned { .. })));
    unhook(&fs);
    let syncs = fs.faults.syncs.load(Ordering::SeqCst);
    assert!(log.poisoned().unwrap().contains("the device went away"));
    assert!(matches!(log.append(entry(1, b"x"), 5), Err(LogError::Poisoned { .. })));
    assert!(matches!(log.flush(), Err(LogError::Poisoned { .. })));
    assert!(matches!(log.close(), Err(LogError::Poisoned { .. })));
    assert!(matches!(log.maintain(), Err(LogError::Poisoned { .. })));
    assert_eq!(fs.faults.syncs.load(Ordering::SeqCst), syncs);
    assert_eq!((log.next_lsn(space(1)), log.durable_lsn(space(1))), (Lsn(2), Lsn(1)));
    assert_eq!(read_payloads(log, 1, 1), [b"durable"], "what was durable can be read");

    // The bytes are in the page cache: recovery finds them, and must write and sync them before it shows them.
    let (writes, syncs) =
        (fs.faults.writes.load(Ordering::SeqCst), fs.faults.syncs.load(Ordering::SeqCst));
    let again = open(&fs);
    assert_eq!(again.by_space()[&space(1)], [b"durable".to_vec(), b"unknown".to_vec()]);
    assert_eq!(fs.faults.writes.load(Ordering::SeqCst), writes + 1, "rewritten in place");
    assert_eq!(fs.faults.syncs.load(Ordering::SeqCst), syncs + 1);
    assert_eq!(again.log.next_lsn(space(1)), Lsn(3));
}

#[test]
fn appends_during_a_flush_wait_for_the_next_and_die_with_a_failing_one() {
    for fails in [false, true] {
        let fs = FailingFs::default();
        let log = Arc::new(open(&fs).log);
        log.append(entry(1, b"first"), 5).unwrap();
        let inside: Weak<ShardLog> = Arc::downgrade(&log);
        hook(&fs, move || {
            let log = inside.upgrade().unwrap();
            // Appending from within the sync shows that append takes no lock that a flush holds during I/O.
            let stamp = log.append(entry(1, b"second"), 5).unwrap();
            assert_eq!(stamp.lsn, Lsn(2));
            log.append(entry(2, b"other"), 5).unwrap();
            if fails { Err(io::Error::other("injected")) } else { Ok(()) }
        });
        let result = log.flush();
        unhook(&fs);
        if fails {
            assert!(matches!(result, Err(LogError::Poisoned { .. })));
            assert_eq!(log.stats().queued, 0, "what was appended meanwhile is dropped too");
            assert_eq!([1, 2].map(|number| log.next_lsn(space(number))), [Lsn(1), Lsn(1)]);
        } else {
            assert_eq!(result.unwrap().len(), 1);
            assert_eq!(log.stats().queued, 2);
            assert_eq!(log.durable_lsn(space(1)), Lsn(1));
            assert_eq!(log.flush().unwrap().len(), 2);
            assert_eq!(read_payloads(&log, 1, 1), [b"first".to_vec(), b"second".to_vec()]);
        }
    }
}

#[test]
fn a_full_disk_halts_the_log_until_it_is_rolled_back() {
    let fs = FailingFs::default();
    let opened = open(&fs);
    let log = &opened.log;
    commit(log, &[(1, &[1; 6_000])]);
    let names = || fs.list(DIR.as_ref()).unwrap();
    let before = names();
    fs.faults.full.store(true, Ordering::SeqCst);
    for _ in 0..3 {
        log.append(entry(1, &[2; 6_000]), 5).unwrap();
        log.append(entry(2, b"x"), 5).unwrap();
        assert!(matches!(log.flush(), Err(LogError::DiskFull { .. })));
        assert_eq!(log.poisoned(), None);
        assert_eq!([1, 2].map(|number| log.next_lsn(space(number))), [Lsn(3), Lsn(2)]);
        assert!(matches!(log.append(entry(3, b"y"), 5), Err(LogError::DiskFull { .. })));
        assert!(matches!(log.flush(), Err(LogError::DiskFull { .. })));
        assert!(matches!(log.close(), Err(LogError::DiskFull { .. })));
        log.rollback();
        assert_eq!([1, 2].map(|number| log.next_lsn(space(number))), [Lsn(2), Lsn(1)]);
        assert_eq!(names(), before, "no partial file stays");
    }
    assert!(matches!(log.maintain(), Err(LogError::DiskFull { .. })));
    commit(log, &[(1, b"what fits is still taken")]);
    log.append(entry(1, &[3; 9_000]), 5).unwrap();
    assert!(matches!(log.close(), Err(LogError::DiskFull { .. })));
    fs.faults.full.store(false, Ordering::SeqCst);
    assert!(log.maintain().unwrap().prepared > 0, "upkeep goes on, it may make room");
    assert!(matches!(log.append(entry(1, b"x"), 5), Err(LogError::DiskFull { .. })));
    log.rollback();
    commit(log, &[(1, &[4; 6_000]), (2, b"y")]);
    log.close().unwrap();
    let again = open(&fs);
    assert!(again.recovery.clean && again.recovery.damage.is_empty());
    let lengths: Vec<usize> = again.by_space()[&space(1)].iter().map(Vec::len).collect();
    assert_eq!(lengths, [6_000, 24, 6_000]);
    assert_eq!(again.by_space()[&space(2)], [b"y"]);
}

#[test]
fn what_is_appended_while_the_disk_runs_full_is_dropped_with_the_batch() {
    let fs = FailingFs::default();
    let log = Arc::new(open(&fs).log);
    commit(&log, &[(1, &[1; 6_000])]);
    log.append(entry(1, &[2; 9_000]), 5).unwrap();
    let inside: Weak<ShardLog> = Arc::downgrade(&log);
    // The sync is that of the next segment's zeros.
    hook(&fs, move || {
        inside.upgrade().unwrap().append(entry(1, b"meanwhile"), 5).unwrap();
        Err(io::ErrorKind::StorageFull.into())
    });
    assert!(matches!(log.flush(), Err(LogError::DiskFull { .. })));
    unhook(&fs);
    assert_eq!(log.stats().queued, 1);
    log.rollback();
    assert_eq!((log.stats().queued, log.next_lsn(space(1))), (0, Lsn(2)));
    assert!(log.flush().unwrap().is_empty());
    commit(&log, &[(1, b"second")]);
    assert_eq!(read_payloads(&log, 1, 2), [b"second"]);
}

#[test]
fn a_rollback_touches_only_a_halted_log() {
    let fs = FailingFs::default();
    let opened = open(&fs);
    let log = &opened.log;
    log.append(entry(1, b"queued"), 5).unwrap();
    log.rollback();
    assert_eq!(log.flush().unwrap().len(), 1, "an open log keeps its queue");
    log.append(entry(1, b"x"), 5).unwrap();
    hook(&fs, || Err(io::Error::other("injected")));
    assert!(log.flush().is_err());
    unhook(&fs);
    log.rollback();
    assert!(matches!(log.append(entry(1, b"y"), 5), Err(LogError::Poisoned { .. })));

    let closed = open(&fs).log;
    closed.close().unwrap();
    closed.rollback();
    assert!(matches!(closed.append(entry(1, b"z"), 5), Err(LogError::Closed)));
}

#[test]
fn a_close_without_room_for_its_checkpoint_can_be_repeated() {
    let fs = FailingFs::default();
    let opened = open(&fs);
    // Room for the footer is left, none for a checkpoint.
    commit(&opened.log, &[(1, &[7; 11_900])]);
    fs.faults.full.store(true, Ordering::SeqCst);
    assert!(matches!(opened.log.close(), Err(LogError::DiskFull { .. })));
    fs.faults.full.store(false, Ordering::SeqCst);
    assert!(matches!(opened.log.close(), Err(LogError::DiskFull { .. })), "still halted");
    opened.log.rollback();
    opened.log.close().unwrap();
    let again = open(&fs);
    assert!(again.recovery.clean && again.recovery.quarantined.is_empty());
    assert_eq!(again.frames.len(), 1);
}

#[test]
fn a_full_disk_in_the_middle_of_a_write_poisons() {
    let fs = FailingFs::default();
    let opened = open(&fs);
    opened.log.append(entry(1, b"x"), 5).unwrap();
    hook(&fs, || Err(io::ErrorKind::StorageFull.into()));
    let result = opened.log.flush();
    unhook(&fs);
    // `DiskFull` would promise that nothing was written.
    assert!(matches!(result, Err(LogError::Poisoned { .. })), "{result:?}");
    assert!(opened.log.poisoned().is_some());
}

#[test]
fn a_directory_that_cannot_be_synced_leaves_no_phantom_spare() {
    let fs = FailingFs::default();
    let opened = open(&fs);
    let log = &opened.log;
    commit(log, &[(1, &[1; 9_000])]);
    for _ in 0..2 {
        fs.faults.full_dir.store(true, Ordering::SeqCst);
        log.append(entry(1, &[2; 9_000]), 5).unwrap();
        assert!(matches!(log.flush(), Err(LogError::DiskFull { .. })));
        log.rollback();
    }
    fs.faults.full_dir.store(false, Ordering::SeqCst);
    commit(log, &[(1, &[3; 9_000])]);
    commit(log, &[(1, &[4; 9_000])]);
    let again = open(&fs);
    assert!(again.recovery.damage.is_empty());
    assert_eq!(again.by_space()[&space(1)].len(), 3);
}

#[test]
fn an_open_needs_few_file_handles_however_many_segments_there_are() {
    let fs = FailingFs::default();
    let opened = open(&fs);
    for number in 0..40 {
        commit(&opened.log, &[(1, &[number; 9_000])]);
    }
    assert!(opened.log.stats().segments >= 40);
    drop(opened);
    let (now, most) = &fs.faults.handles;
    assert_eq!(now.load(Ordering::SeqCst), 0);
    most.store(0, Ordering::SeqCst);
    assert_eq!(open(&fs).frames.len(), 40);
    assert!(most.load(Ordering::SeqCst) <= 3, "{most:?}");
}

#[test]
fn a_full_disk_at_the_first_start_is_told() {
    let fs = FailingFs::default();
    fs.faults.full.store(true, Ordering::SeqCst);
    assert!(matches!(try_open(Arc::new(fs.clone()), SMALL), Err(LogError::DiskFull { .. })));
    fs.faults.full.store(false, Ordering::SeqCst);
    commit(&open(&fs).log, &[(1, b"fine")]);
}

#[test]
fn a_panic_in_a_flush_poisons_the_log() {
    let fs = FailingFs::default();
    let opened = open(&fs);
    opened.log.append(entry(1, b"x"), 5).unwrap();
    hook(&fs, || panic!("a bug in the file system"));
    let flush = std::panic::AssertUnwindSafe(|| opened.log.flush());
    assert!(std::panic::catch_unwind(flush).is_err());
    assert!(opened.log.poisoned().is_some());
    assert!(matches!(opened.log.append(entry(1, b"y"), 5), Err(LogError::Poisoned { .. })));
    assert!(matches!(opened.log.flush(), Err(LogError::Poisoned { .. })));
    assert_eq!(opened.log.next_lsn(space(1)), Lsn(1));
}

/// Runs a fixed workload until something fails; gives what was acknowledged.
fn workload(fs: &FailingFs) -> Vec<(u32, Vec<u8>)> {
    let mut acknowledged = Vec::new();
    let Ok(opened) = try_open(Arc::new(fs.clone()), SMALL) else {
        return acknowledged;
    };
    let log = &opened.log;
    for round in 0..8_u8 {
        let batch: Vec<(u32, Vec<u8>)> =
            (0..3_u8).map(|number| (u32::from(number), vec![round * 3 + number; 900])).collect();
        for (number, payload) in &batch {
            if log.append(entry(*number, payload), 5).is_err() {
                return acknowledged;
            }
        }
        match log.flush() {
            Ok(stamps) => assert_eq!(stamps.len(), batch.len()),
            Err(_) => return acknowledged,
        }
        acknowledged.extend(batch);
        // The first segments are dropped while the log grows; a failure here must not hurt either.
        log.release(space(u32::from(round) % 3), Lsn(2));
        let _ = log.maintain();
    }
    let _ = log.close();
    acknowledged
}

#[test]
fn whatever_call_fails_what_was_acknowledged_comes_back_once() {
    let dry = FailingFs::default();
    let all = workload(&dry);
    assert_eq!(all.len(), 24);
    let changes = dry.faults.changes.load(Ordering::SeqCst);
    assert!(changes > 40, "{changes}");
    for fail_from in 1..=changes {
        let fs = FailingFs::default();
        fs.faults.fail_from.store(fail_from, Ordering::SeqCst);
        let acknowledged = workload(&fs);
        fs.faults.fail_from.store(0, Ordering::SeqCst);
        for attempt in 0..2 {
            let again = open(&fs);
            let context = format!("failure {fail_from}, open {attempt}: {:?}", again.recovery);
            assert!(again.recovery.damage.is_empty(), "{context}");
            assert!(again.recovery.quarantined.is_empty(), "{context}");
            for number in 0..3 {
                let of = |list: &[(u32, Vec<u8>)]| -> Vec<Vec<u8>> {
                    list.iter()
                        .filter(|(owner, _)| *owner == number)
                        .map(|(_, p)| p.clone())
                        .collect()
                };
                let (wanted, possible) = (of(&acknowledged), of(&all));
                let frames: Vec<_> = again
                    .frames
                    .iter()
                    .filter(|frame| frame.stamp.space == space(number))
                    .collect();
                for frame in &frames {
                    let at = frame.stamp.lsn.0 as usize - 1;
                    assert_eq!(frame.payload, possible[at], "{context}");
                }
                let next = again.log.next_lsn(space(number)).0 as usize;
                assert!(next > wanted.len(), "{context}: space {number} lost a commit");
                let first = frames.first().map_or(next, |frame| frame.stamp.lsn.0 as usize);
                assert!(first <= 3, "{context}: only released commits may be dropped");
                assert_eq!(frames.len(), next - first, "{context}: dense");
            }
        }
        // And it takes new commits, which then come back too.
        let again = open(&fs);
        let before = again.frames.len();
        commit(&again.log, &[(0, b"after"), (5, b"new")]);
        assert_eq!(open(&fs).frames.len(), before + 2, "failure {fail_from}");
    }
}
