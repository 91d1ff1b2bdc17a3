//! `engram backup`.
//!
//! What changes the live database or the archive is asked of the server; what looks at a repository, and a restore, work without one.

mod ask;
mod check;
mod list;
mod restore;
mod target;
mod together;

use std::path::PathBuf;

use clap::{Args, Subcommand};
use engram_backup::BackupError;
use engram_server::{RepositoryAccess, Settings, backup_problem};
use indicatif::ProgressBar;

use crate::commands::start::ServerFlags;
use crate::commands::store::progress;
use crate::connection::Connection;
use crate::failure::Failure;
use crate::output::clean;

pub(crate) use ask::wait;
pub(crate) use together::{Place, put_together, work_with};

#[derive(Debug, Subcommand)]
pub(crate) enum Backup {
    /// Make a backup now, by the server, and wait for it
    Create(ask::Create),
    /// Name this moment, so that a restore can go back to it
    Point(ask::Point),
    /// Make a repository the one of the server's data directory, whoever had it
    TakeOver(ask::TakeOver),
    /// Show how far the log is archived, and how the repositories stand (exit code 1 if one does not work)
    Status(ask::Status),
    /// List the backups of a repository
    List(list::List),
    /// Show a backup
    Info(list::Info),
    /// Check a backup (exit code 1 if anything is wrong with it)
    Verify(check::Verify),
    /// Say whether the newest backup is recent and good: for a cron job or a probe (exit code 1 if not)
    Check(check::Check),
    /// Remove the backups that the policy does not keep
    Prune(check::Prune),
    /// Keep a backup from being removed
    Pin(check::Pin),
    /// Let retention remove a backup again
    Unpin(check::Pin),
    /// Put a data directory together as it was, or a space beside the live ones
    Restore(Box<restore::Restore>),
}

impl Backup {
    pub(crate) fn run(self, connection: &Connection) -> Result<(), Failure> {
        let output = connection.output;
        match self {
            Backup::Create(command) => command.run(connection),
            Backup::Point(command) => command.run(connection),
            Backup::TakeOver(command) => command.run(connection),
            Backup::Status(command) => command.run(connection),
            Backup::List(command) => command.run(output),
            Backup::Info(command) => command.run(output),
            Backup::Verify(command) => command.run(output),
            Backup::Check(command) => command.run(output),
            Backup::Prune(command) => command.run(output),
            Backup::Pin(command) => command.run(output, true),
            Backup::Unpin(command) => command.run(output, false),
            Backup::Restore(command) => command.run(connection),
        }
    }
}

/// The repository that a command works on.
#[derive(Debug, Args)]
pub(crate) struct RepositoryFlags {
    /// Name of the repository, under `repositories` of the configuration; may be absent where there is one only
    #[arg(long, short = 'r', value_name = "NAME")]
    pub(crate) repository: Option<String>,
    /// Configuration file (TOML) that names the repositories
    #[arg(long, value_name = "FILE", env = "ENGRAM_CONFIG", hide_env_values = true)]
    config: Option<PathBuf>,
}

impl RepositoryFlags {
    pub(crate) fn settings(&self) -> Result<Settings, Failure> {
        ServerFlags::for_directory(None, self.config.clone()).settings()
    }

    fn open(&self) -> Result<RepositoryAccess, Failure> {
        let settings = self.settings()?;
        let opened = RepositoryAccess::open(&settings, self.repository.as_deref());
        opened.map_err(Failure::Problem)
    }
}

pub(crate) fn failed(error: BackupError) -> Failure {
    Failure::Problem(Box::new(backup_problem(error)))
}

pub(crate) fn step(bar: &ProgressBar) -> impl FnMut(&str, u64, u64) + '_ {
    |what, done, total| {
        let share = (done * 100).checked_div(total);
        let share = share.map(|share| format!(" {share}%")).unwrap_or_default();
        bar.set_message(format!("{}{share}", clean(what)));
        bar.tick();
    }
}

/// A number of bytes for people.
pub(crate) fn bytes(count: u64) -> String {
    let units = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];
    match units.into_iter().find(|(_, size)| count >= *size) {
        Some((unit, size)) => format!("{:.1} {unit}", count as f64 / size as f64),
        None => format!("{count} B"),
    }
}
