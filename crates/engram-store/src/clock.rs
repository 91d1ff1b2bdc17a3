//! The time seam: the only place below the server that may ask what time it is.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

/// A source of wall-clock time.
pub trait Clock: Send + Sync {
    /// Nanoseconds since 1970-01-01T00:00:00 UTC. It may stand still or jump back: callers that need increasing
    /// times (commit times) enforce that themselves.
    fn now_ns(&self) -> i64;
}

/// The clock of the operating system.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the seam itself")]
    fn now_ns(&self) -> i64 {
        let now = std::time::SystemTime::now();
        let saturate = |nanos: u128| i64::try_from(nanos).unwrap_or(i64::MAX);
        match now.duration_since(std::time::UNIX_EPOCH) {
            Ok(after) => saturate(after.as_nanos()),
            Err(before) => -saturate(before.duration().as_nanos()),
        }
    }
}

/// A clock that moves only when told to; clones show the same time.
#[derive(Clone, Debug)]
pub struct ManualClock {
    now: Arc<AtomicI64>,
}

impl ManualClock {
    /// A clock that shows `ns` nanoseconds since 1970.
    pub fn new(ns: i64) -> ManualClock {
        ManualClock { now: Arc::new(AtomicI64::new(ns)) }
    }

    /// Jumps to `ns`, forwards or backwards.
    pub fn set(&self, ns: i64) {
        self.now.store(ns, Ordering::SeqCst);
    }

    /// Moves by `ns` nanoseconds (backwards when negative).
    pub fn advance(&self, ns: i64) {
        self.now.fetch_add(ns, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now_ns(&self) -> i64 {
        self.now.load(Ordering::SeqCst)
    }
}
