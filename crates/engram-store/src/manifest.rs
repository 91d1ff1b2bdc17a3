//! [`Manifest`]: what a space consists of at one LSN.
//!
//! Guarantees: the file of a space is replaced as a whole, so a power cut leaves the old manifest or the new one; what is
//! decoded is what was encoded, or an error; decoding takes memory in proportion to the bytes given.

use std::io;
use std::path::Path;

use crate::error::StoreError;
use crate::format::{FORMAT_VERSION, array, u32_at, u64_at};
use crate::fs::{Fs, read_all, write_atomically};
use crate::ids::{CommitTime, Lsn, SpaceId};
use crate::segment::{SegmentRef, is_segment_leftover};

const MAGIC: [u8; 8] = *b"ENGRAMMF";
const HEADER_BYTES: usize = 88;
const ENTRY_BYTES: usize = 64;
const HASH_BYTES: usize = 16;
const SUFFIX: &str = ".manifest";
const TEMPORARY_SUFFIX: &str = ".manifest.tmp";

/// A segment in a manifest.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ManifestSegment {
    /// What the segment is for; its owner's numbers.
    pub role: u8,
    /// The segment.
    pub segment: SegmentRef,
}

/// What a space consists of at one LSN: its segments and what its owner keeps beside them. What came after
/// that LSN stands in the log.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Manifest {
    /// The space.
    pub space: SpaceId,
    /// Counts the manifests of the space.
    pub number: u64,
    /// The last commit that it covers.
    pub lsn: Lsn,
    /// When that was committed.
    pub committed_at: CommitTime,
    /// Hash over the whole history up to it.
    pub chain: [u8; 16],
    /// Rolling checksum of the live state after it.
    pub state_sum: u64,
    /// The segments, in their owner's order.
    pub segments: Vec<ManifestSegment>,
    /// What else the owner keeps; opaque here.
    pub payload: Vec<u8>,
}

/// What a directory of manifests holds.
#[derive(Debug, Default)]
pub struct ManifestListing {
    /// The intact manifests, ascending by space.
    pub manifests: Vec<Manifest>,
    /// The spaces whose manifest is there and cannot be used, ascending, with the reason.
    pub damaged: Vec<(SpaceId, StoreError)>,
}

impl Manifest {
    /// The error of an owner who cannot make sense of what it keeps.
    pub fn damaged(&self, what: &str) -> StoreError {
        corrupt(&file_name(self.space), 0, what)
    }

    /// The bytes of the file.
    pub fn encode(&self) -> Vec<u8> {
        let table = self.segments.len() * ENTRY_BYTES;
        let mut out = Vec::with_capacity(HEADER_BYTES + table + self.payload.len() + HASH_BYTES);
        let count = u32::try_from(self.segments.len()).expect("segments are counted in 32 bits");
        out.extend_from_slice(&MAGIC);
        out.extend_from_slice(&FORMAT_VERSION.to_le_bytes());
        out.extend_from_slice(&count.to_le_bytes());
        out.extend_from_slice(&self.space.0);
        out.extend_from_slice(&self.number.to_le_bytes());
        out.extend_from_slice(&self.lsn.0.to_le_bytes());
        out.extend_from_slice(&self.committed_at.0.to_le_bytes());
        out.extend_from_slice(&self.chain);
        out.extend_from_slice(&self.state_sum.to_le_bytes());
        out.extend_from_slice(&(self.payload.len() as u64).to_le_bytes());
        for ManifestSegment { role, segment } in &self.segments {
            out.extend_from_slice(&[*role, 0, 0, 0, 0, 0, 0, 0]);
            out.extend_from_slice(&segment.bytes.to_le_bytes());
            out.extend_from_slice(&segment.min_lsn.0.to_le_bytes());
            out.extend_from_slice(&segment.max_lsn.0.to_le_bytes());
            out.extend_from_slice(&segment.hash);
        }
        out.extend_from_slice(&self.payload);
        let hash = blake3::hash(&out);
        out.extend_from_slice(&hash.as_bytes()[..HASH_BYTES]);
        out
    }

    /// Decodes the bytes of the file.
    ///
    /// # Errors
    /// `Corrupt` when they are not what was written; `NewerFormat`.
    pub fn decode(bytes: &[u8]) -> Result<Manifest, StoreError> {
        decode(bytes, "the manifest")
    }

    /// Replaces the manifest of the space in `dir`; durable when this returns.
    ///
    /// # Errors
    /// `DiskFull`, `Io`, `Missing` when there is no such directory. The old manifest is still there, or, when the last step
    /// failed, the new one may be.
    pub fn write(&self, fs: &dyn Fs, dir: &Path) -> Result<(), StoreError> {
        let name = file_name(self.space);
        let written = write_atomically(fs, &dir.join(&name), &self.encode());
        written.map_err(|source| StoreError::from_io("write", &name, source))
    }

    /// Reads the manifest of `space` in `dir`.
    ///
    /// # Errors
    /// `Missing`, `Io`, `Corrupt`, `NewerFormat`.
    pub fn read(fs: &dyn Fs, dir: &Path, space: SpaceId) -> Result<Manifest, StoreError> {
        let name = file_name(space);
        let path = dir.join(&name);
        // A passing failure of the device is no damage.
        let bytes = read_all(fs, &path).or_else(|_| read_all(fs, &path));
        let bytes = bytes.map_err(|source| StoreError::from_io("read", &name, source))?;
        let manifest = decode(&bytes, &name)?;
        if manifest.space != space {
            return Err(corrupt(&name, bytes.len(), "it belongs to another space"));
        }
        Ok(manifest)
    }
}

/// Reads all manifests in `dir`; there are none in a directory that does not exist. Removes what an interrupted writing of a
/// manifest or segment left there, so nobody may be writing.
///
/// # Errors
/// `Io` when the directory cannot be read or a leftover not removed; `NewerFormat` when any manifest is newer. All else is
/// told for each space.
pub fn read_manifests(fs: &dyn Fs, dir: &Path) -> Result<ManifestListing, StoreError> {
    let names = match fs.list(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        names => names.map_err(|source| {
            StoreError::from_io("list", "the directory of the manifests", source)
        })?,
    };
    let mut listing = ManifestListing::default();
    for name in names {
        if is_segment_leftover(&name) || space_in(&name, TEMPORARY_SUFFIX).is_some() {
            let removed = fs.remove(&dir.join(&name));
            removed.map_err(|source| StoreError::from_io("remove", &name, source))?;
        } else if let Some(space) = space_in(&name, SUFFIX) {
            match Manifest::read(fs, dir, space) {
                Ok(manifest) => listing.manifests.push(manifest),
                Err(error @ StoreError::NewerFormat { .. }) => return Err(error),
                Err(error) => listing.damaged.push((space, error)),
            }
        }
    }
    Ok(listing)
}

fn file_name(space: SpaceId) -> String {
    format!("{space}{SUFFIX}")
}

/// The space in a name that ends with `suffix`.
fn space_in(name: &str, suffix: &str) -> Option<SpaceId> {
    SpaceId::parse(name.strip_suffix(suffix)?)
}

fn decode(bytes: &[u8], file: &str) -> Result<Manifest, StoreError> {
    let bad = |what| corrupt(file, bytes.len(), what);
    let (body, hash) = bytes.split_at(bytes.len().saturating_sub(HASH_BYTES));
    if body.len() < HEADER_BYTES
        || body[0..8] != MAGIC
        || hash != &blake3::hash(body).as_bytes()[..HASH_BYTES]
    {
        return Err(bad("it is not what was written"));
    }
    let found = u32_at(body, 8);
    if found > FORMAT_VERSION {
        return Err(StoreError::NewerFormat { found, supported: FORMAT_VERSION });
    }
    let (header, rest) = body.split_at(HEADER_BYTES);
    let table = (u32_at(header, 12) as usize).checked_mul(ENTRY_BYTES);
    let parts = table.and_then(|table| rest.split_at_checked(table));
    let parts = parts.filter(|(_, payload)| payload.len() as u64 == u64_at(header, 80));
    let Some((table, payload)) = parts else {
        return Err(bad("its parts do not fit together"));
    };
    let rows = table.chunks_exact(ENTRY_BYTES);
    let lsn = Lsn(u64_at(header, 40));
    if found == 0 || lsn > Lsn::LIMIT || rows.clone().any(|row| row[1..8] != [0; 7]) {
        return Err(bad("it has values that were never written"));
    }
    let entry = |row: &[u8]| ManifestSegment {
        role: row[0],
        segment: SegmentRef {
            hash: array(row, 32),
            bytes: u64_at(row, 8),
            min_lsn: Lsn(u64_at(row, 16)),
            max_lsn: Lsn(u64_at(row, 24)),
        },
    };
    Ok(Manifest {
        space: SpaceId(array(header, 16)),
        number: u64_at(header, 32),
        lsn,
        committed_at: CommitTime(i64::from_le_bytes(array(header, 48))),
        chain: array(header, 56),
        state_sum: u64_at(header, 72),
        segments: rows.map(entry).collect(),
        payload: payload.to_vec(),
    })
}

fn corrupt(file: &str, len: usize, what: &str) -> StoreError {
    let file = file.to_owned();
    StoreError::Corrupt { file, offset: 0, bytes: len as u64, what: what.to_owned() }
}
