//! Cases with backups: one seed, a workload that is archived and backed up, and what comes back.

use crate::history::{History, Setup};
use crate::rng::Rng;
use crate::run::{CaseReport, conclude, finish};
use crate::vault::Vault;

/// Steps of a case.
const STEPS: (u64, u64) = (25, 60);

/// Runs the case of a seed.
pub fn run_backups(seed: u64) -> CaseReport {
    let mut rng = Rng::new(seed ^ 0x6261_636b_7570);
    let setup = Setup { archives: 1, bulk: 0, ..Setup::draw(&mut rng) };
    let mut history = History::new(seed, setup);
    history.vault = Some(Box::new(Vault::new(seed, &history.fs)));
    history.note(format!("backups, {setup:?}"));
    conclude(history, |history| {
        history.open(None)?;
        for _ in 0..rng.within(STEPS.0, STEPS.1) {
            history.step()?;
            history.keep()?;
        }
        finish(history)?;
        history.catch_up()?;
        history.go_back_for_good()
    })
}
