//! The engine: many spaces on one log, driven from outside.
//!
//! Writes are submitted from any thread and never block on I/O. One caller at a time drives: [`Engine::drive`] makes all
//! that is queued durable with one sync, applies it, publishes snapshots, and only then answers. Reads take a snapshot
//! and never wait for writes. The engine starts no thread and asks the system for nothing.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use engram_embed::{Embedder, Phraser};
use engram_store::{
    BlobStore, Bug, Clock, Entropy, Fs, FsLock, LogOptions, LogStats, Lsn, Recovery, ShardLog,
    SpaceId, Stamp, read_manifests,
};
use prost::Message;

use crate::apply::{Step, apply};
use crate::calibration::ModeCalibration;
use crate::catalog::{Catalog, Entry};
use crate::census::Census;
use crate::changes::changes;
use crate::datadir::{self, Age};
use crate::error::{EngineError, LogFailure};
use crate::feed::ChangeListener;
use crate::identity::{DirectoryIdentity, FIRST_TIMELINE, draw_uuid};
use crate::memtable::Snapshot;
use crate::model::{SpaceInfo, SpaceStats};
use crate::queue::{Change, CommitQueue, Overlay, Submission, Waiter, writable};
use crate::record::{KIND_SPACE_CREATED, KIND_SPACE_DELETED, SpaceRecord};
use crate::releases::{Holds, Releases};
use crate::residence::Residence;
use crate::settings::EngineSettings;
use crate::settings::NewSpace;
use crate::space::{Embedders, Space, SpaceIdentity, settle};
use crate::upkeep::Upkeep;

/// What the engine is given; it reaches for nothing itself.
#[derive(Clone)]
pub struct Components {
    /// Files.
    pub fs: Arc<dyn Fs>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
    /// Where cold memories go; none = nothing gets cold.
    pub blobs: Option<Arc<dyn BlobStore>>,
    /// Embedders by the name that spaces choose them with; `none` needs no entry.
    pub embedders: BTreeMap<String, Arc<dyn Embedder>>,
    /// Puts beliefs into words; none = they are words of the memories they rest on.
    pub phraser: Option<Arc<dyn Phraser>>,
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

/// Durable commits of one space, in order.
type SpaceCommits = (Arc<Space>, Vec<(Stamp, Change)>);

/// The database.
pub struct Engine {
    components: Components,
    settings: EngineSettings,
    log: ShardLog,
    catalog: Catalog,
    residence: Residence,
    queue: Mutex<CommitQueue>,
    pub(crate) listener: OnceLock<ChangeListener>,
    /// Why durable commits could not be applied.
    failure: OnceLock<String>,
    /// Held by the one driver.
    driving: Mutex<()>,
    /// Held by the one maintainer.
    maintaining: Mutex<Upkeep>,
    /// Deleted spaces with their last LSN: their files are to be removed, then their frames released.
    deleted: Mutex<Vec<(SpaceId, Lsn)>>,
    /// There may be files of graphs that no space uses any more.
    stale_graphs: AtomicBool,
    releases: Mutex<Releases>,
    holds: Mutex<Holds>,
    identity: Mutex<Option<DirectoryIdentity>>,
    data_dir: PathBuf,
    spaces_dir: PathBuf,
    _data_dir: Box<dyn FsLock>,
}

impl Engine {
    /// Locks and opens a data directory, reads the manifests and recovers the log. A space is read when it is first asked
    /// for. A fresh directory gets the default space of the settings.
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
        let identity = DirectoryIdentity::read(&*components.fs, data_dir)?;
        let options = LogOptions {
            segment_bytes: settings.wal_segment_bytes,
            spare_segments_max: settings.wal_spare_segments_max,
            epoch: identity.map_or(FIRST_TIMELINE, |identity| identity.timeline),
        };
        let spaces_dir = data_dir.join(datadir::SPACES_DIR);
        let fs = Arc::clone(&components.fs);
        fs.create_dir_all(&spaces_dir).map_err(|error| datadir::io_failure(&spaces_dir, &error))?;
        let manifests = read_manifests(&*fs, &spaces_dir)?;
        // A killed process may have renamed a manifest and not synced that: what is trusted from here on must be durable.
        fs.sync_dir(&spaces_dir).map_err(|error| datadir::io_failure(&spaces_dir, &error))?;
        let mut census = Census::new(manifests);
        let wal = data_dir.join(datadir::WAL_DIR);
        let (log, mut recovery) =
            ShardLog::open(Arc::clone(&fs), &wal, options, &*components.entropy, &mut |frame| {
                census.frame(&frame)
            })?;
        let fresh = age == Age::New && recovery.frames == 0 && recovery.damage.is_empty();
        let counted = census.finish(&mut recovery, &|space| log.durable_lsn(space));
        let residence = Residence::new(settings.memory_bytes_max);
        let releases = Releases::new(settings.log_archives);
        let engine = Engine {
            components,
            settings,
            log,
            catalog: Catalog::new(counted.entries),
            residence,
            queue: Mutex::new(CommitQueue::default()),
            listener: OnceLock::new(),
            failure: OnceLock::new(),
            driving: Mutex::new(()),
            maintaining: Mutex::default(),
            deleted: Mutex::new(counted.deleted),
            stale_graphs: AtomicBool::new(true),
            releases: Mutex::new(releases),
            holds: Mutex::default(),
            identity: Mutex::new(identity),
            data_dir: data_dir.to_path_buf(),
            spaces_dir,
            _data_dir: lock,
        };
        for entry in engine.catalog.all() {
            if let Some(manifest) = entry.checkpoint() {
                engine.release(entry.identity.id, manifest.lsn);
            }
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
        if self.catalog.contains(&new.name) || queue.names.contains_key(&new.name) {
            return Err(EngineError::SpaceExists { name: new.name.clone() });
        }
        let id = draw_uuid(&*self.components.entropy);
        let payload = SpaceRecord::new(&new.name, &settings).encode_to_vec();
        let now_ns = self.now_ns();
        // A space has no earlier commit, so the log gives its first one the time of the request.
        let time = engram_store::CommitTime(now_ns);
        let embedders = &self.components.embedders;
        let identity = SpaceIdentity::new(id, new.name.clone(), time, settings);
        let tail_max = self.settings.tail_memories_max;
        let space = Arc::new(Space::new(Arc::new(identity), embedders, tail_max));
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
        Ok((space.identity.info(), Some(number)))
    }

    /// Deletes a space and all it holds; `done` is called with what it was when that is durable.
    pub fn delete_space(&self, name: &str, done: Done<SpaceInfo>) {
        match self.serving(name) {
            Ok(space) => self.answer(done, |queue| self.submit_delete(queue, space)),
            Err(error) => self.answer(done, |_| Err(error)),
        }
    }

    fn submit_delete(&self, queue: &mut CommitQueue, space: Arc<Space>) -> Submitted<SpaceInfo> {
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
        queue.overlays.entry(space.identity.id).or_default().deleted = true;
        Ok((space.identity.info(), Some(number)))
    }

    /// All spaces, sorted by name.
    pub fn spaces(&self) -> Vec<SpaceInfo> {
        self.catalog.all().iter().map(|entry| entry.identity.info()).collect()
    }

    /// One space.
    ///
    /// # Errors
    /// [`EngineError::SpaceNotFound`].
    pub fn space(&self, name: &str) -> Result<SpaceInfo, EngineError> {
        Ok(self.catalog.find(name)?.identity.info())
    }

    /// Figures of one space, which is opened for it. Of a quarantined one, as far as it can be read.
    ///
    /// # Errors
    /// [`EngineError::SpaceNotFound`]; nothing of it can be read.
    pub fn stats(&self, name: &str) -> Result<SpaceStats, EngineError> {
        Ok(self.open_entry(&self.catalog.find(name)?)?.stats())
    }

    /// What judgements taught of the relevance of a space's recalls, by mode.
    ///
    /// # Errors
    /// As [`Engine::stats`].
    pub fn calibration(&self, name: &str) -> Result<Vec<ModeCalibration>, EngineError> {
        Ok(self.open_entry(&self.catalog.find(name)?)?.snapshot.load().calibration.told())
    }

    /// Figures of the open spaces with their names, in no order.
    pub fn open_stats(&self) -> Vec<(String, SpaceStats)> {
        let stats = |space: Arc<Space>| (space.identity.name.clone(), space.stats());
        self.catalog.open_spaces().into_iter().map(stats).collect()
    }

    /// Number of spaces, closed ones too.
    pub fn space_count(&self) -> usize {
        self.catalog.len()
    }

    /// Whether memories are stored in this space faster than associations are formed: writes are refused.
    pub fn is_lagging(&self, name: &str) -> bool {
        let space = self.catalog.find(name).ok().and_then(|entry| entry.space());
        space.is_some_and(|space| space.unlinked() > self.settings.index_lag_memories_max)
    }

    /// Whether a request to this space may wait for files or objects: it is closed, or some of it is cold.
    pub fn may_wait(&self, name: &str) -> bool {
        let space = self.catalog.find(name).ok().and_then(|entry| entry.space());
        let is_cold = |space: Arc<Space>| {
            space.snapshot.load().chunks.iter().any(|view| view.bodies.cold.is_some())
        };
        space.is_none_or(is_cold)
    }

    /// Whether a request to this space can be answered without opening it first.
    pub fn is_open(&self, name: &str) -> bool {
        self.catalog.find(name).is_ok_and(|entry| entry.is_open())
    }

    /// The one writer's step: makes what is queued durable with one sync, applies it, publishes it, answers.
    ///
    /// # Errors
    /// The log failed: everything queued was refused and told so. After [`LogFailure::DiskFull`] later writes may
    /// succeed; after anything else the log takes no more until the directory is opened again.
    pub fn drive(&self) -> Result<Driven, EngineError> {
        let driver = self.driving.lock().map_err(|_| panicked())?;
        if Bug::PublishedEarly.is_on() {
            let queued = self.queue()?.queued();
            self.publish(queued)?;
        }
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
        for (space, waiter) in waiters {
            // A space whose files could not be read while the commit was applied has it in its log only.
            waiter(published.clone().and_then(|()| space.intact()));
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
        for (_, waiter) in waiters {
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
                    // What came before is not worth reading its files, which might quarantine it.
                    changed.remove(&space.identity.id);
                    self.dismiss(&space, stamp.lsn);
                }
                Change::Commit(_) => {
                    let entry =
                        changed.entry(space.identity.id).or_insert_with(|| (space, Vec::new()));
                    entry.1.push((stamp, change));
                }
            }
        }
        for (space, commits) in changed.into_values() {
            publish_commits(&space, commits)?;
            self.tell(&space);
        }
        Ok(())
    }

    fn admit(&self, space: &Arc<Space>, stamp: Stamp) {
        let empty = Snapshot::empty(&space.identity.settings);
        let snapshot = Snapshot { lsn: stamp.lsn, committed_at: stamp.time, ..empty };
        space.snapshot.store(Arc::new(snapshot));
        space.feed.begin(stamp.lsn);
        self.catalog.admit(Arc::new(Entry::open(space, self.now_ns())));
    }

    /// Lets the listener hear that a space changed.
    fn tell(&self, space: &Space) {
        if let Some(listener) = self.listener.get() {
            listener(&space.identity.name);
        }
    }

    fn dismiss(&self, space: &Space, last: Lsn) {
        self.catalog.dismiss(&space.identity);
        let mut deleted = self.deleted.lock().unwrap_or_else(PoisonError::into_inner);
        deleted.push((space.identity.id, last));
        self.graphs_are_stale();
        self.tell(space);
        let name = space.identity.name.clone();
        space.link_waiters.refuse(EngineError::SpaceNotFound { name });
    }

    /// Refuses new writes, makes what is queued durable, writes a checkpoint. Reads go on.
    ///
    /// # Errors
    /// The log failed; what was acknowledged before is safe.
    pub fn close(&self) -> Result<(), EngineError> {
        // What was used in the last moments may be lost, so a failure of this is none of the close; it shows in the drive below.
        drop(self.learn_noted());
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
        match self.queue() {
            Ok(queue) => self.answer_from(queue, done, submit),
            Err(error) => done(Err(error)),
        }
    }

    /// The same by somebody who holds the lock.
    pub(crate) fn answer_from<T: Send + 'static>(
        &self,
        mut queue: MutexGuard<'_, CommitQueue>,
        done: Done<T>,
        submit: impl FnOnce(&mut CommitQueue) -> Submitted<T>,
    ) {
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

    /// Asks for a drive: something was queued.
    pub(crate) fn wake(&self) {
        (self.components.wake)();
    }

    pub(crate) fn catalog(&self) -> &Catalog {
        &self.catalog
    }

    pub(crate) fn residence(&self) -> &Residence {
        &self.residence
    }

    pub(crate) fn blobs(&self) -> Option<&Arc<dyn BlobStore>> {
        self.components.blobs.as_ref()
    }

    pub(crate) fn phraser(&self) -> Option<&dyn Phraser> {
        self.components.phraser.as_deref()
    }

    pub(crate) fn embedders(&self) -> &Embedders {
        &self.components.embedders
    }

    /// Held by the one maintainer.
    pub(crate) fn maintaining(&self) -> Result<MutexGuard<'_, Upkeep>, EngineError> {
        self.maintaining.lock().map_err(|_| panicked())
    }

    /// Spaces whose deletion is durable and whose files are still there.
    pub(crate) fn deleted(&self) -> MutexGuard<'_, Vec<(SpaceId, Lsn)>> {
        self.deleted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Held by the driver between what the log has and what is published.
    pub(crate) fn driving(&self) -> Result<MutexGuard<'_, ()>, EngineError> {
        self.driving.lock().map_err(|_| panicked())
    }

    /// Folder of the files of spaces.
    pub(crate) fn spaces_dir(&self) -> &Path {
        &self.spaces_dir
    }

    pub(crate) fn queue(&self) -> Result<MutexGuard<'_, CommitQueue>, EngineError> {
        match self.failure.get() {
            Some(failure) => Err(EngineError::Log(LogFailure::Poisoned(failure.clone()))),
            None => self.queue.lock().map_err(|_| panicked()),
        }
    }

    pub(crate) fn releases(&self) -> MutexGuard<'_, Releases> {
        self.releases.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn holds(&self) -> &Mutex<Holds> {
        &self.holds
    }

    pub(crate) fn known_identity(&self) -> &Mutex<Option<DirectoryIdentity>> {
        &self.identity
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

    /// The time that the engine goes by, ns.
    pub fn now_ns(&self) -> i64 {
        self.components.clock.now_ns()
    }
}

fn publish_commits(space: &Space, commits: Vec<(Stamp, Change)>) -> Result<(), EngineError> {
    let _publishing = space.publishing.lock().map_err(|_| panicked())?;
    let mut snapshot = Snapshot::clone(&space.snapshot.load());
    let mut changed = Vec::with_capacity(commits.len());
    for (stamp, change) in commits {
        if let Change::Commit(steps) = change {
            changed.push((stamp, changes(&snapshot, &steps)));
            if steps.iter().any(|step| matches!(step, Step::Delete(_))) {
                space.identity.note_deleted(stamp.time.0);
                space.identity.unpurged.note(stamp.lsn, stamp.time.0);
            }
            let applied = apply(&mut snapshot, stamp, steps, space.indexing());
            if space.intact().is_err() {
                // Its files could not be read: the others go on.
                return Ok(());
            }
            applied.map_err(|what| EngineError::Log(LogFailure::Corrupt(what)))?;
        }
    }
    space.note_unlinked(&snapshot);
    let snapshot = Arc::new(snapshot);
    space.snapshot.store(Arc::clone(&snapshot));
    // Only now: who hears of a change finds it.
    for (stamp, changes) in changed {
        space.feed.note(stamp, changes);
    }
    space.link_waiters.tell(&snapshot);
    Ok(())
}

pub(crate) fn panicked() -> EngineError {
    EngineError::Log(LogFailure::Poisoned(panicked_reason().to_owned()))
}

fn panicked_reason() -> &'static str {
    "a worker panicked while it held the commit state; reopen to recover"
}
