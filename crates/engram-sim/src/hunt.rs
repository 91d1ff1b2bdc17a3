//! The hunt: with each deliberate bug in the engine some history must fail, and pass without it. Who finds nothing in a sound
//! engine proves little until it finds what is wrong in others.

use engram_store::Bug;

use crate::run::run_seed;

/// Histories that may miss a bug, from the first one that found it when it was written down on.
const HISTORIES_MAX: u64 = 200;
/// How `CaseReport::failure` starts where the engine panicked: a crash is found without a checker.
const PANIC: &str = "panic";

/// A bug that was found.
#[derive(Clone, Debug)]
pub struct Catch {
    /// The history that found it.
    pub seed: u64,
    /// What the checkers said.
    pub failure: String,
}

/// The first history that finds a bug: later changes of the engine may make it miss, then the next ones are tried.
fn first_seed(bug: Bug) -> u64 {
    match bug {
        Bug::AcknowledgedUnsynced | Bug::PoisonForgotten => 0,
        Bug::ReplacedUnsynced | Bug::PublishedEarly => 0,
        Bug::SealedUnsynced | Bug::ReplayedOneShort => 1,
        Bug::PayloadUnchecked => 2,
        Bug::SyncRetried | Bug::DeletedRevived => 7,
        Bug::SegmentNameUnsynced => 8,
        Bug::KeysForgotten => 13,
        Bug::ReleasedEarly => 15,
        Bug::BlockUnchecked => 27,
        Bug::TailUnsynced => 30,
        Bug::DamageTakenForTail => 66,
        Bug::SpareNotZeroed => 107,
        Bug::TornTailKept => 438,
    }
}

/// Looks for a bug.
///
/// # Errors
/// No history finds it, or one that does fails without it too.
pub fn hunt(bug: Bug) -> Result<Catch, String> {
    let first = first_seed(bug);
    for seed in first..first + HISTORIES_MAX {
        let outcome = bug.during(|| run_seed(seed));
        let Some(failure) = outcome.failure.filter(|what| !what.starts_with(PANIC)) else {
            continue;
        };
        return match run_seed(seed).failure {
            None => Ok(Catch { seed, failure }),
            Some(other) => Err(format!("seed {seed} fails without it too: {other}")),
        };
    }
    Err(format!("no history finds it, seeds {first} to {}", first + HISTORIES_MAX - 1))
}
