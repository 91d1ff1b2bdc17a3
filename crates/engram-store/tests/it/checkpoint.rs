//! What a checkpoint asks of the log: where spaces stand, who holds it back, and reading one space among many.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use engram_store::{CommitTime, LogError, LogOptions, Lsn, MemoryFs, SpaceId};

use crate::support::{
    DIR, FailingFs, SMALL, commit, entry, file_bytes, mangled, open, read_payloads, segments,
    space, try_open,
};

#[test]
fn the_tip_is_the_last_durable_commit() {
    let fs = MemoryFs::new();
    let opened = open(&fs);
    let log = &opened.log;
    assert_eq!(log.tip(space(1)), None);
    log.append(entry(1, b"queued"), 50).unwrap();
    assert_eq!(log.tip(space(1)), None, "not durable yet");
    log.flush().unwrap();
    commit(log, &[(1, b"second")]);
    let tip = log.tip(space(1)).unwrap();
    let frame = log.read_space(space(1), Lsn(2)).unwrap().next().unwrap().unwrap();
    assert_eq!((tip.lsn, tip.time), (Lsn(2), CommitTime(1_000)));
    assert_eq!((tip.chain, tip.state_sum), (frame.chain, frame.state_sum));
    assert_eq!(open(&fs).log.tip(space(1)), Some(tip), "it survives");
    // When all frames of a space are dropped, its tip stands in `base`.
    for number in 0..10 {
        commit(log, &[(2, &[number; 4_000])]);
    }
    log.release(space(1), Lsn(2));
    log.release(space(2), Lsn(9));
    while log.maintain().unwrap().more {}
    assert!(read_payloads(log, 1, 1).is_empty());
    assert_eq!(log.tip(space(1)), Some(tip));
    assert_eq!(open(&fs).log.tip(space(1)), Some(tip));
}

#[test]
fn spaces_hold_the_oldest_segment_back_until_they_are_released() {
    let fs = MemoryFs::new();
    let opened = open(&fs);
    let log = &opened.log;
    let ids = |numbers: &[u32]| numbers.iter().map(|number| space(*number)).collect::<Vec<_>>();
    commit(log, &[(3, b"c"), (1, b"a"), (2, b"b")]);
    assert!(log.holding_back(9).is_empty(), "nothing is sealed yet");
    log.release(space(2), Lsn(1));
    for number in 0..5 {
        commit(log, &[(1, &[number; 6_000])]);
    }
    let first = segments(&fs)[0].clone();
    assert_eq!(log.holding_back(9), ids(&[1, 3]), "released before it was sealed");
    assert_eq!(log.holding_back(1), ids(&[1]));
    assert!(log.holding_back(0).is_empty());
    assert_eq!(log.maintain().unwrap().dropped, 0);
    log.release(space(3), Lsn(1));
    log.release(space(3), Lsn(0));
    log.release(space(9), Lsn(77));
    log.release(space(1), Lsn(1));
    assert_eq!(log.holding_back(9), ids(&[1]), "a part is not enough");
    log.release(space(1), Lsn(2));
    assert!(log.holding_back(9).is_empty());
    assert_eq!(log.maintain().unwrap().dropped, 1);
    assert!(!segments(&fs).contains(&first));
    assert_eq!(log.holding_back(9), ids(&[1]), "the next one is the oldest now");
    log.release(space(1), Lsn(u64::MAX));
    while log.maintain().unwrap().more {}
    assert_eq!(log.stats().segments, 1, "only the active one is left");
    assert!(log.holding_back(9).is_empty());
}

#[test]
fn a_log_with_quarantined_spaces_is_held_back_by_nobody() {
    let fs = MemoryFs::new();
    let opened = open(&fs);
    for number in 0..10 {
        commit(&opened.log, &[(1, &[number; 4_000]), (2, b"x")]);
    }
    assert_eq!(opened.log.holding_back(9), [space(1), space(2)]);
    let bad = mangled(&fs, &segments(&fs)[0], |bytes| bytes[4_096 + 100] ^= 1);
    let opened = open(&bad);
    assert_eq!(opened.recovery.quarantined.len(), 1);
    assert!(opened.log.holding_back(9).is_empty(), "releasing would not help");
}

#[test]
fn bytes_on_disk_count_the_segments_in_use() {
    let fs = MemoryFs::new();
    let opened = open(&fs);
    let log = &opened.log;
    commit(log, &[(1, b"first")]);
    assert_eq!(log.stats().bytes_on_disk, SMALL.segment_bytes);
    for number in 0..10 {
        commit(log, &[(1, &[number; 4_000])]);
    }
    let stats = log.stats();
    assert!(stats.segments > 2);
    assert_eq!(stats.bytes_on_disk, stats.segments * SMALL.segment_bytes);
    log.release(space(1), Lsn(11));
    while log.maintain().unwrap().more {}
    assert_eq!(log.stats().bytes_on_disk, SMALL.segment_bytes);
    drop(opened);
    let large = LogOptions { segment_bytes: 64 << 10, ..SMALL };
    let opened = try_open(Arc::new(fs), large).unwrap();
    commit(&opened.log, &[(1, &[1; 15_000])]);
    assert_eq!(opened.log.stats().bytes_on_disk, (16 << 10) + (64 << 10));
}

#[test]
fn many_spaces_over_many_segments_are_read_with_few_open_files() {
    let fs = FailingFs::default();
    let opened = try_open(Arc::new(fs.clone()), SMALL).unwrap();
    let log = &opened.log;
    let payload = |round: u32, number: u32| [round as u8; 30].map(|byte| byte ^ number as u8);
    for round in 0..40 {
        for number in 0..100 {
            log.append(entry(number, &payload(round, number)), 0).unwrap();
        }
        log.flush().unwrap();
    }
    assert!(log.stats().segments > 30);
    for number in 0..100 {
        let expected: Vec<Vec<u8>> = (0..40).map(|round| payload(round, number).to_vec()).collect();
        assert_eq!(read_payloads(log, number, 1), expected);
        assert_eq!(read_payloads(log, number, 25), expected[24..]);
    }
    let open_now = fs.faults.handles.0.load(Ordering::SeqCst);
    assert!(open_now <= 20, "{open_now} files are open");
}

#[test]
fn a_space_with_very_many_frames_in_one_segment_is_read() {
    let fs = MemoryFs::new();
    let options = LogOptions { segment_bytes: 1 << 20, ..SMALL };
    let opened = try_open(Arc::new(fs.clone()), options).unwrap();
    for round in 0..20_000_u32 {
        opened.log.append(entry(round % 2, &round.to_le_bytes()), 0).unwrap();
    }
    opened.log.flush().unwrap();
    assert!(opened.log.stats().segments < 5);
    let check = |opened: &crate::support::Opened| {
        for from in [1, 1_024, 1_025, 4_000] {
            let read = read_payloads(&opened.log, 1, from);
            let expected = (0..20_000_u32).filter(|round| round % 2 == 1);
            let expected = expected.skip(from as usize - 1).map(|round| round.to_le_bytes());
            assert!(read.iter().map(Vec::as_slice).eq(expected.collect::<Vec<_>>().iter()));
        }
    };
    check(&opened);
    drop(opened);
    check(&try_open(Arc::new(fs), options).unwrap());
}

/// Opens a log of three segments, then changes the first one, and reads a space from it.
fn read_damaged(number: u32, change: impl FnOnce(&mut Vec<u8>)) -> Vec<Result<Vec<u8>, LogError>> {
    let fs = MemoryFs::new();
    let opened = open(&fs);
    for round in 0..12 {
        commit(&opened.log, &[(1, &[round; 3_000]), (2, b"two")]);
    }
    let name = segments(&fs)[0].clone();
    let mut bytes = file_bytes(&fs, &name);
    change(&mut bytes);
    let file = engram_store::Fs::open(
        &fs,
        &std::path::Path::new(DIR).join(&name),
        engram_store::OpenMode::Write,
    );
    file.unwrap().write_at(0, &bytes).unwrap();
    let frames = opened.log.read_space(space(number), Lsn(1)).unwrap();
    frames.map(|frame| frame.map(|frame| frame.payload)).collect()
}

fn footer_of(bytes: &[u8]) -> usize {
    let trailer = bytes.len() - 64;
    u32::from_le_bytes(bytes[trailer + 8..trailer + 12].try_into().unwrap()) as usize
}

#[test]
fn a_footer_that_rots_under_a_reader_is_named() {
    assert_eq!(read_damaged(2, |_| ()).len(), 12);
    // The last four bytes of the payload are the offset of the last frame of the greatest space.
    let result = read_damaged(2, |bytes| {
        let footer = footer_of(bytes);
        let len = u32::from_le_bytes(bytes[footer..footer + 4].try_into().unwrap()) as usize;
        bytes[footer + 88 + len - 4] ^= 8;
    });
    let error = result.last().unwrap().as_ref().unwrap_err().to_string();
    assert!(error.contains("the footer is damaged"), "{error}");
    assert!(result.len() > 1, "what comes before is read");
    let result = read_damaged(1, |bytes| bytes[4_096 + 200] ^= 1);
    assert!(matches!(&result[..], [Err(LogError::Corrupt { offset: 4_096, .. })]));
}

#[test]
fn dropping_a_segment_of_many_spaces_keeps_all_their_tips() {
    let fs = MemoryFs::new();
    let options = LogOptions { segment_bytes: 1 << 20, ..SMALL };
    let opened = try_open(Arc::new(fs.clone()), options).unwrap();
    let log = &opened.log;
    for round in 0..4_u32 {
        for number in 0..3_000 {
            // The order of the spaces in a batch is not that of their ids.
            log.append(entry((number * 7) % 3_000, &round.to_le_bytes()), 0).unwrap();
        }
        log.flush().unwrap();
    }
    let ids: Vec<SpaceId> = (0..3_000).map(space).collect();
    let tips: Vec<_> = ids.iter().map(|id| log.tip(*id)).collect();
    assert!(log.stats().segments > 1);
    assert_eq!(log.holding_back(usize::MAX).len(), 3_000);
    ids.iter().for_each(|id| log.release(*id, Lsn(4)));
    ids.iter().for_each(|id| log.release(*id, Lsn(4)));
    while log.maintain().unwrap().more {}
    assert_eq!(log.stats().segments, 1);
    let again = try_open(Arc::new(fs), options).unwrap();
    assert!(again.recovery.damage.is_empty());
    assert!(ids.iter().map(|id| again.log.tip(*id)).eq(tips));
}
