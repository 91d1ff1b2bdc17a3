//! The conformance suite on the implementations of this crate.

use std::sync::Arc;

use engram_store::{
    BlobStore, Clock, Entropy, FsBlobs, ManualClock, MemoryBlobs, MemoryFs, OsEntropy, RealFs,
    SeededEntropy, SystemClock, conformance,
};

use crate::support::FaultyBlobs;

#[test]
fn the_real_file_system_conforms() {
    let scratch = tempfile::tempdir().unwrap();
    conformance::check_fs(&RealFs, &scratch.path().join("suite"));
}

#[test]
fn the_memory_file_system_conforms() {
    conformance::check_fs(&MemoryFs::new(), "/suite".as_ref());
}

#[test]
fn stores_of_objects_conform() {
    let faultless = FaultyBlobs::default();
    conformance::check_blobs(&(Arc::new(faultless) as Arc<dyn BlobStore>));
    let shared = MemoryBlobs::new();
    let blobs: Arc<dyn BlobStore> = Arc::new(shared.clone());
    conformance::check_blobs(&blobs);
    blobs.put("seen", b"by the clone").unwrap();
    assert_eq!(shared.len("seen"), Ok(12));
    let blobs = FsBlobs::open(Arc::new(MemoryFs::new()), "/objects".into()).unwrap();
    conformance::check_blobs(&(Arc::new(blobs) as Arc<dyn BlobStore>));
    let scratch = tempfile::tempdir().unwrap();
    let blobs = FsBlobs::open(Arc::new(RealFs), scratch.path().join("deep/objects")).unwrap();
    conformance::check_blobs(&(Arc::new(blobs) as Arc<dyn BlobStore>));
}

#[test]
fn clocks_conform() {
    conformance::check_clock(&SystemClock);
    let clock = ManualClock::new(5);
    conformance::check_clock(&clock);
    let same = clock.clone();
    clock.advance(-3);
    assert_eq!(same.now_ns(), 2);
    clock.set(77);
    assert_eq!(same.now_ns(), 77);
}

#[test]
fn entropy_conforms() {
    conformance::check_entropy(&OsEntropy);
    conformance::check_entropy(&SeededEntropy::new(7));
    let draw = |seed| {
        let mut bytes = [0; 16];
        SeededEntropy::new(seed).fill(&mut bytes);
        bytes
    };
    assert_eq!(draw(1), draw(1), "a seed replays");
    assert_ne!(draw(1), draw(2), "seeds differ");
}
