//! The flags of a suite, and where its binary comes from.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::run;

/// The flags, checked.
pub(crate) struct Options {
    pub(crate) seed: u64,
    /// How many cuts or faults at most.
    pub(crate) count: u64,
    /// The binary under test.
    pub(crate) binary: PathBuf,
    start: Instant,
    seconds: u64,
}

/// What a suite does when its flags say nothing else.
pub(crate) struct Defaults {
    pub(crate) seed: u64,
    pub(crate) count: u64,
    /// No further cut or fault is begun after this time.
    pub(crate) seconds: u64,
}

impl Options {
    /// Reads the flags; `counted` is the name of the one that says how many.
    pub(crate) fn read(
        root: &Path,
        flags: &[&str],
        counted: &str,
        defaults: &Defaults,
    ) -> Result<Options, String> {
        let Defaults { mut seed, mut count, mut seconds } = *defaults;
        let mut binary = None;
        for pair in flags.chunks(2) {
            let [flag, value] = *pair else {
                return Err(format!("{} needs a value", pair[0]));
            };
            let number =
                || value.parse::<u64>().map_err(|_| format!("{flag} {value}: not a number"));
            match flag {
                "--seed" => seed = number()?,
                "--seconds" => seconds = number()?,
                "--binary" => binary = Some(PathBuf::from(value)),
                flag if flag == counted => count = number()?,
                _ => {
                    return Err(format!(
                        "unknown flag {flag}; there are --seed, {counted}, --seconds, --binary"
                    ));
                }
            }
        }
        let binary = binary.map_or_else(|| built(root), Ok)?;
        let binary = std::path::absolute(&binary)
            .map_err(|error| format!("{}: {error}", binary.display()))?;
        if !binary.is_file() {
            return Err(format!("{} is not a file", binary.display()));
        }
        Ok(Options { seed, count, binary, start: Instant::now(), seconds })
    }

    /// Whether the time is used up.
    pub(crate) fn late(&self) -> bool {
        self.start.elapsed() > Duration::from_secs(self.seconds)
    }

    pub(crate) fn elapsed(&self) -> Duration {
        self.start.elapsed()
    }
}

/// Builds the binary in the profile of the tests, which have built most of it already.
fn built(root: &Path) -> Result<PathBuf, String> {
    run::pass(&mut run::cargo(root, &["build", "--quiet", "--locked", "-p", "engram"]))?;
    let own = std::env::current_exe().map_err(|error| format!("where am I: {error}"))?;
    Ok(own.with_file_name(format!("engram{}", std::env::consts::EXE_SUFFIX)))
}
