//! Backups of a data directory in repositories: objects in a [`engram_store::BlobStore`] that are written once.
//!
//! - The log goes out piece by piece ([`Archiver`]); a backup ([`create`]) names the files of each space as its manifest has them, and
//!   from where on the archived log goes on. Files are shared between backups by their hash.
//! - [`plan`] and [`restore`] put any commit since the oldest backup together again, as a directory of its own on a new timeline.
//! - Whatever is read is compared: objects with the sum and the key they carry, files with their hash, commits with the chain of their
//!   space. What does not fit is an error that names the object, never a shorter result.
//! - Nothing here starts threads, waits, or asks the system for anything but through the seams.

#![forbid(unsafe_code)]

mod error;

mod hex;

mod time;

mod envelope;

mod keys;

mod repository;

mod record;

mod piece;

mod lease;

mod catalog;

mod archive;

mod create;

mod lineage;

mod target;

mod restore;

mod verify;

mod retention;

pub use archive::{ArchiveStep, Archiver, Gap};
pub use catalog::{
    BackupListing, BackupStanding, Finding, Listed, find, list_backups, pins, set_pin,
};
pub use create::{CreateOptions, CreatedBackup, create, restore_point};
pub use envelope::RepositoryKey;
pub use error::BackupError;
pub use record::{
    BackupKind, BackupRecord, FileRecord, HeartbeatRecord, OwnerRecord, PointRecord, SpaceRecord,
    TimelineRecord, VerificationRecord,
};
pub use repository::{Repository, RepositoryOptions, StoredBytes};
pub use restore::{RestoreOptions, Restored, restore};
pub use retention::{Kept, PruneReport, RetentionPolicy, prune};
pub use target::{PlannedSpace, RestorePlan, RestoreTarget, archived_through, plan};
pub use verify::{BackupCheck, Drill, VerifyLevel, VerifyOptions, remove_directory, verify};
