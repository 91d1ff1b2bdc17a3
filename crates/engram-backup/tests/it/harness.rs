//! An engine, a repository, and what the engine held after each commit.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, mpsc};

use engram_backup::{
    Archiver, BackupCheck, BackupError, BackupKind, CreateOptions, CreatedBackup, Repository,
    RepositoryKey, RepositoryOptions, RestoreOptions, RestorePlan, RestoreTarget, Restored,
    VerifyLevel, VerifyOptions, create, plan, restore, verify,
};
use engram_embed::{Embedder, FixedEmbedder};
use engram_engine::{
    Components, Done, Engine, EngineError, EngineSettings, Execution, Filter, Forget, ForgetMode,
    ListQuery, MemoryContent, NewMemory, NewSpace, Purge, RememberOptions, Selection, Visibility,
};
use engram_store::{
    BlobStore, Clock, Entropy, Fs, ManualClock, MemoryBlobs, MemoryFs, SeededEntropy,
};

pub(crate) const NOW: i64 = 1_767_225_600_000_000_000;
pub(crate) const SECOND: i64 = 1_000_000_000;
pub(crate) const DAY: i64 = 86_400 * SECOND;

/// What a space held: LSN, time, state sum, what was learned, and its memories.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Held {
    pub(crate) lsn: u64,
    pub(crate) time: i64,
    pub(crate) sums: (u64, u64, u64),
    pub(crate) texts: Vec<(String, String)>,
}

/// What outlives a process.
pub(crate) struct World {
    pub(crate) fs: MemoryFs,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) store: Arc<MemoryBlobs>,
    pub(crate) secret: Option<RepositoryKey>,
    /// Counts up: no two processes draw the same.
    pub(crate) seed: Cell<u64>,
}

impl World {
    pub(crate) fn new() -> World {
        World {
            fs: MemoryFs::default(),
            clock: Arc::new(ManualClock::new(NOW)),
            store: Arc::new(MemoryBlobs::new()),
            secret: None,
            seed: Cell::new(7),
        }
    }

    fn entropy(&self) -> Arc<dyn Entropy> {
        self.seed.set(self.seed.get() + 1);
        Arc::new(SeededEntropy::new(self.seed.get()))
    }

    pub(crate) fn open(&self, dir: &str) -> Engine {
        let fixed: Arc<dyn Embedder> = Arc::new(FixedEmbedder::new(64));
        let fs: Arc<dyn Fs> = Arc::new(self.fs.clone());
        let components = Components {
            fs,
            clock: self.clock.clone(),
            blobs: None,
            entropy: self.entropy(),
            phraser: None,
            embedders: BTreeMap::from([("fixed".to_owned(), fixed)]),
            wake: Arc::new(|| {}),
        };
        let settings = EngineSettings {
            wal_segment_bytes: 16 << 10,
            wal_spare_segments_max: 0,
            tail_memories_max: 4,
            graph_vectors_min: 8,
            log_archives: 1,
            default_space: Some(space("default")),
            ..EngineSettings::default()
        };
        Engine::open(components, settings, Path::new(dir)).unwrap().0
    }

    pub(crate) fn repository(&self) -> Repository {
        self.try_repository(self.secret.clone()).unwrap()
    }

    pub(crate) fn try_repository(
        &self,
        secret: Option<RepositoryKey>,
    ) -> Result<Repository, BackupError> {
        let blobs: Arc<dyn BlobStore> = self.store.clone();
        let entropy = self.entropy();
        let options = RepositoryOptions { secret, zstd_level: 1 };
        Repository::open_or_begin(blobs, entropy, options)
    }

    pub(crate) fn backup(
        &self,
        engine: &Engine,
        (repository, archiver): (&Repository, &mut Archiver),
        kind: BackupKind,
    ) -> Result<CreatedBackup, BackupError> {
        let options = CreateOptions {
            kind,
            spaces: None,
            version: "test".to_owned(),
            archive_interval_ns: SECOND,
        };
        self.clock.advance(SECOND);
        create(engine, (repository, archiver), &options, &*self.clock, &mut |_, _, _| {})
    }

    pub(crate) fn try_restore(
        &self,
        repository: &Repository,
        target: &RestoreTarget,
        dir: &str,
    ) -> Result<(RestorePlan, Restored), BackupError> {
        let plan = plan(repository, target, None, None)?;
        let restored = self.restore_plan(repository, &plan, dir)?;
        Ok((plan, restored))
    }

    pub(crate) fn restore_plan(
        &self,
        repository: &Repository,
        plan: &RestorePlan,
        dir: &str,
    ) -> Result<Restored, BackupError> {
        let options = RestoreOptions {
            fs: Arc::new(self.fs.clone()),
            clock: self.clock.clone(),
            entropy: self.entropy(),
            blobs: None,
            reuse: None,
            begins_timeline: true,
        };
        restore(repository, plan, &options, Path::new(dir), &mut |_, _, _| {})
    }

    pub(crate) fn verify(
        &self,
        repository: &Repository,
        id: &str,
        level: VerifyLevel,
    ) -> Result<BackupCheck, BackupError> {
        let clock: Arc<dyn Clock> = self.clock.clone();
        let options = VerifyOptions {
            level,
            fs: Arc::new(self.fs.clone()),
            clock,
            entropy: Arc::new(SeededEntropy::new(3)),
            blobs: None,
            scratch: PathBuf::from("/scratch"),
            drill: None,
        };
        self.clock.advance(SECOND);
        verify(repository, id, options, &mut |_, _, _| {})
    }
}

pub(crate) fn space(name: &str) -> NewSpace {
    NewSpace { name: name.to_owned(), embedder: "fixed".to_owned(), ..NewSpace::default() }
}

pub(crate) fn settle<T: Send + 'static>(
    engine: &Engine,
    submit: impl FnOnce(Done<T>),
) -> Result<T, EngineError> {
    let (sender, receiver) = mpsc::channel();
    submit(Box::new(move |outcome| sender.send(outcome).unwrap()));
    engine.drive()?;
    receiver.try_recv().unwrap()
}

pub(crate) fn remember(engine: &Engine, space: &str, id: &str, text: &str) {
    let memory = NewMemory {
        id: Some(id.to_owned()),
        content: MemoryContent { text: text.to_owned(), ..MemoryContent::default() },
        vector: None,
    };
    let stored = settle(engine, |done| {
        engine.remember(space, vec![memory], &RememberOptions::default(), done);
    });
    stored.unwrap().items.into_iter().next().unwrap().unwrap();
}

pub(crate) fn forget(engine: &Engine, space: &str, id: &str, mode: ForgetMode) {
    let request = Forget {
        selection: Selection::Ids(vec![id.to_owned()]),
        mode,
        purge: Purge::InTime,
        execution: Execution::Commit,
        principal: String::new(),
    };
    settle(engine, |done| engine.forget(space, request, done)).unwrap();
}

pub(crate) fn held(engine: &Engine, space: &str) -> Held {
    let stats = engine.stats(space).unwrap();
    let all = ListQuery {
        filter: Filter::default(),
        after: None,
        limit: 1_000,
        visibility: Visibility::All,
        as_of: None,
    };
    let page = engine.list(space, &all).unwrap();
    let text = |memory: &engram_engine::MemoryDetail| {
        (memory.memory.id.clone(), memory.memory.content.text.clone())
    };
    Held {
        lsn: stats.lsn.0,
        time: stats.committed_at.0,
        sums: (stats.state_sum, stats.learned_sum, stats.beliefs_sum),
        texts: page.items.iter().map(text).collect(),
    }
}
