//! Foreign programs from the Python package index, in an environment of the benchmarks' own.
//!
//! What cannot be installed is absent, with the reason; it is never replaced by a figure from elsewhere.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::failure::BenchError;

/// An environment with some packages.
pub(crate) struct Python {
    program: PathBuf,
    folder: PathBuf,
}

impl Python {
    /// The environment of the benchmarks below `cache_dir`, made when it is not there.
    ///
    /// # Errors
    /// Why there is none: no `python3`, or no module `venv`.
    pub(crate) fn open(cache_dir: &Path) -> Result<Python, String> {
        let folder = cache_dir.join("bench-venv");
        let program = folder.join("bin").join("python");
        if !program.is_file() {
            std::fs::create_dir_all(cache_dir)
                .map_err(|error| format!("{}: {error}", cache_dir.display()))?;
            run(Command::new("python3").args(["-m", "venv"]).arg(&folder))?;
        }
        Ok(Python { program, folder })
    }

    /// Makes sure that a package is there.
    ///
    /// # Errors
    /// Why it is not.
    pub(crate) fn need(&self, package: &str, module: &str) -> Result<(), String> {
        let import = format!("import {module}");
        if run(Command::new(&self.program).args(["-c", &import])).is_ok() {
            return Ok(());
        }
        let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", package];
        run(Command::new(&self.program).args(pip))?;
        run(Command::new(&self.program).args(["-c", &import])).map(|_| ())
    }

    /// Runs a script of ours and gives what it wrote to stdout.
    ///
    /// # Errors
    /// The last thing that it said before it failed.
    pub(crate) fn script(&self, name: &str, text: &str, args: &[String]) -> Result<String, String> {
        let path = self.folder.join(name);
        std::fs::write(&path, text).map_err(|error| format!("{}: {error}", path.display()))?;
        run(Command::new(&self.program).arg(&path).args(args))
    }
}

fn run(command: &mut Command) -> Result<String, String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command.output().map_err(|error| format!("{name}: {error}"))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(said.trim().lines().next_back().unwrap_or("it failed without a word").to_owned())
}

/// Writes vectors where scripts read them: `base.f32`, `queries.f32`, `dimension.txt`.
pub(crate) fn lay_out(
    dir: &Path,
    dimension: usize,
    base: &[f32],
    queries: &[f32],
) -> Result<(), BenchError> {
    for (name, values) in [("base.f32", base), ("queries.f32", queries)] {
        let path = dir.join(name);
        let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        std::fs::write(&path, bytes).map_err(BenchError::file(&path))?;
    }
    let path = dir.join("dimension.txt");
    std::fs::write(&path, dimension.to_string()).map_err(BenchError::file(&path))
}
