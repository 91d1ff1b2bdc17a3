//! How many requests somebody may make: the generic cell rate algorithm (ITU-T I.371), one number for each who is limited.
//!
//! A second's worth may come at once, after a second of silence; in the long run never more than the rate.

use std::sync::atomic::{AtomicU64, Ordering};

use engram_api::ErrorCode;

use crate::refusal::Refusal;

const SECOND_NS: u64 = 1_000_000_000;

/// A limit on requests.
#[derive(Debug)]
pub(crate) struct Rate {
    /// Time between two requests at the rate, nanoseconds.
    gap_ns: u64,
    /// When the next request would come if all came at the rate, nanoseconds of the clock that is passed in.
    due_ns: AtomicU64,
}

impl Rate {
    /// `per_second` is at least 1.
    pub(crate) fn new(per_second: u32) -> Rate {
        let gap_ns = SECOND_NS / u64::from(per_second.max(1));
        Rate { gap_ns, due_ns: AtomicU64::new(0) }
    }

    /// Counts a request at `now_ns` of a clock that never goes back.
    ///
    /// # Errors
    /// It comes too soon: nanoseconds after which it would not.
    pub(crate) fn take(&self, now_ns: u64) -> Result<(), u64> {
        let mut due = self.due_ns.load(Ordering::Relaxed);
        loop {
            let ahead = due.saturating_sub(now_ns);
            // One request of the second's worth is this one.
            let room = SECOND_NS - self.gap_ns;
            if ahead > room {
                return Err(ahead - room);
            }
            let next = due.max(now_ns) + self.gap_ns;
            match self.due_ns.compare_exchange_weak(due, next, Ordering::Relaxed, Ordering::Relaxed)
            {
                Ok(_) => return Ok(()),
                Err(other) => due = other,
            }
        }
    }

    /// Whether a second's worth may come at once.
    pub(crate) fn is_idle(&self, now_ns: u64) -> bool {
        self.due_ns.load(Ordering::Relaxed) <= now_ns
    }
}

/// A request that comes too soon.
pub(crate) fn limited(whose: &str, wait_ns: u64) -> Refusal {
    let seconds = wait_ns.div_ceil(1_000_000_000).max(1);
    let detail = format!("{whose} has made as many requests as it may; wait {seconds} s");
    let refusal = Refusal::new(ErrorCode::RateLimited, detail);
    Refusal(Box::new(refusal.0.with_retry_after(u32::try_from(seconds).unwrap_or(u32::MAX))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seconds_worth_may_come_at_once_and_then_the_rate() {
        let rate = Rate::new(10);
        let mut now = 5 * SECOND_NS;
        for _ in 0..10 {
            assert_eq!(rate.take(now), Ok(()));
        }
        let wait = rate.take(now).unwrap_err();
        assert_eq!(wait, SECOND_NS / 10);
        now += wait;
        assert_eq!(rate.take(now), Ok(()));
        assert!(rate.take(now).is_err());
        now += 60 * SECOND_NS;
        let taken = (0..100).filter(|_| rate.take(now).is_ok()).count();
        assert_eq!(taken, 10, "silence saves up no more than a second");
    }

    #[test]
    fn one_a_second_is_one_a_second() {
        let rate = Rate::new(1);
        assert_eq!(rate.take(SECOND_NS), Ok(()));
        assert_eq!(rate.take(SECOND_NS), Err(SECOND_NS));
        assert_eq!(rate.take(2 * SECOND_NS), Ok(()));
    }
}
