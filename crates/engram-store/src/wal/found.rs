//! A segment file as recovery finds it.
//!
//! Guarantees: no file stays open between two calls, so a log of any length can be opened; a piece that the device
//! cannot read costs that piece only, and is never taken for bytes that were not written.

use std::io;
use std::ops::Range;

use super::depot::Depot;
use super::error::LogError;
use super::replay::Place;
use super::segment::{HEADER_PAGE_BYTES, SegmentHeader};
use crate::fs::{FsFile, OpenMode};

/// What cannot be read is found out in pieces of this size.
pub(crate) const PIECE_BYTES: usize = 4096;
/// The copies of the header are told apart by sectors.
const SECTOR_BYTES: usize = 512;
/// Stands for a byte that cannot be read: neither a frame nor the zeros of the end.
const UNREADABLE: u8 = 0xFF;

/// The bytes of a segment.
pub(crate) struct Image {
    pub(crate) bytes: Vec<u8>,
    /// The pieces that the device could not read.
    pub(crate) unreadable: Vec<Range<u64>>,
}

impl Image {
    /// Behind the last unreadable piece; 0 when there is none.
    pub(crate) fn unreadable_end(&self) -> u64 {
        self.unreadable.last().map_or(0, |piece| piece.end)
    }

    /// The parts of `range` that were read.
    pub(crate) fn readable(&self, range: Range<u64>) -> Vec<Range<u64>> {
        let (mut parts, mut at) = (Vec::new(), range.start);
        for piece in &self.unreadable {
            parts.push(at..piece.start.min(range.end));
            at = at.max(piece.end);
        }
        parts.push(at..range.end);
        parts.retain(|part| part.start < part.end);
        parts
    }
}

/// The first `len` bytes of the file, in pieces of `step` at the second try where it cannot be read at once: a passing
/// failure is no damage. What is missing at the end
/// reads as zeros. An error when nothing at all can be read: then the device is gone, not damaged.
pub(crate) fn read_image(file: &dyn FsFile, len: usize, step: usize) -> io::Result<Image> {
    let mut bytes = vec![0; len];
    let mut unreadable = Vec::new();
    if let Err(error) = file.read_at(0, &mut bytes) {
        for (index, piece) in bytes.chunks_mut(step).enumerate() {
            piece.fill(0);
            let start = (index * step) as u64;
            if file.read_at(start, piece).is_err() {
                piece.fill(UNREADABLE);
                unreadable.push(start..start + piece.len() as u64);
            }
        }
        if unreadable.len() == len.div_ceil(step) {
            return Err(error);
        }
    }
    Ok(Image { bytes, unreadable })
}

/// Name, length and header of a segment file.
pub(crate) struct Found {
    pub(crate) sequence: u64,
    pub(crate) name: String,
    pub(crate) len: u64,
    /// `None` when neither copy of it is intact.
    pub(crate) header: Option<SegmentHeader>,
}

impl Found {
    /// Reads the header, and heals a broken copy of it from the other one before that breaks too.
    pub(crate) fn new(depot: &Depot, name: String, sequence: u64) -> Result<Found, LogError> {
        let file = depot.open_file(&name, OpenMode::Write)?;
        let io = |source| LogError::from_io("read", &name, source);
        let len = file.len().map_err(io)?;
        let Ok(page) = read_image(file.as_ref(), HEADER_PAGE_BYTES as usize, SECTOR_BYTES) else {
            return Ok(Found { sequence, name, len, header: None });
        };
        let header = SegmentHeader::decode(&page.bytes, sequence)?;
        let broken = |header: &SegmentHeader| header.encode() != page.bytes;
        if let Some(header) = header.filter(|header| page.unreadable.is_empty() && broken(header)) {
            let heal = |source| LogError::from_io("write", &name, source);
            file.write_at(0, &header.encode()).map_err(heal)?;
            file.sync_data().map_err(heal)?;
        }
        Ok(Found { sequence, name, len, header })
    }

    /// All `segment_bytes` of the file; what is missing reads as zeros.
    pub(crate) fn read(&self, depot: &Depot) -> Result<Image, LogError> {
        let file = depot.open_file(&self.name, OpenMode::Read)?;
        let len = self.header.map_or(self.len.min(1 << 30), |header| header.segment_bytes);
        let image = read_image(file.as_ref(), len as usize, PIECE_BYTES);
        image.map_err(|source| LogError::from_io("read", &self.name, source))
    }

    /// The file lacks bytes at its end.
    pub(crate) fn is_short(&self) -> bool {
        self.len < self.header.map_or(HEADER_PAGE_BYTES, |header| header.segment_bytes)
    }

    pub(crate) fn place(&self, offset: u64, bytes: u64) -> Place<'_> {
        Place { file: &self.name, offset, bytes }
    }
}
