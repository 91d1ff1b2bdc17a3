//! The simulator: the real engine on files that fail and a clock that jumps, compared with a plain model.
//!
//! One seed decides everything: the operations, their content, the faults, what a power cut leaves. The same seed gives
//! the same trace on every machine. Nothing here is shipped.

#![forbid(unsafe_code)]

mod rng;

mod clock;

mod disk;

mod faulty;

mod cold;

mod trace;

mod tally;

mod model;

mod repeats;

mod draft;

mod vault;

mod history;

mod versions;

mod arrive;

mod settle;

mod tied;

mod check;

mod submit;

mod relate;

mod learn;

mod workload;

mod returning;

mod backing;

mod rot;

mod run;

mod sweep;

mod backups;

#[cfg(feature = "deliberate-bugs")]
mod hunt;

pub use backups::run_backups;
pub use clock::{START_NS, SimClock};
pub use cold::{BlobFault, FaultyBlobs, Trouble};
pub use faulty::{End, Fault, FaultyFs, Lie};
#[cfg(feature = "deliberate-bugs")]
pub use hunt::{Case, Catch, hunt};
pub use rng::Rng;
pub use run::{CaseReport, run_seed, run_with};
pub use sweep::{OPERATIONS_MAX, sweep_one};
pub use tally::Tally;
pub use trace::Trace;
