//! A chunk as a sealed segment: its indexes in sections of their own, its memories and vectors so that single ones can be read.
//!
//! The sections are listed in `docs/internals/file-format.md`. A segment is written once and never changed; what becomes of
//! its documents later stands in the state file of the space.

use std::sync::{Arc, Mutex};

use engram_index::{Postings, QuantisedVectors};
use engram_store::{
    Lsn, SectionTag, Segment, SegmentHash, SegmentMeta, SegmentRef, SegmentWriter, SpaceId,
    StoreError, segment_file_name,
};

use crate::memtable::{
    Bodies, CODES, Chunk, ChunkParts, ChunkView, Cold, Columns, FRAME_MEMORIES, FRAMES, Fate,
    HEADS, Hashes, RECORDS, RecordsWriter, Resident, Sealed, VECTORS, pack,
};
use crate::residence::Home;

const NODES: SectionTag = SectionTag(*b"NODE");
const ENDS: SectionTag = SectionTag(*b"ENDS");
const IDS: SectionTag = SectionTag(*b"BYID");
const CONTENTS: SectionTag = SectionTag(*b"BYCO");
const OWNERS: SectionTag = SectionTag(*b"OWNE");
const POSTINGS: SectionTag = SectionTag(*b"POST");
const COLUMNS: SectionTag = SectionTag(*b"COLS");
/// Where each frame of a cold chunk ends in its object.
const FRAME_ENDS: SectionTag = SectionTag(*b"FEND");

/// Writes the segment of a chunk whose bodies are in RAM.
pub(crate) fn seal(
    home: &Home<'_>,
    (chunk, codes, bodies): (&Chunk, &QuantisedVectors, &Resident),
) -> Result<SegmentRef, StoreError> {
    let mut writer = SegmentWriter::create(home.fs, home.dir, meta(home, bodies))?;
    write_indexes(&mut writer, (chunk, codes))?;
    writer.begin(RECORDS)?;
    writer.write(bodies.records.bytes())?;
    write_ends(&mut writer, bodies.records.ends())?;
    writer.begin(VECTORS)?;
    let mut bytes = Vec::new();
    for vector in 0..bodies.vectors.len() {
        let components = bodies.vectors.vector(vector).iter();
        bytes.clear();
        bytes.extend(components.flat_map(|component| component.to_le_bytes()));
        writer.write(&bytes)?;
    }
    writer.finish()
}

/// The files of a cold chunk: what stays, and the object, which lies in the folder of the space until it is uploaded.
pub(crate) struct ColdFiles {
    pub(crate) local: SegmentRef,
    pub(crate) object: SegmentRef,
}

/// Writes both files of a cold chunk.
pub(crate) fn freeze(
    home: &Home<'_>,
    (chunk, codes, bodies): (&Chunk, &QuantisedVectors, &Resident),
) -> Result<ColdFiles, StoreError> {
    let meta = meta(home, bodies);
    let records = &bodies.records;
    let mut writer = SegmentWriter::create(home.fs, home.dir, meta)?;
    let mut frame_ends = Vec::new();
    let mut end = 0_u64;
    writer.begin(FRAMES)?;
    for first in (0..records.len()).step_by(FRAME_MEMORIES) {
        let memories = first..(first + FRAME_MEMORIES).min(records.len());
        let vectors =
            chunk.owners_before(memories.start as u32)..chunk.owners_before(memories.end as u32);
        let components = bodies.vectors.components();
        let dimension = chunk.dimension();
        let own = vectors.start as usize * dimension..vectors.end as usize * dimension;
        let frame = pack(records, memories, &components[own]);
        end += frame.len() as u64;
        frame_ends.extend_from_slice(&end.to_le_bytes());
        writer.write(&frame)?;
    }
    let object = writer.finish()?;
    let mut writer = SegmentWriter::create(home.fs, home.dir, meta)?;
    write_indexes(&mut writer, (chunk, codes))?;
    let mut heads = RecordsWriter::default();
    (0..records.len()).for_each(|place| heads.push_head(&records.head(place)));
    let heads = heads.finish();
    writer.begin(HEADS)?;
    writer.write(heads.bytes())?;
    write_ends(&mut writer, heads.ends())?;
    writer.begin(FRAME_ENDS)?;
    writer.write(&frame_ends)?;
    Ok(ColdFiles { local: writer.finish()?, object })
}

fn meta(home: &Home<'_>, bodies: &Resident) -> SegmentMeta {
    let records = &bodies.records;
    let lsn = |place: Option<usize>| place.map_or(Lsn(0), |place| records.head(place).lsn);
    let last = records.len().checked_sub(1);
    SegmentMeta {
        space: home.space,
        min_lsn: lsn(last.and(Some(0))),
        max_lsn: lsn(last),
        epoch: home.timeline,
    }
}

fn write_indexes(
    writer: &mut SegmentWriter<'_>,
    (chunk, codes): (&Chunk, &QuantisedVectors),
) -> Result<(), StoreError> {
    let mut section = |tag, bytes: &[u8]| {
        writer.begin(tag)?;
        writer.write(bytes)
    };
    section(NODES, &u32_bytes(&chunk.nodes))?;
    section(IDS, &hash_bytes(&chunk.by_id))?;
    section(CONTENTS, &hash_bytes(&chunk.by_content))?;
    section(OWNERS, &u32_bytes(&chunk.owners))?;
    section(CODES, &codes.to_bytes())?;
    section(POSTINGS, chunk.postings.to_bytes())?;
    section(COLUMNS, &chunk.columns.to_bytes())
}

/// Writes where the memories of the section before end in it.
fn write_ends(writer: &mut SegmentWriter<'_>, ends: &[u64]) -> Result<(), StoreError> {
    writer.begin(ENDS)?;
    writer.write(&ends.iter().flat_map(|end| end.to_le_bytes()).collect::<Vec<u8>>())
}

/// Opens the segment of a chunk; its bodies stay in it.
pub(crate) fn open(
    home: &Home<'_>,
    file: &SegmentRef,
    fate: Fate,
) -> Result<ChunkView, StoreError> {
    let sealed = open_sealed(home, file)?;
    let chunk = open_indexes(home, &sealed.segment, sealed.ends.len())?;
    let vectors = sealed.segment.section_len(VECTORS);
    if vectors != Some((chunk.vector_count() * home.dimension * 4) as u64) {
        return Err(sealed.segment.damaged("it holds another number of vectors"));
    }
    let bodies = Bodies { resident: None, sealed: Some(Arc::new(sealed)), cold: None };
    Ok(ChunkView { chunk: Arc::new(chunk), bodies, fate })
}

/// Opens the local segment of a cold chunk; its object is opened when it is needed.
pub(crate) fn open_cold(
    home: &Home<'_>,
    files: &ColdFiles,
    fate: Fate,
) -> Result<ChunkView, StoreError> {
    let (local, head_ends) = open_local(home, files)?;
    let chunk = open_indexes(home, &local, head_ends.len())?;
    let cold = cold(home, files, local, (head_ends, &chunk))?;
    let bodies = Bodies { resident: None, sealed: None, cold: Some(Arc::new(cold)) };
    Ok(ChunkView { chunk: Arc::new(chunk), bodies, fate })
}

/// Opens the bodies of a cold chunk whose indexes are there.
pub(crate) fn open_frozen(
    home: &Home<'_>,
    files: &ColdFiles,
    chunk: &Chunk,
) -> Result<Cold, StoreError> {
    let (local, head_ends) = open_local(home, files)?;
    cold(home, files, local, (head_ends, chunk))
}

/// The local segment of a cold chunk, and where the heads end in it.
fn open_local(home: &Home<'_>, files: &ColdFiles) -> Result<(Segment, Vec<u64>), StoreError> {
    let blocks = Arc::clone(&home.residence.blocks);
    let local = Segment::open(home.fs, home.dir, home.space, &files.local, blocks)?;
    let head_ends = ends_section(&local, ENDS, Some(HEADS))?;
    Ok((local, head_ends))
}

fn cold(
    home: &Home<'_>,
    files: &ColdFiles,
    local: Segment,
    (head_ends, chunk): (Vec<u64>, &Chunk),
) -> Result<Cold, StoreError> {
    let frame_ends = ends_section(&local, FRAME_ENDS, None)?;
    if frame_ends.len() != chunk.len().div_ceil(FRAME_MEMORIES) {
        return Err(local.damaged("it names another number of frames"));
    }
    let first = |frame: usize| chunk.owners_before((frame * FRAME_MEMORIES) as u32);
    let mut first_vectors: Vec<u32> = (0..frame_ends.len()).map(first).collect();
    first_vectors.push(chunk.vector_count() as u32);
    Ok(Cold {
        local,
        local_file: files.local,
        object: files.object,
        key: object_key(home.space, &files.object.hash),
        space: home.space,
        head_ends,
        frame_ends,
        first_vectors,
        dimension: home.dimension,
        blobs: home.blobs.cloned(),
        blocks: Arc::clone(&home.residence.blocks),
        frames: Arc::clone(&home.residence.frames),
        hot: home.residence.hot_part(home.moves),
        fault: Arc::clone(home.fault),
        opened: Mutex::new(None),
    })
}

/// The key of a cold object: a folder for each space.
pub(crate) fn object_key(space: SpaceId, object: &SegmentHash) -> String {
    format!("{space}/{}", segment_file_name(space, object))
}

/// The indexes of a chunk of so many memories.
fn open_indexes(home: &Home<'_>, segment: &Segment, docs: usize) -> Result<Chunk, StoreError> {
    let wrong = |what: &str| segment.damaged(what);
    let told = |what: String| wrong(&what);
    let nodes = u32_section(segment, NODES)?;
    if !nodes.is_sorted_by(|a, b| a < b) || docs == 0 || nodes.len() != docs {
        return Err(wrong("its nodes do not ascend"));
    }
    let owners = u32_section(segment, OWNERS)?;
    if !owners.is_sorted() || owners.last().is_some_and(|last| *last as usize >= docs) {
        return Err(wrong("its vectors belong to nothing"));
    }
    let postings = Postings::open(segment.load(POSTINGS)?.into_boxed_slice())
        .map_err(|error| told(error.to_string()))?;
    let columns = Columns::open(&segment.load(COLUMNS)?, docs as u32).map_err(told)?;
    if segment.section_len(CODES).is_none() || postings.docs() as usize > docs {
        return Err(wrong("its sections do not fit together"));
    }
    let by_id = hash_section(segment, IDS, docs)?;
    let by_content = hash_section(segment, CONTENTS, docs)?;
    let parts = ChunkParts { nodes, by_id, by_content, postings, owners, codes: None, columns };
    Ok(Chunk::from_parts(parts, home.dimension))
}

/// Opens the bodies of a segment.
pub(crate) fn open_sealed(home: &Home<'_>, file: &SegmentRef) -> Result<Sealed, StoreError> {
    let cache = Arc::clone(&home.residence.blocks);
    let segment = Segment::open(home.fs, home.dir, home.space, file, cache)?;
    let ends = ends_section(&segment, ENDS, Some(RECORDS))?;
    Ok(Sealed {
        segment,
        file: *file,
        ends: ends.into(),
        hot: home.residence.hot_part(home.moves),
        fault: Arc::clone(home.fault),
    })
}

/// Where the parts of a section end; the last one at the end of section `of`.
fn ends_section(
    segment: &Segment,
    tag: SectionTag,
    of: Option<SectionTag>,
) -> Result<Vec<u64>, StoreError> {
    let bytes = segment.load(tag)?;
    let ends: Vec<u64> = bytes
        .chunks_exact(8)
        .map(|end| u64::from_le_bytes(end.try_into().expect("eight bytes")))
        .collect();
    let last = ends.last().copied().unwrap_or(0);
    let whole = of.is_none_or(|of| segment.section_len(of) == Some(last));
    if !bytes.len().is_multiple_of(8) || !ends.is_sorted() || !whole {
        return Err(segment.damaged("its parts do not end where they should"));
    }
    Ok(ends)
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
    // Merges keep what stands here: each document is named once, equal hashes oldest first.
    let mut named = vec![false; docs];
    let is_new = |local: &u32| {
        named.get_mut(*local as usize).is_some_and(|named| !std::mem::replace(named, true))
    };
    let pairs = hashes.iter().zip(&locals);
    if !pairs.is_sorted_by(|a, b| a < b) || !locals.iter().all(is_new) {
        return Err(segment.damaged("an index of hashes is not in order"));
    }
    Ok(Hashes { hashes, locals })
}
