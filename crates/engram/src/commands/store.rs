//! `engram store`: a data directory without a server.

mod dump;
mod repair;
mod verify;

use std::path::PathBuf;
use std::sync::Arc;

use clap::{Args, Subcommand};
use engram_engine::{EngineError, Offline};
use engram_server::engine_problem;
use engram_store::{OsEntropy, RealFs, SystemClock};
use indicatif::{ProgressBar, ProgressStyle};

use crate::commands::start::ServerFlags;
use crate::failure::Failure;
use crate::output::{OutputFormat, clean};

#[derive(Debug, Subcommand)]
pub(crate) enum Store {
    /// Say what is damaged in a data directory (exit code 1 if anything is); writes nothing
    Verify(verify::Verify),
    /// Read out what can be read, as JSON lines; writes nothing
    Dump(dump::Dump),
    /// Mend a damaged data directory: says what would be lost and asks first
    Repair(repair::Repair),
}

impl Store {
    pub(crate) fn run(self, output: OutputFormat) -> Result<(), Failure> {
        match self {
            Store::Verify(command) => command.run(output),
            Store::Dump(command) => command.run(),
            Store::Repair(command) => command.run(output),
        }
    }
}

/// The directory that a command works on.
#[derive(Debug, Args)]
pub(crate) struct DirectoryFlags {
    /// Directory of the data (setting data_dir)
    #[arg(long, value_name = "DIR")]
    data_dir: Option<String>,
    /// Configuration file (TOML) that names the directory
    #[arg(long, value_name = "FILE", env = "ENGRAM_CONFIG", hide_env_values = true)]
    config: Option<PathBuf>,
}

impl DirectoryFlags {
    /// Takes the lock on the directory.
    fn open(self) -> Result<Offline, Failure> {
        let dir = ServerFlags::for_directory(self.data_dir, self.config).settings()?.data_dir;
        let (clock, entropy) = (Arc::new(SystemClock), Arc::new(OsEntropy));
        let opened = Offline::open(Arc::new(RealFs), clock, entropy, &dir).map_err(failed)?;
        opened.ok_or_else(|| {
            Failure::usage(format!(
                "{} is no data directory; name one with --data-dir",
                dir.display()
            ))
        })
    }
}

fn failed(error: EngineError) -> Failure {
    Failure::Problem(Box::new(engine_problem(error)))
}

/// Shows what is looked at, where somebody looks.
pub(crate) fn progress() -> ProgressBar {
    ProgressBar::new_spinner()
        .with_style(ProgressStyle::with_template("{spinner} {msg}").expect("it is valid"))
}

fn step(bar: &ProgressBar) -> impl FnMut(&str) + '_ {
    |what| {
        bar.set_message(clean(what));
        bar.tick();
    }
}
