//! The log when its bytes change behind its back: torn tails are cut, damage is never silent.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use engram_store::{Fs, LogError, Lsn, MemoryFs, OpenMode, SpaceId};

use crate::support::{
    DIR, FailingFs, Opened, SMALL, by_space, commit, entry, file_bytes, frame_offsets, mangled,
    open, read_payloads, segments, space, try_open,
};

type Content = BTreeMap<SpaceId, Vec<Vec<u8>>>;

/// Three batches in one segment: [1, 2], [1, 3], [2, 1].
fn small_log() -> (MemoryFs, Content) {
    let fs = MemoryFs::new();
    let opened = open(&fs);
    commit(&opened.log, &[(1, b"1a"), (2, b"2a")]);
    commit(&opened.log, &[(1, b"1b of another length"), (3, b"3a")]);
    commit(&opened.log, &[(2, b"2b"), (1, b"1c")]);
    drop(opened);
    let content = by_space(&open(&fs).frames);
    (fs, content)
}

fn quarantined(opened: &Opened) -> BTreeSet<SpaceId> {
    opened.recovery.quarantined.iter().map(|entry| entry.space).collect()
}

#[test]
fn a_number_that_no_log_counts_to_is_refused() {
    let (fs, _) = small_log();
    let name = "ffffffffffffffff.wal";
    fs.open(&Path::new(DIR).join(name), OpenMode::Create).unwrap();
    let Err(LogError::Corrupt { file, .. }) = try_open(Arc::new(fs), SMALL) else {
        panic!("counted on from the last number there is");
    };
    assert_eq!(file, name);
}

/// What every open of a mangled log must keep: no wrong frame, prefixes only, no loss that is not told.
fn check_harmless_or_told(fs: &MemoryFs, content: &Content, context: &str) -> Opened {
    let opened = open(fs);
    let found = opened.by_space();
    let sick = quarantined(&opened);
    // All frames of a space may be in a hole of unknown owner: then nobody knows that there was such a space.
    let blind = !opened.recovery.damage.is_empty();
    for (owner, payloads) in content {
        let seen = found.get(owner).cloned().unwrap_or_default();
        assert!(payloads.starts_with(&seen), "{context}: {owner} is no prefix");
        if seen.len() < payloads.len() {
            let told = opened.recovery.torn_tail.is_some() || sick.contains(owner);
            assert!(
                told || (blind && seen.is_empty()),
                "{context}: silent loss {:?}",
                opened.recovery
            );
        }
        let refused = opened.log.append(entry_of(*owner), 0).is_err();
        assert_eq!(refused, sick.contains(owner), "{context}: {owner}");
        let read = opened.log.read_space(*owner, Lsn(1)).unwrap();
        let read: Vec<Vec<u8>> = read.map(|frame| frame.unwrap().payload).collect();
        assert_eq!(read, seen, "{context}: reading gives what was replayed");
    }
    assert!(found.keys().all(|owner| content.contains_key(owner)), "{context}: invented space");
    assert!(sick.is_empty() || blind, "{context}: no damage is named");
    opened.log.append(entry(999, b"a new space"), 0).unwrap();
    opened
}

fn entry_of(space: SpaceId) -> engram_store::Entry {
    engram_store::Entry { space, kind: 1, payload: b"probe".to_vec(), state_sum: 0 }
}

/// A second open must come to the same verdicts, also after a healthy space went on and the others stayed idle.
fn check_stable(fs: &MemoryFs, context: &str) {
    let first = open(fs);
    let sick = quarantined(&first);
    let healthy: Vec<SpaceId> =
        first.by_space().into_keys().filter(|owner| !sick.contains(owner)).collect();
    let busy = healthy.last().copied();
    if let Some(owner) = busy {
        first.log.append(entry_of(owner), 0).unwrap();
    }
    first.log.flush().unwrap();
    let before = first.frames.len() + usize::from(busy.is_some());
    drop(first);
    let second = open(fs);
    assert_eq!(quarantined(&second), sick, "{context}: after commits");
    assert_eq!(second.frames.len(), before, "{context}: {:?}", second.recovery);
    second.log.close().unwrap();
    let third = open(fs);
    assert_eq!(quarantined(&third), sick, "{context}: after a close");
    assert_eq!(third.frames.len(), before, "{context}");
    assert!(third.recovery.torn_tail.is_none(), "{context}");
}

#[test]
fn a_torn_batch_does_not_take_a_damaged_one_with_it() {
    let fs = MemoryFs::new();
    let opened = open(&fs);
    commit(&opened.log, &[(1, b"first")]);
    commit(&opened.log, &[(1, b"acknowledged")]);
    commit(&opened.log, &[(1, &[7; 2000])]);
    drop(opened);
    let name = &segments(&fs)[0];
    let offsets = frame_offsets(&file_bytes(&fs, name));
    // The header of the second batch rots; of the third only the header reached the disk, which proves the second.
    let bad = mangled(&fs, name, |bytes| {
        bytes[offsets[1] + 20] ^= 1;
        bytes[offsets[2] + 1000..offsets[2] + 1500].fill(0);
    });
    let opened = open(&bad);
    assert_eq!(opened.frames.len(), 1);
    assert_eq!(quarantined(&opened), BTreeSet::from([space(1)]));
    assert_eq!(opened.recovery.damage.len(), 1);
    assert_eq!(opened.recovery.damage[0].offset, offsets[1] as u64);
}

/// Damage of an acknowledged batch that only the torn batch behind it proves.
fn check_proof_stays(bad: &MemoryFs, sick: u32, context: &str) {
    let verdict = |opened: &Opened| (quarantined(opened), opened.frames.clone());
    let first = open(bad);
    assert_eq!(quarantined(&first), BTreeSet::from([space(sick)]), "{context}");
    assert!(first.recovery.torn_tail.is_some(), "{context}");
    let expected = verdict(&first);
    drop(first);
    let second = open(bad);
    assert_eq!(verdict(&second), expected, "{context}: nothing was written");
    // The LSN that the torn batch had is used for another commit, which must win at each later open.
    commit(&second.log, &[(2, b"instead of the torn one"), (5, b"a new space")]);
    drop(second);
    let third = open(bad);
    assert_eq!(quarantined(&third), BTreeSet::from([space(sick)]), "{context}: after a commit");
    assert_eq!(third.by_space()[&space(2)].last().unwrap(), b"instead of the torn one");
    assert_eq!(third.frames.len(), expected.1.len() + 2, "{context}");
    assert!(third.log.append(entry(sick, b"x"), 0).is_err(), "{context}");
    drop(third);
    check_stable(bad, context);
}

#[test]
fn a_torn_batch_that_proves_damage_is_kept_as_evidence() {
    let fs = MemoryFs::new();
    let opened = open(&fs);
    commit(&opened.log, &[(1, b"first")]);
    commit(&opened.log, &[(1, b"acknowledged")]);
    commit(&opened.log, &[(2, b"in flight a"), (2, b"in flight b")]);
    drop(opened);
    let name = &segments(&fs)[0];
    let offsets = frame_offsets(&file_bytes(&fs, name));
    let bad = mangled(&fs, name, |bytes| {
        bytes[offsets[1] + 88] ^= 1;
        bytes[offsets[2]..offsets[2] + 88].fill(0);
    });
    check_proof_stays(&bad, 1, "a frame of the torn batch");
}

#[test]
fn a_torn_batch_in_the_next_segment_is_evidence_too() {
    let fs = MemoryFs::new();
    let opened = open(&fs);
    commit(&opened.log, &[(1, &[1; 5_000])]);
    // This batch fills the first segment; its footer is the last thing in it.
    commit(&opened.log, &[(3, &[3; 5_000]), (2, &[2; 9_000])]);
    drop(opened);
    let names = segments(&fs);
    let offsets = frame_offsets(&file_bytes(&fs, &names[0]));
    let bad = mangled(&fs, &names[0], |bytes| bytes[offsets[1] + 100] ^= 1);
    let bad = mangled(&bad, &names[1], |bytes| bytes[6_000..6_512].fill(0));
    check_proof_stays(&bad, 3, "a segment with a torn batch only");
}

#[test]
fn a_trailer_that_proves_damage_is_kept_as_evidence() {
    let fs = MemoryFs::new();
    let opened = open(&fs);
    commit(&opened.log, &[(1, &[1; 5_000])]);
    commit(&opened.log, &[(3, &[3; 100])]);
    commit(&opened.log, &[(2, &[2; 5_000]), (2, &[2; 9_000])]);
    drop(opened);
    let names = segments(&fs);
    let offsets = frame_offsets(&file_bytes(&fs, &names[0]));
    // Of the batch that seals the segment only the trailer arrived, and nothing was written behind it.
    let bad = mangled(&fs, &names[0], |bytes| {
        bytes[offsets[1] + 90] ^= 1;
        bytes[offsets[2]..16_320].fill(0);
    });
    let bad = mangled(&bad, &names[1], |bytes| bytes[4_096..].fill(0));
    check_proof_stays_without(&bad);
}

/// As the above for a log in which space 2 has no intact commit.
fn check_proof_stays_without(bad: &MemoryFs) {
    for attempt in 0..3 {
        let opened = open(bad);
        assert_eq!(quarantined(&opened), BTreeSet::from([space(3)]), "open {attempt}");
        assert!(opened.recovery.torn_tail.is_some());
    }
    check_stable(bad, "the trailer");
}

#[test]
fn every_flipped_byte_is_harmless_or_told() {
    let (fs, content) = small_log();
    let name = &segments(&fs)[0];
    let used = *frame_offsets(&file_bytes(&fs, name)).last().unwrap() + 120;
    for position in (0..64).chain(2048..2112).chain(4096..used).chain([9_000, 16_380]) {
        let bad = mangled(&fs, name, |bytes| bytes[position] ^= 0x41);
        let context = format!("flip at {position}");
        drop(check_harmless_or_told(&bad, &content, &context));
        if position % 7 == 0 {
            check_stable(&bad, &context);
        }
    }
}

#[test]
fn every_truncation_is_told() {
    let (fs, content) = small_log();
    let name = &segments(&fs)[0];
    let used = *frame_offsets(&file_bytes(&fs, name)).last().unwrap() + 120;
    for len in (0..4096).step_by(61).chain(4096..used).chain([10_000, 16_383]) {
        let bad = mangled(&fs, name, |bytes| bytes.truncate(len));
        let opened = check_harmless_or_told(&bad, &content, &format!("cut at {len}"));
        assert!(!opened.recovery.damage.is_empty(), "cut at {len}: files never shrink by a crash");
    }
}

#[test]
fn a_closed_log_hides_no_loss() {
    let (fs, content) = small_log();
    open(&fs).log.close().unwrap();
    let name = &segments(&fs)[0];
    let offsets = frame_offsets(&file_bytes(&fs, name));
    for position in 4096..offsets[6] {
        let bad = mangled(&fs, name, |bytes| bytes[position] ^= 0x41);
        let context = format!("flip at {position}");
        let opened = check_harmless_or_told(&bad, &content, &context);
        assert!(
            opened.recovery.torn_tail.is_none(),
            "{context}: the checkpoint proves it was synced"
        );
        let sick = quarantined(&opened);
        let hit = offsets.iter().rposition(|offset| *offset <= position).unwrap();
        let owner = [1, 2, 1, 3, 2, 1][hit];
        assert_eq!(sick, BTreeSet::from([space(owner)]), "{context}: only the owner is hit");
        check_stable(&bad, &context);
    }
}

/// A closed log of several segments: batches of one to three commits of three spaces and one that is idle.
fn closed_log() -> (MemoryFs, Content) {
    let fs = MemoryFs::new();
    let opened = open(&fs);
    commit(&opened.log, &[(9, b"idle")]);
    for number in 0..40_u32 {
        let payload = vec![number as u8 | 1; (number as usize * 577) % 900];
        let batch: Vec<(u32, &[u8])> =
            (0..=number % 3).map(|space| ((space + number) % 3, payload.as_slice())).collect();
        commit(&opened.log, &batch);
    }
    opened.log.close().unwrap();
    let content = by_space(&opened_frames(&fs));
    (fs, content)
}

/// The frames of a copy, so that the open leaves no trace.
fn opened_frames(fs: &MemoryFs) -> Vec<engram_store::Frame> {
    let name = &segments(fs)[0];
    open(&mangled(fs, name, |_| {})).frames
}

#[test]
fn a_closed_log_loses_nothing_silently_to_a_bad_block() {
    let (fs, content) = closed_log();
    assert!(segments(&fs).len() >= 2);
    for name in segments(&fs) {
        let len = file_bytes(&fs, &name).len();
        for (block, fill) in [(512, 0), (512, 0xA5), (4_096, 0), (4_096, 0xA5)] {
            for start in (0..len).step_by(block) {
                let bad = mangled(&fs, &name, |bytes| bytes[start..start + block].fill(fill));
                let context = format!("{name}: {block} bytes of {fill} at {start}");
                let mut verdicts = Vec::new();
                for _ in 0..2 {
                    let opened = open(&bad);
                    let (found, sick) = (opened.by_space(), quarantined(&opened));
                    for (owner, payloads) in &content {
                        let seen = found.get(owner).cloned().unwrap_or_default();
                        assert!(payloads.starts_with(&seen), "{context}: {owner}");
                        let lost = seen.len() < payloads.len();
                        assert!(!lost || sick.contains(owner), "{context}: {:?}", opened.recovery);
                    }
                    verdicts.push((found, sick));
                }
                assert_eq!(verdicts[0], verdicts[1], "{context}: the second open differs");
            }
        }
    }
}

#[test]
fn a_block_that_cannot_be_read_is_damage_and_never_a_torn_tail() {
    let (fs, content) = closed_log();
    for name in segments(&fs) {
        let len = file_bytes(&fs, &name).len() as u64;
        for start in (0..len).step_by(4_096) {
            let bad = FailingFs { inner: mangled(&fs, &name, |_| {}), ..FailingFs::default() };
            let before = file_bytes(&bad.inner, &name);
            *bad.faults.unreadable.lock().unwrap() = Some((name.clone(), start..start + 4_096));
            bad.faults.unreadable_times.store(u64::MAX, Ordering::SeqCst);
            let mut verdicts = Vec::new();
            for attempt in 0..3 {
                let context = format!("{name} at {start}, open {attempt}");
                let opened = open(&bad);
                assert!(opened.recovery.torn_tail.is_none(), "{context}");
                assert!(!opened.recovery.damage.is_empty(), "{context}");
                let (mut found, sick) = (opened.by_space(), quarantined(&opened));
                found.remove(&space(77));
                for (owner, payloads) in &content {
                    let seen = found.get(owner).cloned().unwrap_or_default();
                    assert!(payloads.starts_with(&seen), "{context}: {owner}");
                    let lost = seen.len() < payloads.len();
                    assert!(!lost || sick.contains(owner), "{context}: {:?}", opened.recovery);
                }
                verdicts.push((found, sick));
                if attempt == 1 {
                    commit(&opened.log, &[(77, b"a new space")]);
                }
            }
            assert!(verdicts.iter().all(|verdict| *verdict == verdicts[0]), "{name} at {start}");
            assert_eq!(file_bytes(&bad.inner, &name), before, "nothing is overwritten");
        }
        // A device that reads nothing is no damage.
        let gone = FailingFs { inner: mangled(&fs, &name, |_| {}), ..FailingFs::default() };
        *gone.faults.unreadable.lock().unwrap() = Some((name.clone(), 0..len));
        gone.faults.unreadable_times.store(u64::MAX, Ordering::SeqCst);
        let result = try_open(Arc::new(gone), SMALL);
        assert!(result.is_err() || name != *segments(&fs).last().unwrap());
    }
}

#[test]
fn a_torn_batch_is_cut_whatever_sectors_arrived() {
    let (fs, content) = small_log();
    let name = &segments(&fs)[0];
    let bytes = file_bytes(&fs, name);
    let offsets = frame_offsets(&bytes);
    let batch = offsets[4]..offsets[5] + 96;
    for lost in (batch.start..batch.end).step_by(8) {
        // One lost sector: zeros in the middle of the last batch.
        let bad = mangled(&fs, name, |bytes| bytes[lost..lost + 8].fill(0));
        if file_bytes(&bad, name) == bytes {
            continue;
        }
        let context = format!("sector lost at {lost}");
        let opened = check_harmless_or_told(&bad, &content, &context);
        assert!(opened.recovery.damage.is_empty(), "{context}");
        let torn = opened.recovery.torn_tail.as_ref().unwrap();
        let cut = if lost < offsets[5] { offsets[4] } else { offsets[5] };
        assert_eq!(torn.offset, cut as u64, "{context}");
        let rest = &file_bytes(&bad, name)[cut..];
        assert!(rest.iter().all(|byte| *byte == 0), "{context}: nothing stale stays");
        check_stable(&bad, &context);
    }
}

#[test]
fn frames_of_a_torn_batch_do_not_come_back_behind_new_ones() {
    let fs = MemoryFs::new();
    let opened = open(&fs);
    commit(&opened.log, &[(1, b"kept")]);
    commit(&opened.log, &[(1, b"lost"), (1, b"stale")]);
    drop(opened);
    let name = &segments(&fs)[0];
    let lost = frame_offsets(&file_bytes(&fs, name))[1];
    let bad = mangled(&fs, name, |bytes| bytes[lost..lost + 88].fill(0));
    let opened = open(&bad);
    assert_eq!(opened.by_space()[&space(1)], [b"kept"]);
    // The new frame has the length of the lost one: a stale frame behind it would fit the offsets.
    commit(&opened.log, &[(1, b"new!")]);
    drop(opened);
    let again = open(&bad);
    assert_eq!(again.by_space()[&space(1)], [b"kept".to_vec(), b"new!".to_vec()]);
    assert!(again.recovery.damage.is_empty() && again.recovery.torn_tail.is_none());
}

#[test]
fn damage_before_a_later_batch_is_never_cut() {
    let (fs, content) = small_log();
    let name = &segments(&fs)[0];
    let offsets = frame_offsets(&file_bytes(&fs, name));
    // The payload of 1b: its header names the owner.
    let bad = mangled(&fs, name, |bytes| bytes[offsets[2] + 90] ^= 1);
    let opened = check_harmless_or_told(&bad, &content, "payload");
    assert_eq!(quarantined(&opened), BTreeSet::from([space(1)]));
    assert_eq!(opened.recovery.quarantined[0].expected, Lsn(2));
    let damage = &opened.recovery.damage[0];
    assert_eq!((damage.file.as_str(), damage.offset), (name.as_str(), offsets[2] as u64));
    assert_eq!(damage.bytes, (offsets[3] - offsets[2]) as u64);
    assert!(
        damage.what.contains("LSN 2") && damage.repair.contains("engram store repair"),
        "{damage:?}"
    );
    let refused = opened.log.append(entry(1, b"x"), 0);
    assert!(matches!(refused, Err(LogError::Quarantined { space: s, .. }) if s == space(1)));
    assert_eq!(read_payloads(&opened.log, 1, 1), [b"1a"], "readable up to the break");
    assert_eq!(file_bytes(&bad, name)[offsets[2]..], {
        let mut expected = file_bytes(&fs, name);
        expected[offsets[2] + 90] ^= 1;
        expected[offsets[2]..].to_vec()
    });
    check_stable(&bad, "payload");

    // Its header: nobody knows the owner. 2 is proven by its next frame, 3 is not; 1 breaks.
    let bad = mangled(&fs, name, |bytes| bytes[offsets[2] + 20] ^= 1);
    let opened = check_harmless_or_told(&bad, &content, "header");
    assert_eq!(quarantined(&opened), BTreeSet::from([space(1)]));
    check_stable(&bad, "header");
    for number in [100, 101, 102] {
        let opened = open(&bad);
        assert_eq!(quarantined(&opened), BTreeSet::from([space(1)]), "{:?}", opened.recovery);
        commit(&opened.log, &[(number, b"a space that was made after the damage")]);
        opened.log.close().unwrap();
    }
    assert_eq!(open(&bad).by_space().len(), 6, "every one of them came back");
}

#[test]
fn damage_in_a_sealed_segment_hits_only_its_owner() {
    let fs = MemoryFs::new();
    let opened = open(&fs);
    commit(&opened.log, &[(5, b"only here")]);
    for number in 0..12_u8 {
        commit(&opened.log, &[(1, &[number; 2_000]), (2, b"two"), (3, b"three")]);
    }
    commit(&opened.log, &[(4, b"four")]);
    drop(opened);
    let names = segments(&fs);
    assert!(names.len() >= 2);
    let content = by_space(&open(&fs).frames);
    let offsets = frame_offsets(&file_bytes(&fs, &names[0]));
    // The only commit of space 5 is gone, and no later frame of it tells: the footer does.
    let bad = mangled(&fs, &names[0], |bytes| bytes[offsets[0]..offsets[1]].fill(0));
    let opened = check_harmless_or_told(&bad, &content, "idle");
    assert_eq!(quarantined(&opened), BTreeSet::from([space(5)]));
    check_stable(&bad, "idle");
    // The whole first frame of space 2 is gone.
    let bad = mangled(&fs, &names[0], |bytes| bytes[offsets[2]..offsets[3]].fill(0));
    let opened = check_harmless_or_told(&bad, &content, "hole");
    assert_eq!(quarantined(&opened), BTreeSet::from([space(2)]));
    opened.log.append(entry(77, b"a new space is fine"), 0).unwrap();
    check_stable(&bad, "hole");
    // A broken footer or trailer costs nothing but a report.
    let footer = *offsets.last().unwrap();
    for position in (footer..footer + 200).chain(16_320..16_384) {
        let bad = mangled(&fs, &names[0], |bytes| bytes[position] ^= 0x20);
        let opened = check_harmless_or_told(&bad, &content, &format!("footer at {position}"));
        assert!(opened.recovery.quarantined.is_empty(), "{position}: {:?}", opened.recovery);
        assert_eq!(opened.recovery.damage.len(), 1, "{position}: {:?}", opened.recovery);
        assert_eq!(opened.by_space(), content);
    }
    // Without the footer and without the trailer it is unknown what was there.
    let bad = mangled(&fs, &names[0], |bytes| bytes[footer..].fill(0));
    let opened = check_harmless_or_told(&bad, &content, "no footer");
    assert!(!opened.recovery.damage.is_empty());
    check_stable(&bad, "no footer");
}

/// A log of several segments, with a prefix dropped when `dropped`.
fn long_log(dropped: bool) -> (MemoryFs, Content) {
    let fs = MemoryFs::new();
    let opened = open(&fs);
    commit(&opened.log, &[(9, b"idle")]);
    for number in 0..40_u8 {
        commit(&opened.log, &[(1, &[number; 1_800]), (2, &[number])]);
    }
    if dropped {
        opened.log.release(space(9), Lsn(1));
        for number in [1, 2] {
            opened.log.release(space(number), Lsn(20));
        }
        while opened.log.maintain().unwrap().more {}
    }
    drop(opened);
    let content = by_space(&open(&fs).frames);
    (fs, content)
}

#[test]
fn a_missing_segment_is_told() {
    for dropped in [false, true] {
        let (fs, content) = long_log(dropped);
        let names = segments(&fs);
        assert!(names.len() >= 4);
        for name in &names[..names.len() - 1] {
            let bad = mangled(&fs, name, |_| {});
            bad.remove(&Path::new(DIR).join(name)).unwrap();
            let context = format!("without {name}");
            let opened = check_harmless_or_told(&bad, &content, &context);
            assert!(!opened.recovery.damage.is_empty(), "{context}");
            assert!(quarantined(&opened).is_superset(&BTreeSet::from([space(1), space(2)])));
            check_stable(&bad, &context);
        }
        let bad = mangled(&fs, &names[0], |_| {});
        bad.remove(&Path::new(DIR).join(names.last().unwrap())).unwrap();
        let opened = check_harmless_or_told(&bad, &content, "without the last");
        assert!(
            !opened.recovery.damage.is_empty(),
            "the footer before it proves that it was there"
        );
        check_stable(&bad, "without the last");
    }
}

#[test]
fn a_broken_base_is_told_and_no_lsn_is_used_again() {
    let (fs, _) = long_log(true);
    assert_eq!(open(&fs).log.next_lsn(space(9)), Lsn(2));
    for broken in [true, false] {
        let bad = mangled(&fs, "base", |bytes| bytes[20] ^= u8::from(broken));
        if !broken {
            bad.remove(&Path::new(DIR).join("base")).unwrap();
        }
        let opened = open(&bad);
        assert!(!opened.recovery.damage.is_empty());
        for number in [1, 2] {
            let refused = opened.log.append(entry(number, b"x"), 0);
            assert!(matches!(refused, Err(LogError::Quarantined { .. })), "space {number}");
        }
        // Only the base knew space 9: an owner that kept a record of it sees that the log has lost it.
        assert_eq!(opened.log.durable_lsn(space(9)), Lsn(0));
    }
}

#[test]
fn only_a_base_that_stays_unreadable_is_damaged() {
    let (fs, content) = long_log(true);
    for (failures, damaged) in [(1, false), (u64::MAX, true)] {
        let bad = FailingFs { inner: mangled(&fs, "base", |_| {}), ..FailingFs::default() };
        *bad.faults.unreadable.lock().unwrap() = Some(("base".to_owned(), 0..u64::MAX));
        bad.faults.unreadable_times.store(failures, Ordering::SeqCst);
        let opened = open(&bad);
        assert_eq!(!opened.recovery.damage.is_empty(), damaged, "{:?}", opened.recovery);
        assert_eq!(opened.by_space() == content, !damaged);
        assert_eq!(opened.log.append(entry(1, b"x"), 0).is_err(), damaged);
    }
}

#[test]
fn leftovers_of_crashes_are_harmless() {
    let (fs, content) = long_log(true);
    let names = segments(&fs);
    let last = u64::from_str_radix(names.last().unwrap().trim_end_matches(".wal"), 16).unwrap();
    let bad = mangled(&fs, "base", |_| {});
    let put = |name: &str, bytes: &[u8]| {
        let file = bad.open(&Path::new(DIR).join(name), OpenMode::Create).unwrap();
        file.write_at(0, bytes).unwrap();
    };
    put("0000000000000001.wal", &file_bytes(&fs, &names[0]));
    put(&format!("{:016x}.wal", last + 1), &[0; 16 << 10]);
    put("spare-00000000000000ff.wal", b"half written");
    put("base.tmp", b"half written");
    put("notes.txt", b"not ours");
    let opened = check_harmless_or_told(&bad, &content, "leftovers");
    assert!(opened.recovery.damage.is_empty(), "{:?}", opened.recovery);
    drop(opened);
    let opened = open(&bad);
    for number in 40..60_u8 {
        commit(&opened.log, &[(1, &[number; 1_800])]);
    }
    while opened.log.maintain().unwrap().more {}
    drop(opened);
    assert!(open(&bad).recovery.damage.is_empty());
    assert_eq!(file_bytes(&bad, "notes.txt"), b"not ours");
}

#[test]
fn a_payload_that_contains_a_frame_stays_a_payload() {
    let fs = MemoryFs::new();
    let opened = open(&fs);
    commit(&opened.log, &[(1, b"victim"), (2, b"innocent")]);
    let name = &segments(&fs)[0];
    let bytes = file_bytes(&fs, name);
    let offsets = frame_offsets(&bytes);
    // A verbatim copy of both frames, at every alignment to 8 that recovery may try.
    let forged = bytes[offsets[0]..offsets[1] + 96].to_vec();
    commit(&opened.log, &[(3, &forged), (3, &forged)]);
    commit(&opened.log, &[(2, b"after")]);
    drop(opened);
    let content = by_space(&open(&fs).frames);
    assert_eq!(content[&space(3)], [forged.clone(), forged]);
    // Recovery has to look inside the payload only when the header before it is gone.
    let carrier = offsets[1] + 96;
    let bad = mangled(&fs, name, |bytes| bytes[carrier..carrier + 88].fill(0xFF));
    let opened = check_harmless_or_told(&bad, &content, "forged");
    assert_eq!(opened.by_space()[&space(2)].len(), 2);
    assert_eq!(opened.by_space()[&space(1)].len(), 1);
    assert_eq!(quarantined(&opened), BTreeSet::from([space(1), space(3)]), "1 cannot be proven");
}

#[test]
fn a_stale_frame_at_its_old_offset_does_not_pass_in_another_life_of_the_file() {
    let (fs, _) = long_log(false);
    let names = segments(&fs);
    let old = file_bytes(&fs, &names[0]);
    let offsets = frame_offsets(&old);
    let bad = mangled(&fs, &names[1], |bytes| {
        bytes[offsets[0]..offsets[2]].copy_from_slice(&old[offsets[0]..offsets[2]]);
    });
    let opened = open(&bad);
    assert!(!opened.recovery.damage.is_empty());
    for number in [1, 2, 9] {
        opened.log.release(space(number), Lsn(u64::MAX));
    }
    while opened.log.maintain().unwrap().more {}
    assert_eq!(
        segments(&bad)[0],
        names[0],
        "a log with quarantine is evidence and is not cut short"
    );
    let stamps: Vec<_> = opened.frames.iter().map(|frame| frame.stamp).collect();
    let unique: BTreeSet<_> = stamps.iter().copied().collect();
    assert_eq!(unique.len(), stamps.len(), "no frame is replayed twice");
}

#[test]
fn a_broken_header_copy_is_healed() {
    let (fs, content) = small_log();
    let name = &segments(&fs)[0];
    let bad = mangled(&fs, name, |bytes| bytes[20] ^= 1);
    drop(check_harmless_or_told(&bad, &content, "first copy"));
    assert_eq!(file_bytes(&bad, name)[..4096], file_bytes(&fs, name)[..4096]);
}

#[test]
fn a_newer_format_is_refused() {
    let (fs, _) = small_log();
    let name = &segments(&fs)[0];
    let newer = |bytes: &mut Vec<u8>| {
        for at in [0, 2048] {
            bytes[at + 8] = 2;
            let crc = crc32c(&bytes[at..at + 60]);
            bytes[at + 60..at + 64].copy_from_slice(&crc.to_le_bytes());
        }
    };
    let bad = mangled(&fs, name, newer);
    let before = file_bytes(&bad, name);
    let result = try_open(Arc::new(bad.clone()), SMALL);
    assert!(matches!(result, Err(LogError::NewerFormat { found: 2, supported: 1 })));
    assert_eq!(file_bytes(&bad, name), before, "nothing is touched");
}

/// CRC32C bit by bit, independent of the crate that the log uses.
fn crc32c(bytes: &[u8]) -> u32 {
    let mut crc = !0_u32;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { (crc >> 1) ^ 0x82F6_3B78 } else { crc >> 1 };
        }
    }
    !crc
}
