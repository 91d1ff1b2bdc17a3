//! The fuzz targets under libFuzzer, bounded: a fixed seed, a fixed number of runs, and a limit of time.
//!
//! Coverage counters are a stable feature of the compiler, so neither a nightly one nor cargo-fuzz is needed; only the sanitizers
//! would need it. libFuzzer itself is C++ and comes with a crate of a workspace of its own.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::run;

const MANIFEST: &str = "fuzz/Cargo.toml";
/// Build, seeds, corpora and findings, below the root.
const PLACE: &str = "target/fuzz";
/// Time that one target gets unless a flag says otherwise, in seconds.
const SECONDS: &str = "10";
/// The longest input that libFuzzer makes, in bytes: more than the longest seed.
const INPUT_BYTES_MAX: u32 = 36_000;

/// What makes the compiler count edges and show comparisons, as cargo-fuzz asks for it.
const COVERAGE: &str = "--cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares";

/// The targets and how many inputs each is run on: about as many as it manages in the time.
const TARGETS: [(&str, u32); 10] = [
    ("wal_frame", 10_000),
    ("wal_log", 2_000),
    ("segment", 50_000),
    ("manifest", 200_000),
    ("index_block", 50_000),
    ("commit_payload", 300),
    ("space_file", 300),
    ("cold_chunk", 300),
    ("graph_file", 300),
    ("repair_list", 20_000),
];

/// Runs all targets, or the one that is named.
pub(crate) fn run(root: &Path, flags: &[&str]) -> Result<(), String> {
    let (only, seconds) = match flags {
        [] => (None, SECONDS),
        ["--seconds", seconds] => (None, *seconds),
        [target] => (Some(*target), SECONDS),
        [target, "--seconds", seconds] => (Some(*target), *seconds),
        _ => return Err("flags of fuzz: [TARGET] [--seconds N]".to_owned()),
    };
    let known = |name: &str| TARGETS.iter().any(|(target, _)| *target == name);
    if let Some(name) = only.filter(|name| !known(name)) {
        return Err(format!("there is no target {name}"));
    }
    if let Some(why) = missing(root) {
        run::say(&format!(
            "fuzz: skipped, {why}; the seeds and changes of them ran with the tests"
        ));
        return Ok(());
    }
    let host = host(root)?;
    build(root, &host)?;
    let seeds = root.join(PLACE).join("seeds");
    let arguments = ["run", "--quiet", "--locked", "-p", "engram-fuzz", "--", "seeds"];
    run::pass(run::cargo(root, &arguments).arg(&seeds))?;
    for (target, runs) in TARGETS.iter().filter(|(name, _)| only.is_none_or(|one| one == *name)) {
        // Asked for by name, it runs until its time is over.
        let runs = if only.is_some() { -1 } else { i64::from(*runs) };
        fuzz(root, &host, (target, runs), seconds)?;
    }
    Ok(())
}

/// What this machine lacks.
fn missing(root: &Path) -> Option<String> {
    let compiler = std::env::var("CXX").unwrap_or_else(|_| "c++".to_owned());
    if run::output(Command::new(&compiler).arg("--version")).is_err() {
        return Some(format!("there is no C++ compiler named {compiler}"));
    }
    let fetch = ["fetch", "--quiet", "--locked", "--manifest-path", MANIFEST];
    let fetched = run::pass(&mut run::cargo(root, &fetch));
    fetched.err().map(|error| format!("the crates of libFuzzer cannot be had: {error}"))
}

/// The triple that this machine runs. Named in the build, it keeps build scripts free of counters.
fn host(root: &Path) -> Result<String, String> {
    let told = run::output(Command::new("rustc").current_dir(root).arg("-vV"))?;
    let told = String::from_utf8_lossy(&told);
    let host = told.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned).ok_or_else(|| "rustc names no host".to_owned())
}

fn build(root: &Path, host: &str) -> Result<(), String> {
    let arguments =
        ["build", "--release", "--locked", "--manifest-path", MANIFEST, "--target", host];
    let mut command = run::cargo(root, &arguments);
    run::pass(command.arg("--target-dir").arg(root.join(PLACE)).env("RUSTFLAGS", COVERAGE))
}

fn fuzz(root: &Path, host: &str, (target, runs): (&str, i64), seconds: &str) -> Result<(), String> {
    let place = root.join(PLACE);
    let corpus = place.join("corpus").join(target);
    let findings = place.join("findings").join(target);
    // What an earlier run kept would make this one another.
    if runs >= 0 && corpus.exists() {
        fs::remove_dir_all(&corpus).map_err(|error| format!("{}: {error}", corpus.display()))?;
    }
    for folder in [&corpus, &findings] {
        fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    }
    run::say(&format!("fuzz: {target}"));
    let mut command = Command::new(place.join(host).join("release").join(target));
    command.args(["-seed=1", "-timeout=20", "-verbosity=0", "-print_final_stats=1"]);
    command.arg(format!("-runs={runs}")).arg(format!("-max_total_time={seconds}"));
    command.arg(format!("-max_len={INPUT_BYTES_MAX}"));
    command.arg(format!("-artifact_prefix={}/", findings.display()));
    let outcome = run::pass(command.arg(&corpus).arg(place.join("seeds").join(target)));
    outcome.map_err(|error| {
        let again = format!("cargo run -p engram-fuzz -- run {target} FILE");
        format!("{error}; the input lies in {}, `{again}` repeats it", findings.display())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_program_is_run() {
        let manifest = fs::read_to_string(run::root().join(MANIFEST)).expect("it is there");
        let named: Vec<&str> = manifest
            .lines()
            .filter_map(|line| line.strip_prefix("path = \"fuzz_targets/")?.strip_suffix(".rs\""))
            .collect();
        assert_eq!(named, TARGETS.map(|(name, _)| name));
    }
}
