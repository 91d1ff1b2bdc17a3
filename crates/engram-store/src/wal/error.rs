//! [`LogError`]: what can go wrong in the log, by what the caller must do.

use std::io;

use crate::ids::SpaceId;

/// Why a call on the log failed. Not `non_exhaustive`: whoever maps these errors to others shall be told by the
/// compiler of a new one.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The device failed outside of a commit (reading, opening, maintenance). Inside a commit the log is poisoned.
    #[error("{action} of {file} failed: {source}")]
    Io {
        /// What was tried: `read`, `write`, `sync`, ….
        action: &'static str,
        /// The file, by name.
        file: String,
        /// What the file system said.
        source: io::Error,
    },
    /// There was no room for the next log segment. Nothing was written. After a flush or a close the log is halted:
    /// [`super::ShardLog::rollback`], free space and append again.
    #[error("no space left for log segment {file}")]
    DiskFull {
        /// The file that could not be made.
        file: String,
    },
    /// A write, a sync or a worker failed: what it wrote is unknown, so the log takes nothing more
    /// until it is opened again, which recovers it.
    #[error("the log is poisoned until it is reopened: {reason}")]
    Poisoned {
        /// The failure that poisoned it.
        reason: String,
    },
    /// The log was closed.
    #[error("the log is closed")]
    Closed,
    /// Damage broke the history of this space: it may be read up to the break, not written.
    #[error("space {space} is quarantined: {reason}")]
    Quarantined {
        /// The space.
        space: SpaceId,
        /// What broke it, where, and what repairs it.
        reason: String,
    },
    /// The payload does not fit in one frame; split the commit.
    #[error("a payload of {bytes} bytes is over the limit of {max} bytes")]
    PayloadTooLarge {
        /// Length of the payload, in bytes.
        bytes: u64,
        /// The limit, in bytes.
        max: u64,
    },
    /// Bytes on disk are not what was written there.
    #[error("{file} is damaged at offset {offset}: {what}")]
    Corrupt {
        /// The file, by name.
        file: String,
        /// Offset in the file, in bytes.
        offset: u64,
        /// What does not fit.
        what: String,
    },
    /// The log was written by a newer Engram; use that version or newer.
    #[error("the log has format {found}; this version reads formats up to {supported}")]
    NewerFormat {
        /// The format found.
        found: u32,
        /// The newest format that this version reads.
        supported: u32,
    },
    /// An option is out of its range.
    #[error("bad log option: {0}")]
    BadOption(&'static str),
    /// The `replay` function of [`super::ShardLog::open`] refused a frame.
    #[error("replay refused a frame: {0}")]
    Replay(String),
}

impl LogError {
    /// An `Io` error, or `DiskFull` where the device said so.
    pub(crate) fn from_io(action: &'static str, file: &str, source: io::Error) -> LogError {
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                LogError::DiskFull { file: file.to_owned() }
            }
            _ => LogError::Io { action, file: file.to_owned(), source },
        }
    }
}
