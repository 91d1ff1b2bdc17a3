//! The front of the log: what was appended and is not durable yet, and the counters of each space.
//!
//! Everything here is memory under one short mutex; nothing in it waits for the disk. Invariant: `queued` of a
//! space is its durable tip plus what of it stands in the queue or in the batch being written.

use std::collections::HashMap;

use super::error::LogError;
use super::frame::{FrameHeader, FrameKind};
use super::replay::SpaceState;
use super::snapshot::{Snapshot, SpaceEntry};
use super::types::{Entry, SpaceTip, Stamp};
use crate::ids::{CommitTime, Lsn, SpaceId};

/// A wall clock further in the future is taken for this (the year 2255), so that times can always increase.
const WALL_NS_MAX: i64 = 9_000_000_000_000_000_000;

/// Whether the log takes commits.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Status {
    Open,
    /// A batch found no room for this file; nothing goes on until the owner has rolled back.
    Halted(String),
    Closed,
    Poisoned(String),
}

struct SpaceCounters {
    durable: SpaceTip,
    queued: (Lsn, CommitTime),
    quarantine: Option<String>,
}

impl SpaceCounters {
    fn at(durable: SpaceTip) -> SpaceCounters {
        SpaceCounters { durable, queued: (durable.lsn, durable.time), quarantine: None }
    }
}

/// A commit that waits to be written.
pub(crate) struct Queued {
    pub(crate) entry: Entry,
    pub(crate) stamp: Stamp,
}

pub(crate) struct Front {
    pub(crate) status: Status,
    pub(crate) queue: Vec<Queued>,
    spaces: HashMap<SpaceId, SpaceCounters>,
    unseen_suspect: bool,
}

impl Front {
    pub(crate) fn new(spaces: HashMap<SpaceId, SpaceState>, unseen_suspect: bool) -> Front {
        let counters = |(space, state): (SpaceId, SpaceState)| {
            let quarantine = state.quarantine;
            (space, SpaceCounters { quarantine, ..SpaceCounters::at(state.tip) })
        };
        let spaces = spaces.into_iter().map(counters).collect();
        Front { status: Status::Open, queue: Vec::new(), spaces, unseen_suspect }
    }

    pub(crate) fn check_open(&self) -> Result<(), LogError> {
        match &self.status {
            Status::Open => Ok(()),
            Status::Halted(file) => Err(LogError::DiskFull { file: file.clone() }),
            Status::Closed => Err(LogError::Closed),
            Status::Poisoned(reason) => Err(LogError::Poisoned { reason: reason.clone() }),
        }
    }

    /// Queues a commit; its LSN and time are taken from now on.
    pub(crate) fn append(&mut self, entry: Entry, wall_ns: i64) -> Result<Stamp, LogError> {
        self.check_open()?;
        let space = entry.space;
        let counters =
            self.spaces.entry(space).or_insert_with(|| SpaceCounters::at(SpaceTip::NONE));
        if let Some(reason) = &counters.quarantine {
            return Err(LogError::Quarantined { space, reason: reason.clone() });
        }
        let (lsn, time) = counters.queued;
        let lsn = Lsn(lsn.0 + 1);
        let time = CommitTime(wall_ns.min(WALL_NS_MAX).max(time.0 + 1));
        counters.queued = (lsn, time);
        let stamp = Stamp { space, lsn, time };
        self.queue.push(Queued { entry, stamp });
        Ok(stamp)
    }

    /// Takes the whole queue, with the durable tip of every space in it.
    pub(crate) fn take_queue(&mut self) -> (Vec<Queued>, HashMap<SpaceId, SpaceTip>) {
        let queue = std::mem::take(&mut self.queue);
        let tip =
            |space: SpaceId| self.spaces.get(&space).map_or(SpaceTip::NONE, |state| state.durable);
        let tips = queue.iter().map(|queued| (queued.entry.space, tip(queued.entry.space)));
        let tips = tips.collect();
        (queue, tips)
    }

    /// The batch is durable: its spaces stand at `tips` now.
    pub(crate) fn settle(&mut self, tips: HashMap<SpaceId, SpaceTip>) {
        for (space, tip) in tips {
            let counters = self.spaces.entry(space).or_insert_with(|| SpaceCounters::at(tip));
            counters.durable = tip;
        }
    }

    /// The batch failed: it and all that waits is dropped, as if it had never been appended.
    pub(crate) fn roll_back(&mut self) {
        self.queue.clear();
        self.spaces.retain(|_, state| state.durable.lsn.0 > 0 || state.quarantine.is_some());
        for state in self.spaces.values_mut() {
            state.queued = (state.durable.lsn, state.durable.time);
        }
    }

    /// The batch that was taken from the queue is refused: nothing more until [`Front::resume`].
    pub(crate) fn halt(&mut self, file: &str) {
        self.status = Status::Halted(file.to_owned());
    }

    /// Ends a halt: drops what is not durable and lets commits in. Does nothing in any other state.
    pub(crate) fn resume(&mut self) {
        if matches!(self.status, Status::Halted(_)) {
            self.roll_back();
            self.status = Status::Open;
        }
    }

    pub(crate) fn next_lsn(&self, space: SpaceId) -> Lsn {
        self.spaces.get(&space).map_or(Lsn(1), |state| Lsn(state.queued.0.0 + 1))
    }

    pub(crate) fn durable_lsn(&self, space: SpaceId) -> Lsn {
        self.spaces.get(&space).map_or(Lsn(0), |state| state.durable.lsn)
    }

    /// The last durable commit of `space`.
    pub(crate) fn tip(&self, space: SpaceId) -> Option<SpaceTip> {
        let tip = self.spaces.get(&space).map(|state| state.durable);
        tip.filter(|tip| tip.lsn.0 > 0)
    }

    /// Every space as it stands durably.
    pub(crate) fn snapshot(&self) -> Snapshot {
        let entry = |(space, state): (&SpaceId, &SpaceCounters)| SpaceEntry {
            space: *space,
            tip: state.durable,
            quarantined: state.quarantine.is_some(),
            adopted: false,
        };
        let known = |(_, state): &(&SpaceId, &SpaceCounters)| {
            state.durable.lsn.0 > 0 || state.quarantine.is_some()
        };
        let mut entries: Vec<SpaceEntry> = self.spaces.iter().filter(known).map(entry).collect();
        entries.sort_unstable_by_key(|entry| entry.space);
        Snapshot { entries, unlisted_suspect: self.unseen_suspect }
    }
}

/// The header of a queued commit, chained to `tips`, which move on with it.
pub(crate) fn chain_on(
    queued: &Queued,
    epoch: u32,
    tips: &mut HashMap<SpaceId, SpaceTip>,
) -> FrameHeader {
    let tip = tips.entry(queued.stamp.space).or_insert(SpaceTip::NONE);
    let mut header = FrameHeader::service(FrameKind::Commit, epoch, 0);
    header.stamp = queued.stamp;
    header.entry_kind = queued.entry.kind;
    header.state_sum = queued.entry.state_sum;
    header.chain = header.chain_after(&tip.chain, &queued.entry.payload);
    *tip = header.tip();
    header
}

/// The stamps of a batch, in the order of the calls.
pub(crate) fn stamps(queue: &[Queued]) -> Vec<Stamp> {
    queue.iter().map(|queued| queued.stamp).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn entry(space: u8) -> Entry {
        Entry { space: SpaceId([space; 16]), kind: 1, payload: vec![space], state_sum: 0 }
    }

    #[test]
    fn lsns_are_dense_and_times_increase_per_space() {
        let mut front = Front::new(HashMap::new(), false);
        let stamps: Vec<Stamp> = [(1, 50), (1, 50), (2, 7), (1, 3), (1, i64::MAX)]
            .map(|(space, wall)| front.append(entry(space), wall).unwrap())
            .to_vec();
        let seen: Vec<(u64, i64)> = stamps.iter().map(|s| (s.lsn.0, s.time.0)).collect();
        assert_eq!(seen, [(1, 50), (2, 51), (1, 7), (3, 52), (4, WALL_NS_MAX)]);
        assert_eq!(front.append(entry(1), i64::MIN).unwrap().time.0, WALL_NS_MAX + 1);
    }

    #[test]
    fn a_roll_back_forgets_everything_that_is_not_durable() {
        let mut front = Front::new(HashMap::new(), false);
        front.append(entry(1), 10).unwrap();
        let (queue, mut tips) = front.take_queue();
        chain_on(&queue[0], 1, &mut tips);
        front.append(entry(1), 20).unwrap();
        front.settle(tips);
        front.append(entry(2), 20).unwrap();
        front.roll_back();
        assert!(front.queue.is_empty());
        let lsns = [1, 2].map(|space| front.next_lsn(SpaceId([space; 16])).0);
        assert_eq!(lsns, [2, 1]);
        let listed: HashSet<SpaceId> =
            front.snapshot().entries.iter().map(|entry| entry.space).collect();
        assert_eq!(listed, HashSet::from([SpaceId([1; 16])]));
    }
}
