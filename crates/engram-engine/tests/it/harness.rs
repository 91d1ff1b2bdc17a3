//! One engine on a directory that outlives it, driven at once after each submission.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, mpsc};

use engram_embed::{Embedder, FixedEmbedder, Phraser};
use engram_engine::{
    Components, Cue, Done, Effect, Engine, EngineError, EngineSettings, Execution, Filter, Forget,
    ForgetMode, ForgetReceipt, ListQuery, MemoryContent, Mode, NewMemory, NewSpace, Recall,
    RememberOptions, Remembered, Restore, Selection, SpaceInfo, Visibility,
};
use engram_index::Language;
use engram_store::{BlobStore, Fs, ManualClock, MemoryFs, SeededEntropy, read_all};

pub(crate) const DIMENSION: u32 = 512;
/// 2026-01-01T00:00:00Z.
pub(crate) const NOW: i64 = 1_767_225_600_000_000_000;
pub(crate) const DAY: i64 = 86_400_000_000_000;

/// What survives a restart.
pub(crate) struct Home {
    pub(crate) fs: MemoryFs,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) embedders: BTreeMap<String, Arc<dyn Embedder>>,
    pub(crate) settings: EngineSettings,
    pub(crate) blobs: Option<Arc<dyn BlobStore>>,
    pub(crate) phraser: Option<Arc<dyn Phraser>>,
}

impl Home {
    pub(crate) fn new() -> Home {
        Home::of_dimension(DIMENSION)
    }

    pub(crate) fn of_dimension(dimension: u32) -> Home {
        let fixed: Arc<dyn Embedder> = Arc::new(FixedEmbedder::new(dimension));
        Home {
            fs: MemoryFs::default(),
            clock: Arc::new(ManualClock::new(NOW)),
            embedders: BTreeMap::from([("fixed".to_owned(), fixed)]),
            settings: EngineSettings {
                wal_segment_bytes: 8 << 20,
                default_space: Some(space("default")),
                ..EngineSettings::default()
            },
            blobs: None,
            phraser: None,
        }
    }

    pub(crate) fn try_open(&self) -> Result<Engine, EngineError> {
        let fs: Arc<dyn Fs> = Arc::new(self.fs.clone());
        let components = Components {
            fs,
            clock: self.clock.clone(),
            blobs: self.blobs.clone(),
            entropy: Arc::new(SeededEntropy::new(7)),
            phraser: self.phraser.clone(),
            embedders: self.embedders.clone(),
            wake: Arc::new(|| {}),
        };
        Ok(Engine::open(components, self.settings.clone(), Path::new("/data"))?.0)
    }

    /// Names of the files of graphs.
    pub(crate) fn graphs(&self) -> Vec<String> {
        self.fs.list(Path::new("/data/index")).unwrap_or_default()
    }

    pub(crate) fn remove_graphs(&self) {
        for name in self.graphs() {
            self.fs.remove(&Path::new("/data/index").join(name)).unwrap();
        }
    }

    /// Names of the files of spaces.
    pub(crate) fn files(&self) -> Vec<String> {
        self.fs.list(Path::new("/data/spaces")).unwrap()
    }

    /// Whether these bytes stand in a file of a folder.
    pub(crate) fn holds(&self, folder: &str, wanted: &str) -> bool {
        let dir = Path::new("/data").join(folder);
        self.fs.list(&dir).unwrap().iter().any(|name| {
            let bytes = read_all(&self.fs, &dir.join(name)).unwrap();
            bytes.windows(wanted.len()).any(|window| window == wanted.as_bytes())
        })
    }

    pub(crate) fn open(&self) -> Engine {
        self.try_open().unwrap()
    }

    /// The next process, after this one was killed.
    pub(crate) fn open_again(&self, engine: Engine) -> Engine {
        drop(engine);
        self.open()
    }
}

pub(crate) fn space(name: &str) -> NewSpace {
    NewSpace {
        name: name.to_owned(),
        embedder: "fixed".to_owned(),
        dimension: None,
        language: Language::English,
        ..NewSpace::default()
    }
}

/// Submits, drives, and returns what was answered.
pub(crate) fn settle<T: Send + 'static>(
    engine: &Engine,
    submit: impl FnOnce(Done<T>),
) -> Result<T, EngineError> {
    let (sender, receiver) = mpsc::channel();
    submit(Box::new(move |outcome| sender.send(outcome).unwrap()));
    engine.drive()?;
    receiver.try_recv().expect("answered after driving")
}

pub(crate) fn remember(
    engine: &Engine,
    memories: Vec<NewMemory>,
    options: RememberOptions,
) -> Result<Remembered, EngineError> {
    settle(engine, |done| engine.remember("default", memories, &options, done))
}

/// Stores one memory and returns its result.
pub(crate) fn store(engine: &Engine, memory: NewMemory) -> engram_engine::RememberedItem {
    let answer = remember(engine, vec![memory], RememberOptions::default()).unwrap();
    answer.items.into_iter().next().unwrap().unwrap()
}

pub(crate) fn forget(
    engine: &Engine,
    selection: Selection,
    mode: ForgetMode,
    execution: Execution,
) -> Result<ForgetReceipt, EngineError> {
    let request =
        Forget { selection, mode, purge: Default::default(), execution, principal: String::new() };
    settle(engine, |done| engine.forget("default", request, done))
}

pub(crate) fn restore(engine: &Engine, selection: Selection) -> Result<ForgetReceipt, EngineError> {
    let request = Restore { selection, execution: Execution::Commit, principal: String::new() };
    settle(engine, |done| engine.restore("default", request, done))
}

pub(crate) fn create_space(engine: &Engine, new: &NewSpace) -> Result<SpaceInfo, EngineError> {
    settle(engine, |done| engine.create_space(new, done))
}

pub(crate) fn text(id: &str, text: &str) -> NewMemory {
    NewMemory {
        id: Some(id.to_owned()),
        content: MemoryContent { text: text.to_owned(), ..MemoryContent::default() },
        vector: None,
    }
}

pub(crate) fn ids(ids: &[&str]) -> Selection {
    Selection::Ids(ids.iter().map(|id| (*id).to_owned()).collect())
}

/// A cue that changes nothing.
pub(crate) fn cue(mode: Mode, text: &str) -> Cue {
    Cue { mode, text: text.to_owned(), effect: Effect::Observe, ..Cue::default() }
}

pub(crate) fn recall(engine: &Engine, mode: Mode, text: &str) -> Recall {
    engine.recall("default", &cue(mode, text)).unwrap()
}

pub(crate) fn recalled_ids(recall: &Recall) -> Vec<String> {
    recall.items.iter().map(|item| item.detail.memory.id.clone()).collect()
}

/// Every memory in log order, page by page.
pub(crate) fn list_ids(engine: &Engine, limit: usize, visibility: Visibility) -> Vec<String> {
    let mut query =
        ListQuery { filter: Filter::default(), after: None, limit, visibility, as_of: None };
    let mut listed = Vec::new();
    loop {
        let page = engine.list("default", &query).unwrap();
        listed.extend(page.items.iter().map(|item| item.memory.id.clone()));
        match page.next {
            Some(next) => query.after = Some(next),
            None => return listed,
        }
    }
}
