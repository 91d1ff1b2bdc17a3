//! The parts of the suite, and which of them the machine allows.

use std::path::Path;

use super::ground::Ground;
use super::{faults, full, kills};
use crate::proof::{self, Defaults, Options, Scratch};
use crate::run;

const DEFAULTS: Defaults = Defaults { seed: 1, count: 60, seconds: 110 };

struct Part {
    name: &'static str,
    /// Why the machine cannot run it, if it cannot.
    forbidden: fn() -> Option<String>,
    run: fn(&Ground<'_>) -> Result<(), String>,
}

const PARTS: [Part; 3] = [
    Part { name: "kills", forbidden: || None, run: kills::run },
    Part { name: "full disk", forbidden: full::forbidden, run: full::run },
    Part { name: "failing calls", forbidden: || proof::tool("strace").err(), run: faults::run },
];

/// Runs the suite with these flags. Skips what the machine forbids.
pub(crate) fn run(root: &Path, flags: &[&str]) -> Result<(), String> {
    let options = Options::read(root, flags, "--faults", &DEFAULTS)?;
    proof::stop_on_interrupt();
    let mut scratch = Scratch::new("inject")?;
    for part in &PARTS {
        if let Some(reason) = (part.forbidden)() {
            run::say(&format!("inject: {} skipped: {reason}", part.name));
            continue;
        }
        let outcome = (part.run)(&Ground { options: &options, scratch: &scratch });
        if proof::interrupted() {
            return Err("interrupted".to_owned());
        }
        if let Err(error) = outcome {
            scratch.keep();
            let (seed, faults) = (options.seed, options.count);
            let again = format!("repeat with: cargo xtask inject --seed {seed} --faults {faults}");
            return Err(format!("{}: {error}\n{again}", part.name));
        }
    }
    let seconds = options.elapsed().as_secs();
    run::say(&format!("inject: passed in {seconds} s, seed {}", options.seed));
    Ok(())
}
