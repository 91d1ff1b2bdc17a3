//! [`SimClock`]: wall-clock time that moves, and jumps, only when the history says so.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use engram_store::Clock;

/// Where every history starts: 2024-01-01T00:00:00 UTC, in ns.
pub const START_NS: i64 = 1_704_067_200_000_000_000;

/// Simulated time; clones show the same. It never shows less than 1 ns.
#[derive(Clone, Debug)]
pub struct SimClock {
    now: Arc<AtomicI64>,
}

impl Default for SimClock {
    fn default() -> SimClock {
        SimClock { now: Arc::new(AtomicI64::new(START_NS)) }
    }
}

impl SimClock {
    /// Jumps to `ns`.
    pub fn set(&self, ns: i64) {
        self.now.store(ns.max(1), Ordering::SeqCst);
    }

    /// Moves by `ns`, backwards when negative.
    pub fn jump(&self, ns: i64) {
        self.set(self.now_ns().saturating_add(ns));
    }

    /// Runs `work` with the clock at `ns`, then puts it back.
    pub fn at<T>(&self, ns: i64, work: impl FnOnce() -> T) -> T {
        let before = self.now_ns();
        self.set(ns);
        let result = work();
        self.set(before);
        result
    }
}

impl Clock for SimClock {
    fn now_ns(&self) -> i64 {
        self.now.load(Ordering::SeqCst)
    }
}
