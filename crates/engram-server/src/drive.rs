//! The threads that drive the engine: one writer, one that forms associations, one that commits what recall taught, one maintainer, one that builds the graphs of
//! vectors.
//!
//! The writer sleeps until something is queued and wakes at once, without polling. Group commit arises by itself:
//! whatever was queued while one sync ran shares the next. A panic in any of them stops all writes: the state that it
//! left behind cannot be trusted until the log is read again.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use engram_api::{ErrorCode, Problem};
use engram_engine::{Consolidated, Engine, EngineError};
use tokio::sync::watch;

use crate::backups::{Slot, WorkerParts, work};
use crate::bell::{Bell, Woken};
use crate::lanes::HelperPlaces;
use crate::metrics::Metrics;

/// Memories that one step of maintenance may copy.
const MAINTAIN_MEMORIES: u64 = 10_000;
/// Pause between commits of what was learned from recall.
const TRAIN_PAUSE: Duration = Duration::from_secs(1);
/// Memories that one step of forming associations may look at.
const LINK_MEMORIES: u64 = 10_000;
/// Vectors that one step of building a graph may link.
const INDEX_VECTORS: u64 = 1_000;
/// Least pause between rounds of consolidation.
const CONSOLIDATE_PAUSE: Duration = Duration::from_millis(250);
/// One part in so many of the time of a core is for steps of consolidation. What follows a step (its commit, associations and traces
/// of beliefs) takes about three times as much again: all in all it is less than 2 % of a core.
const CONSOLIDATE_REST: u32 = 256;
/// Pause of the threads behind the writer when there is nothing to do.
const MAINTAIN_PAUSE: Duration = Duration::from_secs(1);

/// The first reason why writes are refused for good, told to all who wait for a commit.
pub(crate) struct Faults {
    first: OnceLock<String>,
    told: watch::Sender<bool>,
}

impl Faults {
    pub(crate) fn new() -> Faults {
        Faults { first: OnceLock::new(), told: watch::Sender::new(false) }
    }

    pub(crate) fn record(&self, reason: String) {
        if self.first.set(reason).is_ok() {
            self.told.send_replace(true);
        }
    }

    pub(crate) fn reason(&self) -> Option<&str> {
        self.first.get().map(String::as_str)
    }

    /// Returns when a fault is there.
    pub(crate) async fn wait(&self) {
        let mut told = self.told.subscribe();
        told.wait_for(|told| *told).await.expect("the sender lives as long as self");
    }
}

/// The threads.
pub(crate) struct Drivers {
    writer_bell: Arc<Bell>,
    linker_bell: Arc<Bell>,
    /// Rings only for the stop, like the next two.
    trainer_bell: Arc<Bell>,
    maintainer_bell: Arc<Bell>,
    /// Rings only for the stop: a graph is never urgent, since what it lacks is compared one by one.
    indexer_bell: Arc<Bell>,
    consolidator_bell: Arc<Bell>,
    /// Those of the repositories.
    backups: Vec<Arc<Slot>>,
    backup_threads: Vec<JoinHandle<()>>,
    threads: Vec<JoinHandle<()>>,
}

/// What the threads work on.
#[derive(Clone)]
pub(crate) struct DriverParts {
    pub(crate) engine: Arc<Engine>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) faults: Arc<Faults>,
    pub(crate) helpers: Arc<HelperPlaces>,
}

impl Drivers {
    /// Starts the threads. `writer_bell` is the one that the engine rings.
    pub(crate) fn start(driven: &DriverParts, writer_bell: Arc<Bell>) -> std::io::Result<Drivers> {
        let mut drivers = Drivers {
            writer_bell,
            linker_bell: Arc::default(),
            trainer_bell: Arc::default(),
            maintainer_bell: Arc::default(),
            indexer_bell: Arc::default(),
            consolidator_bell: Arc::default(),
            backups: Vec::new(),
            backup_threads: Vec::new(),
            threads: Vec::new(),
        };
        let (work, bell) = (driven.clone(), Arc::clone(&drivers.writer_bell));
        let linker = Arc::clone(&drivers.linker_bell);
        drivers.spawn("engram-writer", driven, move || write(&work, &bell, &linker))?;
        let (work, bell) = (driven.clone(), Arc::clone(&drivers.linker_bell));
        drivers.spawn("engram-link", driven, move || link(&work, &bell))?;
        let (work, bell) = (driven.clone(), Arc::clone(&drivers.trainer_bell));
        drivers.spawn("engram-train", driven, move || train(&work, &bell))?;
        let (work, bell) = (driven.clone(), Arc::clone(&drivers.maintainer_bell));
        drivers.spawn("engram-maintain", driven, move || maintain(&work, &bell))?;
        let (work, bell) = (driven.clone(), Arc::clone(&drivers.indexer_bell));
        drivers.spawn("engram-index", driven, move || index(&work, &bell))?;
        let (work, bell) = (driven.clone(), Arc::clone(&drivers.consolidator_bell));
        drivers.spawn("engram-beliefs", driven, move || consolidate(&work, &bell))?;
        Ok(drivers)
    }

    fn spawn(
        &mut self,
        name: &'static str,
        driven: &DriverParts,
        work: impl FnOnce() + Send + 'static,
    ) -> std::io::Result<()> {
        let faults = Arc::clone(&driven.faults);
        let guarded = move || {
            if catch_unwind(AssertUnwindSafe(work)).is_err() {
                tracing::error!(thread = name, "panicked; writes are refused until a restart");
                faults.record(format!("thread {name} panicked; restart to recover"));
            }
        };
        self.threads.push(std::thread::Builder::new().name(name.to_owned()).spawn(guarded)?);
        Ok(())
    }

    /// Starts the thread of a repository. One that panics takes nothing but its backups along.
    pub(crate) fn start_backups(&mut self, parts: WorkerParts) -> std::io::Result<()> {
        let slot = Arc::clone(&parts.slot);
        self.backups.push(Arc::clone(&slot));
        let guarded = move || {
            if catch_unwind(AssertUnwindSafe(|| work(&parts))).is_err() {
                tracing::error!(repository = slot.name, "panicked; no backups until a restart");
                let detail = "the thread of the repository panicked; restart to recover";
                slot.figures().problem = Some(Box::new(Problem::new(ErrorCode::Internal, detail)));
            }
        };
        let thread = std::thread::Builder::new().name("engram-backup".to_owned());
        self.backup_threads.push(thread.spawn(guarded)?);
        Ok(())
    }

    /// Lets the writer finish what is queued, has the rest archived, and ends the threads.
    pub(crate) fn stop(self) {
        let behind = [
            &self.linker_bell,
            &self.trainer_bell,
            &self.maintainer_bell,
            &self.indexer_bell,
            &self.consolidator_bell,
        ];
        for bell in behind.into_iter().chain([&self.writer_bell]) {
            bell.stop();
        }
        let ended = |threads: Vec<JoinHandle<()>>| {
            for thread in threads {
                // A panic was caught inside and recorded.
                let _ = thread.join();
            }
        };
        ended(self.threads);
        // Only now: all that was acknowledged is there to be archived.
        self.backups.iter().for_each(|slot| slot.bell.stop());
        ended(self.backup_threads);
    }
}

/// Rings after each batch: what was stored is to be associated at once, not after the pause.
fn write(driven: &DriverParts, bell: &Bell, linker: &Bell) {
    loop {
        let woken = bell.sleep(None);
        while drive_once(driven) {
            linker.ring();
        }
        if woken == Woken::Stopped {
            return;
        }
    }
}

/// One batch; whether there may be another.
fn drive_once(driven: &DriverParts) -> bool {
    let started = Instant::now();
    match driven.engine.drive() {
        Ok(done) if done.commits == 0 => false,
        Ok(done) => {
            driven.metrics.commit_batch.observe(done.commits as f64);
            driven.metrics.commit_seconds.observe(started.elapsed().as_secs_f64());
            true
        }
        Err(error) => {
            driven.metrics.commit_failures.inc();
            tracing::error!(%error, "a commit failed; nothing of it was acknowledged");
            if let Some(reason) = driven.engine.poisoned() {
                driven.faults.record(reason);
            }
            false
        }
    }
}

fn link(driven: &DriverParts, bell: &Bell) {
    while bell.sleep(Some(MAINTAIN_PAUSE)) != Woken::Stopped {
        // What is left to associate waits for the commit of this step, and the writer rings after that.
        if let Err(error) = driven.engine.link(LINK_MEMORIES) {
            tracing::warn!(%error, "associations were not formed; it will be tried again");
        }
    }
}

fn train(driven: &DriverParts, bell: &Bell) {
    while bell.sleep(Some(TRAIN_PAUSE)) != Woken::Stopped {
        match driven.engine.train() {
            Ok(done) => {
                driven.metrics.memories_trained.inc_by(done.memories);
                driven.metrics.uses_dropped.inc_by(done.dropped);
            }
            Err(error) => tracing::warn!(%error, "what was recalled was not learned"),
        }
    }
}

fn maintain(driven: &DriverParts, bell: &Bell) {
    let mut pause = Duration::ZERO;
    loop {
        if bell.sleep(Some(pause)) == Woken::Stopped {
            return;
        }
        let started = Instant::now();
        let outcome = driven.engine.maintain(MAINTAIN_MEMORIES);
        driven.metrics.maintenance_seconds.observe(started.elapsed().as_secs_f64());
        pause = match outcome {
            Ok(done) => {
                driven.metrics.maintained(&done);
                if done.more { Duration::ZERO } else { MAINTAIN_PAUSE }
            }
            Err(error) => {
                driven.metrics.maintenance_failures.inc();
                tracing::warn!(%error, "maintenance failed; it will be tried again");
                MAINTAIN_PAUSE
            }
        };
    }
}

fn index(driven: &DriverParts, bell: &Bell) {
    let mut pause = Duration::ZERO;
    loop {
        if bell.sleep(Some(pause)) == Woken::Stopped {
            return;
        }
        pause = match driven.engine.index(INDEX_VECTORS, &*driven.helpers) {
            Ok(done) if done.more => Duration::ZERO,
            Ok(_) => MAINTAIN_PAUSE,
            Err(error) => {
                tracing::warn!(%error, "a graph of vectors was not built; it will be tried again");
                MAINTAIN_PAUSE
            }
        };
    }
}

/// That a model was to put a belief into words and could not.
pub(crate) fn told(unphrased: Option<&str>) {
    if let Some(error) = unphrased {
        tracing::warn!(error, "a belief is in the words of its memories; the model did not answer");
    }
}

/// Rests after each round for so many times as long as it worked that it takes its share of a core and no more.
fn consolidate(driven: &DriverParts, bell: &Bell) {
    let mut pause = CONSOLIDATE_PAUSE;
    while bell.sleep(Some(pause)) != Woken::Stopped {
        let started = Instant::now();
        for space in driven.engine.consolidation_due() {
            let metrics = Arc::clone(&driven.metrics);
            let done = Box::new(move |outcome: Result<Consolidated, EngineError>| match outcome {
                Ok(done) => {
                    metrics.memories_consolidated.inc_by(done.memories);
                    metrics.beliefs_formed.inc_by(done.formed.len() as u64);
                    told(done.unphrased.as_deref());
                }
                // Somebody asked for it: that is the same work.
                Err(EngineError::Consolidating { .. }) => {}
                Err(error) => {
                    tracing::warn!(%error, "beliefs were not made; it will be tried again")
                }
            });
            driven.engine.consolidate(&space, done);
        }
        pause = CONSOLIDATE_PAUSE.max(started.elapsed() * (CONSOLIDATE_REST - 1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_first_fault_stays() {
        let faults = Faults::new();
        faults.record("first".to_owned());
        faults.record("second".to_owned());
        faults.wait().await;
        assert_eq!(faults.reason(), Some("first"));
    }
}
