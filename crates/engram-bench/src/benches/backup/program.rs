//! The commands of the program on the repository, and what they take.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use serde_json::Value;

use crate::failure::BenchError;

/// Name of the repository.
pub(super) const REPOSITORY: &str = "main";

/// The program with a configuration that names the repository.
pub(super) struct Program {
    path: PathBuf,
    home: PathBuf,
    config: PathBuf,
}

impl Program {
    /// The repository will be in the folder `home`.
    pub(super) fn new(path: &Path, home: &Path) -> Result<Program, BenchError> {
        let config = home.join("repositories.toml");
        let text = format!("[repositories.{REPOSITORY}]\nurl = \"{}\"\n", url(home));
        std::fs::write(&config, text).map_err(BenchError::file(&config))?;
        Ok(Program { path: path.to_owned(), home: home.to_owned(), config })
    }

    /// Settings of a server that works with the repository, and makes no backup by itself.
    pub(super) fn settings(home: &Path) -> [String; 4] {
        [
            format!("repositories.{REPOSITORY}.url={}", url(home)),
            "backup.full_every=0 s".to_owned(),
            "backup.incremental_every=0 s".to_owned(),
            "backup.restore_check_every=0 s".to_owned(),
        ]
    }

    /// Runs `engram backup` with these arguments: what it printed, and seconds.
    pub(super) fn backup(&self, args: &[&str]) -> Result<(Value, f64), BenchError> {
        let name = format!("engram backup {}", args.join(" "));
        let failed = |message: String| BenchError::Program { program: name.clone(), message };
        let started = Instant::now();
        let output = Command::new(&self.path)
            .args(["--output", "json", "backup"])
            .args(args)
            // Nothing of the caller's configuration may shape the figures.
            .env_clear()
            .env("HOME", &self.home)
            .env("ENGRAM_CONFIG", &self.config)
            .stdin(Stdio::null())
            .output()
            .map_err(|error| failed(error.to_string()))?;
        let seconds = started.elapsed().as_secs_f64();
        if !output.status.success() {
            return Err(failed(String::from_utf8_lossy(&output.stderr).trim().to_owned()));
        }
        let told = serde_json::from_slice(&output.stdout);
        Ok((told.map_err(|error| failed(error.to_string()))?, seconds))
    }
}

fn url(home: &Path) -> String {
    format!("file://{}", repository(home).display())
}

/// The folder of the repository.
pub(super) fn repository(home: &Path) -> PathBuf {
    home.join("repository")
}
