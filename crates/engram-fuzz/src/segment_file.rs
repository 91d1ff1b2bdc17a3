//! Any footer over any sections of a segment, the sums put right.
//!
//! What opens can be read whole, is found intact, and is written again as the same bytes; one turned bit anywhere is found.

use std::path::Path;
use std::sync::Arc;

use engram_store::{
    BLOCK_BYTES, BlockCache, Lsn, MemoryFs, SectionTag, Segment, SegmentMeta, SegmentRef,
    SegmentWriter, SpaceId, StoreError, segment_file_name,
};

use crate::files::{folder, get, put};
use crate::input::Input;

const DIR: &str = "/spaces";
const SPACE: SpaceId = SpaceId([0xA0; 16]);
const SECTIONS_MAX: u8 = 8;
const BLOCKS_MAX: usize = 6;
const FIXED_BYTES: usize = 32;
const ENTRY_BYTES: usize = 24;
const TRAILER_BYTES: usize = 64;

/// A file put together from an input.
struct Image {
    bytes: Vec<u8>,
    /// The table of sections as it stands in the footer.
    table: Vec<u8>,
    fixed: [u8; FIXED_BYTES],
}

pub(crate) fn run(input: &[u8]) {
    let mut input = Input::new(input);
    let turned = usize::from(input.u16());
    let image = assemble(&mut input);
    let fs = folder(DIR.as_ref());
    let reference = store(&fs, &image.bytes, &image.fixed);
    let Ok(segment) = open(&fs, &reference) else { return };
    segment.verify().expect("all sums fit");
    let sections = load(&segment, &image.table);
    check_rewritten(&image, &reference, &sections, segment.meta());
    check_turned(&fs, (&image.bytes, &reference), turned);
}

/// Header, blocks, footer and trailer; the sums are computed, all else is the input's.
fn assemble(input: &mut Input<'_>) -> Image {
    let mut bytes = vec![0; BLOCK_BYTES];
    bytes[..8].copy_from_slice(b"ENGRAMSG");
    bytes[8] = 1;
    bytes[16..32].copy_from_slice(&SPACE.0);
    // Mostly zero: what it turns is found in the header.
    let (at, flip) = (usize::from(input.byte()) % 60, input.byte());
    bytes[at] ^= flip;
    let crc = crc32c::crc32c(&bytes[..60]);
    bytes[60..64].copy_from_slice(&crc.to_le_bytes());
    let mut fixed: [u8; FIXED_BYTES] = input.array();
    let sections = input.byte() % (SECTIONS_MAX + 1);
    fixed[24..28].copy_from_slice(&u32::from(sections).to_le_bytes());
    let table = input.take(usize::from(sections) * ENTRY_BYTES).to_vec();
    let blocks = usize::from(input.byte()) % (BLOCKS_MAX + 1);
    let offset_flip = input.u16();
    let mut data = input.take(blocks * BLOCK_BYTES).to_vec();
    data.resize(blocks * BLOCK_BYTES, 0);
    bytes.extend_from_slice(&data);

    let mut footer = fixed.to_vec();
    footer.extend_from_slice(&table);
    let sums = bytes.chunks(BLOCK_BYTES).map(crc32c::crc32c);
    footer.extend(sums.flat_map(u32::to_le_bytes));
    let mut trailer = [0; TRAILER_BYTES];
    trailer[..8].copy_from_slice(b"ENGRAMSF");
    let footer_offset = bytes.len() as u64 ^ u64::from(offset_flip) << 4;
    trailer[8..16].copy_from_slice(&footer_offset.to_le_bytes());
    trailer[16..20].copy_from_slice(&crc32c::crc32c(&footer).to_le_bytes());
    let crc = crc32c::crc32c(&trailer[..60]);
    trailer[60..].copy_from_slice(&crc.to_le_bytes());
    bytes.extend_from_slice(&footer);
    bytes.extend_from_slice(&trailer);
    Image { bytes, table, fixed }
}

/// Puts the file where its name leads.
fn store(fs: &MemoryFs, bytes: &[u8], fixed: &[u8; FIXED_BYTES]) -> SegmentRef {
    let lsn = |at: usize| Lsn(u64::from_le_bytes(fixed[at..at + 8].try_into().expect("eight")));
    let reference = SegmentRef {
        hash: *blake3::hash(bytes).as_bytes(),
        bytes: bytes.len() as u64,
        min_lsn: lsn(0),
        max_lsn: lsn(8),
    };
    put(fs, &Path::new(DIR).join(segment_file_name(SPACE, &reference.hash)), bytes);
    reference
}

fn open(fs: &MemoryFs, reference: &SegmentRef) -> Result<Segment, StoreError> {
    let cache = Arc::new(BlockCache::new(1 << 16));
    Segment::open(fs, DIR.as_ref(), SPACE, reference, cache)
}

/// All sections, each read in three ways.
fn load(segment: &Segment, table: &[u8]) -> Vec<(SectionTag, Vec<u8>)> {
    let tags =
        table.chunks_exact(ENTRY_BYTES).map(|row| SectionTag([row[0], row[1], row[2], row[3]]));
    let load = |tag: SectionTag| {
        let whole = segment.load(tag).expect("all sums fit");
        assert_eq!(segment.section_len(tag), Some(whole.len() as u64));
        let mut cached = vec![0; whole.len()];
        segment.read(tag, 0, &mut cached).expect("all sums fit");
        assert_eq!(cached, whole, "what is cached is what is there");
        let middle = whole.len() / 2;
        let mut half = vec![0; whole.len() - middle];
        segment.load_into(tag, middle as u64, &mut half).expect("all sums fit");
        assert_eq!(half, whole[middle..]);
        assert!(segment.load_into(tag, middle as u64 + 1, &mut half).is_err() || half.is_empty());
        (tag, whole)
    };
    tags.map(load).collect()
}

/// The same sections give the same file, where the input left zero what the format leaves zero.
fn check_rewritten(
    image: &Image,
    reference: &SegmentRef,
    sections: &[(SectionTag, Vec<u8>)],
    meta: SegmentMeta,
) {
    let fs = folder(DIR.as_ref());
    let mut writer = SegmentWriter::create(&fs, DIR.as_ref(), meta).expect("memory takes it");
    for (tag, bytes) in sections {
        writer.begin(*tag).expect("memory takes it");
        writer.write(bytes).expect("memory takes it");
    }
    let again = writer.finish().expect("memory takes it");
    let written = get(&fs, &Path::new(DIR).join(segment_file_name(SPACE, &again.hash)));
    let padding_is_zero = image.bytes.len() == written.len() && {
        let end = image.bytes.len();
        // Only blocks and their sums can differ: the padding is the input's.
        let footer = end - TRAILER_BYTES - image.table.len() - FIXED_BYTES;
        let blocks = footer / (BLOCK_BYTES + 4) * BLOCK_BYTES;
        written[..blocks] == image.bytes[..blocks]
    };
    if padding_is_zero {
        assert!(again == *reference, "the same content has another name");
    }
}

/// One turned bit is found by the open or by the check of the whole file.
fn check_turned(fs: &MemoryFs, (bytes, reference): (&[u8], &SegmentRef), turned: usize) {
    let mut bad = bytes.to_vec();
    let at = turned / 8 % bad.len();
    bad[at] ^= 1 << (turned % 8);
    put(fs, &Path::new(DIR).join(segment_file_name(SPACE, &reference.hash)), &bad);
    let found = open(fs, reference).and_then(|segment| segment.verify());
    assert!(found.is_err(), "a turned bit of byte {at} is not found");
}

/// Segments of no section, of an empty one, and of several.
pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let lengths: [&[usize]; 4] = [&[], &[0], &[10, 4_096], &[4_097, 0, 1]];
    lengths.into_iter().map(seed).collect()
}

fn seed(lengths: &[usize]) -> Vec<u8> {
    let mut input = vec![0x34, 0x12, 0, 0];
    let mut fixed = [0; FIXED_BYTES];
    fixed[0] = 5;
    fixed[8] = 9;
    fixed[16] = 1;
    input.extend_from_slice(&fixed);
    input.push(lengths.len() as u8);
    let mut data = Vec::new();
    for (number, len) in lengths.iter().enumerate() {
        input.extend_from_slice(&[b'S', b'E', b'C', b'0' + number as u8, 0, 0, 0, 0]);
        input.extend_from_slice(&((BLOCK_BYTES + data.len()) as u64).to_le_bytes());
        input.extend_from_slice(&(*len as u64).to_le_bytes());
        data.resize(data.len() + len, number as u8 + 1);
        data.resize(data.len().next_multiple_of(BLOCK_BYTES), 0);
    }
    input.extend_from_slice(&[(data.len() / BLOCK_BYTES) as u8, 0, 0]);
    input.extend_from_slice(&data);
    input
}
