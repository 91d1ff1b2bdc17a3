//! The engine: many spaces on one log, driven from outside.
//!
//! Writes are submitted from any thread and never block on I/O. One caller at a time drives: [`Engine::drive`] makes all
//! that is queued durable with one sync, applies it, publishes snapshots, and only then answers. Reads take a snapshot
//! and never wait for writes. The engine starts no thread and asks the system for nothing.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};

use arc_swap::ArcSwap;
use engram_embed::Embedder;
use engram_store::{
    Clock, Entropy, Fs, FsLock, LogOptions, LogStats, Recovery, ShardLog, SpaceId, Stamp,
};
use prost::Message;

use crate::apply::apply;
use crate::datadir::{self, Age};
use crate::error::{EngineError, LogFailure};
use crate::indexer::{graph_file_name, load_graph, remove_others};
use crate::memtable::Snapshot;
use crate::model::{SpaceInfo, SpaceStats};
use crate::queue::{Change, CommitQueue, Overlay, Submission, Waiter, writable};
use crate::record::{KIND_SPACE_CREATED, KIND_SPACE_DELETED, SpaceRecord};
use crate::replay::Replay;
use crate::settings::EngineSettings;
use crate::settings::NewSpace;
use crate::space::{Space, settle};

/// What the engine is given; it reaches for nothing itself.
#[derive(Clone)]
pub struct Components {
    /// Files.
    pub fs: Arc<dyn Fs>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
    /// Embedders by the name that spaces choose them with; `none` needs no entry.
    pub embedders: BTreeMap<String, Arc<dyn Embedder>>,
    /// Called after something was queued: somebody must then call [`Engine::drive`].
    pub wake: Arc<dyn Fn() + Send + Sync>,
}

/// Called once with the outcome of a write: from [`Engine::drive`] when it is durable, or at once.
pub type Done<T> = Box<dyn FnOnce(Result<T, EngineError>) + Send>;

/// An answer and the queue number of the commit that it rests on; none = it rests on what is published.
pub(crate) type Submitted<T> = Result<(T, Option<u64>), EngineError>;

/// What one call of [`Engine::drive`] did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Driven {
    /// Commits made durable, applied and answered.
    pub commits: u64,
}

/// What one call of [`Engine::maintain`] did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Maintained {
    /// Memories copied into merged chunks.
    pub merged_memories: u64,
    /// Log segments prepared, dropped or removed.
    pub segments: u64,
    /// Another call would find work.
    pub more: bool,
}

type Catalog = BTreeMap<String, Arc<Space>>;
/// Durable commits of one space, in order.
type SpaceCommits = (Arc<Space>, Vec<(Stamp, Change)>);

/// The database.
pub struct Engine {
    components: Components,
    settings: EngineSettings,
    log: ShardLog,
    catalog: ArcSwap<Catalog>,
    queue: Mutex<CommitQueue>,
    /// Why durable commits could not be applied.
    failure: OnceLock<String>,
    /// Held by the one driver.
    driving: Mutex<()>,
    /// Held by the one maintainer.
    maintaining: Mutex<()>,
    /// There may be files of graphs that no space uses any more.
    stale_graphs: AtomicBool,
    data_dir: PathBuf,
    _data_dir: Box<dyn FsLock>,
}

impl Engine {
    /// Locks and opens a data directory, recovers the log, rebuilds every space from it. A fresh directory gets the
    /// default space of the settings.
    ///
    /// # Errors
    /// Locked by another process, newer format, damage that leaves no log to open, or a failing disk.
    pub fn open(
        components: Components,
        settings: EngineSettings,
        data_dir: &Path,
    ) -> Result<(Engine, Recovery), EngineError> {
        crate::validate::settings(&settings)?;
        let (lock, age) = datadir::claim(&*components.fs, data_dir)?;
        let options = LogOptions {
            segment_bytes: settings.wal_segment_bytes,
            spare_segments_max: settings.wal_spare_segments_max,
            ..LogOptions::default()
        };
        let mut replay = Replay::new(&components.embedders);
        let wal = data_dir.join(datadir::WAL_DIR);
        let (log, mut recovery) = ShardLog::open(
            Arc::clone(&components.fs),
            &wal,
            options,
            &*components.entropy,
            &mut |frame| replay.frame(frame),
        )?;
        let fresh = age == Age::New && recovery.frames == 0 && recovery.damage.is_empty();
        let rebuilt = replay.finish(&mut recovery, &mut |space, snapshot| {
            load_graph(&*components.fs, data_dir, space, snapshot);
        });
        let used: Vec<String> = rebuilt
            .catalog
            .values()
            .filter_map(|space| Some(graph_file_name(space.id, space.snapshot.load().graph_hash?)))
            .collect();
        let tidy = remove_others(&*components.fs, data_dir, &used);
        for (space, lsn) in rebuilt.released {
            log.release(space, lsn);
        }
        let queue = CommitQueue::new(rebuilt.overlays);
        let engine = Engine {
            components,
            settings,
            log,
            catalog: ArcSwap::from_pointee(rebuilt.catalog),
            queue: Mutex::new(queue),
            failure: OnceLock::new(),
            driving: Mutex::new(()),
            maintaining: Mutex::new(()),
            stale_graphs: AtomicBool::new(false),
            data_dir: data_dir.to_path_buf(),
            _data_dir: lock,
        };
        if tidy.is_err() {
            // A leftover file costs room, not an answer: it is tried again.
            engine.graphs_are_stale();
        }
        if fresh && let Some(space) = engine.settings.default_space.clone() {
            engine.submit_create(&mut *engine.queue()?, &space)?;
            engine.drive()?;
        }
        if age == Age::New {
            datadir::mark(&*engine.components.fs, data_dir)?;
        }
        Ok((engine, recovery))
    }

    /// Creates a space; `done` is called when that is durable.
    pub fn create_space(&self, new: &NewSpace, done: Done<SpaceInfo>) {
        self.answer(done, |queue| self.submit_create(queue, new));
    }

    fn submit_create(&self, queue: &mut CommitQueue, new: &NewSpace) -> Submitted<SpaceInfo> {
        let settings = settle(new, &self.components.embedders)?;
        if queue.closing {
            return Err(EngineError::Closing);
        }
        if self.catalog.load().contains_key(&new.name) || queue.names.contains_key(&new.name) {
            return Err(EngineError::SpaceExists { name: new.name.clone() });
        }
        let mut id = SpaceId([0; 16]);
        self.components.entropy.fill(&mut id.0);
        id.0[6] = 0x40 | (id.0[6] & 0x0f);
        id.0[8] = 0x80 | (id.0[8] & 0x3f);
        let payload = SpaceRecord::new(&new.name, &settings).encode_to_vec();
        let now_ns = self.now_ns();
        // A space has no earlier commit, so the log gives its first one the time of the request.
        let time = engram_store::CommitTime(now_ns);
        let embedders = &self.components.embedders;
        let space = Arc::new(Space::new(id, new.name.clone(), time, settings, embedders));
        let submission = Submission {
            space: Arc::clone(&space),
            kind: KIND_SPACE_CREATED,
            payload,
            state_sum: 0,
            now_ns,
        };
        let number = queue.next_number();
        let bytes_max = self.settings.commit_queue_bytes_max;
        queue.submit(&self.log, bytes_max, submission, |_| Change::CreateSpace)?;
        queue.names.insert(new.name.clone(), id);
        queue.overlays.insert(id, Overlay::default());
        Ok((space.info(), Some(number)))
    }

    /// Deletes a space and all it holds; `done` is called with what it was when that is durable.
    pub fn delete_space(&self, name: &str, done: Done<SpaceInfo>) {
        self.answer(done, |queue| self.submit_delete(queue, name));
    }

    fn submit_delete(&self, queue: &mut CommitQueue, name: &str) -> Submitted<SpaceInfo> {
        let space = self.serving(name)?;
        writable(queue, &space)?;
        let submission = Submission {
            space: Arc::clone(&space),
            kind: KIND_SPACE_DELETED,
            payload: Vec::new(),
            state_sum: 0,
            now_ns: self.now_ns(),
        };
        let number = queue.next_number();
        let bytes_max = self.settings.commit_queue_bytes_max;
        queue.submit(&self.log, bytes_max, submission, |_| Change::DeleteSpace)?;
        queue.overlays.entry(space.id).or_default().deleted = true;
        Ok((space.info(), Some(number)))
    }

    /// All spaces, sorted by name.
    pub fn spaces(&self) -> Vec<SpaceInfo> {
        self.catalog.load().values().map(|space| space.info()).collect()
    }

    /// One space.
    ///
    /// # Errors
    /// [`EngineError::SpaceNotFound`].
    pub fn space(&self, name: &str) -> Result<SpaceInfo, EngineError> {
        Ok(self.resolve(name)?.info())
    }

    /// Figures of one space.
    ///
    /// # Errors
    /// [`EngineError::SpaceNotFound`].
    pub fn stats(&self, name: &str) -> Result<SpaceStats, EngineError> {
        Ok(self.resolve(name)?.stats())
    }

    /// The one writer's step: makes what is queued durable with one sync, applies it, publishes it, answers.
    ///
    /// # Errors
    /// The log failed: everything queued was refused and told so. After [`LogFailure::DiskFull`] later writes may
    /// succeed; after anything else the log takes no more until the directory is opened again.
    pub fn drive(&self) -> Result<Driven, EngineError> {
        let driver = self.driving.lock().map_err(|_| panicked())?;
        let stamps = match self.log.flush() {
            Ok(stamps) => stamps,
            Err(error) => return Err(self.refuse_queued(error.into(), driver)),
        };
        if stamps.is_empty() {
            return Ok(Driven::default());
        }
        let durable = self.queue()?.durable(&stamps);
        let published = self.publish(durable);
        if let Err(error) = &published {
            // Durable, but not what this process can apply: only a reopen tells what is.
            self.failure.get_or_init(|| error.to_string());
        }
        let waiters = self.queue.lock().map_err(|_| panicked())?.settle(stamps.len());
        drop(driver);
        for waiter in waiters {
            waiter(published.clone());
        }
        published.map(|()| Driven { commits: stamps.len() as u64 })
    }

    fn refuse_queued(&self, error: EngineError, driver: MutexGuard<'_, ()>) -> EngineError {
        let waiters = match self.queue() {
            Ok(mut queue) => {
                let waiters = queue.fail();
                self.log.rollback();
                waiters
            }
            Err(panicked) => return panicked,
        };
        drop(driver);
        for waiter in waiters {
            waiter(Err(error.clone()));
        }
        error
    }

    /// Applies durable commits in order and publishes one snapshot per space.
    fn publish(&self, durable: Vec<(Stamp, Arc<Space>, Change)>) -> Result<(), EngineError> {
        let mut changed: HashMap<SpaceId, SpaceCommits> = HashMap::new();
        for (stamp, space, change) in durable {
            match change {
                Change::CreateSpace => self.admit(&space, stamp),
                Change::DeleteSpace => {
                    self.dismiss(&space);
                    self.log.release(space.id, stamp.lsn);
                }
                Change::Commit(_) => {
                    let entry = changed.entry(space.id).or_insert_with(|| (space, Vec::new()));
                    entry.1.push((stamp, change));
                }
            }
        }
        for (space, commits) in changed.into_values() {
            publish_commits(&space, commits)?;
        }
        Ok(())
    }

    fn admit(&self, space: &Arc<Space>, stamp: Stamp) {
        let snapshot = Snapshot { lsn: stamp.lsn, committed_at: stamp.time, ..Snapshot::default() };
        space.snapshot.store(Arc::new(snapshot));
        self.catalog.rcu(|catalog| {
            let mut catalog = Catalog::clone(catalog);
            catalog.insert(space.name.clone(), Arc::clone(space));
            catalog
        });
    }

    fn dismiss(&self, space: &Space) {
        self.catalog.rcu(|catalog| {
            let mut catalog = Catalog::clone(catalog);
            catalog.remove(&space.name);
            catalog
        });
        self.graphs_are_stale();
        space.link_waiters.refuse(EngineError::SpaceNotFound { name: space.name.clone() });
    }

    /// One bounded step of background work: prepares and recycles log segments, merges chunks, copying at most about
    /// `budget_memories` memories (one merge is always finished).
    ///
    /// # Errors
    /// The log failed outside of a commit; nothing is lost and the step may be repeated.
    pub fn maintain(&self, budget_memories: u64) -> Result<Maintained, EngineError> {
        let _maintainer = self.maintaining.lock().map_err(|_| panicked())?;
        let mut done = Maintained::default();
        for space in self.catalog.load().values() {
            while done.merged_memories < budget_memories {
                match merge_once(space)? {
                    0 => break,
                    merged => done.merged_memories += merged,
                }
            }
        }
        // Last, so that a log in need of repair does not keep chunks from merging.
        let log = self.log.maintain()?;
        done.segments = log.dropped + log.prepared + log.removed;
        done.more = log.more || done.merged_memories >= budget_memories;
        Ok(done)
    }

    /// Refuses new writes, makes what is queued durable, writes a checkpoint. Reads go on.
    ///
    /// # Errors
    /// The log failed; what was acknowledged before is safe.
    pub fn close(&self) -> Result<(), EngineError> {
        self.queue()?.closing = true;
        self.drive()?;
        self.log.close().map_err(|error| {
            self.log.rollback();
            error.into()
        })
    }

    /// Why no write is acknowledged any more, if so.
    pub fn poisoned(&self) -> Option<String> {
        let panicked = self.queue.is_poisoned() || self.driving.is_poisoned();
        let failure = self.failure.get().cloned();
        let panicked = panicked.then(|| panicked_reason().to_owned());
        self.log.poisoned().or(failure).or(panicked)
    }

    /// Counters of the log.
    pub fn log_stats(&self) -> LogStats {
        self.log.stats()
    }

    /// The settings it was opened with.
    pub fn settings(&self) -> &EngineSettings {
        &self.settings
    }

    /// Submits under the lock of the queue and, before the lock is released, registers `done` with the commit that the
    /// answer rests on: no failure of that commit can slip in between. A refusal that follows from other commits is told
    /// when these are durable.
    pub(crate) fn answer<T: Send + 'static>(
        &self,
        done: Done<T>,
        submit: impl FnOnce(&mut CommitQueue) -> Submitted<T>,
    ) {
        let mut queue = match self.queue() {
            Ok(queue) => queue,
            Err(error) => return done(Err(error)),
        };
        let (answer, number) = match submit(&mut queue) {
            Ok(submitted) => submitted,
            Err(error) => {
                let rests_on = queue.last_number().filter(|_| error.rests_on_commits());
                let refuse: Waiter =
                    Box::new(move |outcome| done(Err(outcome.err().unwrap_or(error))));
                let at_once = queue.wait(rests_on, refuse);
                drop(queue);
                if let Some(refuse) = at_once {
                    refuse(Ok(()));
                }
                return;
            }
        };
        let waiter: Waiter = Box::new(move |outcome| done(outcome.map(|()| answer)));
        let at_once = queue.wait(number, waiter);
        drop(queue);
        match at_once {
            Some(waiter) => waiter(Ok(())),
            None => self.wake(),
        }
    }

    /// All spaces, sorted by name.
    pub(crate) fn all_spaces(&self) -> Vec<Arc<Space>> {
        self.catalog.load().values().cloned().collect()
    }

    /// Asks for a drive: something was queued.
    pub(crate) fn wake(&self) {
        (self.components.wake)();
    }

    /// The one place where a request finds its space.
    pub(crate) fn resolve(&self, name: &str) -> Result<Arc<Space>, EngineError> {
        let found = self.catalog.load().get(name).cloned();
        found.ok_or_else(|| EngineError::SpaceNotFound { name: name.to_owned() })
    }

    /// A space whose history is whole.
    pub(crate) fn serving(&self, name: &str) -> Result<Arc<Space>, EngineError> {
        let space = self.resolve(name)?;
        match &space.quarantined {
            Some(why) => Err(EngineError::Log(LogFailure::Quarantined(why.clone()))),
            None => Ok(space),
        }
    }

    pub(crate) fn queue(&self) -> Result<MutexGuard<'_, CommitQueue>, EngineError> {
        match self.failure.get() {
            Some(failure) => Err(EngineError::Log(LogFailure::Poisoned(failure.clone()))),
            None => self.queue.lock().map_err(|_| panicked()),
        }
    }

    pub(crate) fn log(&self) -> &ShardLog {
        &self.log
    }

    pub(crate) fn fs(&self) -> &dyn Fs {
        &*self.components.fs
    }

    /// Notes that there may be files of graphs that no space uses any more.
    pub(crate) fn graphs_are_stale(&self) {
        self.stale_graphs.store(true, Ordering::Release);
    }

    /// Whether that was noted since it was last asked.
    pub(crate) fn take_stale_graphs(&self) -> bool {
        self.stale_graphs.swap(false, Ordering::AcqRel)
    }

    pub(crate) fn data_dir(&self) -> &Path {
        &self.data_dir
    }

    pub(crate) fn entropy(&self) -> &dyn Entropy {
        &*self.components.entropy
    }

    pub(crate) fn now_ns(&self) -> i64 {
        self.components.clock.now_ns()
    }
}

fn publish_commits(space: &Space, commits: Vec<(Stamp, Change)>) -> Result<(), EngineError> {
    let _publishing = space.publishing.lock().map_err(|_| panicked())?;
    let mut snapshot = Snapshot::clone(&space.snapshot.load());
    for (stamp, change) in commits {
        if let Change::Commit(steps) = change {
            apply(&mut snapshot, stamp, steps, space.indexing())
                .map_err(|what| EngineError::Log(LogFailure::Corrupt(what)))?;
        }
    }
    let snapshot = Arc::new(snapshot);
    space.snapshot.store(Arc::clone(&snapshot));
    space.link_waiters.tell(&snapshot);
    Ok(())
}

/// Merges the chunks of a space that are due; the number of memories copied. Writes go on meanwhile.
fn merge_once(space: &Space) -> Result<u64, EngineError> {
    let before = space.snapshot.load_full();
    let Some(range) = before.merge_due() else {
        return Ok(0);
    };
    let merged = before.merged(range.clone());
    let count = merged.len() as u64;
    let _publishing = space.publishing.lock().map_err(|_| panicked())?;
    let mut snapshot = Snapshot::clone(&space.snapshot.load());
    snapshot.replace(range, merged, &before);
    space.snapshot.store(Arc::new(snapshot));
    Ok(count.max(1))
}

fn panicked() -> EngineError {
    EngineError::Log(LogFailure::Poisoned(panicked_reason().to_owned()))
}

fn panicked_reason() -> &'static str {
    "a worker panicked while it held the commit state; reopen to recover"
}
