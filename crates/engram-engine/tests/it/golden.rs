//! Whole data directories, written once by the code of their format and committed. They must stay readable for ever, with
//! the content and the rankings that they had.
//!
//! A new format version gets a directory of its own, written by the ignored test here; one that is there is never written
//! again.

use std::path::{Path, PathBuf};

use engram_engine::{
    Associate, AssociationQuery, Created, EdgeDirection, EdgeKind, Engine, EngineError, Execution,
    Filter, Forget, ForgetMode, Language, ListQuery, MemoryContent, MetaValue, Metadata, Mode,
    NewMemory, NewSpace, RememberOptions, Serial, Source, State, Visibility,
};
use engram_store::{FORMAT_VERSION, Fs, OpenMode, RealFs, read_all, write_atomically};
use expect_test::{Expect, expect};

use crate::harness::{Home, NOW, cue, ids, recalled_ids, settle, text};

/// Folders of a data directory; the first is the directory itself.
const FOLDERS: [&str; 4] = ["", "wal", "spaces", "index"];
/// Memories before the checkpoint: more than a chunk.
const MEMORIES: usize = 270;
/// Of those, how many are associated and in the graph.
const DERIVED: usize = 40;
const SMALL_DIMENSION: u32 = 8;
const MINUTE: i64 = 60_000_000_000;

fn fixture(version: u32) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/fixtures/format-{version}"))
}

/// What all fixtures are written and opened with.
fn home() -> Home {
    let mut home = Home::of_dimension(SMALL_DIMENSION);
    home.settings.wal_segment_bytes = 16 << 10;
    home.settings.wal_spare_segments_max = 0;
    home.settings.graph_vectors_min = 32;
    home
}

/// Reads a fixture into memory, so that nothing can change the committed files.
fn load(version: u32) -> Home {
    let home = home();
    for folder in FOLDERS {
        let (from, to) = (fixture(version).join(folder), Path::new("/data").join(folder));
        home.fs.create_dir_all(&to).unwrap();
        for name in RealFs.list(&from).unwrap() {
            let bytes = read_all(&RealFs, &from.join(&name)).unwrap();
            let file = home.fs.open(&to.join(name), OpenMode::Create).unwrap();
            file.write_at(0, &bytes).unwrap();
        }
    }
    home
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

fn keyed(key: &str) -> RememberOptions {
    RememberOptions { idempotency_key: Some(key.to_owned()), ..RememberOptions::default() }
}

fn forget(engine: &Engine, id: &str, mode: ForgetMode) {
    let selection = ids(&[id]);
    let request = Forget {
        selection,
        mode,
        purge: Default::default(),
        execution: Execution::Commit,
        principal: "op".into(),
    };
    settle(engine, |done| engine.forget("default", request, done)).unwrap();
}

fn associate(engine: &Engine, from: &str, to: &str) {
    let stated = Associate {
        from: from.into(),
        to: to.into(),
        relation: "leads to".into(),
        weight: 0.5,
        reason: "seen".into(),
        principal: "op".into(),
    };
    settle(engine, |done| engine.associate("default", stated, done)).unwrap();
}

fn derive(engine: &Engine) {
    while engine.link(100_000).unwrap().memories > 0 {
        engine.drive().unwrap();
    }
    while !engine.index(100_000, &Serial).unwrap().commits.is_empty() {
        engine.drive().unwrap();
    }
}

/// A bit of everything, behind a checkpoint and before it.
fn fill(engine: &Engine) {
    for first in (0..MEMORIES).step_by(10) {
        let batch = (first..first + 10).map(memory).collect();
        let options = RememberOptions::default();
        settle(engine, |done| engine.remember("default", batch, &options, done)).unwrap();
        if first + 10 == DERIVED {
            derive(engine);
        }
    }
    let early = vec![text("early", "said before the checkpoint")];
    settle(engine, |done| engine.remember("default", early, &keyed("one"), done)).unwrap();
    associate(engine, "m3", "m4");
    forget(engine, "m7", ForgetMode::Delete);
    forget(engine, "m8", ForgetMode::Suppress);
    engine.checkpoint("default").unwrap().unwrap();

    let tiny = NewSpace {
        name: "tiny".into(),
        embedder: "none".into(),
        dimension: Some(4),
        language: Language::German,
        ..NewSpace::default()
    };
    settle(engine, |done| engine.create_space(&tiny, done)).unwrap();
    let vector = Some(vec![0.5, -0.5, 0.5, 0.5]);
    let memory = NewMemory { vector, ..text("t", "die Häuser am Fluss") };
    let options = RememberOptions::default();
    settle(engine, |done| engine.remember("tiny", vec![memory], &options, done)).unwrap();
    engine.maintain(1_000_000).unwrap();

    let late = vec![text("late", "a late lantern behind the checkpoint")];
    settle(engine, |done| engine.remember("default", late, &keyed("two"), done)).unwrap();
    forget(engine, "m10", ForgetMode::Delete);
    forget(engine, "m12", ForgetMode::Suppress);
    associate(engine, "late", "m20");
}

/// Writes the directory of the present format; run by hand (`--ignored`) once for each new version.
#[test]
#[ignore = "writes a committed fixture"]
fn write_the_directory() {
    let target = fixture(FORMAT_VERSION);
    assert!(RealFs.list(&target).is_err(), "a fixture that is there is never written again");
    let home = home();
    let engine = home.open();
    fill(&engine);
    engine.close().unwrap();
    drop(engine);
    for folder in FOLDERS {
        let (from, to) = (Path::new("/data").join(folder), target.join(folder));
        RealFs.create_dir_all(&to).unwrap();
        let content = |name: &&String| *name != "LOCK" && !name.starts_with("spare-");
        for name in home.fs.list(&from).unwrap().iter().filter(content) {
            let bytes = read_all(&home.fs, &from.join(name)).unwrap();
            write_atomically(&RealFs, &to.join(name), &bytes).unwrap();
        }
    }
}

/// Figures, the files and the first five of each ranking.
fn told(home: &Home, engine: &Engine) -> String {
    let mut told = String::new();
    for name in ["default", "tiny"] {
        let stats = engine.stats(name).unwrap();
        told.push_str(&format!(
            "{name}: LSN {}, {} memories, {} suppressed, {} vectors, {} in the graph, {} associations, {} entities, sum {:016x}\n",
            stats.lsn,
            stats.memories,
            stats.suppressed,
            stats.vectors,
            stats.indexed_vectors,
            stats.associations,
            stats.entities,
            stats.state_sum
        ));
    }
    for folder in FOLDERS {
        let names = home.fs.list(&Path::new("/data").join(folder)).unwrap();
        let kinds: Vec<&str> =
            names.iter().map(|name| name.rsplit('.').next().unwrap_or(name)).collect();
        told.push_str(&format!("{folder}: {}\n", kinds.join(" ")));
    }
    for mode in [Mode::Keyword, Mode::Similarity, Mode::Hybrid, Mode::Associative] {
        for words in ["river lantern", "what did Ada see at Log 70"] {
            let asked = engram_engine::Cue { limit: 5, ..cue(mode, words) };
            let found = recalled_ids(&engine.recall("default", &asked).unwrap());
            told.push_str(&format!("{mode:?} {words}: {}\n", found.join(" ")));
        }
    }
    told
}

/// What the requests of the fixture left behind, whatever its version.
fn check_content(engine: &Engine) {
    let all = ListQuery {
        filter: Filter::default(),
        after: None,
        limit: 900,
        visibility: Visibility::All,
        as_of: None,
    };
    let found = engine.list("default", &all).unwrap().items;
    let found = found.iter().filter(|detail| detail.memory.id.starts_with('m'));
    let mut found = found.filter(|detail| detail.memory.id != "more");
    for n in (0..MEMORIES).filter(|n| ![7, 10].contains(n)) {
        let (detail, wanted) = (found.next().unwrap(), memory(n));
        assert_eq!(Some(&detail.memory.id), wanted.id.as_ref());
        assert_eq!(detail.memory.content, wanted.content, "m{n}");
        let suppressed = [8, 12].contains(&n);
        assert_eq!(detail.state == State::Suppressed, suppressed, "m{n}");
    }
    assert!(found.next().is_none());
    for gone in ["m7", "m10"] {
        let found = engine.get("default", gone);
        assert!(matches!(found, Err(EngineError::MemoryNotFound { .. })), "{gone}: {found:?}");
    }
    for (key, id, said) in [
        ("one", "early", "said before the checkpoint"),
        ("two", "late", "a late lantern behind the checkpoint"),
    ] {
        let again = vec![text(id, said)];
        let answer =
            settle(engine, |done| engine.remember("default", again, &keyed(key), done)).unwrap();
        assert_eq!(answer.items[0].as_ref().unwrap().created, Created::Now, "the first answer");
        let other = vec![text("other", "something else")];
        let refused = settle(engine, |done| engine.remember("default", other, &keyed(key), done));
        assert!(matches!(refused, Err(EngineError::IdempotencyConflict { .. })), "{refused:?}");
    }
    for (from, to) in [("m3", "m4"), ("late", "m20")] {
        let query = AssociationQuery {
            id: from.into(),
            direction: EdgeDirection::Out,
            kinds: vec![EdgeKind::Explicit],
            limit: 10,
            offset: 0,
        };
        let page = engine.associations("default", &query).unwrap();
        let stated: Vec<_> =
            page.items.iter().map(|a| (&*a.to, &*a.label, &*a.reason, a.weight)).collect();
        assert_eq!(stated, [(to, "leads to", "seen", 0.5)], "{from}");
    }
    let tiny = engine.get("tiny", "t").unwrap();
    assert_eq!(tiny.memory.content.text, "die Häuser am Fluss");
    let found = engine.recall("tiny", &cue(Mode::Keyword, "Haus")).unwrap();
    assert_eq!(recalled_ids(&found), ["t"], "in the language of its space");
}

/// Opens a copy of a fixture, looks, writes, checkpoints, and looks again.
fn check(version: u32, expected: &Expect) {
    let home = load(version);
    let engine = home.open();
    expected.assert_eq(&told(&home, &engine));
    check_content(&engine);
    let options = RememberOptions::default();
    let more = vec![text("more", "written by a later version")];
    settle(&engine, |done| engine.remember("default", more, &options, done)).unwrap();
    engine.checkpoint("default").unwrap().unwrap();
    while engine.maintain(1_000_000).unwrap().more {}
    drop(engine);
    let engine = home.open();
    check_content(&engine);
    assert_eq!(engine.get("default", "more").unwrap().state, State::Active);
}

#[test]
fn a_directory_of_format_1_is_readable() {
    check(
        1,
        &expect![[r#"
        default: LSN 38, 268 memories, 2 suppressed, 270 vectors, 36 in the graph, 92 associations, 2 entities, sum bb87b9f107d3c48b
        tiny: LSN 2, 1 memories, 0 suppressed, 1 vectors, 0 in the graph, 0 associations, 0 entities, sum 65e9ac18868b479a
        : FORMAT LOCK
        wal: wal wal wal base
        spaces: segment segment manifest
        index: graph
        Keyword river lantern: m2 m14 m51 m100 m112
        Keyword what did Ada see at Log 70: m70 m0 m140 m210 m9
        Similarity river lantern: m51 m98 m259 m63 m14
        Similarity what did Ada see at Log 70: m11 early m225 m216 m120
        Hybrid river lantern: m51 m259 m2 m161 m63
        Hybrid what did Ada see at Log 70: m225 m216 m198 m99 m9
        Associative river lantern: m51 m259 m2 m161 m63
        Associative what did Ada see at Log 70: m70 m225 m216 m198 m99
    "#]],
    );
}

#[test]
fn a_directory_of_a_newer_format_is_refused() {
    let home = load(FORMAT_VERSION);
    let path = Path::new("/data/FORMAT");
    let line = String::from_utf8(read_all(&home.fs, path).unwrap()).unwrap();
    let newer = line.replace(&FORMAT_VERSION.to_string(), &(FORMAT_VERSION + 1).to_string());
    assert_ne!(newer, line);
    write_atomically(&home.fs, path, newer.as_bytes()).unwrap();
    let refused = home.try_open().map(|_| ());
    let Err(EngineError::NewerFormat { found, supported }) = refused else {
        panic!("{refused:?}");
    };
    assert_eq!((found, supported), (FORMAT_VERSION + 1, FORMAT_VERSION));
    write_atomically(&home.fs, path, line.as_bytes()).unwrap();
    assert!(home.try_open().is_ok(), "nothing was touched");
}
