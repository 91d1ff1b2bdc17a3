//! Whole histories: one seed, many seeds.

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::faulty::Lie;
use crate::history::{Check, History, Setup};
use crate::rng::Rng;
use crate::tally::Tally;
use crate::trace::Trace;

/// Steps of a history.
const STEPS: (u64, u64) = (40, 100);
/// Chance in percent that a history ends with rot.
const ROT: u64 = 35;

/// How one history went.
#[derive(Clone, Debug)]
pub struct CaseReport {
    /// What it did.
    pub trace: Trace,
    /// What it did, counted.
    pub tally: Tally,
    /// What went wrong, if anything.
    pub failure: Option<String>,
}

/// Runs the history of a seed.
pub fn run_seed(seed: u64) -> CaseReport {
    run_with(seed, None)
}

/// Runs the history of a seed on a file system that breaks a promise: it should fail.
pub fn run_with(seed: u64, lie: Option<Lie>) -> CaseReport {
    let mut rng = Rng::new(seed ^ 0x7365_7475_7073);
    let setup = Setup::draw(&mut rng);
    let mut history = History::new(seed, setup);
    history.note(format!("{setup:?}"));
    if let Some(lie) = lie {
        history.fs.lie(lie);
    }
    conclude(history, |history| {
        history.open(None)?;
        for _ in 0..rng.within(STEPS.0, STEPS.1) {
            history.step()?;
        }
        finish(history)?;
        if lie.is_none() && rng.chance(ROT) { history.rot() } else { Ok(()) }
    })
}

/// The end of every history: what is queued is driven, then the process ends in some way and everything is compared.
pub(crate) fn finish(history: &mut History) -> Check {
    history.fs.heal();
    history.store.heal();
    history.squeezed = false;
    history.drive()?;
    history.tend()?;
    history.close_and_open()?;
    history.clear_store()
}

/// Runs `work`; a panic of the engine is a failure like any other.
pub(crate) fn conclude(
    mut history: History,
    work: impl FnOnce(&mut History) -> Check,
) -> CaseReport {
    let result = catch_unwind(AssertUnwindSafe(|| work(&mut history)));
    let failure = match result {
        Ok(result) => result.err(),
        Err(panic) => {
            let text = panic.downcast_ref::<String>().cloned();
            let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
            Some(format!("panic: {}", text.unwrap_or_default()))
        }
    };
    history.note_faults();
    history.tally.cases = 1;
    history.tally.faults_fired(&history.fs.fired());
    history.tally.faults_fired(&history.store.fired());
    if let Some(vault) = &history.vault {
        history.tally.faults_fired(&vault.store.fired());
    }
    if let Some(failure) = &failure {
        history.trace.note(format!("FAILURE: {failure}"));
    }
    CaseReport { trace: history.trace, tally: history.tally, failure }
}
