//! How much a chunk is used: what decides where its memories reside.
//!
//! A count of uses that halves with every hour. It decides about residence only, never about an answer, so it is neither
//! logged nor exact when threads meet.

use std::sync::atomic::{AtomicI64, AtomicU32, Ordering};

const HALF_LIFE_NS: f64 = 3_600e9;

/// Decaying count of uses.
#[derive(Debug, Default)]
pub(crate) struct Heat {
    /// Bits of the count as of `at`.
    level: AtomicU32,
    at: AtomicI64,
}

impl Heat {
    pub(crate) fn new(level: f32, now_ns: i64) -> Heat {
        Heat { level: AtomicU32::new(level.to_bits()), at: AtomicI64::new(now_ns) }
    }

    /// One more use.
    pub(crate) fn touch(&self, now_ns: i64) {
        let level = self.level(now_ns) + 1.0;
        self.level.store(level.to_bits(), Ordering::Relaxed);
        self.at.fetch_max(now_ns, Ordering::Relaxed);
    }

    /// When it was last used, and the count as of then.
    pub(crate) fn last(&self) -> (i64, f32) {
        let level = f32::from_bits(self.level.load(Ordering::Relaxed));
        (self.at.load(Ordering::Relaxed), level)
    }

    /// Takes over what was written down.
    pub(crate) fn set(&self, (at, level): (i64, f32)) {
        self.level.store(level.max(0.0).to_bits(), Ordering::Relaxed);
        self.at.store(at, Ordering::Relaxed);
    }

    /// The count as of now.
    pub(crate) fn level(&self, now_ns: i64) -> f32 {
        let elapsed = now_ns.saturating_sub(self.at.load(Ordering::Relaxed)).max(0) as f64;
        let level = f32::from_bits(self.level.load(Ordering::Relaxed));
        level * (-elapsed / HALF_LIFE_NS).exp2() as f32
    }
}
