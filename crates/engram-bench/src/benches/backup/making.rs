//! Making backups of a server that is at work, and what its writers notice of them.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use engram_api::{
    BackupJobStateName, BackupJobView, BackupKindName, BackupView, CreateBackupRequest,
    CreateRestorePointRequest,
};
use engram_client::Client;

use crate::benches::corpus::{Source, failed, path, single};
use crate::failure::BenchError;
use crate::stage::{ChildServer, Latencies, Load, Pace, Wire};

/// Writes arrive at random at so many a second, whatever the answers do: few enough that a machine with two cores has room for the
/// backup beside them, many enough for a 99th percentile of a backup that takes some seconds.
pub(super) const WRITES_PER_SECOND: f64 = 200.0;
pub(super) const WRITERS: usize = 8;
/// Below so many writes during the backup their 99th percentile is one of a handful.
pub(super) const WRITES_MIN: usize = 1_000;
/// Longest backup.
const TIME_MAX: Duration = Duration::from_secs(7_200);
const LOOK: Duration = Duration::from_millis(5);

/// A backup that was made.
#[derive(Clone, Debug)]
pub(super) struct MadeBackup {
    pub(super) view: BackupView,
    /// From the request until it was made and every byte of it compared.
    pub(super) seconds: f64,
}

/// What writers saw before a full backup and during it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Noticed {
    pub(super) before: Latencies,
    pub(super) during: Latencies,
}

impl MadeBackup {
    /// Seconds until it was made, and the seconds of the check.
    pub(super) fn parts(&self) -> (f64, f64) {
        let made = (self.view.ended_at.0 - self.view.started_at.0) as f64 / 1e9;
        (made, (self.seconds - made).max(0.0))
    }
}

/// Writes for some time, and goes on while a full backup is made. Memories are `first` and those behind it.
pub(super) fn full_under_load(
    server: &ChildServer,
    (source, first): (&Source<'_>, usize),
    before: Duration,
) -> Result<(MadeBackup, Noticed, usize), BenchError> {
    let client = server.client()?;
    let remember = path("remember");
    let load = |first: usize, time_max: Duration, done: &AtomicBool| {
        Load {
            addr: server.addr,
            clients: WRITERS,
            pace: Pace::Open { per_second: WRITES_PER_SECOND },
            requests_max: usize::MAX,
            time_max,
            request: &|n| Wire::post(&remember, &single(source, first + n)),
        }
        .run_until(done)
    };
    let done = AtomicBool::new(false);
    let quiet = load(first, before, &done)?;
    let first = behind(first, &quiet);
    let (made, during) = std::thread::scope(|scope| {
        let writing = scope.spawn(|| load(first, TIME_MAX, &done));
        let made = make(&client, BackupKindName::Full);
        done.store(true, Ordering::Release);
        let during = writing.join().expect("writing does not panic");
        Ok::<_, BenchError>((made?, during?))
    })?;
    let next = behind(first, &during);
    Ok((made, Noticed { before: quiet, during }, next))
}

/// The first number that no request had; each client may have taken one that it did not send.
fn behind(first: usize, seen: &Latencies) -> usize {
    first + seen.requests + seen.refused + WRITERS
}

/// Has a backup made and waits for it.
pub(super) fn make(client: &Client, kind: BackupKindName) -> Result<MadeBackup, BenchError> {
    let started = Instant::now();
    let request = CreateBackupRequest { kind: Some(kind), ..CreateBackupRequest::default() };
    let job = wait(client, client.create_backup(&request)?)?;
    let view = job.backup.ok_or_else(|| failed(&"a backup was made and is not shown"))?;
    Ok(MadeBackup { view, seconds: started.elapsed().as_secs_f64() })
}

/// Has the rest of the log archived: a point needs it.
pub(super) fn archive(client: &Client) -> Result<(), BenchError> {
    let request = CreateRestorePointRequest { repository: None, name: "end".to_owned() };
    wait(client, client.create_restore_point(&request)?).map(drop)
}

fn wait(client: &Client, mut job: BackupJobView) -> Result<BackupJobView, BenchError> {
    let started = Instant::now();
    while matches!(job.state, BackupJobStateName::Waiting | BackupJobStateName::Running) {
        if started.elapsed() > TIME_MAX {
            return Err(failed(&"a backup takes longer than two hours"));
        }
        std::thread::sleep(LOOK);
        let id = job.id;
        let found = client.backup_status()?.jobs.into_iter().find(|job| job.id == id);
        job = found.ok_or_else(|| failed(&"the server does not know the backup any more"))?;
    }
    match job.problem {
        Some(problem) => Err(failed(&problem)),
        None => Ok(job),
    }
}
