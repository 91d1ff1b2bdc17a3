//! The seam to object storage: whole immutable objects by key, wherever they are.
//!
//! Guarantees: every implementation here passes `conformance::check_blobs`; a key that one of them takes, all take; an error says
//! whether to try again later. Waiting, retries and the network belong to the implementations that live above this crate.

mod error;

mod store;

mod key;

mod memory;

mod folder;

mod overlay;

mod file;

pub use error::BlobError;
pub use file::BlobFile;
pub use folder::FsBlobs;
pub use key::{BLOB_KEY_BYTES_MAX, check_blob_key, check_blob_prefix};
pub use memory::MemoryBlobs;
pub use overlay::OverlayBlobs;
pub use store::BlobStore;
