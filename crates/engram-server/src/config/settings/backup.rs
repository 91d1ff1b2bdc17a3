//! Where backups go, when they are made, and which of them stay.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use super::{Read, Secret, StoreSettings};
use crate::config::error::ConfigError;

/// When backups are made, and which of them stay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackupSettings {
    /// How often the log is archived.
    pub archive_interval: Duration,
    /// Size of the log from which on it does not wait for a repository that is away.
    pub log_bytes_max: u64,
    /// How old the last full backup may get; zero = none is made by itself.
    pub full_every: Duration,
    /// How old the last backup may get; zero = only full ones are made by themselves.
    pub incremental_every: Duration,
    /// How old the last check may get that puts a backup together; zero = none is made by itself.
    pub restore_check_every: Duration,
    /// Folder in which backups are put together to check them; none = in the data directory.
    pub scratch_dir: Option<PathBuf>,
    /// Days, weeks and months of which a backup stays.
    pub keep: (u32, u32, u32),
}

/// A repository of backups.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RepositorySettings {
    /// Where its objects are.
    pub store: StoreSettings,
    /// The key, as 64 hexadecimal digits.
    pub key: Option<Secret>,
    /// File that holds the key.
    pub key_file: Option<PathBuf>,
    /// Level of compression.
    pub zstd_level: i32,
    /// Bytes sent and read in a second, at most; none = as fast as it goes.
    pub bytes_per_second: Option<u64>,
}

impl Read<'_> {
    pub(super) fn backup(&self) -> BackupSettings {
        let span = |key| Duration::from_millis(self.number(key));
        let count = |key| self.number(key) as u32;
        BackupSettings {
            archive_interval: span("backup.archive_interval"),
            log_bytes_max: self.number("backup.log_bytes_max"),
            full_every: span("backup.full_every"),
            incremental_every: span("backup.incremental_every"),
            restore_check_every: span("backup.restore_check_every"),
            scratch_dir: self.maybe_text("backup.scratch_dir").map(PathBuf::from),
            keep: (
                count("backup.keep_daily"),
                count("backup.keep_weekly"),
                count("backup.keep_monthly"),
            ),
        }
    }

    pub(super) fn repositories(
        &self,
        env: &BTreeMap<String, String>,
    ) -> Result<BTreeMap<String, RepositorySettings>, Box<ConfigError>> {
        let mut repositories = BTreeMap::new();
        for key in self.values.keys() {
            let name = key.strip_prefix("repositories.").and_then(|rest| rest.strip_suffix(".url"));
            let Some(name) = name else { continue };
            let prefix = format!("repositories.{name}");
            let at = |field: &str| format!("{prefix}.{field}");
            let Some(store) = self.store(&prefix, env)? else {
                return Err(self.conflict(key, "is required for a repository"));
            };
            let (key, key_file) =
                (self.secret(&at("key_env"), env)?, self.maybe_text(&at("key_file")));
            if key.is_some() && key_file.is_some() {
                let message = format!("stands beside {}; one of them is enough", at("key_env"));
                return Err(self.conflict(&at("key_file"), &message));
            }
            let limit = at("bytes_per_second");
            let settings = RepositorySettings {
                store,
                key,
                key_file: key_file.map(PathBuf::from),
                zstd_level: self.number(&at("zstd_level")) as i32,
                bytes_per_second: self.value(&limit).map(|_| self.number(&limit)),
            };
            repositories.insert(name.to_owned(), settings);
        }
        Ok(repositories)
    }
}
