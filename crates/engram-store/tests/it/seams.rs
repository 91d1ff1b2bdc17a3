//! The conformance suite on the implementations of this crate.

use engram_store::{
    Clock, Entropy, ManualClock, MemoryFs, OsEntropy, RealFs, SeededEntropy, SystemClock,
    conformance,
};

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
