//! Checks of files that nobody has open: whether they are what was written, and which of them nobody needs.
//!
//! Nothing here writes.

use std::io;
use std::path::Path;
use std::sync::Arc;

use crate::block::BlockCache;
use crate::error::StoreError;
use crate::fs::Fs;
use crate::ids::SpaceId;
use crate::segment::{Segment, SegmentRef};

/// How closely files are looked at.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum VerifyDepth {
    /// Existence, length, header, footer and trailer.
    Surface,
    /// Every byte.
    Deep,
}

/// Checks the file of a segment.
///
/// # Errors
/// What is wrong with it: `Missing`, `Corrupt` with the place, `Io`; `NewerFormat`.
pub fn verify_segment(
    fs: &dyn Fs,
    dir: &Path,
    (space, segment): (SpaceId, &SegmentRef),
    depth: VerifyDepth,
) -> Result<(), StoreError> {
    let segment = Segment::open(fs, dir, space, segment, Arc::new(BlockCache::new(0)))?;
    match depth {
        VerifyDepth::Surface => Ok(()),
        VerifyDepth::Deep => segment.verify(),
    }
}

/// The names in `dir`; none where it is not there.
///
/// # Errors
/// `Io`.
pub fn list_files(fs: &dyn Fs, dir: &Path) -> Result<Vec<String>, StoreError> {
    match fs.list(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        names => names.map_err(|source| StoreError::Io {
            action: "list",
            file: dir.display().to_string(),
            source,
        }),
    }
}
