//! Object storage: the store that the configuration names, behind the seam `BlobStore`.
//!
//! Guarantees: every call ends in bounded time, never runs on a thread of the async runtime, and shows no credential in an error.

mod transport;

mod object;

#[cfg(test)]
mod fake_s3;

#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::sync::Arc;

use engram_api::{ErrorCode, Problem};
use engram_store::{BlobError, BlobStore, FsBlobs, MemoryBlobs, RealFs};
use tokio::runtime::Handle;

use crate::config::{Settings, StorePlace, StoreSettings};
use object::ObjectBlobs;

/// The store that holds cold files; none when the configuration has none. Nothing is asked over the network yet. Retries wait by the
/// clock of the runtime of `handle`, which must outlive the calls.
pub(crate) fn open_blobs(
    settings: &Settings,
    handle: &Handle,
) -> Result<Option<Arc<dyn BlobStore>>, Box<Problem>> {
    let Some(cold) = &settings.cold else {
        return Ok(None);
    };
    let opened = open(cold, handle).map_err(|error| {
        let problem = Problem::new(ErrorCode::ConfigInvalid, error.to_string());
        Box::new(problem.with_field("cold.url"))
    })?;
    Ok(Some(opened))
}

/// A store of objects as the configuration describes it.
pub(crate) fn open(cold: &StoreSettings, handle: &Handle) -> Result<Arc<dyn BlobStore>, BlobError> {
    Ok(match &cold.place {
        StorePlace::Memory => Arc::new(MemoryBlobs::new()),
        StorePlace::Folder(dir) => Arc::new(FsBlobs::open(Arc::new(RealFs), PathBuf::from(dir))?),
        StorePlace::S3 { bucket, prefix } => {
            Arc::new(ObjectBlobs::s3(cold, bucket, prefix, handle.clone())?)
        }
    })
}
