//! Processes and the terminal: the only place of xtask that starts the one or writes to the other.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The root of the workspace: the parent of xtask's own folder.
pub(crate) fn root() -> PathBuf {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    own.parent().expect("xtask is a member, so its folder has a parent").to_path_buf()
}

/// Prints one line of output.
#[expect(clippy::print_stdout, reason = "xtask reports to the terminal; this is its one place")]
pub(crate) fn say(line: &str) {
    println!("{line}");
}

/// The cargo that runs us, started in `root` without standard input.
pub(crate) fn cargo(root: &Path, arguments: &[&str]) -> Command {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(program);
    command.current_dir(root).args(arguments).stdin(Stdio::null());
    command
}

/// Where cargo puts what it builds.
pub(crate) fn target(root: &Path) -> PathBuf {
    let named = std::env::var_os("CARGO_TARGET_DIR");
    root.join(named.map_or_else(|| "target".into(), PathBuf::from))
}

/// Runs a command to its end and turns a failure into a message that names it.
pub(crate) fn pass(command: &mut Command) -> Result<(), String> {
    let name = spelled(command);
    let status = command.status().map_err(|error| format!("cannot start `{name}`: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("`{name}` failed: {status}")) }
}

/// Runs a command and returns what it wrote to standard output.
pub(crate) fn output(command: &mut Command) -> Result<Vec<u8>, String> {
    let name = spelled(command);
    let output = command
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| format!("cannot start `{name}`: {error}"))?;
    if output.status.success() {
        Ok(output.stdout)
    } else {
        Err(format!("`{name}` failed: {}", output.status))
    }
}

fn spelled(command: &Command) -> String {
    let program = Path::new(command.get_program()).file_name().unwrap_or_default();
    let mut name = program.to_string_lossy().into_owned();
    for argument in command.get_args() {
        name.push(' ');
        name.push_str(&argument.to_string_lossy());
    }
    name
}
