//! Cases with backups: they repeat, they pass, and they try everything.

use engram_sim::{BlobFault, Tally, run_backups};

#[test]
fn the_same_seed_gives_the_same_case() {
    for seed in [1, 5] {
        let (first, second) = (run_backups(seed), run_backups(seed));
        assert_eq!(first.trace.lines(), second.trace.lines());
        assert_eq!(first.trace.hash(), second.trace.hash());
        assert_eq!(first.tally, second.tally);
    }
    assert_ne!(run_backups(1).trace.hash(), run_backups(5).trace.hash());
}

#[test]
fn twenty_cases_pass_and_try_everything() {
    let mut tally = Tally::default();
    for seed in 0..20 {
        let outcome = run_backups(seed);
        assert_eq!(outcome.failure, None, "seed {seed}");
        tally.add(&outcome.tally);
    }
    let tried = [
        tally.pieces,
        tally.backups,
        tally.restores,
        tally.power_cuts,
        tally.kills,
        tally.cold_objects,
    ];
    assert!(tried.iter().all(|count| *count > 0), "{tally}");
    let faults = BlobFault::ALL.into_iter().chain([BlobFault::Repeated]);
    for fault in faults {
        assert!(tally.faults.contains_key(fault.name()), "{fault:?}: {tally}");
    }
}

/// Cases that found a fault of the backups once.
#[test]
fn pinned_cases_pass() {
    // A prune took the log of a space that was born behind the oldest backup.
    let born_behind = [21];
    // A backup of no spaces was listed as complete, and every check of it failed.
    let no_spaces = [16];
    for seed in born_behind.into_iter().chain(no_spaces) {
        assert_eq!(run_backups(seed).failure, None, "seed {seed}");
    }
}
