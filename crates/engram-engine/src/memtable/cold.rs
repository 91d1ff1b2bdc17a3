//! The bodies of a cold chunk: strongly compressed frames in an object, fetched one by one when somebody needs them.
//!
//! What finds and orders memories without reading them stays local: the indexes of the chunk, and of each memory all but its
//! text and metadata. A store that does not answer is noted as missing (module `missing`), never passed over in silence;
//! damage quarantines the space.

use std::io::Read;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use engram_index::FlatVectors;
use engram_store::{BlobStore, BlockCache, SectionTag, Segment, SegmentRef, SpaceId, StoreError};
use flate2::Compression;
use flate2::read::{DeflateDecoder, DeflateEncoder};

use super::clock_cache::ClockCache;
use super::records::{Reading, Records, RecordsWriter, range};
use super::resident::{HotPart, NOT_FINITE, Resident, float};
use crate::fault::SpaceFault;
use crate::missing;
use crate::model::Memory;
use crate::stored::MemoryRecord;

/// Section of the local segment: memories without text and metadata, one after the other.
pub(crate) const HEADS: SectionTag = SectionTag(*b"HEAD");
/// Section of the object: frames, one after the other.
pub(crate) const FRAMES: SectionTag = SectionTag(*b"FRAM");
/// Memories of one frame: what is fetched and unpacked at once.
pub(crate) const FRAME_MEMORIES: usize = 64;
/// What a frame may unpack to, bytes: all its memories with the largest texts and vectors are less.
const FRAME_BYTES_MAX: u64 = 8 << 30;

/// An unpacked frame.
#[derive(Debug)]
pub(crate) struct Frame {
    records: Records,
    /// Vectors of its memories, one after the other.
    components: Vec<f32>,
}

impl Frame {
    fn bytes(&self) -> u64 {
        (self.records.heap_bytes() + size_of_val(&*self.components)) as u64
    }
}

/// Packs some of the memories, and their vectors, into a frame.
pub(crate) fn pack(records: &Records, places: Range<usize>, components: &[f32]) -> Vec<u8> {
    let mut plain = vec![0; size_of::<u32>()];
    records.append_delimited(places, &mut plain);
    let len = (plain.len() - size_of::<u32>()) as u32;
    plain[..size_of::<u32>()].copy_from_slice(&len.to_le_bytes());
    // Byte by byte of all components: their exponents are alike.
    for byte in 0..4 {
        plain.extend(components.iter().map(|component| component.to_le_bytes()[byte]));
    }
    let mut packed = Vec::new();
    let mut encoder = DeflateEncoder::new(plain.as_slice(), Compression::best());
    encoder.read_to_end(&mut packed).expect("memory can be read");
    packed
}

/// Unpacks a frame of so many memories and components.
fn unpack(packed: &[u8], memories: usize, components: usize) -> Result<Frame, String> {
    let mut plain = Vec::new();
    let mut decoder = DeflateDecoder::new(packed).take(FRAME_BYTES_MAX);
    decoder.read_to_end(&mut plain).map_err(|error| error.to_string())?;
    let (len, rest) = plain.split_first_chunk::<4>().ok_or("a frame is empty")?;
    let records = rest.split_at_checked(u32::from_le_bytes(*len) as usize);
    let (records, planes) = records.ok_or("a frame is cut")?;
    let records = Records::from_delimited(records)?;
    if records.len() != memories || planes.len() != components * 4 {
        return Err("a frame holds another number of memories".to_owned());
    }
    let component = |at: usize| float(&[0, 1, 2, 3].map(|byte| planes[byte * components + at]));
    let components: Vec<f32> = (0..components).map(component).collect();
    if !components.iter().all(|component| component.is_finite()) {
        return Err(NOT_FINITE.to_owned());
    }
    Ok(Frame { records, components })
}

/// Bodies in an object.
pub(crate) struct Cold {
    /// Local segment of the indexes and heads.
    pub(crate) local: Segment,
    pub(crate) local_file: SegmentRef,
    /// The object of the frames.
    pub(crate) object: SegmentRef,
    pub(crate) key: String,
    pub(crate) space: SpaceId,
    /// Where each head ends in its section.
    pub(crate) head_ends: Vec<u64>,
    /// Where each frame ends in its section.
    pub(crate) frame_ends: Vec<u64>,
    /// First vector of each frame, then the number of all vectors.
    pub(crate) first_vectors: Vec<u32>,
    pub(crate) dimension: usize,
    pub(crate) blobs: Option<Arc<dyn BlobStore>>,
    pub(crate) blocks: Arc<BlockCache>,
    pub(crate) frames: Arc<ClockCache<Frame>>,
    pub(crate) hot: HotPart,
    pub(crate) fault: Arc<SpaceFault>,
    /// The object, once it was needed.
    pub(crate) opened: Mutex<Option<Arc<Segment>>>,
}

impl std::fmt::Debug for Cold {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Cold({} memories in {})", self.head_ends.len(), self.key)
    }
}

impl Drop for Cold {
    fn drop(&mut self) {
        self.frames.forget(self.hot.number);
    }
}

impl Cold {
    pub(crate) fn heap_bytes(&self) -> u64 {
        (self.head_ends.len() * 8 + self.frame_ends.len() * 12) as u64
    }

    fn memories(&self) -> u64 {
        self.head_ends.len() as u64
    }

    /// What `read` takes out of a memory without its text and metadata.
    pub(super) fn read_head<T: Default>(&self, local: u32, read: Reading<T>) -> T {
        if let Some(hot) = self.hot.read(local, read) {
            return hot;
        }
        let (start, end) = range(&self.head_ends, local as usize);
        let mut bytes = vec![0; (end - start) as usize];
        let found = self.local.read(HEADS, start, &mut bytes);
        self.fault.or_default(found.map_err(|error| error.to_string()).and_then(|()| read(&bytes)))
    }

    /// A memory; its head where the store does not answer, which is then noted.
    pub(super) fn memory(&self, local: u32) -> Memory {
        if let Some(hot) = self.hot.read(local, MemoryRecord::read) {
            return hot;
        }
        match self.frame(local as usize / FRAME_MEMORIES) {
            Some(frame) => frame.records.memory(local as usize % FRAME_MEMORIES),
            None => self.read_head(local, MemoryRecord::read),
        }
    }

    /// Whether a memory was asked for in vain.
    pub(super) fn lacks(&self, local: u32) -> bool {
        missing::lacks(self.hot.number, (local as usize / FRAME_MEMORIES) as u32)
    }

    /// Calls `visit` with one vector, unless the store does not answer, which is then noted.
    pub(super) fn with_vector(
        &self,
        dimension: usize,
        (vector, local, place): (u32, u32, u32),
        visit: &mut dyn FnMut(&[f32]),
    ) {
        if self.hot.with_vector(dimension, (local, place), visit) {
            return;
        }
        let number = local as usize / FRAME_MEMORIES;
        let Some(frame) = self.frame(number) else { return };
        let at = (vector - self.first_vectors[number]) as usize * dimension;
        visit(&frame.components[at..at + dimension]);
    }

    /// Calls `visit` with vectors, in order; those that the store does not give are left out and noted.
    pub(super) fn each_vector(
        &self,
        dimension: usize,
        vectors: Range<u32>,
        visit: &mut dyn FnMut(u32, &[f32]),
    ) {
        for number in 0..self.frame_ends.len() {
            let own = self.first_vectors[number]..self.first_vectors[number + 1];
            let wanted = own.start.max(vectors.start)..own.end.min(vectors.end);
            if wanted.is_empty() {
                continue;
            }
            let Some(frame) = self.frame(number) else { return };
            for vector in wanted {
                let at = (vector - own.start) as usize * dimension;
                visit(vector, &frame.components[at..at + dimension]);
            }
        }
    }

    /// All bodies.
    pub(super) fn load(&self, dimension: usize, owners: &[u32]) -> Result<Resident, String> {
        let mut records = RecordsWriter::default();
        let mut components = Vec::with_capacity(owners.len() * dimension);
        for number in 0..self.frame_ends.len() {
            let frame = self.read_frame(number).map_err(|error| self.told(error))?;
            (0..frame.records.len()).for_each(|place| records.push(&frame.records, place));
            components.extend_from_slice(&frame.components);
        }
        let vectors = FlatVectors::open(dimension, owners.to_vec(), components);
        let vectors = vectors.map_err(|error| error.to_string())?;
        Ok(Resident { records: records.finish(), vectors })
    }

    /// A frame, fetched where it is not at hand.
    fn frame(&self, number: usize) -> Option<Arc<Frame>> {
        let key = (self.hot.number, number as u32);
        // One that was missing stays so for this answer.
        if missing::lacks(key.0, key.1) {
            return None;
        }
        if let Some(frame) = self.frames.get(key.0, key.1) {
            return Some(frame);
        }
        // A store that is away makes each call wait: one is enough for an answer.
        if missing::is_noted(self.hot.number) {
            missing::note_frame(key.0, key.1);
            return None;
        }
        match self.read_frame(number) {
            Ok(frame) => {
                let (bytes, frame) = (frame.bytes(), Arc::new(frame));
                self.frames.insert(key, Arc::clone(&frame), bytes);
                Some(frame)
            }
            Err(error) => {
                let why = self.told(error);
                missing::note(self.hot.number, self.memories(), why);
                missing::note_frame(key.0, key.1);
                None
            }
        }
    }

    /// What an error says; damage quarantines the space.
    fn told(&self, error: StoreError) -> String {
        let text = error.to_string();
        if matches!(error, StoreError::Corrupt { .. } | StoreError::Missing { .. }) {
            self.fault.quarantine(text.clone());
        }
        text
    }

    fn read_frame(&self, number: usize) -> Result<Frame, StoreError> {
        let segment = self.segment()?;
        let (start, end) = range(&self.frame_ends, number);
        let mut packed = vec![0; (end - start) as usize];
        segment.load_into(FRAMES, start, &mut packed)?;
        let first = number * FRAME_MEMORIES;
        let memories = FRAME_MEMORIES.min(self.head_ends.len() - first);
        let vectors = self.first_vectors[number + 1] - self.first_vectors[number];
        let components = vectors as usize * self.dimension;
        unpack(&packed, memories, components).map_err(|what| segment.damaged(&what))
    }

    fn segment(&self) -> Result<Arc<Segment>, StoreError> {
        let mut opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(segment) = &*opened {
            return Ok(Arc::clone(segment));
        }
        let Some(blobs) = &self.blobs else {
            let what = "no cold store is configured".to_owned();
            return Err(StoreError::Unavailable { file: self.key.clone(), what });
        };
        let (blobs, blocks) = (Arc::clone(blobs), Arc::clone(&self.blocks));
        let segment = Segment::open_blob(blobs, &self.key, self.space, &self.object, blocks)?;
        let whole = self.frame_ends.last().copied().unwrap_or(0);
        if segment.section_len(FRAMES) != Some(whole) {
            return Err(segment.damaged("its frames are not those of the chunk"));
        }
        let segment = Arc::new(segment);
        *opened = Some(Arc::clone(&segment));
        Ok(segment)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_comes_back_and_no_bytes_make_it_panic() {
        let memory = |n: usize| {
            let mut memory = Memory { id: format!("m{n}"), version: 1, ..Memory::default() };
            memory.content.text = "the same words over and over ".repeat(n + 1);
            memory
        };
        let mut records = RecordsWriter::default();
        (0..7).for_each(|n| records.push_memory(&memory(n)));
        let components: Vec<f32> = (0..24).map(|n| (n as f32).sin()).collect();
        let packed = pack(&records.finish(), 1..6, &components);
        let frame = unpack(&packed, 5, 24).unwrap();
        let unpacked: Vec<Memory> = (0..5).map(|n| frame.records.memory(n)).collect();
        assert_eq!(unpacked, (1..6).map(memory).collect::<Vec<_>>());
        assert_eq!(frame.components, components);
        assert!(unpack(&packed, 4, 24).is_err() && unpack(&packed, 5, 23).is_err());
        for at in 0..packed.len() {
            let mut bad = packed.clone();
            bad[at] ^= 0x55;
            if let Ok(frame) = unpack(&bad, 5, 24) {
                (0..5).for_each(|n| drop(frame.records.memory(n)));
            }
            assert!(unpack(&packed[..at], 5, 24).is_err(), "cut at {at}");
        }
    }
}
