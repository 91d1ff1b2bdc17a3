//! Backups on the wire.

use engram_api::{
    BackupJobName, BackupJobStateName, BackupJobView, BackupKindName, BackupStatusView, BackupView,
    ErrorCode, RepositoryView, RestoreTo, RestoredSpaceView, Timestamp,
};
use engram_backup::{BackupKind, BackupRecord, RestoreTarget};

use crate::backups::{Backups, Job, JobRequest, JobState, RepositoryFigures};
use crate::refusal::Refusal;

pub(crate) fn backup_kind(kind: Option<BackupKindName>) -> BackupKind {
    match kind {
        Some(BackupKindName::Full) => BackupKind::Full,
        Some(BackupKindName::Differential) => BackupKind::Differential,
        Some(BackupKindName::Incremental) | None => BackupKind::Incremental,
    }
}

fn kind_name(kind: BackupKind) -> BackupKindName {
    match kind {
        BackupKind::Full => BackupKindName::Full,
        BackupKind::Differential => BackupKindName::Differential,
        BackupKind::Incremental => BackupKindName::Incremental,
    }
}

pub(crate) fn restore_target(
    to: Option<RestoreTo>,
    exclusive: bool,
) -> Result<RestoreTarget, Refusal> {
    let inclusive = !exclusive;
    let RestoreTo { time, lsn, point, backup } = to.unwrap_or_default();
    let mut named = [
        time.map(|time| RestoreTarget::Time { at: time.0, inclusive }),
        lsn.map(|lsn| RestoreTarget::Lsn { lsn, inclusive }),
        point.map(RestoreTarget::Point),
        backup.map(RestoreTarget::Backup),
    ]
    .into_iter()
    .flatten();
    let first = named.next();
    if named.next().is_some() {
        let detail = "one of time, lsn, point and backup says where to go back to";
        return Err(Refusal::new(ErrorCode::SelectionAmbiguous, detail).with_field("to"));
    }
    Ok(first.unwrap_or(RestoreTarget::Latest))
}

/// With the number of commits that there are.
pub(crate) fn backup_status(backups: &Backups, commits: u64) -> BackupStatusView {
    let repositories = backups.slots().map(|slot| repository(&slot.name, &slot.figures(), commits));
    BackupStatusView {
        repositories: repositories.collect(),
        jobs: backups.jobs().iter().map(|job| backup_job(job)).collect(),
    }
}

fn repository(name: &str, figures: &RepositoryFigures, commits: u64) -> RepositoryView {
    RepositoryView {
        name: name.to_owned(),
        ready: figures.problem.is_none() && figures.archived_through.is_some(),
        archived_through: figures.archived_through.map(Timestamp),
        waiting_commits: figures.waiting(commits),
        lost_commits: figures.gaps,
        backups: figures.backups,
        last_backup_at: figures.last_backup.map(Timestamp),
        last_full_at: figures.last_full.map(Timestamp),
        last_check_at: figures.last_check.map(|(at, _)| Timestamp(at)),
        last_check_level: figures.last_check.map(|(_, level)| level.into()),
        failures: figures.backup_failures + figures.check_failures,
        problem: figures.problem.as_deref().cloned(),
    }
}

pub(crate) fn backup_job(job: &Job) -> BackupJobView {
    let (state, over) = job.state();
    let mut view = BackupJobView {
        id: job.id,
        job: match job.request {
            JobRequest::Create { .. } => BackupJobName::CreateBackup,
            JobRequest::Point { .. } => BackupJobName::CreateRestorePoint,
            JobRequest::RestoreSpace { .. } => BackupJobName::RestoreSpace,
            JobRequest::TakeOver => BackupJobName::TakeOverRepository,
        },
        repository: job.repository.clone(),
        state: BackupJobStateName::Done,
        asked_at: Timestamp(job.asked_at),
        over_at: over.map(Timestamp),
        step: None,
        done: None,
        total: None,
        backup: None,
        restored: None,
        point_at: None,
        problem: None,
    };
    match state {
        JobState::Waiting => view.state = BackupJobStateName::Waiting,
        JobState::Running { step, done, total } => {
            view.state = BackupJobStateName::Running;
            (view.step, view.done, view.total) = (Some(step), Some(done), Some(total));
        }
        JobState::Created(record) => view.backup = Some(backup(&record)),
        JobState::Named(point) => view.point_at = Some(Timestamp(point.at)),
        JobState::Restored { space, lsn, committed_at } => {
            let committed_at = Timestamp(committed_at);
            view.restored = Some(RestoredSpaceView { name: space, lsn, committed_at });
        }
        JobState::TakenOver => {}
        JobState::Failed(problem) => {
            view.state = BackupJobStateName::Failed;
            view.problem = Some(*problem);
        }
    }
    view
}

fn backup(record: &BackupRecord) -> BackupView {
    BackupView {
        id: record.id.clone(),
        kind: kind_name(record.kind),
        parent: record.parent.clone(),
        started_at: Timestamp(record.started_at),
        ended_at: Timestamp(record.ended_at),
        timeline: record.timeline,
        spaces: record.spaces.iter().map(|space| space.name.clone()).collect(),
        bytes: record.bytes.stored,
        sent_bytes: record.sent.stored,
        left_out: record.left_out.clone(),
    }
}
