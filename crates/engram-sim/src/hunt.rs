//! The hunt: with each deliberate bug in the engine some history must fail, and pass without it. Who finds nothing in a sound
//! engine proves little until it finds what is wrong in others.

use std::fmt;

use engram_store::Bug;

use crate::backups::run_backups;
use crate::cold::Trouble;
use crate::faulty::Fault;
use crate::run::{CaseReport, run_seed};
use crate::sweep::sweep_one;

/// Histories that may miss a bug, from the one on that found it when it was written down.
const HISTORIES_MAX: u64 = 300;
/// How `CaseReport::failure` starts where the engine panicked: a crash is found without a checker.
const PANIC: &str = "panic";

/// A history, by what makes it again.
#[derive(Clone, Copy, Debug)]
pub enum Case {
    /// A seed.
    Seed(u64),
    /// The script, with a fault at an operation.
    Sweep(Trouble, u64),
    /// The seed of a case with backups.
    Backup(u64),
}

/// A bug that was found.
#[derive(Clone, Debug)]
pub struct Catch {
    /// The history that found it.
    pub case: Case,
    /// What the checkers said.
    pub failure: String,
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Case::Seed(seed) => write!(f, "--seed {seed}"),
            Case::Backup(seed) => write!(f, "--backup {seed}"),
            Case::Sweep(fault, at) => write!(f, "--sweep --fault {} --at {at}", fault.name()),
        }
    }
}

impl Case {
    fn run(self) -> Option<CaseReport> {
        match self {
            Case::Seed(seed) => Some(run_seed(seed)),
            Case::Backup(seed) => Some(run_backups(seed)),
            Case::Sweep(fault, at) => sweep_one(fault, at),
        }
    }

    fn after(self, count: u64) -> Case {
        match self {
            Case::Seed(seed) => Case::Seed(seed + count),
            Case::Backup(seed) => Case::Backup(seed + count),
            Case::Sweep(fault, at) => Case::Sweep(fault, at + count),
        }
    }
}

/// The history that finds a bug: later changes of the engine may make it miss, then the next ones are tried.
fn first_case(bug: Bug) -> Case {
    match bug {
        Bug::ReplacedUnsynced => Case::Seed(0),
        Bug::AcknowledgedUnsynced
        | Bug::SealedUnsynced
        | Bug::ReplayedOneShort
        | Bug::TracesForgotten
        | Bug::SuccessionsForgotten => Case::Seed(1),
        Bug::PayloadUnchecked | Bug::PoisonForgotten | Bug::PublishedEarly => Case::Seed(2),
        Bug::SegmentNameUnsynced => Case::Seed(8),
        Bug::KeysForgotten | Bug::DeletedRevived => Case::Seed(19),
        Bug::TailUnsynced => Case::Seed(49),
        Bug::MissingUntold => Case::Seed(61),
        Bug::SyncRetried => Case::Seed(74),
        Bug::BlockUnchecked => Case::Seed(150),
        Bug::UploadBelieved => Case::Seed(235),
        Bug::VersionsDropped => Case::Seed(4),
        Bug::SpareNotZeroed => Case::Seed(169),
        Bug::DamageTakenForTail => Case::Seed(202),
        Bug::TornTailKept => Case::Seed(140),
        Bug::ReleasedEarly => Case::Seed(268),
        Bug::ObjectRemovedEarly => Case::Sweep(Trouble::Disk(Fault::Crash), 446),
        Bug::ArchivedUnstored | Bug::ReleasedUnarchived | Bug::ConflictBelieved => Case::Backup(7),
        Bug::RecordedEarly => Case::Backup(66),
        Bug::SendingBelieved => Case::Backup(15),
    }
}

/// Looks for a bug.
///
/// # Errors
/// No history finds it, or one that does fails without it too.
pub fn hunt(bug: Bug) -> Result<Catch, String> {
    let first = first_case(bug);
    for count in 0..HISTORIES_MAX {
        let case = first.after(count);
        let Some(outcome) = bug.during(|| case.run()) else { break };
        let Some(failure) = outcome.failure.filter(|what| !what.starts_with(PANIC)) else {
            continue;
        };
        return match case.run().and_then(|sound| sound.failure) {
            None => Ok(Catch { case, failure }),
            Some(other) => Err(format!("{case} fails without it too: {other}")),
        };
    }
    Err(format!("no history finds it, {HISTORIES_MAX} from {first} on"))
}
