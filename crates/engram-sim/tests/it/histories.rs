//! Whole histories: they repeat, they pass, and they fail when something is wrong.

use engram_sim::{BlobFault, Fault, Lie, Tally, Trouble, run_seed, run_with, sweep_one};

#[test]
fn the_same_seed_gives_the_same_history() {
    for seed in [3, 17, 4_000_000_000] {
        let (first, second) = (run_seed(seed), run_seed(seed));
        assert_eq!(first.trace.lines(), second.trace.lines());
        assert_eq!(first.trace.hash(), second.trace.hash());
        assert_eq!(first.tally, second.tally);
    }
    assert_ne!(run_seed(3).trace.hash(), run_seed(4).trace.hash());
}

#[test]
fn fifty_seeds_pass_and_try_everything() {
    let mut tally = Tally::default();
    for seed in 0..50 {
        let outcome = run_seed(seed);
        assert_eq!(outcome.failure, None, "seed {seed}");
        tally.add(&outcome.tally);
    }
    let tried = [
        tally.acknowledged,
        tally.survivors,
        tally.derived,
        tally.closes,
        tally.power_cuts,
        tally.kills,
        tally.torn_tails,
        tally.rotten,
        tally.rot_reported,
    ];
    assert!(tried.iter().all(|count| *count > 0), "{tally}");
    let shown = |fault: &Fault| tally.faults.contains_key(fault.name());
    assert!(Fault::ALL.iter().all(shown), "{tally}");
}

/// Histories that found a fault of the engine once.
#[test]
fn pinned_seeds_pass() {
    // A retry by idempotency key answered "stored" for an item that had been refused for repeating an id.
    let refused_twice = [199, 216, 272, 290];
    // A memory was named as a duplicate of itself when it took the id of an expired one.
    let own_duplicate = [25, 218, 396, 750];
    // A title in the cue led to memories that were suppressed or expired.
    let titled = [1, 19, 21];
    // A search over a graph found what had expired outside of the chunks.
    let expired_in_the_graph = [6, 77];
    // Suppressed memories made a graph due again and again.
    let indexed_for_ever = [8, 51];
    // An upload to a store that was away was told as a failing disk.
    let uploaded = [61, 83, 113];
    // A deletion of a space was answered with the fault that an earlier commit of it met, and yet it was done.
    let deleted_with_a_fault = [76];
    // What a purge in a step of maintenance had poisoned was asked for more in that step.
    let poisoned_by_a_purge = [725, 1217, 1297];
    // A decision and what was found in the fields closed a chain of successions to a circle.
    let circles = [1765, 1853, 4157];
    // A graph was dropped when the queue had no room for its commit; an old one stayed when its space was closed.
    let graphs = [2375, 4975];
    for seed in circles.into_iter().chain(graphs) {
        assert_eq!(run_seed(seed).failure, None, "seed {seed}");
    }
    let faults = deleted_with_a_fault.into_iter().chain(poisoned_by_a_purge);
    for seed in uploaded.into_iter().chain(faults) {
        assert_eq!(run_seed(seed).failure, None, "seed {seed}");
    }
    let searched = titled.into_iter().chain(expired_in_the_graph).chain(indexed_for_ever);
    for seed in refused_twice.into_iter().chain(own_duplicate).chain(searched) {
        assert_eq!(run_seed(seed).failure, None, "seed {seed}");
    }
}

#[test]
fn the_sweep_meets_every_fault_and_ends() {
    for fault in Fault::ALL {
        // At 73 and 80 one space commits while the graph of another cannot be written.
        for at in [0, 7, 60, 73, 80, 111, 200] {
            let outcome = sweep_one(Trouble::Disk(fault), at).expect("the script is longer");
            assert_eq!(outcome.failure, None, "{fault:?} at {at}");
        }
        assert!(sweep_one(Trouble::Disk(fault), 9_000).is_none(), "the script is shorter");
    }
}

#[test]
fn the_sweep_meets_every_fault_of_the_cold_store() {
    for fault in BlobFault::ALL {
        for at in [0, 3, 20, 90] {
            let outcome = sweep_one(Trouble::Store(fault), at).expect("the script is longer");
            assert_eq!(outcome.failure, None, "{fault:?} at {at}");
        }
        assert!(sweep_one(Trouble::Store(fault), 9_000).is_none(), "the script is shorter");
    }
}

/// How many of the first histories notice a broken promise of the file system.
fn caught(lie: Lie, histories: u64) -> usize {
    (0..histories).filter(|seed| run_with(*seed, Some(lie)).failure.is_some()).count()
}

#[test]
fn acknowledging_before_the_sync_is_caught() {
    assert_eq!(caught(Lie::SyncData, 5), 5);
    assert!(caught(Lie::SyncSometimes, 30) > 0);
}

#[test]
fn forgetting_the_sync_of_a_directory_is_caught() {
    assert!(caught(Lie::SyncDir, 10) > 0);
}

#[test]
fn losing_a_sector_or_a_rename_is_caught() {
    assert!(caught(Lie::LostSector, 5) > 0);
    assert!(caught(Lie::RenameLost, 40) > 0);
}
