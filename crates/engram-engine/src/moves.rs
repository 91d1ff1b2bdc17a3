//! How many memories moved between tiers, and why.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counts of one space since the start, in memories.
#[derive(Debug, Default)]
pub(crate) struct Moves {
    used: AtomicU64,
    room: AtomicU64,
    pressure: AtomicU64,
    quota: AtomicU64,
    unused: AtomicU64,
}

/// Why memories moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reason {
    /// Into RAM: they were in an answer.
    Used,
    /// Into RAM: their chunk is used, and there was room.
    Room,
    /// Out of RAM: the node was above its budget.
    Pressure,
    /// Out of RAM: the space was above its quota.
    Quota,
    /// Into the cold store: nobody used them for long.
    Unused,
}

/// What the counts were at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TierMoves {
    /// Became hot because they were in an answer.
    pub used: u64,
    /// Became hot because their chunk is used and there was room.
    pub room: u64,
    /// Became warm because the node was above its budget.
    pub pressure: u64,
    /// Became warm because the space was above its quota.
    pub quota: u64,
    /// Became cold because nobody used them for long.
    pub unused: u64,
}

impl Moves {
    pub(crate) fn count(&self, reason: Reason, memories: u64) {
        let counter = match reason {
            Reason::Used => &self.used,
            Reason::Room => &self.room,
            Reason::Pressure => &self.pressure,
            Reason::Quota => &self.quota,
            Reason::Unused => &self.unused,
        };
        counter.fetch_add(memories, Ordering::Relaxed);
    }

    pub(crate) fn so_far(&self) -> TierMoves {
        let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        TierMoves {
            used: load(&self.used),
            room: load(&self.room),
            pressure: load(&self.pressure),
            quota: load(&self.quota),
            unused: load(&self.unused),
        }
    }
}
