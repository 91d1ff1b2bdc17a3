//! What a thread sleeps on until there is something to do.

use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

/// A bell for one sleeping thread. A ring while the thread is awake is not lost.
#[derive(Default)]
pub(crate) struct Bell {
    state: Mutex<BellState>,
    changed: Condvar,
}

#[derive(Clone, Copy, Default)]
struct BellState {
    rung: bool,
    stopped: bool,
}

/// Why a sleeper woke up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Woken {
    Rung,
    TimedOut,
    Stopped,
}

impl Bell {
    pub(crate) fn ring(&self) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).rung = true;
        self.changed.notify_one();
    }

    pub(crate) fn stop(&self) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).stopped = true;
        self.changed.notify_one();
    }

    /// Sleeps until the bell rings, the sleeper is told to stop, or the time is over. Work that was announced before
    /// the stop is still reported as a ring.
    pub(crate) fn sleep(&self, limit: Option<Duration>) -> Woken {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let idle = |state: &mut BellState| !state.rung && !state.stopped;
        let mut state = match limit {
            None => self.changed.wait_while(state, idle).unwrap_or_else(PoisonError::into_inner),
            Some(limit) => {
                let waited = self.changed.wait_timeout_while(state, limit, idle);
                waited.unwrap_or_else(PoisonError::into_inner).0
            }
        };
        if std::mem::take(&mut state.rung) {
            Woken::Rung
        } else if state.stopped {
            Woken::Stopped
        } else {
            Woken::TimedOut
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ring_before_the_sleep_is_heard_and_work_comes_before_the_stop() {
        let bell = Bell::default();
        bell.ring();
        bell.ring();
        bell.stop();
        assert_eq!(bell.sleep(None), Woken::Rung);
        assert_eq!(bell.sleep(None), Woken::Stopped);
        assert_eq!(Bell::default().sleep(Some(Duration::ZERO)), Woken::TimedOut);
    }
}
