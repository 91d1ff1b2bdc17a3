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
use std::time::Duration;

use engram_api::{ErrorCode, Problem};
use engram_store::{BlobError, BlobStore, FsBlobs, MemoryBlobs, RealFs};
use tokio::runtime::Handle;

use crate::config::{Settings, StorePlace, StoreSettings};
use object::ObjectBlobs;

/// How long a folder that another process changes is waited for between two looks, and how often.
const FOLDER_PAUSE: Duration = Duration::from_millis(10);
const FOLDER_PAUSES_MAX: u32 = 1_000;

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

/// Another process holds a folder for as long as it writes an object.
fn wait_for_others(waited: u32) -> bool {
    std::thread::sleep(FOLDER_PAUSE);
    waited < FOLDER_PAUSES_MAX
}

/// A store of objects as the configuration describes it.
pub(crate) fn open(cold: &StoreSettings, handle: &Handle) -> Result<Arc<dyn BlobStore>, BlobError> {
    Ok(match &cold.place {
        StorePlace::Memory => Arc::new(MemoryBlobs::new()),
        StorePlace::Folder(dir) => {
            let folder = FsBlobs::open(Arc::new(RealFs), PathBuf::from(dir))?;
            Arc::new(folder.with_pause(wait_for_others))
        }
        StorePlace::S3 { bucket, prefix } => {
            Arc::new(ObjectBlobs::s3(cold, bucket, prefix, handle.clone())?)
        }
    })
}
