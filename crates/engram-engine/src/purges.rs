//! What is left of deleted memories in the files of a space and in the log: kept beside the state, for it is upkeep.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use engram_store::Lsn;

use crate::memtable::Snapshot;

/// When nothing was left of what a commit deleted, by its LSN.
#[derive(Clone, Debug, Default)]
pub(crate) struct Purges {
    /// In a checkpoint: these can be told, for a restart finds the same.
    told: BTreeMap<u64, i64>,
    /// Seen, and not written yet.
    seen: BTreeMap<u64, i64>,
}

impl Purges {
    /// What a state file says.
    pub(crate) fn read(told: impl IntoIterator<Item = (Lsn, i64)>) -> Purges {
        let told = told.into_iter().map(|(lsn, at_ns)| (lsn.0, at_ns)).collect();
        Purges { told, seen: BTreeMap::new() }
    }

    /// Notes that nothing is left of what a commit deleted.
    pub(crate) fn see(&mut self, lsn: Lsn, at_ns: i64) {
        if !self.told.contains_key(&lsn.0) {
            self.seen.entry(lsn.0).or_insert(at_ns);
        }
    }

    /// When nothing was left, as far as a checkpoint has it.
    pub(crate) fn told(&self, lsn: Lsn) -> Option<i64> {
        self.told.get(&lsn.0).copied()
    }

    /// The same, and what is not written yet.
    pub(crate) fn seen(&self, lsn: Lsn) -> Option<i64> {
        self.told(lsn).or_else(|| self.seen.get(&lsn.0).copied())
    }

    /// Whether something was seen that is in no checkpoint.
    pub(crate) fn any_unwritten(&self) -> bool {
        !self.seen.is_empty()
    }

    /// A checkpoint has what `written` had; what is about no commit that is kept goes.
    pub(crate) fn settle(&mut self, written: &Purges, snapshot: &Snapshot) {
        for (lsn, at_ns) in &written.seen {
            self.seen.remove(lsn);
            self.told.insert(*lsn, *at_ns);
        }
        if let Some(first) = snapshot.forgotten.all().first() {
            self.told.retain(|lsn, _| *lsn >= first.lsn.0);
        }
    }
}

/// What of a space, open or closed, waits to be gone for good.
#[derive(Debug)]
pub(crate) struct Unpurged {
    /// The last commit of which something may be left; 0 = there is none.
    last: AtomicU64,
    /// The first of them, and its time, ns.
    first: AtomicU64,
    since: AtomicI64,
    /// What was deleted up to this commit is to be gone soon. Forgotten with the process.
    soon: AtomicU64,
}

impl Default for Unpurged {
    fn default() -> Unpurged {
        let (last, soon) = (AtomicU64::new(0), AtomicU64::new(0));
        let (first, since) = (AtomicU64::new(u64::MAX), AtomicI64::new(i64::MAX));
        Unpurged { last, first, since, soon }
    }
}

impl Unpurged {
    /// Notes a commit that deleted memories.
    pub(crate) fn note(&self, lsn: Lsn, at_ns: i64) {
        self.last.fetch_max(lsn.0, Ordering::Relaxed);
        self.first.fetch_min(lsn.0, Ordering::Relaxed);
        self.since.fetch_min(at_ns, Ordering::Relaxed);
    }

    /// What is deleted up to this commit is to be gone soon.
    pub(crate) fn hurry(&self, through: Lsn) {
        self.soon.fetch_max(through.0, Ordering::Relaxed);
    }

    /// What of a state is left, by what was seen of it.
    pub(crate) fn settle(&self, snapshot: &Snapshot, purges: &Purges) {
        let all = snapshot.forgotten.all().iter();
        let mut left = all.filter(|commit| purges.told(commit.lsn).is_none());
        let first = left.next();
        let last = left.next_back().or(first);
        self.last.store(last.map_or(0, |commit| commit.lsn.0), Ordering::Relaxed);
        self.first.store(first.map_or(u64::MAX, |commit| commit.lsn.0), Ordering::Relaxed);
        self.since.store(first.map_or(i64::MAX, |commit| commit.at.0), Ordering::Relaxed);
    }

    /// The last commit of which something may be left, and the time of the first; none where nothing is.
    pub(crate) fn left(&self) -> Option<(Lsn, i64)> {
        let last = self.last.load(Ordering::Relaxed);
        (last > 0).then(|| (Lsn(last), self.since.load(Ordering::Relaxed)))
    }

    /// Whether something that is left is to be gone soon.
    pub(crate) fn is_urgent(&self) -> bool {
        self.first.load(Ordering::Relaxed) <= self.soon.load(Ordering::Relaxed)
    }

    /// Before which time what was deleted is to be gone, where that is `deleted_before` unless somebody asked.
    pub(crate) fn due_before(&self, deleted_before: i64) -> i64 {
        if self.is_urgent() { i64::MAX } else { deleted_before }
    }
}
