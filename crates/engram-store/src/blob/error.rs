//! [`BlobError`]: what can go wrong with objects, by what the caller must do.

use std::io;

/// Why a call on a `BlobStore` failed. Not `non_exhaustive`: whoever maps these errors to others shall be told by the
/// compiler of a new one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BlobError {
    /// There is no such object.
    #[error("there is no object {key}")]
    NotFound {
        /// The object.
        key: String,
    },
    /// There is an object with this key already.
    #[error("there is an object {key} already")]
    Exists {
        /// The object.
        key: String,
    },
    /// The store does not answer, is throttling, or has no room: try again later. Whether a change was made is not known.
    #[error("the object store is not available for {key}: {what}")]
    Unavailable {
        /// The object, or the prefix of a listing.
        key: String,
        /// What was seen.
        what: String,
    },
    /// The store refuses this caller: the operator must look at credentials and permissions.
    #[error("the object store denies access to {key}: {what}")]
    Denied {
        /// The object, or the prefix of a listing.
        key: String,
        /// What was said.
        what: String,
    },
    /// Anything else; trying again will not help. Whether a change was made is not known.
    #[error("the object store failed on {key}: {what}")]
    Failed {
        /// The object, or the prefix of a listing.
        key: String,
        /// What was said.
        what: String,
    },
}

impl BlobError {
    /// By what a file system said of the file that holds the object `key`.
    pub(super) fn from_io(key: &str, error: &io::Error) -> BlobError {
        let (key, what) = (key.to_owned(), error.to_string());
        match error.kind() {
            io::ErrorKind::NotFound => BlobError::NotFound { key },
            io::ErrorKind::AlreadyExists => BlobError::Exists { key },
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                BlobError::Denied { key, what }
            }
            // Room is made, locks are released and mounts come back.
            io::ErrorKind::StorageFull
            | io::ErrorKind::QuotaExceeded
            | io::ErrorKind::WouldBlock
            | io::ErrorKind::ResourceBusy
            | io::ErrorKind::TimedOut
            | io::ErrorKind::NetworkUnreachable
            | io::ErrorKind::HostUnreachable
            | io::ErrorKind::StaleNetworkFileHandle => BlobError::Unavailable { key, what },
            _ => BlobError::Failed { key, what },
        }
    }
}

/// For readers that know files only; the `BlobError` stays inside, to be found again.
impl From<BlobError> for io::Error {
    fn from(error: BlobError) -> io::Error {
        let kind = match error {
            BlobError::NotFound { .. } => io::ErrorKind::NotFound,
            BlobError::Exists { .. } => io::ErrorKind::AlreadyExists,
            BlobError::Unavailable { .. } => io::ErrorKind::TimedOut,
            BlobError::Denied { .. } => io::ErrorKind::PermissionDenied,
            BlobError::Failed { .. } => io::ErrorKind::Other,
        };
        io::Error::new(kind, error)
    }
}
