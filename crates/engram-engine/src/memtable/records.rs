//! Memories as they stand in segments, one after the other: in RAM they take what they take in a file.
//!
//! What comes from a file is decoded once when it is read, so that damage is found there and never later.

use std::sync::Arc;

use prost::Message;
use prost::encoding::{decode_varint, encode_varint};

use crate::model::Memory;
use crate::stored::MemoryRecord;

const DECODED_BEFORE: &str = "records decode, or were refused when they were read";

/// Reads a memory, or part of it, from its record.
pub(super) type Reading<T> = fn(&[u8]) -> Result<T, String>;

/// Encoded memories, each of which decodes.
#[derive(Debug)]
pub(crate) struct Records {
    bytes: Vec<u8>,
    /// Where each of them ends.
    ends: Arc<[u64]>,
}

impl Records {
    /// Records that end where `ends` says.
    pub(crate) fn open(bytes: Vec<u8>, ends: Arc<[u64]>) -> Result<Records, String> {
        if !ends.is_sorted() || ends.last().copied().unwrap_or(0) != bytes.len() as u64 {
            return Err("memories do not end where they should".to_owned());
        }
        let records = Records { bytes, ends };
        (0..records.len())
            .try_for_each(|place| MemoryRecord::read(records.record(place)).map(drop))?;
        Ok(records)
    }

    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    /// Where each of them ends.
    pub(crate) fn ends(&self) -> &Arc<[u64]> {
        &self.ends
    }

    /// All of them.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// One of them.
    pub(crate) fn record(&self, place: usize) -> &[u8] {
        let (start, end) = range(&self.ends, place);
        &self.bytes[start as usize..end as usize]
    }

    /// What `read` takes out of one of them.
    pub(crate) fn read<T>(&self, place: usize, read: Reading<T>) -> T {
        read(self.record(place)).expect(DECODED_BEFORE)
    }

    pub(crate) fn memory(&self, place: usize) -> Memory {
        self.read(place, MemoryRecord::read)
    }

    /// A memory without its text and metadata, perhaps.
    pub(crate) fn head(&self, place: usize) -> Memory {
        self.read(place, MemoryRecord::read_head)
    }

    /// Some of them, each with its length before it.
    pub(crate) fn append_delimited(&self, places: std::ops::Range<usize>, out: &mut Vec<u8>) {
        for place in places {
            let record = self.record(place);
            encode_varint(record.len() as u64, out);
            out.extend_from_slice(record);
        }
    }

    /// Records of bytes in which each has its length before it.
    pub(crate) fn from_delimited(mut bytes: &[u8]) -> Result<Records, String> {
        let (mut records, mut ends) = (Vec::with_capacity(bytes.len()), Vec::new());
        while !bytes.is_empty() {
            let len = decode_varint(&mut bytes).map_err(|error| error.to_string())?;
            let split = usize::try_from(len).ok().and_then(|len| bytes.split_at_checked(len));
            let (record, rest) = split.ok_or("a memory is cut")?;
            records.extend_from_slice(record);
            ends.push(records.len() as u64);
            bytes = rest;
        }
        Records::open(records, ends.into())
    }

    pub(crate) fn heap_bytes(&self) -> usize {
        self.bytes.capacity() + size_of_val(&*self.ends)
    }
}

/// Makes [`Records`].
#[derive(Default)]
pub(crate) struct RecordsWriter {
    bytes: Vec<u8>,
    ends: Vec<u64>,
}

impl RecordsWriter {
    /// With room for so many bytes.
    pub(crate) fn with_capacity(bytes: usize) -> RecordsWriter {
        RecordsWriter { bytes: Vec::with_capacity(bytes), ends: Vec::new() }
    }

    /// Adds one of other records.
    pub(crate) fn push(&mut self, records: &Records, place: usize) {
        self.bytes.extend_from_slice(records.record(place));
        self.ends.push(self.bytes.len() as u64);
    }

    /// Adds a memory without its text and metadata.
    pub(crate) fn push_head(&mut self, memory: &Memory) {
        MemoryRecord::head(memory).encode(&mut self.bytes).expect("a vector grows");
        self.ends.push(self.bytes.len() as u64);
    }

    pub(crate) fn push_memory(&mut self, memory: &Memory) {
        MemoryRecord::new(memory).encode(&mut self.bytes).expect("a vector grows");
        self.ends.push(self.bytes.len() as u64);
    }

    pub(crate) fn finish(mut self) -> Records {
        self.bytes.shrink_to_fit();
        Records { bytes: self.bytes, ends: self.ends.into() }
    }
}

/// Where part number `place` of a section starts and ends.
pub(super) fn range(ends: &[u64], place: usize) -> (u64, u64) {
    (place.checked_sub(1).map_or(0, |before| ends[before]), ends[place])
}
