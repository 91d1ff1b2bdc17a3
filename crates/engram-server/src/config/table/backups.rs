//! The settings of backups and their repositories.

use super::{DAY_MS, GIB, KIB, MIB, Setting, setting};
use crate::config::value::SettingKind;

pub(super) const BACKUPS: &[Setting] = &[
    setting(
        "backup.archive_interval",
        SettingKind::Span { min_ms: 1_000, max_ms: DAY_MS },
        Some("60 s"),
        "10 s",
        "How often what was written goes into the archives of the repositories: what a lost disk may cost at most. Each space that was \
         written to costs an object each time.",
    ),
    setting(
        "backup.log_bytes_max",
        SettingKind::Bytes { min: 64 * MIB, max: 1_024 * GIB },
        Some("8 GiB"),
        "64 GiB",
        "Size up to which the log keeps what a repository that is away has not got. Above it the oldest of that is given up: the \
         archive has a gap, and restores reach up to it or begin with the next backup.",
    ),
    setting(
        "backup.full_every",
        SettingKind::Span { min_ms: 0, max_ms: 366 * DAY_MS },
        Some("168 h"),
        "24 h",
        "How old the last full backup may get until the server makes another. 0 = none is made by itself.",
    ),
    setting(
        "backup.incremental_every",
        SettingKind::Span { min_ms: 0, max_ms: 366 * DAY_MS },
        Some("24 h"),
        "1 h",
        "How old the last backup may get until the server makes an incremental one. 0 = none is made by itself.",
    ),
    setting(
        "backup.restore_check_every",
        SettingKind::Span { min_ms: 0, max_ms: 366 * DAY_MS },
        Some("168 h"),
        "24 h",
        "How old the last check may get that puts the newest backup together and looks at all of it. 0 = none is made by itself.",
    ),
    setting(
        "backup.scratch_dir",
        SettingKind::Path,
        None,
        "/var/tmp/engram",
        "Folder in which backups are put together, to check them or to take a space over; there must be room for the largest. Default: in \
         the data directory.",
    ),
    setting(
        "backup.keep_daily",
        SettingKind::Count { min: 0, max: 10_000 },
        Some("7"),
        "14",
        "Days of which a verified backup stays, the last ones.",
    ),
    setting(
        "backup.keep_weekly",
        SettingKind::Count { min: 0, max: 10_000 },
        Some("4"),
        "8",
        "Weeks of which a verified backup stays.",
    ),
    setting(
        "backup.keep_monthly",
        SettingKind::Count { min: 0, max: 10_000 },
        Some("12"),
        "24",
        "Months of which a verified backup stays. Whatever is set, the last two full backups stay.",
    ),
    setting(
        "repositories.*.url",
        SettingKind::Text,
        None,
        "s3://my-bucket/engram-backups",
        "Where a repository of backups is, in the forms of cold.url. Required for each repository. The log goes into all of them.",
    ),
    setting(
        "repositories.*.key_env",
        SettingKind::Text,
        None,
        "ENGRAM_BACKUP_KEY",
        "Name of the environment variable that holds the key that the repository is encrypted with: 64 hexadecimal digits, such as \
         `openssl rand -hex 32` prints. Without it nothing can be restored: keep it elsewhere, too. Absent = not encrypted.",
    ),
    setting(
        "repositories.*.key_file",
        SettingKind::Path,
        None,
        "/run/secrets/engram-backup",
        "File that holds the key.",
    ),
    setting(
        "repositories.*.zstd_level",
        SettingKind::Count { min: 1, max: 19 },
        Some("3"),
        "9",
        "Level of compression: 1 is fast, 19 small.",
    ),
    setting(
        "repositories.*.bytes_per_second",
        SettingKind::Bytes { min: 64 * KIB, max: 1_024 * GIB },
        None,
        "20 MiB",
        "Bytes that are sent to the repository or read from it in a second, at most. Absent = as fast as it goes.",
    ),
    setting(
        "repositories.*.s3_endpoint",
        SettingKind::Text,
        None,
        "https://minio.internal:9000",
        "As cold.s3_endpoint.",
    ),
    setting(
        "repositories.*.s3_region",
        SettingKind::Text,
        Some("us-east-1"),
        "eu-central-1",
        "As cold.s3_region.",
    ),
    setting(
        "repositories.*.s3_access_key_env",
        SettingKind::Text,
        None,
        "AWS_ACCESS_KEY_ID",
        "As cold.s3_access_key_env.",
    ),
    setting(
        "repositories.*.s3_secret_key_env",
        SettingKind::Text,
        None,
        "AWS_SECRET_ACCESS_KEY",
        "As cold.s3_secret_key_env.",
    ),
    setting(
        "repositories.*.s3_allow_http",
        SettingKind::Switch,
        Some("false"),
        "true",
        "As cold.s3_allow_http.",
    ),
    setting(
        "repositories.*.timeout",
        SettingKind::Span { min_ms: 100, max_ms: 3_600_000 },
        Some("30 s"),
        "60 s",
        "As cold.timeout.",
    ),
];
