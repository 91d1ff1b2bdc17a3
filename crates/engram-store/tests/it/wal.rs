//! The log when nothing fails: round trips, rotation, recycling, reading, closing.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use engram_store::{
    CommitTime, LogError, LogOptions, Lsn, MemoryFs, RealFs, SeededEntropy, ShardLog,
    WAL_PAYLOAD_BYTES_MAX,
};

use crate::support::{
    DIR, FailingFs, SMALL, commit, entry, open, read_payloads, segments, space, try_open,
};

#[test]
fn what_was_flushed_is_replayed_and_what_was_not_is_gone() {
    let fs = MemoryFs::new();
    let first = open(&fs);
    assert_eq!(first.recovery, engram_store::Recovery::default());
    let stamp = first.log.append(entry(1, b"one"), 500).unwrap();
    assert_eq!((stamp.lsn, stamp.time), (Lsn(1), CommitTime(500)));
    assert_eq!((first.log.next_lsn(space(1)), first.log.durable_lsn(space(1))), (Lsn(2), Lsn(0)));
    assert!(read_payloads(&first.log, 1, 1).is_empty(), "readers see durable frames only");
    let second = first.log.append(entry(1, b""), 400).unwrap();
    assert_eq!(second.time, CommitTime(501), "times increase though the clock went back");
    let other = first.log.append(entry(2, b"two"), 400).unwrap();
    assert_eq!(first.log.flush().unwrap(), [stamp, second, other]);
    assert_eq!(first.log.flush().unwrap(), [], "an empty queue is fine");
    assert_eq!(first.log.durable_lsn(space(1)), Lsn(2));
    first.log.append(entry(1, b"lost"), 600).unwrap();
    assert_eq!(first.log.stats().queued, 1);
    drop(first);

    let again = open(&fs);
    let stamps: Vec<_> = again.frames.iter().map(|frame| frame.stamp).collect();
    assert_eq!(stamps, [stamp, second, other]);
    let frame = &again.frames[0];
    assert_eq!((frame.kind, frame.epoch, frame.key_id, frame.state_sum), (3, 1, 0, 322));
    assert_eq!(frame.payload, b"one");
    assert_eq!(again.log.next_lsn(space(1)), Lsn(3), "the lost one's LSN was never visible");
    assert!(!again.recovery.clean && again.recovery.torn_tail.is_none());
    assert!(again.recovery.damage.is_empty() && again.recovery.quarantined.is_empty());
    let next = again.log.append(entry(1, b"three"), 0).unwrap();
    assert_eq!((next.lsn, next.time), (Lsn(3), CommitTime(502)), "times increase across restarts");
}

#[test]
fn a_thousand_spaces_cost_one_sync_and_one_write() {
    let fs = FailingFs::default();
    let options = LogOptions { segment_bytes: 1 << 20, ..SMALL };
    let opened = try_open(Arc::new(fs.clone()), options).unwrap();
    for number in 0..1_000 {
        opened.log.append(entry(number, b"a commit of its own"), 1).unwrap();
    }
    let count =
        || (fs.faults.syncs.load(Ordering::SeqCst), fs.faults.writes.load(Ordering::SeqCst));
    let before = count();
    assert_eq!(opened.log.flush().unwrap().len(), 1_000);
    assert_eq!(count(), (before.0 + 1, before.1 + 1));
    let stats = opened.log.stats();
    assert_eq!((stats.frames, stats.syncs, stats.flushes, stats.queued), (1_000, 1, 1, 0));
    assert_eq!(stats.payload_bytes, 19_000);
    let again = try_open(Arc::new(fs), options).unwrap();
    assert_eq!(again.recovery.frames, 1_000);
}

#[test]
fn a_log_rotates_and_is_read_across_its_segments() {
    let fs = MemoryFs::new();
    let opened = open(&fs);
    let payload = |lsn: u64| vec![lsn as u8; 700 + (lsn as usize * 37) % 900];
    for lsn in 1..=60 {
        commit(&opened.log, &[(1, &payload(lsn)), (2, b"small")]);
    }
    assert!(segments(&fs).len() > 4, "{:?}", segments(&fs));
    let check = |log: &ShardLog| {
        for from in [0, 1, 2, 17, 33, 60] {
            let expected: Vec<Vec<u8>> = (from.max(1)..=60).map(payload).collect();
            assert_eq!(read_payloads(log, 1, from), expected, "from {from}");
        }
        assert!(read_payloads(log, 1, 61).is_empty());
        assert!(read_payloads(log, 9, 1).is_empty(), "an unknown space");
        assert_eq!(read_payloads(log, 2, 1).len(), 60);
    };
    check(&opened.log);
    drop(opened);
    let again = open(&fs);
    assert_eq!(again.recovery.frames, 120);
    assert!(again.recovery.damage.is_empty(), "{:?}", again.recovery);
    check(&again.log);
}

#[test]
fn one_batch_may_fill_several_segments() {
    let fs = MemoryFs::new();
    let opened = open(&fs);
    let payloads: Vec<Vec<u8>> = (0..40).map(|number| vec![number; 3_000]).collect();
    let batch: Vec<(u32, &[u8])> =
        payloads.iter().map(|payload| (u32::from(payload[0]) % 3, payload.as_slice())).collect();
    commit(&opened.log, &batch);
    assert!(opened.log.stats().segments > 9);
    let again = open(&fs);
    let seen: Vec<Vec<u8>> = again.frames.iter().map(|frame| frame.payload.clone()).collect();
    assert_eq!(seen, payloads);
    assert!(again.recovery.damage.is_empty());
}

#[test]
fn the_largest_payload_fits_and_one_byte_more_is_refused() {
    let fs = MemoryFs::new();
    let opened = open(&fs);
    let max = SMALL.payload_bytes_max();
    let payload = vec![7; max as usize];
    commit(&opened.log, &[(1, b"first"), (1, &payload), (1, &payload)]);
    let over = opened.log.append(entry(1, &vec![7; max as usize + 1]), 0);
    assert!(matches!(over, Err(LogError::PayloadTooLarge { bytes, max: m }) if bytes == m + 1));
    assert_eq!(opened.log.next_lsn(space(1)), Lsn(4), "a refused entry takes no LSN");
    assert_eq!(open(&fs).by_space()[&space(1)], [b"first".to_vec(), payload.clone(), payload]);
    assert_eq!(LogOptions::default().payload_bytes_max(), WAL_PAYLOAD_BYTES_MAX);
}

#[test]
fn bad_options_are_refused() {
    for segment_bytes in [0, 4096, (16 << 10) + 8, 2 << 30] {
        let options = LogOptions { segment_bytes, ..SMALL };
        let result = try_open(Arc::new(MemoryFs::new()), options);
        assert!(matches!(result, Err(LogError::BadOption(_))), "{segment_bytes}");
    }
}

#[test]
fn released_segments_are_dropped_recycled_and_leave_the_counters() {
    let fs = MemoryFs::new();
    let opened = open(&fs);
    let log = &opened.log;
    commit(log, &[(7, b"only once")]);
    for number in 0..60_u8 {
        commit(log, &[(1, &[number; 2_000])]);
    }
    let before = segments(&fs);
    let upkeep = |log: &ShardLog| {
        let mut dropped = 0;
        loop {
            let step = log.maintain().unwrap();
            dropped += step.dropped;
            if !step.more {
                return dropped;
            }
        }
    };
    assert_eq!(upkeep(log), 0, "nothing is released");
    log.release(space(1), Lsn(40));
    assert_eq!(upkeep(log), 0, "space 7 still needs the first segment");
    log.release(space(7), Lsn(1));
    let dropped = upkeep(log);
    assert!(dropped >= 3, "{dropped}");
    assert_eq!(segments(&fs), before[dropped as usize..]);
    let spares = fs_spares(&fs);
    assert!((1..=2).contains(&spares), "{spares} spares");
    let rest = log.read_space(space(1), Lsn(1)).unwrap();
    let first = rest.next_lsn().unwrap().0;
    assert!(first > 1 && first <= 41, "{first}");
    assert_eq!(rest.count() as u64, 60 - first + 1);
    for number in 60..80_u8 {
        commit(log, &[(1, &[number; 2_000])]);
    }
    assert!(log.stats().recycled > 0, "spares are put to use again");
    drop(opened);

    let again = open(&fs);
    assert!(again.recovery.damage.is_empty(), "{:?}", again.recovery);
    assert!(again.recovery.quarantined.is_empty());
    assert_eq!(again.frames[0].stamp.lsn, Lsn(first), "replay starts behind the dropped prefix");
    let log = &again.log;
    assert_eq!(log.next_lsn(space(7)), Lsn(2), "an LSN is never used twice");
    assert_eq!(log.next_lsn(space(1)), Lsn(81));
    commit(log, &[(7, b"again")]);
    log.release(space(1), Lsn(80));
    log.release(space(7), Lsn(1));
    upkeep(log);
    assert_eq!(open(&fs).by_space()[&space(7)], [b"again".to_vec()]);
}

fn fs_spares(fs: &MemoryFs) -> usize {
    let names = engram_store::Fs::list(fs, DIR.as_ref()).unwrap();
    names.iter().filter(|name| name.starts_with("spare-")).count()
}

#[test]
fn a_segment_is_not_dropped_under_a_reader() {
    let fs = MemoryFs::new();
    let opened = open(&fs);
    let log = &opened.log;
    commit(log, &[(1, &[0; 4_000])]);
    // This reader holds the segment as the active one, though it will be sealed and released soon.
    let early = log.read_space(space(1), Lsn(1)).unwrap();
    for number in 1..20_u8 {
        commit(log, &[(1, &[number; 4_000])]);
    }
    let late = log.read_space(space(1), Lsn(1)).unwrap();
    log.release(space(1), Lsn(19));
    while log.maintain().unwrap().more {}
    assert_eq!(early.filter_map(Result::ok).count(), 1);
    assert_eq!(late.filter_map(Result::ok).count(), 20);
    assert_eq!(log.maintain().unwrap().dropped, 1, "the readers are gone");
}

#[test]
fn a_closed_log_ends_with_a_checkpoint_and_goes_on_after_the_next_open() {
    let fs = MemoryFs::new();
    let opened = open(&fs);
    opened.log.append(entry(1, b"queued"), 5).unwrap();
    opened.log.close().unwrap();
    assert!(matches!(opened.log.append(entry(1, b"x"), 5), Err(LogError::Closed)));
    assert!(matches!(opened.log.flush(), Err(LogError::Closed)));
    assert!(matches!(opened.log.maintain(), Err(LogError::Closed)));
    opened.log.close().unwrap();
    assert_eq!(read_payloads(&opened.log, 1, 1), [b"queued"], "a closed log can be read");
    drop(opened);

    let again = open(&fs);
    assert!(again.recovery.clean);
    assert_eq!(again.by_space()[&space(1)], [b"queued"]);
    let size = |fs: &MemoryFs| crate::support::file_bytes(fs, &segments(fs)[0]);
    let bytes = size(&fs);
    again.log.close().unwrap();
    assert_eq!(size(&fs), bytes, "a second checkpoint at the same place would only take room");
    let third = open(&fs);
    commit(&third.log, &[(1, b"more")]);
    drop(third);
    let fourth = open(&fs);
    assert!(!fourth.recovery.clean);
    assert_eq!(fourth.recovery.frames, 2);
}

#[test]
fn a_checkpoint_of_many_spaces_spans_segments() {
    let fs = MemoryFs::new();
    let opened = open(&fs);
    for number in 0..500 {
        opened.log.append(entry(number, b"x"), 5).unwrap();
    }
    opened.log.close().unwrap();
    let again = open(&fs);
    assert!(again.recovery.clean, "{:?}", again.recovery);
    assert_eq!((again.recovery.frames, again.recovery.damage.len()), (500, 0));
    assert!(open(&fs).recovery.clean);
}

#[test]
fn many_threads_append_flush_maintain_and_read_at_once() {
    let fs = MemoryFs::new();
    let opened = open(&fs);
    let log = &opened.log;
    let acknowledged = std::sync::Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for number in 0..4 {
            let acknowledged = &acknowledged;
            scope.spawn(move || {
                for round in 0..150_u64 {
                    let payload = [number as u8; 200];
                    let stamp = log.append(entry(number, &payload), round as i64).unwrap();
                    assert_eq!(stamp.lsn, Lsn(round + 1));
                    let durable = log.flush().unwrap();
                    acknowledged.lock().unwrap().extend(durable);
                    log.maintain().unwrap();
                    // Another thread's flush may have taken it, but then ours waited for that one.
                    assert_eq!(log.durable_lsn(space(number)), stamp.lsn);
                    assert_eq!(read_payloads(log, number, 1).len() as u64, stamp.lsn.0);
                }
            });
        }
    });
    let mut acknowledged = acknowledged.into_inner().unwrap();
    acknowledged.sort_unstable();
    let again = open(&fs);
    let mut stamps: Vec<_> = again.frames.iter().map(|frame| frame.stamp).collect();
    stamps.sort_unstable();
    assert_eq!(stamps.len(), 600);
    assert_eq!(acknowledged, stamps, "each commit is acknowledged once and comes back once");
}

#[test]
fn replay_may_refuse() {
    let fs = MemoryFs::new();
    commit(&open(&fs).log, &[(1, b"a"), (1, b"b")]);
    let mut seen = 0;
    let entropy = SeededEntropy::new(1);
    let result = ShardLog::open(Arc::new(fs.clone()), DIR.as_ref(), SMALL, &entropy, &mut |_| {
        seen += 1;
        Err(LogError::Replay("no".to_owned()))
    });
    assert!(matches!(result, Err(LogError::Replay(reason)) if reason == "no"));
    assert_eq!(seen, 1);
    assert_eq!(open(&fs).recovery.frames, 2, "nothing was harmed");
}

#[test]
fn segments_of_another_size_are_kept_and_passed_over() {
    let fs = MemoryFs::new();
    let opened = open(&fs);
    commit(&opened.log, &[(1, &[1; 9_000])]);
    drop(opened);
    let large = LogOptions { segment_bytes: 64 << 10, ..SMALL };
    let opened = try_open(Arc::new(fs.clone()), large).unwrap();
    commit(&opened.log, &[(1, &[2; 50_000])]);
    drop(opened);
    let again = open(&fs);
    assert_eq!(again.recovery.frames, 2);
    assert!(again.recovery.damage.is_empty(), "{:?}", again.recovery);
}

#[test]
fn the_log_works_on_real_files() {
    let scratch = tempfile::tempdir().unwrap();
    let dir = scratch.path().join("data/wal");
    let entropy = SeededEntropy::new(3);
    let run = |round: u8| {
        let mut frames = 0;
        let mut count = |_| {
            frames += 1;
            Ok(())
        };
        let (log, recovery) =
            ShardLog::open(Arc::new(RealFs), &dir, SMALL, &entropy, &mut count).unwrap();
        assert!(recovery.damage.is_empty());
        for number in 0..20 {
            commit(&log, &[(1, &[round; 1_500]), (2, &[number])]);
        }
        log.release(space(1), Lsn(u64::from(round) * 20));
        while log.maintain().unwrap().more {}
        if round.is_multiple_of(2) {
            log.close().unwrap();
        }
        frames
    };
    assert_eq!([1, 2, 3].map(run), [0, 40, 80]);
}
