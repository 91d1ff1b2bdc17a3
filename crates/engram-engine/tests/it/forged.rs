//! Files of which every checksum fits and whose content no engine writes: an error of the space, never a panic, and what a check
//! of the directory lets pass is served.

use std::path::Path;
use std::sync::Arc;

use engram_engine::{
    Engine, EngineError, Execution, ForgetMode, LogFailure, Mode, Offline, RememberOptions, Serial,
    VerifyReport,
};
use engram_store::{
    BlockCache, Manifest, SectionTag, SeededEntropy, Segment, SegmentWriter, VerifyDepth,
    read_manifests,
};

use crate::harness::{Home, cue, forget, ids, remember, store, text};

/// Sections of a chunk, in order.
const CHUNK: [&[u8; 4]; 10] =
    [b"NODE", b"BYID", b"BYCO", b"OWNE", b"CODE", b"POST", b"COLS", b"RECO", b"ENDS", b"VECS"];
/// More than the least that become a chunk.
const MEMORIES: usize = 260;
const DIMENSION: u32 = 8;

/// A space with a chunk in files.
fn checkpointed() -> Home {
    let home = Home::of_dimension(DIMENSION);
    let engine = home.open();
    let memories = (0..MEMORIES).map(|n| text(&format!("m{n}"), &format!("note {n}"))).collect();
    remember(&engine, memories, RememberOptions::default()).unwrap();
    engine.checkpoint("default").unwrap().unwrap();
    engine.close().unwrap();
    home
}

fn folder() -> &'static Path {
    Path::new("/data/spaces")
}

/// Changes the manifest.
fn forge(home: &Home, change: impl FnOnce(&mut Manifest)) {
    let mut manifests = read_manifests(&home.fs, folder()).unwrap().manifests;
    change(&mut manifests[0]);
    manifests[0].write(&home.fs, folder()).unwrap();
}

/// Writes the chunk anew with a section changed.
fn forge_chunk(home: &Home, forged: &[u8; 4], change: impl FnOnce(&mut Vec<u8>)) {
    forge(home, |manifest| {
        let chunk = &mut manifest.segments[1].segment;
        let cache = Arc::new(BlockCache::new(0));
        let opened = Segment::open(&home.fs, folder(), manifest.space, chunk, cache).unwrap();
        let mut writer = SegmentWriter::create(&home.fs, folder(), opened.meta()).unwrap();
        let mut change = Some(change);
        for tag in CHUNK {
            let mut bytes = opened.load(SectionTag(*tag)).unwrap();
            if tag == forged {
                change.take().unwrap()(&mut bytes);
            }
            writer.begin(SectionTag(*tag)).unwrap();
            writer.write(&bytes).unwrap();
        }
        *chunk = writer.finish().unwrap();
    });
}

fn verify(home: &Home) -> VerifyReport {
    let fs = Arc::new(home.fs.clone());
    let entropy = Arc::new(SeededEntropy::new(9));
    let offline = Offline::open(fs, home.clock.clone(), entropy, Path::new("/data")).unwrap();
    offline.unwrap().verify(VerifyDepth::Deep, None, &mut |_| ()).unwrap()
}

/// The check finds it, and so does whoever compares vectors.
fn check_quarantined(home: &Home, use_vectors: fn(&Engine) -> Option<EngineError>) {
    assert!(!verify(home).is_intact());
    let engine = home.open();
    let error = use_vectors(&engine);
    assert!(matches!(error, Some(EngineError::Log(LogFailure::Quarantined(_)))), "{error:?}");
    assert!(engine.poisoned().is_none());
}

fn recalled(engine: &Engine) -> Option<EngineError> {
    engine.recall("default", &cue(Mode::Similarity, "note 7")).err()
}

#[test]
fn a_vector_that_is_not_finite_is_damage() {
    for component in [f32::NAN, f32::NEG_INFINITY] {
        let home = checkpointed();
        forge_chunk(&home, b"VECS", |bytes| {
            for vector in bytes.chunks_exact_mut(4) {
                vector.copy_from_slice(&component.to_le_bytes());
            }
        });
        check_quarantined(&home, recalled);
        let mut home = checkpointed();
        home.settings.graph_vectors_min = 32;
        forge_chunk(&home, b"VECS", |bytes| {
            bytes[..4].copy_from_slice(&component.to_le_bytes());
        });
        check_quarantined(&home, |engine| {
            // The first memory has the bad vector, this one opens the space.
            assert!(engine.get("default", "m7").is_ok());
            let built = engine.index(100_000, &Serial).err();
            built.or_else(|| engine.get("default", "m7").err())
        });
    }
}

#[test]
fn codes_that_are_none_are_found_by_the_check_too() {
    let home = checkpointed();
    forge_chunk(&home, b"CODE", Vec::clear);
    check_quarantined(&home, recalled);
}

/// No memory with such a kind was ever written; a newer program might.
fn forge_kind(records: &mut [u8]) {
    let text = records.windows(6).position(|bytes| bytes == b"note 0").unwrap();
    let place = text - 2;
    assert_eq!(records[place], 0x1a, "tag and type of a text");
    // The text becomes a kind that nobody knows, and a subject of what is left.
    records[place] = 0x08;
    records[place + 1] = 0x7f;
    records[place + 2] = 0x7a;
    records[place + 3] = 4;
}

#[test]
fn a_memory_that_does_not_decode_quarantines_its_space_before_a_merge_copies_it() {
    let home = checkpointed();
    forge_chunk(&home, b"RECO", |records| forge_kind(records));
    assert!(!verify(&home).is_intact());
    let engine = home.open();
    assert!(engine.get("default", "m7").is_ok());
    let gone: Vec<String> = (100..105 + MEMORIES / 2).map(|n| format!("m{n}")).collect();
    let gone: Vec<&str> = gone.iter().map(String::as_str).collect();
    forget(&engine, ids(&gone), ForgetMode::Delete, Execution::Commit).unwrap();
    // More than half is deleted: the chunk is written anew.
    let _ = engine.maintain(1_000_000);
    let error = engine.get("default", "m7").err();
    assert!(matches!(error, Some(EngineError::Log(LogFailure::Quarantined(_)))), "{error:?}");
    assert!(engine.poisoned().is_none());
}

#[test]
fn an_index_of_ids_that_names_a_memory_twice_is_damage() {
    let home = checkpointed();
    forge_chunk(&home, b"BYID", |bytes| {
        let locals = bytes.len() / 2;
        let first: [u8; 4] = bytes[locals..locals + 4].try_into().unwrap();
        bytes[locals + 4..locals + 8].copy_from_slice(&first);
    });
    check_quarantined(&home, |engine| engine.get("default", "m7").err());
}

#[test]
fn the_last_number_of_a_manifest_is_not_counted_on_from() {
    let home = checkpointed();
    forge(&home, |manifest| manifest.number = u64::MAX);
    assert!(verify(&home).is_intact());
    let engine = home.open();
    store(&engine, text("more", "after the forging"));
    engine.checkpoint("default").unwrap().unwrap();
    drop(engine);
    assert!(home.open().get("default", "more").is_ok());
}
