//! Backups: making them, naming moments, putting a space back beside the live ones, and how it all stands.

use serde::{Deserialize, Serialize};

use crate::problem::Problem;
use crate::time::Timestamp;

/// Makes a backup.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CreateBackupRequest {
    /// Name of the repository; may be absent where there is one only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repository: Option<String>,
    /// What kind; incremental when absent. The first one is full in any case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<BackupKindName>,
    /// Only these spaces; all of them when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spaces: Option<Vec<String>>,
}

/// Kinds of backups.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BackupKindName {
    /// All spaces, from files as new as possible.
    Full,
    /// What changed since the last full one.
    Differential,
    /// What changed since the last one of any kind.
    Incremental,
}

/// Names this moment.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CreateRestorePointRequest {
    /// Name of the repository; may be absent where there is one only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repository: Option<String>,
    /// Name of the point: 1 to 64 of `a-z 0-9 - _ .`
    pub name: String,
}

/// Restores a space as it was, beside the live ones.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RestoreSpaceRequest {
    /// Name of the repository; may be absent where there is one only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repository: Option<String>,
    /// Name that the space had.
    pub name: String,
    /// Name that it gets.
    pub new_name: String,
    /// Where to go back to; the last archived commit when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<RestoreTo>,
    /// Whether the commit that is named is left out.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub exclusive: bool,
}

/// Where to go back to: one of these.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RestoreTo {
    /// Up to this time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<Timestamp>,
    /// Up to this commit of the space.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lsn: Option<u64>,
    /// The restore point of that name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub point: Option<String>,
    /// The end of the backup of that name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backup: Option<String>,
}

/// Makes a repository the one of this data directory, whoever had it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TakeOverRepositoryRequest {
    /// Name of the repository; may be absent where there is one only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repository: Option<String>,
}

/// What was asked of a repository, and what became of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BackupJobView {
    /// Number of the job; counts from the start of the server.
    pub id: u64,
    /// What was asked.
    pub job: BackupJobName,
    /// The repository.
    pub repository: String,
    /// What has become of it.
    pub state: BackupJobStateName,
    /// When it was asked for.
    pub asked_at: Timestamp,
    /// When it was over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub over_at: Option<Timestamp>,
    /// What is being done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<String>,
    /// How much of it is done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub done: Option<u64>,
    /// How much there is to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total: Option<u64>,
    /// The backup that was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backup: Option<BackupView>,
    /// The space that was restored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restored: Option<RestoredSpaceView>,
    /// When the restore point is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub point_at: Option<Timestamp>,
    /// Why it came to nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<Problem>,
}

/// What can be asked of a repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BackupJobName {
    /// A backup.
    CreateBackup,
    /// A restore point.
    CreateRestorePoint,
    /// A space as it was.
    RestoreSpace,
    /// The repository for this directory.
    TakeOverRepository,
}

/// What has become of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BackupJobStateName {
    /// Others come first.
    Waiting,
    /// It is being done.
    Running,
    /// It was done.
    Done,
    /// It came to nothing.
    Failed,
}

/// A backup.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BackupView {
    /// Its name.
    pub id: String,
    /// Its kind.
    pub kind: BackupKindName,
    /// The backup that it builds on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<String>,
    /// When it was begun.
    pub started_at: Timestamp,
    /// When it was whole.
    pub ended_at: Timestamp,
    /// The timeline that it is on.
    pub timeline: u32,
    /// Spaces that stand in its own record.
    pub spaces: Vec<String>,
    /// Bytes that it needs, as stored.
    pub bytes: u64,
    /// Bytes that were sent for it.
    pub sent_bytes: u64,
    /// Quarantined spaces that were left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<String>,
}

/// A space that was restored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RestoredSpaceView {
    /// Its name now.
    pub name: String,
    /// Its last commit.
    pub lsn: u64,
    /// Time of that.
    pub committed_at: Timestamp,
}

/// How the repositories stand.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BackupStatusView {
    /// The repositories, by name.
    pub repositories: Vec<RepositoryView>,
    /// What was asked since the start, newest first.
    pub jobs: Vec<BackupJobView>,
}

/// How a repository stands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RepositoryView {
    /// Its name.
    pub name: String,
    /// Whether it takes what it is sent.
    pub ready: bool,
    /// All commits up to this time are archived.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub archived_through: Option<Timestamp>,
    /// Commits that are not archived.
    pub waiting_commits: u64,
    /// Commits that the log let go of before they were archived, since the start.
    pub lost_commits: u64,
    /// Number of backups.
    pub backups: u64,
    /// When the last backup was begun.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_backup_at: Option<Timestamp>,
    /// When the last full one was begun.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_full_at: Option<Timestamp>,
    /// When a backup was last checked and found good.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_check_at: Option<Timestamp>,
    /// How deep that check went, 1 to 4.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_check_level: Option<u32>,
    /// Backups and checks that failed since the start.
    pub failures: u64,
    /// Why it does not work now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<Problem>,
}
