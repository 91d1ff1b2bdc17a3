//! A cold chunk whose object, or what stays of it locally, is anything.
//!
//! Turned bits of the object are found whenever it is read: every memory is told as it was, or its space says why not. Other bytes in a
//! file whose sums are right are refused or served, and what was served is there after a restart.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use engram_store::{
    BlobStore, BlockCache, Fs, Manifest, MemoryBlobs, OverlayFs, SectionTag, Segment, SegmentMeta,
    SegmentRef, SegmentWriter, SpaceId, read_manifests, segment_file_name,
};

use crate::files::get;
use crate::home::{DIR, copy, freeze, meet_cold, told};
use crate::input::Input;

const FRAME_MEMORIES: usize = 64;
const VECTOR_BYTES: usize = 4 * 4;
/// How the records of deleted memories begin: with their ids.
const DELETED: [&[u8]; 2] = [b"\x0A\x02m7", b"\x0A\x03m10"];
/// Sections of the local file.
const LOCAL: [&[u8; 4]; 10] =
    [b"NODE", b"BYID", b"BYCO", b"OWNE", b"CODE", b"POST", b"COLS", b"HEAD", b"ENDS", b"FEND"];
const FRAMES: SectionTag = SectionTag(*b"FRAM");
const FRAME_ENDS: SectionTag = SectionTag(*b"FEND");
/// Bits that are turned in an object, at most: a few hundred could spell what a sum cannot tell apart.
const TURNED_MAX: usize = 12;

/// Choices behind the sections: turned bits of the object, a first frame of these bytes, one that unpacks to them.
const TURNED: usize = LOCAL.len();
const PACKED: usize = TURNED + 1;
const PLAIN: usize = PACKED + 1;

/// A directory and its cold store.
struct Frozen {
    fs: Arc<dyn Fs>,
    blobs: Arc<dyn BlobStore>,
    manifest: Manifest,
}

pub(crate) fn run(input: &[u8]) {
    let mut input = Input::new(input);
    let choice = usize::from(input.byte()) % (PLAIN + 1);
    let mut frozen = frozen();
    if choice == TURNED {
        return turn(&frozen, input);
    }
    change(&mut frozen, choice, input.rest());
    meet_cold(&frozen.fs, &frozen.blobs);
}

/// Puts other bytes into one of the files, whose sums are right.
fn change(frozen: &mut Frozen, choice: usize, bytes: &[u8]) {
    match choice {
        PACKED => replace_frame(frozen, bytes),
        PLAIN => replace_frame(frozen, &stored(bytes)),
        section => replace_local(frozen, SectionTag(*LOCAL[section]), bytes),
    }
    frozen.manifest.write(&*frozen.fs, &folder()).expect("memory takes it");
}

/// Turns bits of the object: what is told of a memory is what it was.
fn turn(frozen: &Frozen, mut input: Input<'_>) {
    let key = object_key(frozen);
    let mut bytes = read(&*frozen.blobs, &key);
    let sound = bytes.clone();
    for _ in 0..TURNED_MAX {
        if input.is_empty() {
            break;
        }
        let at = usize::from(input.u16()) % bytes.len();
        bytes[at] ^= 1 << (input.byte() & 7);
    }
    frozen.blobs.put(&key, &bytes).expect("memory takes it");
    match told(&frozen.fs, &frozen.blobs) {
        Ok(told) => assert!(told == *texts(), "a damaged object is served"),
        Err(_) => assert!(bytes != sound, "a sound object is refused"),
    }
}

/// Writes the object with another first frame, under its new name.
fn replace_frame(frozen: &mut Frozen, frame: &[u8]) {
    let blobs = Arc::clone(&frozen.blobs);
    let (opened, mut frames) = object(frozen);
    let local = open_local(frozen);
    let ends = local.load(FRAME_ENDS).expect("the files are sound");
    let end = |bytes: &[u8]| u64::from_le_bytes(bytes.try_into().expect("eight bytes"));
    let first = end(&ends[..8]);
    frames.splice(..first as usize, frame.iter().copied());
    let moved = |bytes: &[u8]| (end(bytes) - first + frame.len() as u64).to_le_bytes();
    let ends: Vec<u8> = ends.chunks_exact(8).flat_map(moved).collect();
    let reference = write(&*frozen.fs, opened.meta(), &[(FRAMES, &frames)]);
    let file = get(&*frozen.fs, &folder().join(segment_file_name(space(frozen), &reference.hash)));
    frozen.manifest.segments[2].segment = reference;
    blobs.put(&object_key(frozen), &file).expect("memory takes it");
    replace_local(frozen, FRAME_ENDS, &ends);
}

/// Writes the local file anew with other bytes in one section.
fn replace_local(frozen: &mut Frozen, changed: SectionTag, bytes: &[u8]) {
    let opened = open_local(frozen);
    let load = |tag: &[u8; 4]| {
        let tag = SectionTag(*tag);
        let kept = opened.load(tag).expect("the files are sound");
        (tag, if tag == changed { bytes.to_vec() } else { kept })
    };
    let sections: Vec<(SectionTag, Vec<u8>)> = LOCAL.into_iter().map(load).collect();
    let sections: Vec<(SectionTag, &[u8])> =
        sections.iter().map(|(tag, bytes)| (*tag, bytes.as_slice())).collect();
    frozen.manifest.segments[1].segment = write(&*frozen.fs, opened.meta(), &sections);
}

fn write(fs: &dyn Fs, meta: SegmentMeta, sections: &[(SectionTag, &[u8])]) -> SegmentRef {
    let mut writer = SegmentWriter::create(fs, &folder(), meta).expect("memory takes it");
    for (tag, bytes) in sections {
        writer.begin(*tag).expect("memory takes it");
        writer.write(bytes).expect("memory takes it");
    }
    writer.finish().expect("memory takes it")
}

fn folder() -> PathBuf {
    Path::new(DIR).join("spaces")
}

fn space(frozen: &Frozen) -> SpaceId {
    frozen.manifest.space
}

fn object_key(frozen: &Frozen) -> String {
    let object = &frozen.manifest.segments[2].segment;
    format!("{}/{}", space(frozen), segment_file_name(space(frozen), &object.hash))
}

fn open_local(frozen: &Frozen) -> Segment {
    let local = &frozen.manifest.segments[1].segment;
    let cache = Arc::new(BlockCache::new(0));
    Segment::open(&*frozen.fs, &folder(), space(frozen), local, cache).expect("it is sound")
}

/// The object and its frames.
fn object(frozen: &Frozen) -> (Segment, Vec<u8>) {
    let object = &frozen.manifest.segments[2].segment;
    let (blobs, cache) = (Arc::clone(&frozen.blobs), Arc::new(BlockCache::new(0)));
    let opened = Segment::open_blob(blobs, &object_key(frozen), space(frozen), object, cache);
    let opened = opened.expect("it is sound");
    let frames = opened.load(FRAMES).expect("it is sound");
    (opened, frames)
}

fn read(blobs: &dyn BlobStore, key: &str) -> Vec<u8> {
    let mut bytes = vec![0; blobs.len(key).expect("it is there") as usize];
    let read = blobs.get_range(key, 0, &mut bytes).expect("it is there");
    assert_eq!(read, bytes.len());
    bytes
}

/// Deflate blocks that hold bytes as they are (RFC 1951, 3.2.4).
fn stored(plain: &[u8]) -> Vec<u8> {
    let mut packed = Vec::new();
    for part in plain.chunks(0xFFFF) {
        packed.push(0);
        packed.extend_from_slice(&(part.len() as u16).to_le_bytes());
        packed.extend_from_slice(&(!(part.len() as u16)).to_le_bytes());
        packed.extend_from_slice(part);
    }
    packed.extend_from_slice(&[1, 0, 0, 0xFF, 0xFF]);
    packed
}

/// A copy of a directory whose chunk is cold.
fn frozen() -> Frozen {
    static MADE: OnceLock<(Arc<dyn Fs>, MemoryBlobs)> = OnceLock::new();
    let (fs, blobs) = MADE.get_or_init(|| freeze().expect("memory takes it"));
    let own = MemoryBlobs::new();
    for key in blobs.list("").expect("it is there") {
        own.put(&key, &read(blobs, &key)).expect("memory takes it");
    }
    let fs: Arc<dyn Fs> = Arc::new(OverlayFs::new(Arc::clone(fs)));
    let listing = read_manifests(&*fs, &folder()).expect("the files are sound");
    let manifest = listing.manifests.into_iter().next().expect("the space was checkpointed");
    let roles: Vec<u8> = manifest.segments.iter().map(|segment| segment.role).collect();
    assert_eq!(roles, [1, 3, 4], "state file, what stays, object");
    Frozen { fs, blobs: Arc::new(own), manifest }
}

/// What is told of the memories while nothing is damaged.
fn texts() -> &'static Vec<(String, String)> {
    static TOLD: OnceLock<Vec<(String, String)>> = OnceLock::new();
    TOLD.get_or_init(|| {
        let frozen = frozen();
        told(&frozen.fs, &frozen.blobs).expect("nothing is damaged")
    })
}

/// Every section as it is, turned bits, and the first frame as it is packed and as it unpacks.
pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let frozen = frozen();
    let local = open_local(&frozen);
    let load = |tag: &[u8; 4]| local.load(SectionTag(*tag)).expect("it is sound");
    let mut seeds: Vec<Vec<u8>> =
        (0..).zip(LOCAL).map(|(choice, tag)| [vec![choice], load(tag)].concat()).collect();
    let packed = {
        let ends = load(b"FEND");
        let end = u64::from_le_bytes(ends[..8].try_into().expect("eight bytes"));
        object(&frozen).1[..end as usize].to_vec()
    };
    seeds.push(vec![TURNED as u8]);
    seeds.push(vec![TURNED as u8, 0x40, 0, 1]);
    seeds.push(vec![TURNED as u8, 0, 0x10, 3, 0xFF, 0xFF, 7]);
    seeds.push([vec![PACKED as u8], packed].concat());
    seeds.push([vec![PLAIN as u8], plain_frame()].concat());
    seeds
}

/// The first frame, put together from the chunk as it was before it was cold.
fn plain_frame() -> Vec<u8> {
    let fs = copy();
    let listing = read_manifests(&*fs, &folder()).expect("the files are sound");
    let manifest = listing.manifests.into_iter().next().expect("the space was checkpointed");
    let chunk = &manifest.segments[1].segment;
    let cache = Arc::new(BlockCache::new(0));
    let chunk = Segment::open(&*fs, &folder(), manifest.space, chunk, cache).expect("it is sound");
    let load = |tag: &[u8; 4]| chunk.load(SectionTag(*tag)).expect("it is sound");
    let (records, ends, vectors) = (load(b"RECO"), load(b"ENDS"), load(b"VECS"));
    let (mut delimited, mut components, mut start) = (Vec::new(), Vec::new(), 0);
    let mut kept = 0;
    for (end, vector) in ends.chunks_exact(8).zip(vectors.chunks_exact(VECTOR_BYTES)) {
        let end = u64::from_le_bytes(end.try_into().expect("eight bytes")) as usize;
        let record = &records[start..end];
        start = end;
        // What was deleted is not in a cold chunk.
        let is_gone = DELETED.iter().any(|id| record.starts_with(id));
        if kept == FRAME_MEMORIES || is_gone {
            continue;
        }
        kept += 1;
        if record.len() >= 0x80 {
            delimited.push(record.len() as u8 | 0x80);
            delimited.push((record.len() >> 7) as u8);
        } else {
            delimited.push(record.len() as u8);
        }
        delimited.extend_from_slice(record);
        components.extend_from_slice(vector);
    }
    let mut plain = (delimited.len() as u32).to_le_bytes().to_vec();
    plain.extend_from_slice(&delimited);
    for byte in 0..4 {
        plain.extend(components.iter().skip(byte).step_by(4));
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_put_together_anew_is_told_as_before() {
        for seed in seeds().iter().filter(|seed| usize::from(seed[0]) != TURNED) {
            let mut frozen = frozen();
            change(&mut frozen, usize::from(seed[0]), &seed[1..]);
            let told = told(&frozen.fs, &frozen.blobs).expect("nothing was changed");
            assert!(told == *texts() && !told.is_empty(), "choice {}", seed[0]);
        }
    }

    #[test]
    fn a_turned_bit_of_a_frame_is_told() {
        let frozen = frozen();
        let key = object_key(&frozen);
        let mut bytes = read(&*frozen.blobs, &key);
        bytes[5_000] ^= 4;
        frozen.blobs.put(&key, &bytes).expect("memory takes it");
        assert!(told(&frozen.fs, &frozen.blobs).is_err());
    }
}
