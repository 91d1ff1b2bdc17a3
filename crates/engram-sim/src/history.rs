//! One history: the engine, its model, and how one follows the other through crashes.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use engram_embed::{Embedder, FixedEmbedder};
use engram_engine::Language;
use engram_engine::{
    ContentHash, EMBEDDER_NONE, Engine, EngineSettings, NewSpace, RememberOptions,
};
use engram_store::{Clock, Recovery, SeededEntropy, SpaceId};

use crate::clock::SimClock;
use crate::draft::Author;
use crate::faulty::{End, Fault, FaultyFs};
use crate::model::{
    Creating, Draft, Fate, Image, Nature, Place, Queued, Refusal, Work, classify, taken,
};
use crate::rng::Rng;
use crate::tally::Tally;
use crate::trace::Trace;

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
}

/// What a ranking was, to be found again.
pub(crate) struct Ranking {
    pub(crate) space: SpaceId,
    pub(crate) lsn: u64,
    pub(crate) now_ns: i64,
    pub(crate) seed: u64,
    pub(crate) answers: Vec<String>,
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
    pub(crate) engine: Option<Engine>,
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
    /// The log was closed, and nothing was written since.
    pub(crate) closed: bool,
    pub(crate) seen: BTreeMap<(SpaceId, u64, u32), Sight>,
    pub(crate) rankings: BTreeMap<String, Ranking>,
    pub(crate) trace: Trace,
    pub(crate) tally: Tally,
    /// Faults that showed in earlier steps of this life.
    explained: u64,
    /// The fault of a sweep that is still to come, by operation of the current life.
    swept: Option<(u64, Fault)>,
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
    };
    EngineSettings {
        wal_segment_bytes: setup.segment_bytes,
        wal_spare_segments_max: setup.spares,
        commit_queue_bytes_max: setup.queue_bytes,
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
        History {
            author,
            setup,
            fs: FaultyFs::new(rng.bits()),
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
            closed: false,
            seen: BTreeMap::new(),
            rankings: BTreeMap::new(),
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
        self.engine.as_ref().expect("steps run on an open engine")
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
        self.fs.crashed() || self.fs.lasting() || self.shown() > self.explained
    }

    fn shown(&self) -> u64 {
        self.fs.fired().values().sum()
    }

    /// The faults that have shown explain nothing that happens from now on.
    pub(crate) fn explain(&mut self) {
        self.explained = self.shown();
    }

    /// Opens what is on the disk, however often it takes, and compares it with the model.
    pub(crate) fn open(&mut self, armed: Option<(u64, Fault)>) -> Check {
        let recovery = self.open_engine(armed)?;
        if !recovery.damage.is_empty() || !recovery.quarantined.is_empty() {
            return Err(format!("damage was reported where nothing had rotted: {recovery:?}"));
        }
        self.reconcile()?;
        self.verify()
    }

    /// Opens, retrying after injected failures.
    pub(crate) fn open_engine(&mut self, armed: Option<(u64, Fault)>) -> Check<Recovery> {
        if let Some((operation, fault)) = armed {
            self.fs.arm(operation, fault);
        }
        for _ in 0..OPENINGS_MAX {
            match self.attempt() {
                Ok((engine, recovery)) => {
                    if !self.fs.crashed() {
                        self.fs.heal();
                        self.rearm();
                        self.explain();
                        self.engine = Some(engine);
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

    pub(crate) fn attempt(&mut self) -> Result<(Engine, Recovery), engram_engine::EngineError> {
        self.openings += 1;
        self.tally.openings += 1;
        let embedder: Arc<dyn Embedder> = Arc::new(FixedEmbedder::new(DIMENSION));
        let entropy = self.seed.wrapping_mul(1_000).wrapping_add(self.openings);
        let components = engram_engine::Components {
            fs: Arc::new(self.fs.clone()),
            clock: Arc::new(self.clock.clone()),
            entropy: Arc::new(SeededEntropy::new(entropy)),
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
        self.refusals.clear();
        self.squeezed = false;
        for line in self.fs.take_notes() {
            self.note(format!("fault: {line}"));
        }
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
        self.explained = 0;
        if let Some((at, fault)) = self.swept.take().filter(|_| !fired) {
            self.sweep(fault, at.saturating_sub(operations));
        }
    }

    /// Arms a fault that stays armed over reboots until it has shown.
    pub(crate) fn sweep(&mut self, fault: Fault, at: u64) {
        self.swept = Some((at, fault));
        self.fs.arm(at, fault);
    }

    fn rearm(&mut self) {
        if let Some((at, fault)) = self.swept
            && self.shown() == 0
        {
            self.fs.arm(at, fault);
        }
    }
}

/// Answers.
impl History {
    /// Takes the answers that have come and moves the model along. What was refused for lack of space is dropped, what
    /// got another error stays queued as unknown.
    pub(crate) fn settle(&mut self) -> Check {
        self.settle_refusals()?;
        let created = self.settle_creations()?;
        let mut acknowledged = created.len() as u64;
        let mut dismissed = Vec::new();
        let mut batches = BTreeMap::new();
        for (name, place) in &mut self.spaces {
            let mut images = vec![place.published.clone()];
            let gone =
                settle_place(place, &mut images).map_err(|what| format!("{name}: {what}"))?;
            acknowledged += images.len() as u64 - 1 + u64::from(gone);
            batches.insert(name.clone(), images);
            if gone {
                dismissed.push(name.clone());
            }
        }
        if acknowledged > 0 {
            self.begin_batch(batches, &created);
        }
        for name in dismissed {
            self.dismiss(&name);
        }
        self.tally.acknowledged += acknowledged;
        self.record_sums()
    }

    /// A flush that writes something makes the one before it proven. `batches` holds the states of spaces before and after
    /// each of its commits.
    fn begin_batch(&mut self, batches: BTreeMap<String, Vec<Image>>, created: &[String]) {
        self.closed = false;
        self.ghosts.clear();
        for (name, place) in &mut self.spaces {
            place.last_batch = vec![place.published.clone()];
            if created.contains(name) {
                place.last_batch.insert(0, Image::default());
            }
        }
        for (name, images) in batches {
            let place = self.spaces.get_mut(&name).filter(|_| images.len() > 1);
            if let Some(place) = place {
                place.last_batch = images;
            }
        }
    }

    fn dismiss(&mut self, name: &str) {
        if let Some(place) = self.spaces.remove(name) {
            self.ghosts.push(place.id);
        }
        self.rankings.remove(name);
    }

    /// A refusal that waited comes as it must, or as the failure of what it waited for.
    fn settle_refusals(&mut self) -> Check {
        for refusal in std::mem::take(&mut self.refusals) {
            match (refusal.take)() {
                None => self.refusals.push(refusal),
                Some(Some(error)) if classify(&error) == refusal.expected => {}
                Some(Some(error)) if self.disturbed() => self.note(format!("late: {error}")),
                other => return Err(format!("expected {:?}, got {other:?}", refusal.expected)),
            }
        }
        Ok(())
    }

    fn settle_creations(&mut self) -> Check<Vec<String>> {
        let (mut waiting, mut created) = (Vec::new(), Vec::new());
        for creating in std::mem::take(&mut self.creating) {
            match taken(&creating.slot) {
                Some(Ok(info)) => {
                    if info.name != creating.name || info.created_at.0 != creating.time {
                        return Err(format!("{} was created as {info:?}", creating.name));
                    }
                    self.admit(&creating.name, info.id, (creating.time, creating.nature.clone()));
                    created.push(creating.name);
                }
                Some(Err(error)) if classify(&error) == "disk full" => {}
                _ => waiting.push(creating),
            }
        }
        self.creating = waiting;
        Ok(created)
    }

    fn admit(&mut self, name: &str, id: SpaceId, (time, nature): (i64, Nature)) {
        let image = Image { lsn: 1, time, ..Image::default() };
        let place = Place {
            id,
            created_at: time,
            nature,
            published: image.clone(),
            projected: image.clone(),
            queued: Vec::new(),
            deleting: false,
            sums: BTreeMap::new(),
            last_batch: vec![image],
            deleted: Vec::new(),
        };
        self.spaces.insert(name.to_owned(), place);
    }

    fn record_sums(&mut self) -> Check {
        let Some(engine) = &self.engine else { return Ok(()) };
        for (name, place) in self.spaces.iter_mut().filter(|(_, place)| place.queued.is_empty()) {
            let stats = engine.stats(name).map_err(|error| format!("stats of {name}: {error}"))?;
            let known = place.sums.entry(stats.lsn.0).or_insert(stats.state_sum);
            if *known != stats.state_sum {
                return Err(format!("the state sum of {name} changed at LSN {}", stats.lsn));
            }
        }
        Ok(())
    }

    /// Commits that wait for their answer.
    pub(crate) fn pending(&self) -> u64 {
        let queued = self.spaces.values().flat_map(|place| &place.queued);
        queued.filter(|queued| queued.stamp.is_some()).count() as u64 + self.creating.len() as u64
    }
}

/// Whether the space is gone.
fn settle_place(place: &mut Place, images: &mut Vec<Image>) -> Check<bool> {
    let mut waiting: Vec<Queued> = Vec::new();
    let mut refused = false;
    let mut gone = false;
    for mut queued in std::mem::take(&mut place.queued) {
        match answer(&mut queued, &place.published)? {
            Answer::Yes => {
                let commit = queued.stamp.is_some();
                if commit && (refused || waiting.iter().any(|other| other.stamp.is_some())) {
                    return Err("a commit was acknowledged behind one that was not".to_owned());
                }
                if let Work::Change { ids, fate: Fate::Delete, .. } = &queued.work {
                    place.deleted.extend(ids.iter().cloned());
                }
                gone |= matches!(queued.work, Work::Delete { .. });
                if commit && !gone {
                    place.published.apply(&queued);
                    images.push(place.published.clone());
                }
            }
            Answer::Refused => refused |= queued.stamp.is_some(),
            Answer::Unknown => waiting.push(queued),
        }
    }
    place.queued = waiting;
    if place.queued.is_empty() {
        place.projected = place.published.clone();
        place.deleting = false;
    }
    Ok(gone)
}

enum Answer {
    Yes,
    Refused,
    Unknown,
}

fn refusal(error: &engram_engine::EngineError) -> Answer {
    match classify(error) {
        "disk full" => Answer::Refused,
        _ => Answer::Unknown,
    }
}

/// Takes the answer to one request and compares it with what must have come.
fn answer(queued: &mut Queued, published: &Image) -> Check<Answer> {
    let commit = queued.stamp.is_some();
    match &mut queued.work {
        Work::Remember { plan, keyed, slot } => match taken(slot) {
            Some(Ok(answer)) => {
                plan.settle(&answer)?;
                if let Some((_, keyed)) = keyed {
                    keyed.plan = plan.clone();
                    keyed.answer = Some(answer);
                }
            }
            Some(Err(error)) => return Ok(refusal(&error)),
            None => return Ok(Answer::Unknown),
        },
        Work::Again { plan, slot } => match taken(slot) {
            Some(Ok(answer)) => plan.settle(&answer)?,
            Some(Err(error)) => return Ok(refusal(&error)),
            None => return Ok(Answer::Unknown),
        },
        Work::Change { ids, slot, .. } => match taken(slot) {
            Some(Ok(receipt)) => {
                let stamp = receipt.commit.map(|(lsn, time)| (lsn.0, time.0));
                if stamp != queued.stamp || receipt.ids != *ids {
                    return Err(format!(
                        "receipt {receipt:?}, expected {:?} {ids:?}",
                        queued.stamp
                    ));
                }
            }
            Some(Err(error)) => return Ok(refusal(&error)),
            None => return Ok(Answer::Unknown),
        },
        Work::Delete { slot } => match taken(slot) {
            Some(Ok(_)) => {}
            Some(Err(error)) => return Ok(refusal(&error)),
            None => return Ok(Answer::Unknown),
        },
    }
    if commit && queued.stamp.is_some_and(|(lsn, _)| lsn != published.lsn + 1) {
        return Err(format!("{:?} was acknowledged at LSN {}", queued.stamp, published.lsn));
    }
    Ok(Answer::Yes)
}

/// After a crash: which of the unanswered commits survived.
impl History {
    /// Takes over what the engine found. Survivors must be the first of what waited, per space.
    pub(crate) fn reconcile(&mut self) -> Check {
        let created = self.reconcile_creations()?;
        let names: Vec<String> = self.spaces.keys().cloned().collect();
        let mut batches = BTreeMap::new();
        let mut dismissed = Vec::new();
        for name in names {
            let lsn = self.engine().stats(&name).map(|stats| stats.lsn.0).ok();
            let ids = match lsn {
                Some(_) => self.ids_by_place(&name)?,
                None => BTreeMap::new(),
            };
            let place = self.spaces.get_mut(&name).expect("the name is from the map");
            let mut images = vec![place.published.clone()];
            let survived = survivors(place, lsn, &ids, &mut images)
                .map_err(|what| format!("{name}: {what}"))?;
            self.tally.survivors += survived;
            if lsn.is_none() {
                dismissed.push(name.clone());
            }
            batches.insert(name, images);
        }
        let survived = batches.values().any(|images| images.len() > 1);
        if survived || !dismissed.is_empty() || !created.is_empty() {
            self.begin_batch(batches, &created);
        }
        for name in dismissed {
            self.dismiss(&name);
        }
        self.record_sums()
    }

    fn reconcile_creations(&mut self) -> Check<Vec<String>> {
        let mut created = Vec::new();
        for creating in std::mem::take(&mut self.creating) {
            if let Ok(info) = self.engine().space(&creating.name) {
                if info.created_at.0 != creating.time {
                    return Err(format!("{} came back as {info:?}", creating.name));
                }
                self.tally.survivors += 1;
                self.admit(&creating.name, info.id, (creating.time, creating.nature));
                created.push(creating.name);
            }
        }
        if self.setup.default_space && !self.default_born {
            self.default_born = true;
            let info = self.engine().space("default").map_err(|error| error.to_string())?;
            let nature = Nature { dimension: DIMENSION, embeds: true, language: Language::English };
            self.admit("default", info.id, (info.created_at.0, nature));
            created.push("default".to_owned());
        }
        Ok(created)
    }
}

/// Applies the commits that survived; returns how many.
fn survivors(
    place: &mut Place,
    lsn: Option<u64>,
    ids: &BTreeMap<(u64, u32), String>,
    images: &mut Vec<Image>,
) -> Check<u64> {
    let waiting = std::mem::take(&mut place.queued);
    let mut commits: Vec<Queued> =
        waiting.into_iter().filter(|queued| queued.stamp.is_some()).collect();
    let deletes = commits.last().is_some_and(|last| matches!(last.work, Work::Delete { .. }));
    let end = match lsn {
        None if deletes => return Ok(commits.len() as u64),
        None => return Err("the space is gone and nobody deleted it".to_owned()),
        Some(lsn) => lsn,
    };
    let most = place.published.lsn + commits.len() as u64 - u64::from(deletes);
    if end < place.published.lsn || end > most {
        return Err(format!(
            "LSN {end} was found, {} was acknowledged and {} commits were waiting",
            place.published.lsn,
            commits.len()
        ));
    }
    let survived = end - place.published.lsn;
    for queued in commits.iter_mut().take(survived as usize) {
        if let Work::Remember { plan, keyed, .. } = &mut queued.work {
            for stored in &mut plan.puts {
                // Ids that the engine made were never told to anybody.
                if stored.id.is_none() {
                    stored.id = ids.get(&stored.place()).cloned();
                }
            }
            if let Some((_, keyed)) = keyed {
                keyed.plan = plan.clone();
            }
        }
        if let Work::Change { ids, fate: Fate::Delete, .. } = &queued.work {
            place.deleted.extend(ids.iter().cloned());
        }
        place.published.apply(queued);
        images.push(place.published.clone());
    }
    place.projected = place.published.clone();
    place.deleting = false;
    Ok(survived)
}

/// The nature of a space with or without an embedder.
pub(crate) fn new_space(name: &str, nature: &Nature) -> NewSpace {
    NewSpace {
        name: name.to_owned(),
        embedder: if nature.embeds { EMBEDDER } else { EMBEDDER_NONE }.to_owned(),
        dimension: (!nature.embeds).then_some(nature.dimension),
        language: nature.language,
    }
}
