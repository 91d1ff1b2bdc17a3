//! [`StoreError`]: what can go wrong with segments and manifests, by what the caller must do.

use std::io;

use crate::blob::BlobError;

/// Why a call on a segment or a manifest failed. Not `non_exhaustive`: whoever maps these errors to others shall
/// be told by the compiler of a new one.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// There was no room for the file. Nothing that was there before is harmed: free space and try again.
    #[error("no space left for {file}")]
    DiskFull {
        /// The file, by name.
        file: String,
    },
    /// The device failed.
    #[error("{action} of {file} failed: {source}")]
    Io {
        /// What was tried: `read`, `write`, `sync`, ….
        action: &'static str,
        /// The file, by name.
        file: String,
        /// What the file system said.
        source: io::Error,
    },
    /// The store of objects that holds the file does not answer: try again later.
    #[error("{file} cannot be reached now: {what}")]
    Unavailable {
        /// The file, by name.
        file: String,
        /// What was seen.
        what: String,
    },
    /// Bytes on disk are not what was written there.
    #[error("{file} is damaged at offset {offset}: {what}")]
    Corrupt {
        /// The file, by name.
        file: String,
        /// Where the wrong bytes start.
        offset: u64,
        /// How many bytes are affected.
        bytes: u64,
        /// What does not fit.
        what: String,
    },
    /// The file was written by a newer Engram; use that version or newer.
    #[error("the file has format {found}; this version reads formats up to {supported}")]
    NewerFormat {
        /// The format found.
        found: u32,
        /// The newest format that this version reads.
        supported: u32,
    },
    /// There is no such file.
    #[error("{file} is missing")]
    Missing {
        /// The file, by name.
        file: String,
    },
}

impl StoreError {
    /// `Missing` or `DiskFull` where the file system said so, `Unavailable` where an object store did, else an `Io` error.
    pub(crate) fn from_io(action: &'static str, file: &str, source: io::Error) -> StoreError {
        let file = file.to_owned();
        let blob = source.get_ref().and_then(|inner| inner.downcast_ref::<BlobError>());
        if let Some(BlobError::Unavailable { what, .. }) = blob {
            return StoreError::Unavailable { file, what: what.clone() };
        }
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                StoreError::DiskFull { file }
            }
            io::ErrorKind::NotFound => StoreError::Missing { file },
            _ => StoreError::Io { action, file, source },
        }
    }
}
