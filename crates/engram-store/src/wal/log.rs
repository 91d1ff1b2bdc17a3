//! Signatures only until the log is filled in.
#![expect(
    unused_variables,
    clippy::unimplemented,
    clippy::missing_errors_doc,
    reason = "signatures first"
)]
use std::path::Path;
use std::sync::Arc;

use super::error::LogError;
use super::types::*;
use crate::entropy::Entropy;
use crate::fs::Fs;

/// A shard log.
pub struct ShardLog {
    dir: std::path::PathBuf,
}

/// Iterator over frames.
pub struct SpaceFrames<'a> {
    log: &'a ShardLog,
}

impl Iterator for SpaceFrames<'_> {
    type Item = Result<Frame, LogError>;
    fn next(&mut self) -> Option<Self::Item> {
        unimplemented!("{}", self.log.dir.display())
    }
}

/// Receives the frames in `open`.
pub type Replay<'a> = dyn FnMut(Frame) -> Result<(), LogError> + 'a;

impl LogOptions {
    /// Limit of a payload.
    pub fn payload_bytes_max(&self) -> u64 {
        WAL_PAYLOAD_BYTES_MAX
    }
}

impl ShardLog {
    /// Opens.
    pub fn open(
        fs: Arc<dyn Fs>,
        dir: &Path,
        options: LogOptions,
        entropy: &dyn Entropy,
        replay: &mut dyn FnMut(Frame) -> Result<(), LogError>,
    ) -> Result<(ShardLog, Recovery), LogError> {
        unimplemented!()
    }
    /// Appends.
    pub fn append(&self, entry: Entry, wall_ns: i64) -> Result<Stamp, LogError> {
        unimplemented!()
    }
    /// Flushes.
    pub fn flush(&self) -> Result<Vec<Stamp>, LogError> {
        unimplemented!()
    }
    /// Next.
    pub fn next_lsn(&self, space: SpaceId) -> Lsn {
        unimplemented!()
    }
    /// Durable.
    pub fn durable_lsn(&self, space: SpaceId) -> Lsn {
        unimplemented!()
    }
    /// Reads.
    pub fn read_space(&self, space: SpaceId, from: Lsn) -> Result<SpaceFrames<'_>, LogError> {
        unimplemented!()
    }
    /// Releases.
    pub fn release(&self, space: SpaceId, through: Lsn) {
        unimplemented!()
    }
    /// Maintains.
    pub fn maintain(&self) -> Result<LogMaintenance, LogError> {
        unimplemented!()
    }
    /// Closes.
    pub fn close(&self) -> Result<(), LogError> {
        unimplemented!()
    }
    /// Poisoned.
    pub fn poisoned(&self) -> Option<String> {
        unimplemented!()
    }
    /// Counters.
    pub fn stats(&self) -> LogStats {
        unimplemented!()
    }
}
