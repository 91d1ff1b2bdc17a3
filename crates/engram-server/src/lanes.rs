//! CPU work away from the reactor, in bounded lanes.
//!
//! Guarantees that no more than [`Lanes::threads_max`] threads work at once, and that long writes do not keep recalls
//! waiting: each lane has its own places. Embedding by a remote service waits for the network, and opening a space
//! for the disk, not for a core, so they have a wide lane of their own.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use engram_engine::Parallel;
use tokio::sync::Semaphore;

/// Requests that may wait for remote embedders or for files at once.
const WAITING_PLACES: usize = 64;
/// Threads kept for the listener's own blocking work: opening, closing, metrics.
const SPARE_THREADS: usize = 4;

/// Which work it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lane {
    /// Recall and list.
    Read,
    /// Whatever ends in a commit.
    Write,
    /// Either, in a space whose embedder is reached by network, or that is to be opened first.
    Waiting,
}

/// The lanes of a server. Must be used inside a runtime built with [`Lanes::threads_max`] blocking threads.
pub(crate) struct Lanes {
    read: Arc<Semaphore>,
    write: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
}

/// The work panicked; the panic itself is in the log.
#[derive(Debug)]
pub(crate) struct Panicked;

impl Lanes {
    pub(crate) fn new(cores: usize) -> Lanes {
        Lanes {
            read: Arc::new(Semaphore::new(cores)),
            write: Arc::new(Semaphore::new(cores)),
            waiting: Arc::new(Semaphore::new(WAITING_PLACES)),
        }
    }

    /// Blocking threads that the runtime needs so that no lane starves another.
    pub(crate) fn threads_max(cores: usize) -> usize {
        2 * cores + WAITING_PLACES + SPARE_THREADS
    }

    /// Runs `work` when its lane has a place. The place stays taken until the work ends, even if nobody waits for
    /// the result any more.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        lane: Lane,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Panicked> {
        let places = match lane {
            Lane::Read => &self.read,
            Lane::Write => &self.write,
            Lane::Waiting => &self.waiting,
        };
        let place = Arc::clone(places)
            .acquire_owned()
            .await
            .expect("the lanes' semaphores are never closed");
        let run = move || {
            let _place = place;
            work()
        };
        tokio::task::spawn_blocking(run).await.map_err(|_| Panicked)
    }
}

/// Cores that may help with work that is running already; shared by all who ask.
pub(crate) struct HelperPlaces {
    free: AtomicUsize,
}

impl HelperPlaces {
    pub(crate) fn new(places: usize) -> HelperPlaces {
        HelperPlaces { free: AtomicUsize::new(places) }
    }

    /// Takes up to `wanted` places, without waiting; they are given back when the answer is dropped.
    pub(crate) fn take(&self, wanted: usize) -> TakenPlaces<'_> {
        let mut taken = 0;
        // The closure may run more than once; its last run is the one that counts.
        let _ = self.free.fetch_update(Ordering::AcqRel, Ordering::Acquire, |free| {
            taken = free.min(wanted);
            Some(free - taken)
        });
        TakenPlaces { places: self, taken }
    }
}

/// Places taken from [`HelperPlaces`].
pub(crate) struct TakenPlaces<'a> {
    places: &'a HelperPlaces,
    taken: usize,
}

impl TakenPlaces<'_> {
    pub(crate) fn count(&self) -> usize {
        self.taken
    }
}

impl Drop for TakenPlaces<'_> {
    fn drop(&mut self) {
        self.places.free.fetch_add(self.taken, Ordering::AcqRel);
    }
}

/// Works on all items and returns the results in their order. The calling thread takes items one after another, and as
/// many helpers as have a free place do the same.
pub(crate) fn spread<I: Send, O: Send>(
    helpers: &HelperPlaces,
    items: Vec<I>,
    work: impl Fn(I) -> O + Sync,
) -> Vec<O> {
    let places = helpers.take(items.len().saturating_sub(1));
    let results = Mutex::new(items.iter().map(|_| None).collect::<Vec<Option<O>>>());
    let queue = Mutex::new(items.into_iter().enumerate());
    let work_off = || {
        loop {
            let next = queue.lock().unwrap_or_else(PoisonError::into_inner).next();
            let Some((index, item)) = next else { return };
            let result = work(item);
            results.lock().unwrap_or_else(PoisonError::into_inner)[index] = Some(result);
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..places.count() {
            scope.spawn(work_off);
        }
        work_off();
    });
    let results = results.into_inner().unwrap_or_else(PoisonError::into_inner);
    results.into_iter().map(|result| result.expect("a panic would have left the scope")).collect()
}

impl Parallel for HelperPlaces {
    /// On the calling thread and on helpers that have a free place.
    fn run(&self, tasks: usize, task: &(dyn Fn(usize) + Sync)) {
        spread(self, (0..tasks).collect(), task);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_bounded_and_come_back() {
        let places = HelperPlaces::new(3);
        let first = places.take(2);
        let second = places.take(5);
        assert_eq!((first.count(), second.count(), places.take(1).count()), (2, 1, 0));
        drop(first);
        assert_eq!(places.take(9).count(), 2);
    }

    #[test]
    fn spreading_keeps_the_order() {
        let places = HelperPlaces::new(3);
        let squares = spread(&places, (0u64..500).collect(), |n| n * n);
        assert_eq!(squares, (0u64..500).map(|n| n * n).collect::<Vec<_>>());
        assert_eq!(places.take(9).count(), 3, "the helpers are free again");
        assert!(spread(&places, Vec::<u64>::new(), |n| n).is_empty());
    }

    #[tokio::test]
    async fn a_panic_is_an_answer_and_frees_its_place() {
        let lanes = Lanes::new(1);
        assert!(lanes.run(Lane::Write, || panic!("on purpose")).await.is_err());
        assert_eq!(lanes.run(Lane::Write, || 7).await.unwrap(), 7);
    }
}
