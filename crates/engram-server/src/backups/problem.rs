//! Errors of backups as the catalogue has them.

use engram_api::{ErrorCode, Problem};
use engram_backup::BackupError;
use engram_store::BlobError;

use crate::refusal::engine_problem;

/// Seconds after which a repository that was away may be tried again.
const RETRY_SECONDS: u32 = 60;

/// An error of backups as the catalogue has it.
pub fn backup_problem(error: BackupError) -> Problem {
    let code = match &error {
        BackupError::Engine(inner) => return engine_problem(inner.clone()),
        BackupError::Store(BlobError::Unavailable { .. }) => ErrorCode::RepositoryUnavailable,
        BackupError::Store(_) => ErrorCode::BackupFailed,
        BackupError::Missing { .. }
        | BackupError::Corrupt { .. }
        | BackupError::Conflict { .. } => ErrorCode::RepositoryDamaged,
        BackupError::WrongKey(_) => ErrorCode::RepositoryKey,
        BackupError::NewerFormat { .. } => ErrorCode::NewerFormat,
        BackupError::Foreign { .. } | BackupError::Diverged { .. } => ErrorCode::RepositoryForeign,
        BackupError::Busy { .. } => ErrorCode::RepositoryBusy,
        BackupError::UnknownBackup { .. } => ErrorCode::BackupNotFound,
        BackupError::UnknownPoint { .. } => ErrorCode::RestorePointNotFound,
        BackupError::PointExists { .. } => ErrorCode::RestorePointExists,
        BackupError::UnknownSpace { .. } => ErrorCode::SpaceNotFound,
        BackupError::FutureTarget { .. } => ErrorCode::TargetInFuture,
        BackupError::TooOld { .. } => ErrorCode::TargetTooOld,
        BackupError::Gap { .. } => ErrorCode::ArchiveGap,
        BackupError::BadName { .. } => ErrorCode::InvalidValue,
    };
    let mut problem = Problem::new(code, error.to_string());
    match error {
        BackupError::UnknownBackup { nearest, .. }
        | BackupError::UnknownPoint { nearest, .. }
        | BackupError::UnknownSpace { nearest, .. } => problem.nearest = nearest,
        BackupError::Store(BlobError::Unavailable { .. }) | BackupError::Busy { .. } => {
            problem = problem.with_retry_after(RETRY_SECONDS);
        }
        _ => {}
    }
    problem
}

/// The same of a repository that the configuration names: what its store refuses says which settings to look at.
pub(crate) fn repository_problem(name: &str, error: BackupError) -> Problem {
    let hint = match &error {
        BackupError::Store(BlobError::Denied { .. }) => format!(
            "; check repositories.{name}.s3_access_key_env and repositories.{name}.s3_secret_key_env, or what the folder \
             or bucket of repositories.{name}.url permits"
        ),
        BackupError::Store(BlobError::Failed { .. }) => {
            format!("; check repositories.{name}.url and the settings beside it")
        }
        BackupError::Store(BlobError::Unavailable { .. }) => {
            format!(
                "; it is tried again, check that what repositories.{name}.url names can be reached"
            )
        }
        _ => String::new(),
    };
    let mut problem = backup_problem(error);
    problem.detail += &hint;
    problem
}
