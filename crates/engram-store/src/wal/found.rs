//! A segment file as recovery finds it.
//!
//! Guarantee: no file stays open between two calls, so a log of any length can be opened.

use super::depot::Depot;
use super::error::LogError;
use super::replay::Place;
use super::segment::{HEADER_PAGE_BYTES, SegmentHeader};
use crate::fs::OpenMode;

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
        let mut page = vec![0; HEADER_PAGE_BYTES as usize];
        file.read_at(0, &mut page).map_err(io)?;
        let header = SegmentHeader::decode(&page, sequence)?;
        if let Some(header) = header.filter(|header| header.encode() != page) {
            let heal = |source| LogError::from_io("write", &name, source);
            file.write_at(0, &header.encode()).map_err(heal)?;
            file.sync_data().map_err(heal)?;
        }
        Ok(Found { sequence, name, len, header })
    }

    /// All `segment_bytes` of the file; what is missing reads as zeros.
    pub(crate) fn read(&self, depot: &Depot) -> Result<Vec<u8>, LogError> {
        let file = depot.open_file(&self.name, OpenMode::Read)?;
        let len = self.header.map_or(self.len.min(1 << 30), |header| header.segment_bytes);
        let mut bytes = vec![0; len as usize];
        let result = file.read_at(0, &mut bytes);
        result.map_err(|source| LogError::from_io("read", &self.name, source))?;
        Ok(bytes)
    }

    /// The file lacks bytes at its end.
    pub(crate) fn is_short(&self) -> bool {
        self.len < self.header.map_or(HEADER_PAGE_BYTES, |header| header.segment_bytes)
    }

    pub(crate) fn place(&self, offset: u64, bytes: u64) -> Place<'_> {
        Place { file: &self.name, offset, bytes }
    }
}
