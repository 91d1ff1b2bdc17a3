//! A chunk as a sealed segment: its indexes in sections of their own, its memories and vectors so that single ones can be read.
//!
//! The sections are listed in `docs/internals/file-format.md`. A segment is written once and never changed; what becomes of
//! its documents later stands in the state file of the space.

use std::sync::Arc;

use engram_index::{AlignedBytes, Postings, QuantisedVectors};
use engram_store::{Lsn, SectionTag, Segment, SegmentMeta, SegmentRef, SegmentWriter, StoreError};
use prost::Message;

use crate::memtable::{
    Bodies, Chunk, ChunkParts, ChunkView, Columns, Fate, Hashes, RECORDS, Resident, Sealed, VECTORS,
};
use crate::model::Memory;
use crate::residence::Home;
use crate::stored::MemoryRecord;

const NODES: SectionTag = SectionTag(*b"NODE");
const ENDS: SectionTag = SectionTag(*b"ENDS");
const IDS: SectionTag = SectionTag(*b"BYID");
const CONTENTS: SectionTag = SectionTag(*b"BYCO");
const OWNERS: SectionTag = SectionTag(*b"OWNE");
const CODES: SectionTag = SectionTag(*b"CODE");
const POSTINGS: SectionTag = SectionTag(*b"POST");
const COLUMNS: SectionTag = SectionTag(*b"COLS");

/// Bytes of records or vectors that are gathered before they are handed on.
const PIECE_BYTES: usize = 1 << 20;

/// Writes the segment of a chunk whose bodies are in RAM.
pub(crate) fn seal(
    home: &Home<'_>,
    (chunk, bodies): (&Chunk, &Resident),
) -> Result<SegmentRef, StoreError> {
    let lsn = |memory: Option<&Arc<Memory>>| memory.map_or(Lsn(0), |memory| memory.lsn);
    let meta = SegmentMeta {
        space: home.space,
        min_lsn: lsn(bodies.memories.first()),
        max_lsn: lsn(bodies.memories.last()),
        epoch: 1,
    };
    let mut writer = SegmentWriter::create(home.fs, home.dir, meta)?;
    let mut section = |tag, bytes: &[u8]| {
        writer.begin(tag)?;
        writer.write(bytes)
    };
    section(NODES, &u32_bytes(&chunk.nodes))?;
    section(IDS, &hash_bytes(&chunk.by_id))?;
    section(CONTENTS, &hash_bytes(&chunk.by_content))?;
    section(OWNERS, &u32_bytes(&chunk.owners))?;
    section(CODES, &chunk.codes.to_bytes())?;
    section(POSTINGS, chunk.postings.to_bytes())?;
    section(COLUMNS, &chunk.columns.to_bytes())?;
    writer.begin(RECORDS)?;
    let (mut ends, mut end, mut piece) = (Vec::new(), 0_u64, Vec::new());
    for memory in &bodies.memories {
        let record = MemoryRecord::new(memory).encode_to_vec();
        end += record.len() as u64;
        ends.extend_from_slice(&end.to_le_bytes());
        piece.extend_from_slice(&record);
        if piece.len() >= PIECE_BYTES {
            writer.write(&piece)?;
            piece.clear();
        }
    }
    writer.write(&piece)?;
    writer.begin(ENDS)?;
    writer.write(&ends)?;
    writer.begin(VECTORS)?;
    piece.clear();
    for component in bodies.vectors.components() {
        piece.extend_from_slice(&component.to_le_bytes());
        if piece.len() >= PIECE_BYTES {
            writer.write(&piece)?;
            piece.clear();
        }
    }
    writer.write(&piece)?;
    writer.finish()
}

/// Opens the segment of a chunk; its bodies stay in it.
pub(crate) fn open(
    home: &Home<'_>,
    file: &SegmentRef,
    fate: Fate,
) -> Result<ChunkView, StoreError> {
    let sealed = open_sealed(home, file)?;
    let segment = &sealed.segment;
    let wrong = |what: &str| segment.damaged(what);
    let nodes = u32_section(segment, NODES)?;
    let docs = nodes.len();
    if !nodes.is_sorted_by(|a, b| a < b) || docs == 0 {
        return Err(wrong("its nodes do not ascend"));
    }
    let owners = u32_section(segment, OWNERS)?;
    if !owners.is_sorted() || owners.last().is_some_and(|last| *last as usize >= docs) {
        return Err(wrong("its vectors belong to nothing"));
    }
    let told = |what: String| wrong(&what);
    let mut codes = AlignedBytes::zeroed(segment.section_len(CODES).unwrap_or_default() as usize);
    segment.load_into(CODES, 0, codes.as_mut_slice())?;
    let codes = QuantisedVectors::open(codes).map_err(|error| told(error.to_string()))?;
    let postings = Postings::open(segment.load(POSTINGS)?.into_boxed_slice())
        .map_err(|error| told(error.to_string()))?;
    let columns = Columns::open(&segment.load(COLUMNS)?, docs as u32).map_err(told)?;
    let by_id = hash_section(segment, IDS, docs)?;
    let by_content = hash_section(segment, CONTENTS, docs)?;
    let vectors = segment.section_len(VECTORS);
    let whole = vectors == Some((owners.len() * home.dimension * 4) as u64);
    if codes.len() != owners.len() || !whole || sealed.ends.len() != docs {
        return Err(wrong("its sections do not fit together"));
    }
    if postings.docs() as usize > docs {
        return Err(wrong("its postings name documents that are not there"));
    }
    let parts = ChunkParts { nodes, by_id, by_content, postings, owners, codes, columns };
    Ok(ChunkView {
        chunk: Arc::new(Chunk::from_parts(parts, home.dimension)),
        bodies: Bodies { resident: None, sealed: Some(Arc::new(sealed)) },
        fate,
    })
}

/// Opens the bodies of a segment.
pub(crate) fn open_sealed(home: &Home<'_>, file: &SegmentRef) -> Result<Sealed, StoreError> {
    let cache = Arc::clone(&home.residence.blocks);
    let segment = Segment::open(home.fs, home.dir, home.space, file, cache)?;
    let bytes = segment.load(ENDS)?;
    let ends: Vec<u64> = bytes
        .chunks_exact(8)
        .map(|end| u64::from_le_bytes(end.try_into().expect("eight bytes")))
        .collect();
    let whole = bytes.len().is_multiple_of(8)
        && ends.is_sorted()
        && segment.section_len(RECORDS) == Some(ends.last().copied().unwrap_or(0));
    if !whole {
        return Err(segment.damaged("its memories do not end where they should"));
    }
    Ok(Sealed {
        segment,
        file: file.clone(),
        number: home.residence.next_number(),
        ends,
        hot: Arc::clone(&home.residence.hot),
        fault: Arc::clone(home.fault),
        moves: Arc::clone(home.moves),
    })
}

fn u32_bytes(numbers: &[u32]) -> Vec<u8> {
    numbers.iter().flat_map(|number| number.to_le_bytes()).collect()
}

fn u32_section(segment: &Segment, tag: SectionTag) -> Result<Vec<u32>, StoreError> {
    let bytes = segment.load(tag)?;
    if !bytes.len().is_multiple_of(4) {
        return Err(segment.damaged("a list of numbers has a fraction"));
    }
    let number = |b: &[u8]| u32::from_le_bytes([b[0], b[1], b[2], b[3]]);
    Ok(bytes.chunks_exact(4).map(number).collect())
}

fn hash_bytes(hashes: &Hashes) -> Vec<u8> {
    let mut bytes = u32_bytes(&hashes.hashes);
    bytes.extend_from_slice(&u32_bytes(&hashes.locals));
    bytes
}

fn hash_section(segment: &Segment, tag: SectionTag, docs: usize) -> Result<Hashes, StoreError> {
    let mut hashes = u32_section(segment, tag)?;
    if hashes.len() != docs * 2 {
        return Err(segment.damaged("an index of hashes has another length"));
    }
    let locals = hashes.split_off(docs);
    if !hashes.is_sorted() || locals.iter().any(|local| *local as usize >= docs) {
        return Err(segment.damaged("an index of hashes is not in order"));
    }
    Ok(Hashes { hashes, locals })
}
