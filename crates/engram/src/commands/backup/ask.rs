//! What is asked of the server: `engram backup create`, `point`, `take-over` and `status`.

use std::time::Duration;

use clap::{Args, ValueEnum};
use engram_api::{
    BackupJobStateName, BackupJobView, BackupKindName, CreateBackupRequest,
    CreateRestorePointRequest, ErrorCode, RepositoryView, TakeOverRepositoryRequest,
};
use engram_client::Client;

use super::{bytes, progress, step};
use crate::connection::Connection;
use crate::failure::Failure;
use crate::output::{clean, pairs, print, table};

/// Pause between two looks at a job.
const LOOK_PAUSE: Duration = Duration::from_millis(200);

#[derive(Debug, Args)]
pub(crate) struct Create {
    /// Name of the repository; may be absent where the server has one only
    #[arg(long, short = 'r', value_name = "NAME")]
    repository: Option<String>,
    /// What kind; the first one is full in any case
    #[arg(long, value_enum, default_value = "incremental")]
    kind: KindFlag,
    /// Only this space; may be repeated
    #[arg(long = "space", short = 's', value_name = "NAME")]
    spaces: Vec<String>,
    /// Do not wait until it is made
    #[arg(long)]
    no_wait: bool,
}

/// A kind of backup.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum KindFlag {
    /// All spaces, from files as new as possible
    Full,
    /// What changed since the last full one
    Differential,
    /// What changed since the last one of any kind
    Incremental,
}

impl From<KindFlag> for BackupKindName {
    fn from(kind: KindFlag) -> BackupKindName {
        match kind {
            KindFlag::Full => BackupKindName::Full,
            KindFlag::Differential => BackupKindName::Differential,
            KindFlag::Incremental => BackupKindName::Incremental,
        }
    }
}

impl Create {
    pub(crate) fn run(self, connection: &Connection) -> Result<(), Failure> {
        let client = connection.client()?;
        let job = client.create_backup(&CreateBackupRequest {
            repository: self.repository,
            kind: Some(self.kind.into()),
            spaces: (!self.spaces.is_empty()).then_some(self.spaces),
        })?;
        if self.no_wait {
            print(connection.output, &job, show)?;
            return Ok(());
        }
        end(connection, &client, job)
    }
}

#[derive(Debug, Args)]
pub(crate) struct Point {
    /// Name of the point: 1 to 64 of a-z 0-9 - _ .
    name: String,
    /// Name of the repository; may be absent where the server has one only
    #[arg(long, short = 'r', value_name = "NAME")]
    repository: Option<String>,
}

impl Point {
    pub(crate) fn run(self, connection: &Connection) -> Result<(), Failure> {
        let client = connection.client()?;
        let Point { name, repository } = self;
        let job = client.create_restore_point(&CreateRestorePointRequest { repository, name })?;
        end(connection, &client, job)
    }
}

/// After a restore that takes the place of another server. Stop that one first.
#[derive(Debug, Args)]
pub(crate) struct TakeOver {
    /// Name of the repository; may be absent where the server has one only
    #[arg(long, short = 'r', value_name = "NAME")]
    repository: Option<String>,
}

impl TakeOver {
    pub(crate) fn run(self, connection: &Connection) -> Result<(), Failure> {
        let client = connection.client()?;
        let request = TakeOverRepositoryRequest { repository: self.repository };
        let job = client.take_over_repository(&request)?;
        end(connection, &client, job)
    }
}

/// Waits until a job is over and shows it; a failed one is a failure.
pub(super) fn end(
    connection: &Connection,
    client: &Client,
    job: BackupJobView,
) -> Result<(), Failure> {
    let bar = progress();
    let job = wait(client, job, &mut step(&bar));
    bar.finish_and_clear();
    let mut job = job?;
    if let Some(problem) = job.problem.take() {
        return Err(Failure::Problem(Box::new(problem)));
    }
    print(connection.output, &job, show)?;
    match job.backup.as_ref().map(|backup| &backup.left_out) {
        Some(left_out) if !left_out.is_empty() => {
            let names = clean(&left_out.join(", "));
            Err(Failure::Partly(format!("quarantined or damaged spaces are not in it: {names}")))
        }
        _ => Ok(()),
    }
}

/// Waits until a job is over.
pub(crate) fn wait(
    client: &Client,
    mut job: BackupJobView,
    progress: &mut dyn FnMut(&str, u64, u64),
) -> Result<BackupJobView, Failure> {
    while matches!(job.state, BackupJobStateName::Waiting | BackupJobStateName::Running) {
        let step = job.step.as_deref().unwrap_or("waiting");
        progress(step, job.done.unwrap_or_default(), job.total.unwrap_or_default());
        std::thread::sleep(LOOK_PAUSE);
        let id = job.id;
        let found = client.backup_status()?.jobs.into_iter().find(|job| job.id == id);
        let gone = || {
            let detail = format!("the server does not know job {id} any more: it was restarted");
            Failure::new(ErrorCode::BackupFailed, detail)
        };
        job = found.ok_or_else(gone)?;
    }
    Ok(job)
}

fn show(job: &BackupJobView) -> String {
    let backup = job.backup.as_ref();
    let restored = job.restored.as_ref();
    pairs(&[
        ("job", Some(job.id.to_string())),
        ("repository", Some(clean(&job.repository))),
        ("state", Some(format!("{:?}", job.state).to_lowercase())),
        ("backup", backup.map(|backup| backup.id.clone())),
        ("kind", backup.map(|backup| format!("{:?}", backup.kind).to_lowercase())),
        ("builds on", backup.and_then(|backup| backup.parent.clone())),
        ("size", backup.map(|backup| bytes(backup.bytes))),
        ("sent", backup.map(|backup| bytes(backup.sent_bytes))),
        (
            "left out",
            backup
                .filter(|own| !own.left_out.is_empty())
                .map(|own| clean(&own.left_out.join(", "))),
        ),
        ("point", job.point_at.map(|at| at.to_string())),
        ("space", restored.map(|space| clean(&space.name))),
        ("last lsn", restored.map(|space| space.lsn.to_string())),
        ("committed at", restored.map(|space| space.committed_at.to_string())),
    ])
}

#[derive(Debug, Args)]
pub(crate) struct Status {}

impl Status {
    pub(crate) fn run(self, connection: &Connection) -> Result<(), Failure> {
        let status = connection.client()?.backup_status()?;
        if status.repositories.is_empty() {
            let detail = "the configuration of the server names no repository".to_owned();
            return Err(Failure::new(ErrorCode::RepositoryNotFound, detail));
        }
        print(connection.output, &status, |status| show_all(&status.repositories))?;
        let broken = status.repositories.iter().filter(|own| !own.ready).count();
        match broken {
            0 => Ok(()),
            _ => Err(Failure::Partly(format!("{broken} of the repositories do not work"))),
        }
    }
}

fn show_all(repositories: &[RepositoryView]) -> String {
    let mut rows = table(&[
        "repository",
        "archived through",
        "waiting",
        "lost",
        "backups",
        "last backup",
        "last check",
        "problem",
    ]);
    for own in repositories {
        let when =
            |at: Option<engram_api::Timestamp>| at.map(|at| at.to_string()).unwrap_or_default();
        rows.add_row([
            clean(&own.name),
            when(own.archived_through),
            own.waiting_commits.to_string(),
            own.lost_commits.to_string(),
            own.backups.to_string(),
            when(own.last_backup_at),
            when(own.last_check_at),
            own.problem.as_ref().map(|problem| clean(&problem.detail)).unwrap_or_default(),
        ]);
    }
    rows.to_string()
}
