//! The write-ahead log: many logical logs (one per space) on one physical log.
//!
//! A commit of any space becomes a frame; one sync makes the frames of all spaces durable that gathered since
//! the last one. Read [`ShardLog`] for the promises and `docs/internals/file-format.md` for the bytes.

mod types;

mod error;

mod frame;

mod segment;

mod snapshot;

mod scan;

mod depot;

mod catalog;

mod replay;

mod found;

mod recover;

mod writer;

mod read;

mod front;

mod log;

mod survey;

mod rewrite;

pub use error::LogError;
pub use log::ShardLog;
pub use read::SpaceFrames;
pub use rewrite::LogRewrite;
pub use survey::{InHistory, LogRecord, LogSurvey};
pub use types::{
    Damage, Entry, Frame, LogMaintenance, LogOptions, LogStats, Quarantine, Recovery, SpaceTip,
    Stamp, TornTail, TraceWitness, WAL_PAYLOAD_BYTES_MAX,
};
