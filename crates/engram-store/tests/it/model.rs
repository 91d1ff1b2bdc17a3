//! Random operations against a map.

use std::collections::BTreeMap;

use engram_store::{Lsn, MemoryFs};
use proptest::prelude::{Just, Strategy, any, prop_oneof};
use proptest::{collection, proptest};

use crate::support::{Opened, entry, open, read_payloads, space};

#[derive(Clone, Debug)]
enum Step {
    Append {
        space: u32,
        len: usize,
        byte: u8,
        wall: i64,
    },
    Flush,
    Release {
        space: u32,
    },
    Maintain,
    /// The process dies: what is queued is gone.
    Kill,
    Close,
}

fn step() -> impl Strategy<Value = Step> {
    let len = prop_oneof![0..40_usize, 0..40_usize, 500..6_000_usize];
    let append = (0..4_u32, len, any::<u8>(), -50..50_i64);
    let append =
        append.prop_map(|(space, len, byte, wall)| Step::Append { space, len, byte, wall });
    prop_oneof![
        8 => append,
        4 => Just(Step::Flush),
        1 => (0..4_u32).prop_map(|space| Step::Release { space }),
        2 => Just(Step::Maintain),
        1 => Just(Step::Kill),
        1 => Just(Step::Close),
    ]
}

type Commits = Vec<(i64, Vec<u8>)>;

#[derive(Default)]
struct Model {
    durable: BTreeMap<u32, Commits>,
    queued: Vec<(u32, i64, Vec<u8>)>,
    released: BTreeMap<u32, u64>,
}

impl Model {
    fn flush(&mut self) -> usize {
        let count = self.queued.len();
        for (number, time, payload) in self.queued.drain(..) {
            self.durable.entry(number).or_default().push((time, payload));
        }
        count
    }

    fn last_time(&self, number: u32) -> Option<i64> {
        let queued = self.queued.iter().rev().find(|(owner, ..)| *owner == number);
        let durable = self.durable.get(&number).and_then(|commits| commits.last());
        queued.map(|(_, time, _)| *time).or(durable.map(|(time, _)| *time))
    }

    /// A fresh open gives every commit that was not released and dropped.
    fn check_open(&self, opened: &Opened) {
        assert!(opened.recovery.damage.is_empty(), "{:?}", opened.recovery);
        assert!(opened.recovery.torn_tail.is_none());
        assert!(opened.recovery.quarantined.is_empty());
        for (number, commits) in &self.durable {
            let own = opened.frames.iter().filter(|frame| frame.stamp.space == space(*number));
            let own: Vec<_> = own.collect();
            let dropped = commits.len() - own.len();
            let released = self.released.get(number).copied().unwrap_or(0);
            assert!(dropped as u64 <= released, "space {number} lost {dropped}");
            for (frame, (lsn, (time, payload))) in own.iter().zip((1..).zip(commits).skip(dropped))
            {
                assert_eq!(frame.stamp.lsn, Lsn(lsn));
                assert_eq!((frame.stamp.time.0, &frame.payload), (*time, payload));
            }
            assert_eq!(opened.log.next_lsn(space(*number)), Lsn(commits.len() as u64 + 1));
        }
    }
}

proptest! {
    #![proptest_config(proptest::test_runner::Config {
        cases: 200, failure_persistence: None, ..Default::default()
    })]

    #[test]
    fn the_log_agrees_with_a_map(steps in collection::vec(step(), 1..90)) {
        let fs = MemoryFs::new();
        let mut opened = open(&fs);
        let mut model = Model::default();
        for step in steps {
            let log = &opened.log;
            match step {
                Step::Append { space: number, len, byte, wall } => {
                    let payload = vec![byte; len];
                    let time = model.last_time(number).map_or(wall, |last| wall.max(last + 1));
                    let stamp = log.append(entry(number, &payload), wall).unwrap();
                    assert_eq!(stamp.time.0, time);
                    model.queued.push((number, time, payload));
                }
                Step::Flush => assert_eq!(log.flush().unwrap().len(), model.flush()),
                Step::Release { space: number } => {
                    let through = log.durable_lsn(space(number));
                    log.release(space(number), through);
                    model.released.insert(number, through.0);
                }
                Step::Maintain => drop(log.maintain().unwrap()),
                Step::Kill | Step::Close => {
                    if matches!(step, Step::Close) {
                        log.close().unwrap();
                        model.flush();
                    }
                    model.queued.clear();
                    opened = open(&fs);
                    model.check_open(&opened);
                    let clean = opened.recovery.clean;
                    assert!(clean || !matches!(step, Step::Close));
                }
            }
            for number in model.durable.keys() {
                let payloads = read_payloads(&opened.log, *number, 1);
                let commits = &model.durable[number];
                let kept = &commits[commits.len() - payloads.len()..];
                assert!(kept.iter().map(|(_, payload)| payload).eq(&payloads));
            }
        }
    }
}
