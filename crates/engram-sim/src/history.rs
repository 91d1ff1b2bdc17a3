//! One history: the engine, its model, and how one follows the other through crashes.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use engram_embed::{Embedder, FixedEmbedder};
use engram_engine::Language;
use engram_engine::{
    ContentHash, EMBEDDER_NONE, Engine, EngineError, EngineSettings, NewSpace, RememberOptions,
};
use engram_store::{BlobStore, Clock, Recovery, SeededEntropy, SpaceId};

use crate::clock::SimClock;
use crate::cold::{FaultyBlobs, Trouble};
use crate::draft::Author;
use crate::faulty::{End, Fault, FaultyFs};
use crate::model::{Creating, Draft, Nature, Place, Refusal, classify};
use crate::rng::Rng;
use crate::tally::Tally;
use crate::trace::Trace;
use crate::vault::{Ranking, Vault};

/// Where the database lives on the simulated disk.
pub(crate) const DATA_DIR: &str = "/data";
/// Dimension of the vectors of spaces with an embedder.
pub(crate) const DIMENSION: u32 = 8;
/// Name of the embedder in every history.
pub(crate) const EMBEDDER: &str = "fixed";
/// Attempts to open before it counts as impossible.
const OPENINGS_MAX: u32 = 6;

/// What a check found: nothing, or what is wrong.
pub(crate) type Check<T = ()> = Result<T, String>;

/// What stays the same over one history.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Setup {
    pub(crate) segment_bytes: u64,
    pub(crate) spares: u32,
    pub(crate) queue_bytes: u64,
    pub(crate) default_space: bool,
    /// Chance in percent that a step arms a fault.
    pub(crate) faults: u64,
    /// Chance in percent that a request to remember is a large batch.
    pub(crate) bulk: u64,
    /// Chance in percent that a text is long.
    pub(crate) heavy: u64,
    /// Chance in percent that a step creates or deletes a space.
    pub(crate) churn: u64,
    /// Vectors of a space from which on a graph is built over them.
    pub(crate) graph_vectors_min: u64,
    /// Bytes of commits of a space in the log before it is checkpointed.
    pub(crate) checkpoint_bytes: u64,
    /// Bytes of log before spaces are checkpointed for its sake.
    pub(crate) log_bytes: u64,
    /// Bytes of state in RAM.
    pub(crate) memory_bytes: u64,
    /// Spaces that may be open.
    pub(crate) open_spaces: usize,
    /// How long deleted memories may stay in files, ns.
    pub(crate) deleted_kept_ns: i64,
    /// New memories of a space before they become a chunk.
    pub(crate) tail_memories: usize,
    /// How long memories are unused before they go into the cold store, ns; none = there is no store.
    pub(crate) cold_after_ns: Option<i64>,
    /// Chance in percent that something happens to the cold store in a step.
    pub(crate) weather: u64,
    /// Archives that the log goes into.
    pub(crate) archives: u32,
}

/// A request to remember, to be sent again by a client that got no answer: space, memories, options.
pub(crate) type Request = (String, Vec<Draft>, RememberOptions);

/// What a memory looked like when it was first read.
pub(crate) type Sight = (ContentHash, Vec<Vec<u32>>);

pub(crate) struct History {
    pub(crate) rng: Rng,
    pub(crate) author: Author,
    pub(crate) setup: Setup,
    pub(crate) clock: SimClock,
    pub(crate) fs: FaultyFs,
    /// The cold store.
    pub(crate) store: FaultyBlobs,
    /// Decides what happens to it.
    pub(crate) weather: Rng,
    /// Decides what is learned.
    pub(crate) scholar: Rng,
    /// Chance for updates, which came later: the histories of old seeds keep their steps.
    pub(crate) updates: Rng,
    /// The same for what comes in from elsewhere.
    pub(crate) arrivals: Rng,
    /// Decides what spaces do with duplicates, which came later still.
    pub(crate) policies: Rng,
    /// Shared with a backup that is being made.
    pub(crate) engine: Option<Arc<Engine>>,
    pub(crate) spaces: BTreeMap<String, Place>,
    pub(crate) creating: Vec<Creating>,
    pub(crate) refusals: Vec<Refusal>,
    /// Spaces whose deletion was in the last flush.
    pub(crate) ghosts: Vec<SpaceId>,
    /// Rot took the last flush, as it may.
    pub(crate) ghosts_may_return: bool,
    pub(crate) default_born: bool,
    /// Latest time that the clock has shown.
    pub(crate) latest_ns: i64,
    /// The disk has a limit now.
    pub(crate) squeezed: bool,
    /// Requests to remember that were queued since everybody last had an answer.
    pub(crate) sent: Vec<Request>,
    /// A fault kept something from being read in this step.
    pub(crate) blind: bool,
    /// The log was closed, and nothing was written since.
    pub(crate) closed: bool,
    pub(crate) seen: BTreeMap<(SpaceId, u64, u32), Sight>,
    pub(crate) rankings: BTreeMap<String, Ranking>,
    /// The backups, in histories that have some.
    pub(crate) vault: Option<Box<Vault>>,
    pub(crate) trace: Trace,
    pub(crate) tally: Tally,
    /// Faults that showed in earlier steps of this life.
    explained: u64,
    /// The fault of a sweep that is still to come, by operation of the current life.
    swept: Option<(u64, Trouble)>,
    seed: u64,
    openings: u64,
}

/// The settings of the engine in a history.
fn settings(setup: &Setup) -> EngineSettings {
    let default_space = NewSpace {
        name: "default".to_owned(),
        embedder: EMBEDDER.to_owned(),
        dimension: None,
        language: Language::English,
        ..NewSpace::default()
    };
    EngineSettings {
        wal_segment_bytes: setup.segment_bytes,
        wal_spare_segments_max: setup.spares,
        log_archives: setup.archives,
        commit_queue_bytes_max: setup.queue_bytes,
        graph_vectors_min: setup.graph_vectors_min,
        checkpoint_log_bytes: setup.checkpoint_bytes,
        wal_bytes_max: setup.log_bytes,
        memory_bytes_max: setup.memory_bytes,
        open_spaces_max: setup.open_spaces,
        deleted_kept_ns: setup.deleted_kept_ns,
        tail_memories_max: setup.tail_memories,
        cold_after_ns: setup.cold_after_ns,
        cold_memories_min: 1,
        default_space: setup.default_space.then_some(default_space),
        ..EngineSettings::default()
    }
}

impl History {
    /// An empty disk, not opened yet.
    pub(crate) fn new(seed: u64, setup: Setup) -> History {
        let mut rng = Rng::new(seed);
        let author = Author::new(rng.split(), FixedEmbedder::new(DIMENSION));
        let clock = SimClock::default();
        let fs = FaultyFs::new(rng.bits());
        let mut weather = Rng::new(seed ^ 0x0073_746f_726d);
        History {
            author,
            setup,
            store: FaultyBlobs::new(weather.bits(), &fs),
            weather,
            scholar: Rng::new(seed ^ 0x7363_686f_6c61_7200),
            updates: Rng::new(seed ^ 0x7570_6461_7465),
            arrivals: Rng::new(seed ^ 0x6172_7269_7665),
            policies: Rng::new(seed ^ 0x706f_6c69_6379),
            fs,
            engine: None,
            spaces: BTreeMap::new(),
            creating: Vec::new(),
            refusals: Vec::new(),
            ghosts: Vec::new(),
            ghosts_may_return: false,
            default_born: false,
            latest_ns: clock.now_ns(),
            clock,
            squeezed: false,
            sent: Vec::new(),
            blind: false,
            closed: false,
            seen: BTreeMap::new(),
            rankings: BTreeMap::new(),
            vault: None,
            trace: Trace::default(),
            tally: Tally::default(),
            explained: 0,
            swept: None,
            seed,
            openings: 0,
            rng,
        }
    }

    pub(crate) fn engine(&self) -> &Engine {
        self.engine.as_deref().expect("steps run on an open engine")
    }

    pub(crate) fn now_ns(&self) -> i64 {
        self.clock.now_ns()
    }

    pub(crate) fn note(&mut self, line: impl Into<String>) {
        self.trace.note(line);
    }

    /// Whether something was injected that may explain an error.
    pub(crate) fn disturbed(&self) -> bool {
        self.squeezed || self.injected()
    }

    /// Whether a fault other than a full disk showed in this step, or lasts.
    pub(crate) fn injected(&self) -> bool {
        let damaged = self.store.was_damaged();
        self.fs.crashed() || self.fs.lasting() || self.shown() > self.explained || damaged
    }

    /// Whether an error may come from what was injected. That the cold store is away explains only that something cold is
    /// not there.
    pub(crate) fn excused(&self, error: &EngineError) -> bool {
        self.disturbed() || (classify(error) == "cold" && self.store.was_absent())
    }

    /// An answer; none where the cold store is away and the engine says so.
    pub(crate) fn told<T>(&self, answer: Result<T, EngineError>) -> Result<Option<T>, EngineError> {
        match answer {
            Err(error) if classify(&error) == "cold" && self.store.was_absent() => Ok(None),
            answer => answer.map(Some),
        }
    }

    fn shown(&self) -> u64 {
        self.fs.fired().values().sum()
    }

    /// The faults that have shown explain nothing that happens from now on.
    pub(crate) fn explain(&mut self) {
        self.explained = self.shown();
        self.store.explain();
    }

    /// Opens what is on the disk, however often it takes, and compares it with the model.
    pub(crate) fn open(&mut self, armed: Option<(u64, Fault)>) -> Check {
        let mut armed = armed;
        for _ in 0..OPENINGS_MAX {
            let recovery = self.open_engine(armed.take())?;
            if !recovery.damage.is_empty() || !recovery.quarantined.is_empty() {
                return Err(format!("damage was reported where nothing had rotted: {recovery:?}"));
            }
            self.bring_back();
            match self.reconcile().and_then(|()| self.verify()) {
                Err(what) if self.injected() || self.store.was_absent() => {
                    self.note(format!("cannot see: {what}"));
                    self.reboot(End::Kill);
                }
                outcome => return outcome,
            }
        }
        Err("the spaces cannot be read, though faults were taken back".to_owned())
    }

    /// Opens the spaces while the cold store may be away, and brings it back: all can be read now.
    fn bring_back(&mut self) {
        for name in self.spaces.keys() {
            // One that cannot be read shows below.
            let _ = self.engine().stats(name);
        }
        self.store.heal();
        self.rearm();
        self.store.explain();
    }

    /// Opens, retrying after injected failures.
    pub(crate) fn open_engine(&mut self, armed: Option<(u64, Fault)>) -> Check<Recovery> {
        if let Some((operation, fault)) = armed {
            self.fs.arm(operation, fault);
        }
        for _ in 0..OPENINGS_MAX {
            let opened = self.attempt();
            if self.disturbed() {
                // A graph that could not be read is done without, and its file is cleared away.
                self.forget_graphs();
            }
            match opened {
                Ok((engine, recovery)) => {
                    if !self.fs.crashed() {
                        self.fs.heal();
                        self.store.disarm();
                        self.rearm();
                        self.explain();
                        self.engine = Some(Arc::new(engine));
                        self.report(&recovery);
                        return Ok(recovery);
                    }
                }
                Err(error) => {
                    self.note(format!("open fails: {error}"));
                    if !self.disturbed() {
                        return Err(format!("open fails with nothing injected: {error}"));
                    }
                }
            }
            let end = if self.rng.chance(50) { End::PowerCut } else { End::Kill };
            self.reboot(end);
        }
        Err("the engine does not open, though faults were taken back".to_owned())
    }

    pub(crate) fn attempt(&mut self) -> Result<(Engine, Recovery), EngineError> {
        self.openings += 1;
        self.tally.openings += 1;
        let embedder: Arc<dyn Embedder> = Arc::new(FixedEmbedder::new(DIMENSION));
        let entropy = self.seed.wrapping_mul(1_000).wrapping_add(self.openings);
        let blobs = || Arc::new(self.store.clone()) as Arc<dyn BlobStore>;
        let components = engram_engine::Components {
            fs: Arc::new(self.fs.clone()),
            blobs: self.setup.cold_after_ns.map(|_| blobs()),
            clock: Arc::new(self.clock.clone()),
            entropy: Arc::new(SeededEntropy::new(entropy)),
            phraser: None,
            embedders: BTreeMap::from([(EMBEDDER.to_owned(), embedder)]),
            wake: Arc::new(|| ()),
        };
        Engine::open(components, settings(&self.setup), Path::new(DATA_DIR))
    }

    pub(crate) fn report(&mut self, recovery: &Recovery) {
        self.tally.torn_tails += u64::from(recovery.torn_tail.is_some());
        let torn = recovery.torn_tail.as_ref().map(|tail| tail.bytes);
        let line = format!(
            "opened: {} frames in {} segments, torn tail {torn:?}, damage {}, quarantined {}, clean {}",
            recovery.frames,
            recovery.segments,
            recovery.damage.len(),
            recovery.quarantined.len(),
            recovery.clean
        );
        self.note(line);
    }

    /// The process ends, the disk gets its due.
    pub(crate) fn reboot(&mut self, end: End) {
        self.engine = None;
        self.blind = false;
        self.refusals.clear();
        self.squeezed = false;
        self.note_faults();
        self.tally.faults_fired(&self.fs.fired());
        match end {
            End::PowerCut => self.tally.power_cuts += 1,
            End::Kill => self.tally.kills += 1,
        }
        self.note(format!("reboot: {end:?}"));
        let operations = self.fs.operations();
        let fired = self.shown() > 0;
        self.fs = self.fs.reboot(end);
        self.fs.limit(None);
        self.store = self.store.after(&self.fs);
        if let Some(vault) = &mut self.vault {
            vault.reboot(&self.fs);
        }
        self.explained = 0;
        match self.swept.take() {
            Some((at, Trouble::Disk(fault))) if !fired => {
                self.sweep(Trouble::Disk(fault), at.saturating_sub(operations));
            }
            Some((_, Trouble::Disk(_))) | None => {}
            swept => self.swept = swept,
        }
    }

    /// Takes over what was noted of faults.
    pub(crate) fn note_faults(&mut self) {
        let vault = self.vault.iter().flat_map(|vault| vault.store.take_notes());
        let notes = self.fs.take_notes().into_iter().chain(self.store.take_notes());
        for line in notes.chain(vault).collect::<Vec<_>>() {
            self.note(format!("fault: {line}"));
        }
    }

    /// Arms a fault that stays armed over reboots until it has shown.
    pub(crate) fn sweep(&mut self, trouble: Trouble, at: u64) {
        self.swept = Some((at, trouble));
        self.rearm();
    }

    fn rearm(&mut self) {
        match self.swept {
            Some((at, Trouble::Disk(fault))) if self.shown() == 0 => self.fs.arm(at, fault),
            Some((at, Trouble::Store(fault))) if self.store.fired().is_empty() => {
                self.store.arm(at, fault);
            }
            _ => {}
        }
    }
}

/// The request for a space of that nature.
pub(crate) fn new_space(name: &str, nature: &Nature) -> NewSpace {
    NewSpace {
        name: name.to_owned(),
        embedder: if nature.embeds { EMBEDDER } else { EMBEDDER_NONE }.to_owned(),
        dimension: (!nature.embeds).then_some(nature.dimension),
        language: nature.language,
        duplicates: nature.duplicates,
        // Some declare a field that many drafts have; no number is drawn for it.
        supersede_key: (nature.dimension == 4).then(|| "n".to_owned()),
        ..NewSpace::default()
    }
}
