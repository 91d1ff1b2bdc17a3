//! The automation of this repository: what a change must pass, and what is generated from tables.
//!
//! Uses the standard library only, so that it builds in seconds and adds nothing to the lock file. Every command
//! exits 0 when it passed, 1 when it found something, 2 when it was called wrongly.

mod run;
mod sha256;
mod pypi;
mod deny;
mod tidy;
mod proof;
mod power_cut;
mod inject;
mod object_storage;
mod fuzz;
mod steps;

use std::process::ExitCode;

const USAGE: &str = "usage: cargo xtask COMMAND

  ci [--skip-tests]   everything a change must pass, with the time of each step
  tidy                the rules of the house that no compiler checks
  gen [--check]       write the generated pages; --check compares and writes nothing
  deny                licences, sources and versions of the crates, as deny.toml says; --advisories looks for known weaknesses
  power-cut [FLAGS]   power cuts under the real server, on ext4 and XFS; needs root
  inject [FLAGS]      failing system calls, kills and a full disk under the real server; needs root and strace
  s3 [FLAGS]          backups in a real S3 service on the loopback, which is killed and comes back; needs Python and PyPI
                      flags of these: --seed S, --seconds N, --binary PATH; --cuts N, --faults N, --outages N
  fuzz [TARGET]       the fuzz targets under libFuzzer, or one of them until its time is over; needs a C++ compiler
                      flag: --seconds N for each target
  model PATH          rebuild models/all-minilm-l6-v2 from the model.safetensors at PATH and compare";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let root = run::root();
    let outcome = match arguments.as_slice() {
        ["ci"] => steps::ci(&root, steps::Tests::Run),
        ["ci", "--skip-tests"] => steps::ci(&root, steps::Tests::Skip),
        ["tidy"] => tidy::run(&root),
        ["gen"] => steps::generate(&root, steps::Pages::Write),
        ["gen", "--check"] => steps::generate(&root, steps::Pages::Check),
        ["deny", flags @ ..] => deny::run(&root, flags),
        ["power-cut", flags @ ..] => power_cut::run(&root, flags),
        ["inject", flags @ ..] => inject::run(&root, flags),
        ["s3", flags @ ..] => object_storage::run(&root, flags),
        ["fuzz", flags @ ..] => fuzz::run(&root, flags),
        ["model", source] => steps::model(&root, source.as_ref()),
        ["help" | "--help" | "-h"] => {
            run::say(USAGE);
            return ExitCode::SUCCESS;
        }
        _ => {
            run::say(USAGE);
            return ExitCode::from(2);
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            run::say(&format!("xtask: {message}"));
            ExitCode::from(1)
        }
    }
}
