//! Bytes that survive: the seams to files, objects, time and randomness, segments, manifests, and the write-ahead log.
//!
//! This crate knows bytes, spaces and LSNs, never a "memory". What it promises:
//! - what [`ShardLog::flush`] acknowledged is returned by every later [`ShardLog::open`], byte for byte, or
//!   the space is named in [`Recovery::quarantined`]: loss is never silent;
//! - a segment has its name only when it is complete and synced, and what a [`Segment`] hands out was compared with its
//!   checksum;
//! - nothing here spawns a thread, sleeps, prints, or reads the environment; files are touched through [`Fs`]
//!   only, objects through [`BlobStore`], time comes from [`Clock`], randomness from [`Entropy`].
//!
//! The bytes on disk are specified in `docs/internals/file-format.md`.

#![forbid(unsafe_code)]

mod bug;

mod sync;

mod fs;

mod blob;

mod clock;

mod entropy;

mod format;

mod ids;

mod error;

mod block;

mod segment;

mod manifest;

mod wal;

mod verify;

mod salvage;

pub mod conformance;

pub use blob::{
    BLOB_KEY_BYTES_MAX, BlobError, BlobFile, BlobStore, FsBlobs, MemoryBlobs, OverlayBlobs,
    check_blob_key, check_blob_prefix,
};
pub use block::{BLOCK_BYTES, BLOCK_COST_BYTES, BlockCache, BlockCacheStats};
pub use bug::Bug;
pub use clock::{Clock, ManualClock, SystemClock};
pub use entropy::{Entropy, OsEntropy, SeededEntropy};
pub use error::StoreError;
pub use format::FORMAT_VERSION;
pub use fs::{
    Fs, FsFile, FsLock, MemoryFs, OpenMode, OverlayFs, RealFs, read_all, write_atomically,
};
pub use ids::{CommitTime, Lsn, SpaceId};
pub use manifest::{Manifest, ManifestListing, ManifestSegment, read_manifests};
pub use salvage::{FileMoves, MOVES_NAME};
pub use segment::{
    SectionTag, Segment, SegmentHash, SegmentMeta, SegmentRef, SegmentWriter,
    parse_segment_file_name, segment_file_name,
};
pub use verify::{VerifyDepth, list_files, verify_segment};
pub use wal::{
    Damage, Entry, Frame, InHistory, LogError, LogMaintenance, LogOptions, LogRecord, LogRewrite,
    LogStats, LogSurvey, Quarantine, Recovery, ShardLog, SpaceFrames, SpaceTip, Stamp, TornTail,
    TraceWitness, WAL_PAYLOAD_BYTES_MAX,
};
