//! Header, footer and trailer of a segment file. Pure bytes.
//!
//! Guarantees: a footer that is decoded describes sections that lie in the file, in order, without overlap, and has one
//! checksum for each block; decoding takes memory in proportion to the bytes given, whatever they say.

use std::collections::BTreeSet;
use std::fmt;

use crate::block::BLOCK_BYTES;
use crate::error::StoreError;
use crate::format::{FORMAT_VERSION, array, u32_at, u64_at};
use crate::ids::{Lsn, SpaceId};

/// BLAKE3 of a whole segment file.
pub type SegmentHash = [u8; 32];

pub(super) const BLOCK: u64 = BLOCK_BYTES as u64;
pub(super) const TRAILER_BYTES: usize = 64;
const HEADER_BYTES: usize = 64;
const FOOTER_FIXED_BYTES: usize = 32;
const ENTRY_BYTES: usize = 24;
const SUM_BYTES: usize = 4;
/// The length of the smallest segment, which has no sections, in bytes.
pub(super) const SEGMENT_BYTES_MIN: u64 =
    BLOCK + (FOOTER_FIXED_BYTES + SUM_BYTES + TRAILER_BYTES) as u64;

const HEADER_MAGIC: [u8; 8] = *b"ENGRAMSG";
const TRAILER_MAGIC: [u8; 8] = *b"ENGRAMSF";
/// Header and trailer both end with their checksum.
const CRC_AT: usize = 60;

/// What a section of a segment is: four ASCII characters that its writer chose.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct SectionTag(pub [u8; 4]);

impl fmt::Display for SectionTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.escape_ascii().fmt(f)
    }
}

/// What a segment says of itself beside its sections.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SegmentMeta {
    /// The space that it belongs to.
    pub space: SpaceId,
    /// The first commit that it covers.
    pub min_lsn: Lsn,
    /// The last commit that it covers.
    pub max_lsn: Lsn,
    /// The timeline it was written on.
    pub epoch: u32,
}

/// Names a segment: with it, the file is found and checked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SegmentRef {
    /// BLAKE3 of the whole file.
    pub hash: SegmentHash,
    /// Length of the file, in bytes.
    pub bytes: u64,
    /// The first commit that it covers.
    pub min_lsn: Lsn,
    /// The last commit that it covers.
    pub max_lsn: Lsn,
}

/// Where a section stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Section {
    pub(super) tag: SectionTag,
    pub(super) offset: u64,
    pub(super) len: u64,
}

impl Section {
    /// Where the next section, or the footer, starts.
    fn end(&self) -> Option<u64> {
        self.offset.checked_add(self.len)?.checked_next_multiple_of(BLOCK)
    }
}

/// What stands behind the sections.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Footer {
    pub(super) min_lsn: Lsn,
    pub(super) max_lsn: Lsn,
    pub(super) epoch: u32,
    pub(super) sections: Vec<Section>,
    /// CRC32C of each block before the footer.
    pub(super) sums: Vec<u32>,
}

/// The first block of the file.
pub(super) fn encode_header(space: SpaceId) -> [u8; BLOCK_BYTES] {
    let mut block = [0; BLOCK_BYTES];
    block[0..8].copy_from_slice(&HEADER_MAGIC);
    block[8..12].copy_from_slice(&FORMAT_VERSION.to_le_bytes());
    block[16..32].copy_from_slice(&space.0);
    let crc = crc32c::crc32c(&block[..CRC_AT]);
    block[CRC_AT..HEADER_BYTES].copy_from_slice(&crc.to_le_bytes());
    block
}

/// Reads the space from the first block of the file.
pub(super) fn decode_header(block: &[u8; BLOCK_BYTES], file: &str) -> Result<SpaceId, StoreError> {
    let intact =
        block[0..8] == HEADER_MAGIC && u32_at(block, CRC_AT) == crc32c::crc32c(&block[..CRC_AT]);
    if !intact {
        return Err(corrupt(file, 0, HEADER_BYTES as u64, "the header is not what was written"));
    }
    let found = u32_at(block, 8);
    if found > FORMAT_VERSION {
        return Err(StoreError::NewerFormat { found, supported: FORMAT_VERSION });
    }
    if found == 0 || block[12..16] != [0; 4] || block[32..CRC_AT] != [0; CRC_AT - 32] {
        return Err(corrupt(file, 8, 56, "the header has values that were never written"));
    }
    Ok(SpaceId(array(block, 16)))
}

impl Footer {
    /// Footer and trailer, which are the rest of the file.
    pub(super) fn encode(&self) -> Vec<u8> {
        let len = footer_bytes(self.sections.len() as u64, self.sums.len() as u64)
            .expect("a footer in memory has a length");
        let mut out = Vec::with_capacity(len as usize + TRAILER_BYTES);
        out.extend_from_slice(&self.min_lsn.0.to_le_bytes());
        out.extend_from_slice(&self.max_lsn.0.to_le_bytes());
        out.extend_from_slice(&self.epoch.to_le_bytes());
        out.extend_from_slice(&[0; 4]);
        out.extend_from_slice(&(self.sections.len() as u32).to_le_bytes());
        out.extend_from_slice(&[0; 4]);
        for section in &self.sections {
            out.extend_from_slice(&section.tag.0);
            out.extend_from_slice(&[0; 4]);
            out.extend_from_slice(&section.offset.to_le_bytes());
            out.extend_from_slice(&section.len.to_le_bytes());
        }
        for sum in &self.sums {
            out.extend_from_slice(&sum.to_le_bytes());
        }
        let mut trailer = [0; TRAILER_BYTES];
        trailer[0..8].copy_from_slice(&TRAILER_MAGIC);
        trailer[8..16].copy_from_slice(&(self.sums.len() as u64 * BLOCK).to_le_bytes());
        trailer[16..20].copy_from_slice(&crc32c::crc32c(&out).to_le_bytes());
        let crc = crc32c::crc32c(&trailer[..CRC_AT]);
        trailer[CRC_AT..].copy_from_slice(&crc.to_le_bytes());
        out.extend_from_slice(&trailer);
        out
    }

    /// Decodes the bytes from where the trailer says the footer starts, up to the trailer.
    pub(super) fn decode(
        bytes: &[u8],
        trailer: &Trailer,
        file: &str,
    ) -> Result<Footer, StoreError> {
        let bad = |what| corrupt(file, trailer.footer_offset, bytes.len() as u64, what);
        if crc32c::crc32c(bytes) != trailer.footer_crc {
            return Err(bad("the footer is not what was written"));
        }
        let lost = || bad("the footer has values that were never written");
        let (fixed, rest) = bytes.split_at_checked(FOOTER_FIXED_BYTES).ok_or_else(lost)?;
        let sections = u64::from(u32_at(fixed, 24));
        let blocks = trailer.footer_offset / BLOCK;
        if footer_bytes(sections, blocks) != Some(bytes.len() as u64) || blocks == 0 {
            return Err(bad("the footer does not fit the file"));
        }
        let (table, sums) = rest.split_at(sections as usize * ENTRY_BYTES);
        let reserved = |row: &[u8]| row[4..8] == [0; 4];
        let table = table.chunks_exact(ENTRY_BYTES);
        if fixed[20..24] != [0; 4] || fixed[28..32] != [0; 4] || !table.clone().all(reserved) {
            return Err(lost());
        }
        let entry = |row: &[u8]| Section {
            tag: SectionTag(array(row, 0)),
            offset: u64_at(row, 8),
            len: u64_at(row, 16),
        };
        let footer = Footer {
            min_lsn: Lsn(u64_at(fixed, 0)),
            max_lsn: Lsn(u64_at(fixed, 8)),
            epoch: u32_at(fixed, 16),
            sections: table.map(entry).collect(),
            sums: sums.chunks_exact(SUM_BYTES).map(|sum| u32_at(sum, 0)).collect(),
        };
        if !footer.is_gapless(trailer.footer_offset) {
            return Err(bad("the sections do not follow each other"));
        }
        Ok(footer)
    }

    /// True when the sections fill the file from the header to `end`, each tag once.
    fn is_gapless(&self, end: u64) -> bool {
        let mut next = Some(BLOCK);
        let mut tags = BTreeSet::new();
        for section in &self.sections {
            if next != Some(section.offset) || !tags.insert(section.tag) {
                return false;
            }
            next = section.end();
        }
        next == Some(end)
    }

    /// The section with this tag.
    pub(super) fn section(&self, tag: SectionTag) -> Option<&Section> {
        self.sections.iter().find(|section| section.tag == tag)
    }

    /// What block `number` belongs to, for messages.
    pub(super) fn owner(&self, number: u64) -> String {
        let at = number * BLOCK;
        let holds =
            |section: &&Section| section.offset <= at && section.end().is_some_and(|end| at < end);
        match self.sections.iter().find(holds) {
            Some(section) => format!("section {}", section.tag),
            None => "the header".to_owned(),
        }
    }
}

/// The end of the file: where the footer is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Trailer {
    pub(super) footer_offset: u64,
    footer_crc: u32,
}

impl Trailer {
    /// Decodes the last bytes of a file that is `len` bytes long.
    pub(super) fn decode(
        bytes: &[u8; TRAILER_BYTES],
        len: u64,
        file: &str,
    ) -> Result<Trailer, StoreError> {
        let at = len.saturating_sub(TRAILER_BYTES as u64);
        let bad = |what| corrupt(file, at, TRAILER_BYTES as u64, what);
        let intact = bytes[0..8] == TRAILER_MAGIC
            && u32_at(bytes, CRC_AT) == crc32c::crc32c(&bytes[..CRC_AT]);
        if !intact {
            return Err(bad("the trailer is not what was written"));
        }
        let trailer = Trailer { footer_offset: u64_at(bytes, 8), footer_crc: u32_at(bytes, 16) };
        let reserved = bytes[20..CRC_AT] == [0; CRC_AT - 20];
        if !reserved || !trailer.footer_offset.is_multiple_of(BLOCK) || trailer.footer_offset >= at
        {
            return Err(bad("the trailer has values that were never written"));
        }
        Ok(trailer)
    }
}

/// Length of a footer in bytes; `None` when it is beyond all measure.
fn footer_bytes(sections: u64, blocks: u64) -> Option<u64> {
    let table = sections.checked_mul(ENTRY_BYTES as u64)?;
    let sums = blocks.checked_mul(SUM_BYTES as u64)?;
    table.checked_add(sums)?.checked_add(FOOTER_FIXED_BYTES as u64)
}

pub(super) fn corrupt(file: &str, offset: u64, bytes: u64, what: &str) -> StoreError {
    StoreError::Corrupt { file: file.to_owned(), offset, bytes, what: what.to_owned() }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::any;
    use proptest::{collection, proptest};

    use super::*;

    fn section(name: &[u8; 4], offset: u64, len: u64) -> Section {
        Section { tag: SectionTag(*name), offset, len }
    }

    fn sample() -> Footer {
        Footer {
            min_lsn: Lsn(5),
            max_lsn: Lsn(9),
            epoch: 3,
            sections: vec![
                section(b"text", BLOCK, 1),
                section(b"none", 2 * BLOCK, 0),
                section(b"rows", 2 * BLOCK, 2 * BLOCK),
            ],
            sums: vec![1, 2, 3, 4],
        }
    }

    /// Decodes what `encode` gave, with header and sections of any content before it.
    fn decode(encoded: &[u8], len: u64) -> Result<Footer, StoreError> {
        let (footer, trailer) = encoded.split_at(encoded.len() - TRAILER_BYTES);
        let trailer = Trailer::decode(&array(trailer, 0), len, "file")?;
        Footer::decode(footer, &trailer, "file")
    }

    fn decode_changed(change: impl FnOnce(&mut Footer)) -> Result<Footer, StoreError> {
        let mut footer = sample();
        change(&mut footer);
        let encoded = footer.encode();
        let len = footer.sums.len() as u64 * BLOCK + encoded.len() as u64;
        decode(&encoded, len)
    }

    #[test]
    fn a_footer_comes_back() {
        assert_eq!(decode_changed(|_| ()).unwrap(), sample());
        let owners: Vec<String> = (0..4).map(|number| sample().owner(number)).collect();
        assert_eq!(owners, ["the header", "section text", "section rows", "section rows"]);
        assert_eq!(sample().section(SectionTag(*b"none")).unwrap().len, 0);
        assert_eq!(section(b"a\n\xff\"", 0, 0).tag.to_string(), "a\\n\\xff\\\"");
    }

    #[test]
    fn sections_that_lie_are_refused_though_every_checksum_fits() {
        let lies: [fn(&mut Footer); 10] = [
            |footer| footer.sections[0].offset = 0,
            |footer| footer.sections[0].offset += 1,
            |footer| footer.sections[0].len = 0,
            |footer| footer.sections[0].len = u64::MAX,
            |footer| footer.sections[2].len = u64::MAX - 2 * BLOCK,
            |footer| footer.sections[2].len += 1,
            |footer| footer.sections[1].tag = footer.sections[0].tag,
            |footer| footer.sections.truncate(2),
            |footer| footer.sums.push(5),
            |footer| footer.sections.swap(0, 2),
        ];
        for (number, lie) in lies.into_iter().enumerate() {
            let result = decode_changed(lie);
            assert!(matches!(result, Err(StoreError::Corrupt { .. })), "{number}: {result:?}");
        }
        // Two empty sections at one place are in no order.
        assert!(
            decode_changed(|footer| footer.sections.insert(1, section(b"also", 8192, 0))).is_ok()
        );
    }

    #[test]
    fn a_trailer_that_lies_is_refused() {
        let encoded = sample().encode();
        let len = 4 * BLOCK + encoded.len() as u64;
        let with = |at: usize, value: u64| {
            let mut bad = encoded.clone();
            let trailer = bad.len() - TRAILER_BYTES;
            bad[trailer + at..trailer + at + 8].copy_from_slice(&value.to_le_bytes());
            let crc = crc32c::crc32c(&bad[trailer..trailer + CRC_AT]);
            bad[trailer + CRC_AT..].copy_from_slice(&crc.to_le_bytes());
            decode(&bad, len)
        };
        assert!(with(8, 4 * BLOCK).is_ok());
        for value in [0, 1, 3 * BLOCK, 5 * BLOCK, u64::MAX, u64::MAX - 4095, 1 << 63] {
            assert!(with(8, value).is_err(), "{value}");
        }
        assert!(with(24, 1).is_err(), "reserved");
    }

    proptest! {
        #[test]
        fn any_footer_is_decoded_or_refused(
            mut bytes in collection::vec(any::<u8>(), 0..200),
            blocks in 0..20_u64,
            sections in 0..6_u32,
            keep in 0..3_usize,
        ) {
            // With a count that fits, the table is reached.
            if bytes.len() >= FOOTER_FIXED_BYTES && keep > 0 {
                bytes[20..32].fill(0);
                bytes[24..28].copy_from_slice(&sections.to_le_bytes());
                let len = footer_bytes(u64::from(sections), blocks).unwrap();
                bytes.resize(len as usize, 0);
            }
            let trailer =
                Trailer { footer_offset: blocks * BLOCK, footer_crc: crc32c::crc32c(&bytes) };
            if let Ok(footer) = Footer::decode(&bytes, &trailer, "file") {
                assert_eq!(&footer.encode()[..bytes.len()], &bytes);
            }
        }
    }
}
