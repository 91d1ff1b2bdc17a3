//! A data directory with a bit of everything, made once by the engine, and what holds whenever an engine meets a changed one.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::{Arc, OnceLock, mpsc};

use engram_embed::{Embedder, FixedEmbedder};
use engram_engine::{
    Associate, AssociationQuery, Complete, Components, Cue, Done, DumpQuery, DumpSection,
    EdgeDirection, Engine, EngineError, EngineSettings, Execution, Filter, Forget, ForgetMode,
    Imagine, Language, ListQuery, MemoryContent, MetaValue, Metadata, Mode, NewMemory, NewSpace,
    Offline, Partial, Predict, Recognize, RememberOptions, Selection, Serial, Source, Spread,
    State, VerifyReport, Visibility,
};
use engram_store::{
    BlobStore, Clock, Fs, Lsn, ManualClock, MemoryBlobs, MemoryFs, OverlayFs, SeededEntropy,
    VerifyDepth,
};

/// Folder of the database.
pub(crate) const DIR: &str = "/data";
/// The space that holds everything.
pub(crate) const SPACE: &str = "default";
/// 2026-01-01T00:00:00Z.
const NOW: i64 = 1_767_225_600_000_000_000;
const MINUTE: i64 = 60_000_000_000;
const DIMENSION: u32 = 4;
/// Memories before the checkpoint: more than the least that become a chunk.
const MEMORIES: usize = 260;
/// How long nobody has used a chunk that gets cold, and a time by which that is over, ns.
const COLD_AFTER_NS: i64 = 30 * 24 * 60 * MINUTE;
const LATER: i64 = NOW + 2 * COLD_AFTER_NS;
/// Length of the log's segments, in bytes.
const WAL_SEGMENT_BYTES: u64 = 16 << 10;
/// Of those, how many are associated and in the graph.
const DERIVED: usize = 40;

/// A copy of the directory to change. What is written to it is seen by nobody else.
pub(crate) fn copy() -> Arc<dyn Fs> {
    static MADE: OnceLock<MemoryFs> = OnceLock::new();
    let made = MADE.get_or_init(|| make().expect("memory takes a new directory"));
    Arc::new(OverlayFs::new(Arc::new(made.clone())))
}

fn make() -> Result<MemoryFs, EngineError> {
    let fs = MemoryFs::new();
    let engine = open(&(Arc::new(fs.clone()) as Arc<dyn Fs>))?;
    for first in (0..MEMORIES).step_by(10) {
        remember(&engine, (first..first + 10).map(memory).collect(), None)?;
        if first + 10 == DERIVED {
            derive(&engine)?;
        }
    }
    remember(&engine, vec![memory(MEMORIES)], Some("key"))?;
    associate(&engine, "m3", "m4")?;
    forget(&engine, "m7", ForgetMode::Delete)?;
    forget(&engine, "m8", ForgetMode::Suppress)?;
    engine.checkpoint(SPACE)?;
    engine.maintain(1_000_000)?;
    remember(&engine, vec![memory(MEMORIES + 1)], Some("other key"))?;
    forget(&engine, "m10", ForgetMode::Delete)?;
    engine.close()?;
    Ok(fs)
}

fn memory(n: usize) -> NewMemory {
    let words = ["river", "harbour", "lantern", "orchard", "violin", "granite", "meadow"];
    let word = |by: usize| words[(n / by) % words.len()];
    let mut metadata = Metadata::new();
    if n.is_multiple_of(50) {
        metadata.insert("n".into(), MetaValue::Int(n as i64));
        metadata.insert("deep".into(), MetaValue::List(vec![MetaValue::Bool(true)]));
    }
    NewMemory {
        id: Some(format!("m{n}")),
        content: MemoryContent {
            text: format!("{} {} {n}", word(1), word(7)),
            title: if n.is_multiple_of(70) { format!("Log {n}") } else { String::new() },
            session: format!("s{}", n / 20),
            people: if n.is_multiple_of(9) { vec!["Ada".into()] } else { Vec::new() },
            tags: vec![["x", "y"][n % 2].to_owned()],
            occurred_at: Some(NOW - MINUTE * n as i64),
            expires_at: (n % 97 == 5).then_some(NOW + 1_000_000 * MINUTE),
            source: Source { kind: "chat".into(), reference: "r".into(), trust: Some(0.5) },
            metadata,
            ..MemoryContent::default()
        },
        vector: None,
    }
}

fn clock() -> Arc<dyn Clock> {
    Arc::new(ManualClock::new(NOW))
}

fn open(fs: &Arc<dyn Fs>) -> Result<Engine, EngineError> {
    open_at(fs, (None, NOW))
}

/// Opens it with a cold store, at a time.
fn open_at(
    fs: &Arc<dyn Fs>,
    (blobs, now): (Option<Arc<dyn BlobStore>>, i64),
) -> Result<Engine, EngineError> {
    let fixed: Arc<dyn Embedder> = Arc::new(FixedEmbedder::new(DIMENSION));
    let components = Components {
        fs: Arc::clone(fs),
        clock: Arc::new(ManualClock::new(now)),
        blobs,
        entropy: Arc::new(SeededEntropy::new(7)),
        phraser: None,
        embedders: BTreeMap::from([("fixed".to_owned(), fixed)]),
        wake: Arc::new(|| {}),
    };
    let space = NewSpace {
        name: SPACE.to_owned(),
        embedder: "fixed".to_owned(),
        dimension: None,
        language: Language::English,
        ..NewSpace::default()
    };
    let settings = EngineSettings {
        wal_segment_bytes: WAL_SEGMENT_BYTES,
        wal_spare_segments_max: 0,
        graph_vectors_min: 32,
        cold_after_ns: Some(COLD_AFTER_NS),
        cold_memories_min: 1,
        default_space: Some(space),
        ..EngineSettings::default()
    };
    Ok(Engine::open(components, settings, Path::new(DIR))?.0)
}

/// Submits, drives, and returns what was answered.
fn settle<T: Send + 'static>(
    engine: &Engine,
    submit: impl FnOnce(Done<T>),
) -> Result<T, EngineError> {
    let (sender, receiver) = mpsc::channel();
    submit(Box::new(move |outcome| sender.send(outcome).expect("it is received below")));
    engine.drive()?;
    receiver.try_recv().expect("answered after driving")
}

fn remember(
    engine: &Engine,
    memories: Vec<NewMemory>,
    key: Option<&str>,
) -> Result<(), EngineError> {
    let idempotency_key = key.map(str::to_owned);
    let options = RememberOptions { idempotency_key, ..RememberOptions::default() };
    settle(engine, |done| engine.remember(SPACE, memories, &options, done)).map(|_| ())
}

fn forget(engine: &Engine, id: &str, mode: ForgetMode) -> Result<(), EngineError> {
    let selection = Selection::Ids(vec![id.to_owned()]);
    let request = Forget {
        selection,
        mode,
        purge: Default::default(),
        execution: Execution::Commit,
        principal: String::new(),
    };
    settle(engine, |done| engine.forget(SPACE, request, done)).map(|_| ())
}

fn associate(engine: &Engine, from: &str, to: &str) -> Result<(), EngineError> {
    let stated = Associate {
        from: from.into(),
        to: to.into(),
        relation: "leads to".into(),
        weight: 0.5,
        reason: "seen".into(),
        principal: "op".into(),
    };
    settle(engine, |done| engine.associate(SPACE, stated, done)).map(|_| ())
}

/// Forms associations and the graph of vectors.
fn derive(engine: &Engine) -> Result<(), EngineError> {
    while engine.link(100_000)?.memories > 0 {
        engine.drive()?;
    }
    while !engine.index(100_000, &Serial)?.commits.is_empty() {
        engine.drive()?;
    }
    Ok(())
}

/// A copy of the directory whose chunk is in a cold store, and that store.
pub(crate) fn freeze() -> Result<(Arc<dyn Fs>, MemoryBlobs), EngineError> {
    let (fs, blobs) = (copy(), MemoryBlobs::new());
    let engine = open_at(&fs, (Some(Arc::new(blobs.clone())), LATER))?;
    engine.stats(SPACE)?;
    while engine.maintain(1_000_000)?.more {}
    engine.checkpoint(SPACE)?;
    while engine.maintain(1_000_000)?.more {}
    engine.close()?;
    Ok((fs, blobs))
}

/// Id and text of each memory.
pub(crate) fn told(
    fs: &Arc<dyn Fs>,
    blobs: &Arc<dyn BlobStore>,
) -> Result<Vec<(String, String)>, EngineError> {
    let engine = open_at(fs, (Some(Arc::clone(blobs)), NOW))?;
    let listed = list(&engine)?;
    let told =
        listed.into_iter().filter(|(_, state, _)| *state == State::Active).map(|(id, ..)| {
            let text = engine.get(SPACE, &id)?.memory.content.text.clone();
            Ok((id, text))
        });
    told.collect()
}

/// Meets a directory with a cold store: what is served and written is there after a restart.
pub(crate) fn meet_cold(fs: &Arc<dyn Fs>, blobs: &Arc<dyn BlobStore>) {
    let open = || open_at(fs, (Some(Arc::clone(blobs)), NOW)).expect("a sound log opens");
    let engine = open();
    if serve(&engine)
        && let Some(listed) = write(&engine)
    {
        drop(engine);
        let again = list(&open()).expect("what was served is served after a restart");
        assert!(again == listed, "a restart changes nothing");
    }
}

/// What a search by a vector finds, with the bits of the scores.
pub(crate) fn similar(fs: &Arc<dyn Fs>) -> Vec<(String, u32)> {
    let engine = open(fs).expect("a sound log opens");
    let text = "river harbour".to_owned();
    let cue = Cue { mode: Mode::Similarity, text, limit: 50, ..Cue::default() };
    let found = engine.recall(SPACE, &cue).expect("the space serves");
    found.items.iter().map(|item| (item.detail.memory.id.clone(), item.score.to_bits())).collect()
}

/// Meets a directory whose log is sound and whose content is anything: checks it, serves from it, writes to it, restarts, and
/// mends it where it is damaged.
pub(crate) fn meet(fs: &Arc<dyn Fs>) {
    let report = verify(fs);
    let engine = open(fs).expect("a sound log opens");
    if matches!(engine.space(SPACE), Err(EngineError::SpaceNotFound { .. })) {
        // It was deleted, or nothing of it is left that says its name.
        return;
    }
    let served = serve(&engine);
    let told = served || !report.is_intact();
    assert!(told, "what passed the check is not served: {:?}", list(&engine).err());
    if served && let Some(listed) = write(&engine) {
        drop(engine);
        let engine = open(fs).expect("what was written opens");
        let again = list(&engine).expect("what was served is served after a restart");
        assert!(again == listed, "a restart changes nothing");
        return;
    }
    drop(engine);
    mend(fs);
}

fn offline(fs: &Arc<dyn Fs>) -> Offline {
    let entropy = Arc::new(SeededEntropy::new(8));
    let opened = Offline::open(Arc::clone(fs), clock(), entropy, Path::new(DIR));
    opened.expect("nobody else has it").expect("it is a data directory")
}

/// Checks all of the directory, and reads out all that can be read.
fn verify(fs: &Arc<dyn Fs>) -> VerifyReport {
    let offline = offline(fs);
    for section in [DumpSection::Log, DumpSection::Memories, DumpSection::Manifest] {
        let query = DumpQuery { space: None, from: Lsn(0), section };
        let dumped = offline.dump(&query, &mut |_| ControlFlow::Continue(()));
        dumped.expect("damage is no error");
    }
    let report = offline.verify(VerifyDepth::Deep, None, &mut |_| ());
    report.expect("damage is no error")
}

/// Repairs the directory; what was repaired passes the check and is served.
fn mend(fs: &Arc<dyn Fs>) {
    let offline = offline(fs);
    let plan = offline.plan_repair(&mut |_| ()).expect("damage is no error");
    let Ok(Some(_)) = offline.repair(&plan, &mut |_| ()) else { return };
    drop(offline);
    let report = verify(fs);
    assert!(report.is_intact(), "a repair leaves {report:?}");
    let engine = open(fs).expect("what was repaired opens");
    let known = engine.space(SPACE).is_ok();
    assert!(!known || serve(&engine), "what was repaired is served");
}

/// Asks for everything; whether the space serves. A space that does not says so to every request.
fn serve(engine: &Engine) -> bool {
    let listed = list(engine);
    // What is broken by reading shows in figures too.
    let _ = engine.stats(SPACE);
    let mut answers = vec![engine.get(SPACE, "m3").map(|_| ())];
    let asked = "what did Ada see at \"Log 70\"";
    let cues = [(Mode::Keyword, "river 3"), (Mode::Hybrid, "harbour"), (Mode::Associative, asked)];
    for (mode, text) in cues {
        let cue = Cue { mode, text: text.to_owned(), neighbours: 1, ..Cue::default() };
        answers.push(engine.recall(SPACE, &cue).map(|_| ()));
    }
    let asked = Recognize { text: "river river 3".to_owned(), vector: None, limit: 3 };
    answers.push(engine.recognize(SPACE, &asked).map(|_| ()));
    let query = AssociationQuery {
        id: "m3".to_owned(),
        direction: EdgeDirection::Both,
        kinds: Vec::new(),
        limit: 100,
        offset: 0,
    };
    answers.push(engine.associations(SPACE, &query).map(|_| ()));
    let spread = Spread {
        seeds: vec![("m3".to_owned(), 1.0)],
        hops: 3,
        kinds: Vec::new(),
        filter: Filter::default(),
        limit: 50,
        edges_max: 1_000,
    };
    answers.push(engine.spread(SPACE, &spread).map(|_| ()));
    answers.extend(complete(engine));
    let served = listed.is_ok() && list(engine).is_ok();
    if listed.is_err() {
        assert!(answers.iter().all(Result::is_err), "a quarantined space answers");
    }
    served
}

/// Asks for the rest of a memory, for what follows it, and for what might be.
fn complete(engine: &Engine) -> [Result<(), EngineError>; 3] {
    let partial = Partial { text: "river".to_owned(), ..Partial::default() };
    let asked = Complete {
        partial: partial.clone(),
        fields: Vec::new(),
        filter: Filter::default(),
        min_probability: 0.5,
        evidence_max: 100,
    };
    let present = Predict {
        like: vec!["m3".to_owned()],
        partial: partial.clone(),
        steps_max: 2,
        filter: Filter::default(),
        antecedents_max: 20,
        limit: 5,
        min_probability: 0.0,
    };
    let given =
        Imagine { partial, fields: Vec::new(), filter: Filter::default(), evidence_max: 100 };
    [
        engine.complete(SPACE, &asked).map(|_| ()),
        engine.predict(SPACE, &present).map(|_| ()),
        engine.imagine(SPACE, &given).map(|_| ()),
    ]
}

/// Id, state and length of the text of each memory.
type Listed = Vec<(String, State, usize)>;

fn list(engine: &Engine) -> Result<Listed, EngineError> {
    let visibility = Visibility::All;
    let mut query =
        ListQuery { filter: Filter::default(), after: None, limit: 900, visibility, as_of: None };
    let mut listed = Vec::new();
    loop {
        let page = engine.list(SPACE, &query)?;
        let told = page.items.iter().map(|detail| {
            let memory = &detail.memory;
            (memory.id.clone(), detail.state, memory.content.text.len())
        });
        listed.extend(told);
        match page.next {
            Some(next) => query.after = Some(next),
            None => return Ok(listed),
        }
    }
}

/// Writes to a space that serves and puts its state into files; what it then holds, or nothing where that brought damage to light.
fn write(engine: &Engine) -> Option<Listed> {
    let outcome = remember(engine, vec![memory(5_000)], None)
        .and_then(|()| forget(engine, "m5000", ForgetMode::Suppress))
        .and_then(|()| forget(engine, "m20", ForgetMode::Delete))
        .and_then(|()| derive(engine))
        .and_then(|()| engine.checkpoint(SPACE).map(|_| ()))
        .and_then(|()| engine.maintain(1_000_000).map(|_| ()))
        .and_then(|()| list(engine));
    assert!(engine.poisoned().is_none(), "{:?}", engine.poisoned());
    outcome.ok()
}
