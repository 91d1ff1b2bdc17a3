//! The write-ahead log: many logical logs (one per space) on one physical log.
mod types;

mod error;

mod log;

pub use error::LogError;
pub use log::{ShardLog, SpaceFrames};
pub use types::{
    CommitTime, Damage, Entry, FORMAT_VERSION, Frame, LogMaintenance, LogOptions, LogStats, Lsn,
    Quarantine, Recovery, SpaceId, Stamp, TornTail, WAL_PAYLOAD_BYTES_MAX,
};
