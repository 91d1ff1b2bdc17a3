//! Looking at logs without touching them, and writing them anew.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use engram_store::{
    Entropy as _, Frame, Fs, InHistory, LogError, LogRecord, LogRewrite, LogSurvey, Lsn, MemoryFs,
    SeededEntropy, SpaceTip,
};

use crate::support::{DIR, SMALL, by_space, commit, file_bytes, mangled, open, segments, space};

const NEW_DIR: &str = "/new/wal";

/// A closed log of several segments.
fn filled() -> MemoryFs {
    let fs = MemoryFs::new();
    let opened = open(&fs);
    for round in 0..40_u8 {
        let long = vec![round; 700];
        commit(&opened.log, &[(1, b"short".as_slice()), (2, &long), (1, &long)]);
    }
    opened.log.close().unwrap();
    fs
}

fn survey(fs: &MemoryFs) -> (LogSurvey, Vec<LogRecord>) {
    let mut records = Vec::new();
    let fs: Arc<dyn Fs> = Arc::new(fs.clone());
    let survey = LogSurvey::open(&fs, DIR.as_ref(), &mut |record| {
        records.push(record);
        Ok(())
    });
    (survey.unwrap(), records)
}

fn frames(records: &[LogRecord], wanted: InHistory) -> Vec<Frame> {
    let frame = |record: &LogRecord| match record {
        LogRecord::Commit { frame, place, .. } if *place == wanted => Some(frame.clone()),
        _ => None,
    };
    records.iter().filter_map(frame).collect()
}

fn all_bytes(fs: &MemoryFs) -> BTreeMap<String, Vec<u8>> {
    let names = fs.list(DIR.as_ref()).unwrap();
    names.into_iter().map(|name| (name.clone(), file_bytes(fs, &name))).collect()
}

#[test]
fn a_survey_comes_to_the_verdicts_of_an_open_and_touches_nothing() {
    let fs = filled();
    let entropy = SeededEntropy::new(5);
    let draw = || {
        let mut bytes = [0; 8];
        entropy.fill(&mut bytes);
        u64::from_le_bytes(bytes) as usize
    };
    let names = segments(&fs);
    assert!(names.len() > 3);
    for round in 0..60 {
        let name = &names[draw() % names.len()];
        let used: Vec<usize> = file_bytes(&fs, name)
            .iter()
            .enumerate()
            .filter_map(|(at, byte)| (*byte != 0).then_some(at))
            .collect();
        let at = used[draw() % used.len()];
        let bad = match round % 4 {
            0 => mangled(&fs, name, |bytes| bytes.truncate(at)),
            _ => mangled(&fs, name, |bytes| bytes[at] ^= 1 << (at % 8)),
        };
        let before = all_bytes(&bad);
        let (survey, records) = survey(&bad);
        assert_eq!(all_bytes(&bad), before, "{name} at {at}");
        for number in [1, 2] {
            let read: Result<Vec<Frame>, LogError> =
                survey.read_space(space(number), Lsn(1)).collect();
            let tip = survey.tips.get(&space(number)).map_or(0, |tip| tip.lsn.0);
            assert_eq!(read.unwrap().len() as u64, tip, "{name} at {at}");
        }
        let opened = open(&bad);
        assert_eq!(survey.recovery, opened.recovery, "{name} at {at}");
        assert_eq!(frames(&records, InHistory::Unbroken), opened.frames, "{name} at {at}");
    }
}

#[test]
fn a_log_that_is_written_anew_holds_the_same_commits() {
    let fs = filled();
    let (survey, records) = survey(&fs);
    let kept = frames(&records, InHistory::Unbroken);
    // Of space 2, only what is behind its tenth commit.
    let tenth = kept.iter().find(|frame| frame.stamp.space == space(2) && frame.stamp.lsn.0 == 10);
    let starts = BTreeMap::from([(space(2), tenth.unwrap().tip())]);
    let stays = |frame: &&Frame| frame.stamp.space == space(1) || frame.stamp.lsn.0 > 10;
    let kept: Vec<Frame> = kept.iter().filter(stays).cloned().collect();
    let target = MemoryFs::new();
    let entropy = SeededEntropy::new(1);
    let shared: Arc<dyn Fs> = Arc::new(target.clone());
    let first = survey.last_sequence + 1;
    let mut log =
        LogRewrite::create(shared, NEW_DIR.as_ref(), SMALL, &entropy, (first, starts)).unwrap();
    let wrong = Frame { payload: b"other".to_vec(), ..kept[0].clone() };
    assert!(matches!(log.push(wrong), Err(LogError::Corrupt { .. })));
    for frame in &kept {
        log.push(frame.clone()).unwrap();
    }
    assert!(matches!(log.push(kept[0].clone()), Err(LogError::Corrupt { .. })));
    let names = log.finish().unwrap();
    assert_eq!(names, target.list(NEW_DIR.as_ref()).unwrap());

    let copy = MemoryFs::new();
    copy.create_dir_all(DIR.as_ref()).unwrap();
    for name in &names {
        let bytes = engram_store::read_all(&target, &Path::new(NEW_DIR).join(name)).unwrap();
        let file = copy.open(&Path::new(DIR).join(name), engram_store::OpenMode::Create).unwrap();
        file.write_at(0, &bytes).unwrap();
    }
    let opened = open(&copy);
    assert!(opened.recovery.clean && opened.recovery.damage.is_empty(), "{:?}", opened.recovery);
    assert_eq!(opened.frames, kept);
    assert_eq!(by_space(&opened.frames).len(), 2);
    for number in [1, 2] {
        assert_eq!(opened.log.tip(space(number)), survey.tips.get(&space(number)).copied());
    }
    commit(&opened.log, &[(1, b"on".as_slice()), (2, b"and on")]);
}

#[test]
fn a_commit_continues_only_what_is_before_it() {
    let (_, records) = survey(&filled());
    let own: Vec<Frame> = frames(&records, InHistory::Unbroken)
        .into_iter()
        .filter(|frame| frame.stamp.space == space(1))
        .collect();
    assert!(own[0].continues(&SpaceTip::NONE) && own[1].continues(&own[0].tip()));
    assert!(!own[1].continues(&SpaceTip::NONE) && !own[2].continues(&own[0].tip()));
    let earlier = SpaceTip { time: own[1].stamp.time, ..own[0].tip() };
    assert!(!own[1].continues(&earlier));
    let last = SpaceTip { lsn: Lsn(u64::MAX), ..own[0].tip() };
    assert!(!own[1].continues(&last));
}
