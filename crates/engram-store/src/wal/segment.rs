//! The segment file: its names, its header page, its footer and trailer, and how much fits into it.
//!
//! Pure bytes; the files themselves are handled by the writer, the readers and recovery.

use std::collections::BTreeMap;

use super::error::LogError;
use super::frame::{FRAME_HEADER_BYTES, Salt, frame_bytes};
use super::types::{LogOptions, WAL_PAYLOAD_BYTES_MAX};
use crate::format::{FORMAT_VERSION, array, u32_at, u64_at};
use crate::ids::{Lsn, SpaceId};

/// Length of the header page; the first frame starts behind it.
pub(crate) const HEADER_PAGE_BYTES: u64 = 4096;
/// Length of the trailer at the end of the file.
pub(crate) const TRAILER_BYTES: u64 = 64;

/// No log counts its segments so far.
pub(crate) const SEQUENCE_LIMIT: u64 = 1 << 62;

const SEGMENT_BYTES_MIN: u64 = 16 << 10;
const SEGMENT_BYTES_MAX: u64 = 1 << 30;

const HEADER_MAGIC: [u8; 8] = *b"ENGRAMWL";
const HEADER_BYTES: usize = 64;
const HEADER_COPIES: [usize; 2] = [0, 2048];
const TRAILER_MAGIC: [u8; 8] = *b"ENGRAMWT";
const CRC_AT: usize = 60;
const FLAG_FOLLOWS_RETIRED: u32 = 1;

const FOOTER_FIXED_BYTES: u64 = 8;
const FOOTER_SPACE_BYTES: u64 = 32;
const FOOTER_FRAME_BYTES: u64 = 4;

impl LogOptions {
    /// The largest payload that [`super::ShardLog::append`] takes, in bytes: what fits into an empty segment beside
    /// its header page, footer and trailer, at most [`WAL_PAYLOAD_BYTES_MAX`].
    pub fn payload_bytes_max(&self) -> u64 {
        let fixed = HEADER_PAGE_BYTES + TRAILER_BYTES + frame_bytes(0) + footer_bytes(1, 1);
        self.segment_bytes.saturating_sub(fixed).min(WAL_PAYLOAD_BYTES_MAX)
    }

    pub(crate) fn check(&self) -> Result<(), LogError> {
        let range = SEGMENT_BYTES_MIN..=SEGMENT_BYTES_MAX;
        if !range.contains(&self.segment_bytes)
            || !self.segment_bytes.is_multiple_of(HEADER_PAGE_BYTES)
        {
            return Err(LogError::BadOption(
                "segment_bytes is a multiple of 4,096 from 16 KiB to 1 GiB",
            ));
        }
        Ok(())
    }
}

/// Name of the segment with this sequence number.
pub(crate) fn segment_name(sequence: u64) -> String {
    format!("{sequence:016x}.wal")
}

/// Name of a spare file.
pub(crate) fn spare_name(number: u64) -> String {
    format!("spare-{number:016x}.wal")
}

/// The sequence number in a segment's name; `None` when it is no such name.
pub(crate) fn parse_segment_name(name: &str) -> Option<u64> {
    let sequence = u64::from_str_radix(name.strip_suffix(".wal")?, 16).ok()?;
    (segment_name(sequence) == name).then_some(sequence)
}

/// The number in a spare's name; `None` when it is no such name.
pub(crate) fn parse_spare_name(name: &str) -> Option<u64> {
    let digits = name.strip_prefix("spare-")?.strip_suffix(".wal")?;
    let number = u64::from_str_radix(digits, 16).ok()?;
    (spare_name(number) == name).then_some(number)
}

/// How recovery or the writer left the segment before another one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Predecessor {
    /// With a footer, or there is none.
    Sealed,
    /// Damaged, without a footer.
    Retired,
    /// Damaged, or behind damage, and with a torn batch from this offset on. The batch was left where it is, for it may
    /// be the proof of the damage, and counts for nothing.
    Torn(u32),
}

/// What the header page says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct SegmentHeader {
    pub(crate) sequence: u64,
    pub(crate) segment_bytes: u64,
    pub(crate) salt: [u8; 16],
    pub(crate) follows: Predecessor,
}

impl SegmentHeader {
    pub(crate) fn salt(&self) -> Salt {
        Salt::new(&self.salt)
    }

    /// Where the frames end and the trailer starts.
    pub(crate) fn area_end(&self) -> u64 {
        self.segment_bytes - TRAILER_BYTES
    }

    /// The header page.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut header = [0; HEADER_BYTES];
        header[0..8].copy_from_slice(&HEADER_MAGIC);
        header[8..12].copy_from_slice(&FORMAT_VERSION.to_le_bytes());
        header[16..24].copy_from_slice(&self.sequence.to_le_bytes());
        header[24..32].copy_from_slice(&self.segment_bytes.to_le_bytes());
        header[32..48].copy_from_slice(&self.salt);
        let (flags, torn) = match self.follows {
            Predecessor::Sealed => (0, 0),
            Predecessor::Retired => (FLAG_FOLLOWS_RETIRED, 0),
            Predecessor::Torn(at) => (FLAG_FOLLOWS_RETIRED, at),
        };
        header[48..52].copy_from_slice(&flags.to_le_bytes());
        header[52..56].copy_from_slice(&torn.to_le_bytes());
        let crc = crc32c::crc32c(&header[..CRC_AT]);
        header[CRC_AT..].copy_from_slice(&crc.to_le_bytes());
        let mut page = vec![0; HEADER_PAGE_BYTES as usize];
        for at in HEADER_COPIES {
            page[at..at + HEADER_BYTES].copy_from_slice(&header);
        }
        page
    }

    /// Decodes a header page; `None` when neither copy is intact and belongs to `sequence`.
    pub(crate) fn decode(page: &[u8], sequence: u64) -> Result<Option<SegmentHeader>, LogError> {
        for at in HEADER_COPIES {
            let Some(header) = page.get(at..at + HEADER_BYTES) else {
                continue;
            };
            let intact = header[0..8] == HEADER_MAGIC
                && u32_at(header, CRC_AT) == crc32c::crc32c(&header[..CRC_AT]);
            if !intact {
                continue;
            }
            let found = u32_at(header, 8);
            if found > FORMAT_VERSION {
                return Err(LogError::NewerFormat { found, supported: FORMAT_VERSION });
            }
            let decoded = SegmentHeader {
                sequence: u64_at(header, 16),
                segment_bytes: u64_at(header, 24),
                salt: array(header, 32),
                follows: match (u32_at(header, 48) & FLAG_FOLLOWS_RETIRED, u32_at(header, 52)) {
                    (0, _) => Predecessor::Sealed,
                    (_, 0) => Predecessor::Retired,
                    (_, at) => Predecessor::Torn(at),
                },
            };
            let range = SEGMENT_BYTES_MIN..=SEGMENT_BYTES_MAX;
            if decoded.sequence == sequence && range.contains(&decoded.segment_bytes) {
                return Ok(Some(decoded));
            }
        }
        Ok(None)
    }
}

/// The fixed-position pointer to the footer of a sealed segment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Trailer {
    pub(crate) footer_offset: u32,
    pub(crate) batch_start: u32,
}

impl Trailer {
    pub(crate) fn encode(&self, header: &SegmentHeader) -> Vec<u8> {
        let mut bytes = vec![0; TRAILER_BYTES as usize];
        bytes[0..8].copy_from_slice(&TRAILER_MAGIC);
        bytes[8..12].copy_from_slice(&self.footer_offset.to_le_bytes());
        bytes[12..16].copy_from_slice(&self.batch_start.to_le_bytes());
        let crc = header.salt().crc(header.area_end(), &bytes[..CRC_AT]);
        bytes[CRC_AT..].copy_from_slice(&crc.to_le_bytes());
        bytes
    }

    pub(crate) fn decode(bytes: &[u8], header: &SegmentHeader) -> Option<Trailer> {
        let bytes = bytes.get(..TRAILER_BYTES as usize)?;
        let intact = bytes[0..8] == TRAILER_MAGIC
            && u32_at(bytes, CRC_AT) == header.salt().crc(header.area_end(), &bytes[..CRC_AT]);
        intact.then(|| Trailer { footer_offset: u32_at(bytes, 8), batch_start: u32_at(bytes, 12) })
    }
}

/// Where the offset stands that has `position` others before it in the footer at `footer_offset`.
pub(crate) fn footer_slot(footer_offset: u64, spaces: u64, position: u64) -> u64 {
    let table = FRAME_HEADER_BYTES + FOOTER_FIXED_BYTES + spaces * FOOTER_SPACE_BYTES;
    footer_offset + table + position * FOOTER_FRAME_BYTES
}

/// Length of a footer frame, in bytes.
pub(crate) fn footer_bytes(spaces: u64, frames: u64) -> u64 {
    let payload = FOOTER_FIXED_BYTES + spaces * FOOTER_SPACE_BYTES + frames * FOOTER_FRAME_BYTES;
    FRAME_HEADER_BYTES + payload.next_multiple_of(8)
}

/// Where the commits of one space stand in a segment; LSNs are dense.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct SpaceOffsets {
    pub(crate) first: Lsn,
    pub(crate) offsets: Vec<u32>,
}

impl SpaceOffsets {
    /// The LSN behind the last one.
    pub(crate) fn end(&self) -> u64 {
        self.first.0 + self.offsets.len() as u64
    }
}

/// Where every commit of a segment stands: what the footer says, and what the writer keeps for the
/// segment that it fills.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct SegmentIndex {
    pub(crate) spaces: BTreeMap<SpaceId, SpaceOffsets>,
    pub(crate) frames: u64,
}

impl SegmentIndex {
    /// Adds the next commit of `space`.
    pub(crate) fn push(&mut self, space: SpaceId, lsn: Lsn, offset: u64) {
        let empty = || SpaceOffsets { first: lsn, offsets: Vec::new() };
        let entry = self.spaces.entry(space).or_insert_with(empty);
        assert_eq!(entry.end(), lsn.0, "LSNs of a space are dense within a segment");
        entry.offsets.push(u32::try_from(offset).expect("segments are at most 1 GiB"));
        self.frames += 1;
    }

    /// Adds the commits of `batch`, which follow those that are here.
    pub(crate) fn append(&mut self, batch: &SegmentIndex) {
        for (space, entry) in &batch.spaces {
            for (lsn, offset) in (entry.first.0..).zip(&entry.offsets) {
                self.push(*space, Lsn(lsn), u64::from(*offset));
            }
        }
    }

    /// Payload of the footer frame.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        out.extend_from_slice(&(self.spaces.len() as u32).to_le_bytes());
        out.extend_from_slice(&(self.frames as u32).to_le_bytes());
        for (space, entry) in &self.spaces {
            out.extend_from_slice(&space.0);
            out.extend_from_slice(&entry.first.0.to_le_bytes());
            out.extend_from_slice(&(entry.offsets.len() as u32).to_le_bytes());
            out.extend_from_slice(&[0; 4]);
        }
        for offset in self.spaces.values().flat_map(|entry| &entry.offsets) {
            out.extend_from_slice(&offset.to_le_bytes());
        }
        out
    }

    /// Decodes the payload of a footer frame; `None` when its lengths do not fit together.
    pub(crate) fn decode(payload: &[u8]) -> Option<SegmentIndex> {
        let (fixed, rest) = payload.split_at_checked(FOOTER_FIXED_BYTES as usize)?;
        let spaces = u32_at(fixed, 0) as usize;
        let frames = u64::from(u32_at(fixed, 4));
        let (table, mut offsets) =
            rest.split_at_checked(spaces.checked_mul(FOOTER_SPACE_BYTES as usize)?)?;
        let mut index = SegmentIndex { spaces: BTreeMap::new(), frames };
        let mut seen = 0;
        for row in table.chunks_exact(FOOTER_SPACE_BYTES as usize) {
            let count = u32_at(row, 24) as usize;
            let (own, others) =
                offsets.split_at_checked(count.checked_mul(FOOTER_FRAME_BYTES as usize)?)?;
            offsets = others;
            seen += count as u64;
            let own = own.chunks_exact(FOOTER_FRAME_BYTES as usize);
            let entry = SpaceOffsets {
                first: Lsn(u64_at(row, 16)),
                offsets: own.map(|bytes| u32_at(bytes, 0)).collect(),
            };
            if entry.first > Lsn::LIMIT {
                return None;
            }
            index.spaces.insert(SpaceId(array(row, 0)), entry);
        }
        (offsets.is_empty() && seen == frames && index.spaces.len() == spaces).then_some(index)
    }
}

/// How far a segment is filled: decides what still fits, footer and trailer included.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Fill {
    /// Where the next frame goes.
    pub(crate) end: u64,
    /// Different spaces in it.
    pub(crate) spaces: u64,
    /// Commits in it.
    pub(crate) frames: u64,
}

impl Fill {
    pub(crate) const EMPTY: Fill = Fill { end: HEADER_PAGE_BYTES, spaces: 0, frames: 0 };

    /// The fill after a frame of `payload_len` bytes that adds `new_spaces` (0 or 1) spaces and `commits` (0 or 1) commits; `None` when
    /// the footer would not fit behind it in a segment whose frame area ends at `area_end`.
    pub(crate) fn with(
        self,
        payload_len: u64,
        new_spaces: u64,
        commits: u64,
        area_end: u64,
    ) -> Option<Fill> {
        let next = Fill {
            end: self.end + frame_bytes(payload_len),
            spaces: self.spaces + new_spaces,
            frames: self.frames + commits,
        };
        next.has_room(area_end).then_some(next)
    }

    /// Whether the footer fits behind what is here.
    pub(crate) fn has_room(&self, area_end: u64) -> bool {
        self.end + footer_bytes(self.spaces, self.frames) <= area_end
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back_and_others_refused() {
        assert_eq!(segment_name(26), "000000000000001a.wal");
        assert_eq!(parse_segment_name("000000000000001a.wal"), Some(26));
        assert_eq!(parse_spare_name(&spare_name(3)), Some(3));
        for name in ["1.wal", "000000000000001A.wal", "+00000000000001a.wal", "base", ".wal"] {
            assert_eq!(parse_segment_name(name), None, "{name}");
        }
        assert_eq!(parse_segment_name(&spare_name(3)), None);
    }

    #[test]
    fn one_header_copy_is_enough() {
        let header = SegmentHeader {
            sequence: 5,
            segment_bytes: 65_536,
            salt: [3; 16],
            follows: Predecessor::Torn(4_096),
        };
        for follows in [Predecessor::Sealed, Predecessor::Retired] {
            let other = SegmentHeader { follows, ..header };
            assert_eq!(SegmentHeader::decode(&other.encode(), 5).unwrap(), Some(other));
        }
        let page = header.encode();
        assert_eq!(SegmentHeader::decode(&page, 5).unwrap(), Some(header));
        assert_eq!(SegmentHeader::decode(&page, 6).unwrap(), None, "renamed by hand");
        for position in 0..page.len() {
            let mut bad = page.clone();
            bad[position] ^= 0x10;
            assert_eq!(SegmentHeader::decode(&bad, 5).unwrap(), Some(header), "{position}");
        }
        assert_eq!(SegmentHeader::decode(&[0; 4096], 5).unwrap(), None);
    }

    #[test]
    fn a_footer_comes_back() {
        let mut index = SegmentIndex::default();
        index.push(SpaceId([2; 16]), Lsn(7), 4096);
        index.push(SpaceId([1; 16]), Lsn(1), 4200);
        index.push(SpaceId([2; 16]), Lsn(8), 4400);
        let payload = index.encode();
        assert_eq!(SegmentIndex::decode(&payload), Some(index));
        assert_eq!(
            footer_bytes(2, 3),
            FRAME_HEADER_BYTES + (payload.len() as u64).next_multiple_of(8)
        );
        for len in 0..payload.len() {
            assert_eq!(SegmentIndex::decode(&payload[..len]), None, "cut at {len}");
        }
        let mut beyond = payload;
        beyond[8 + 16..8 + 24].fill(0xFF);
        assert_eq!(SegmentIndex::decode(&beyond), None, "nobody counts so far");
    }

    #[test]
    fn the_largest_payload_just_fits_an_empty_segment() {
        let options = LogOptions { segment_bytes: 65_536, ..LogOptions::default() };
        let header = SegmentHeader {
            sequence: 1,
            segment_bytes: 65_536,
            salt: [0; 16],
            follows: Predecessor::Sealed,
        };
        let max = options.payload_bytes_max();
        assert!(Fill::EMPTY.with(max, 1, 1, header.area_end()).is_some());
        assert!(Fill::EMPTY.with(max + 1, 1, 1, header.area_end()).is_none());
    }
}
