//! The memories of a chunk and their full vectors: in RAM, in a sealed segment, or both.
//!
//! What cannot be read quarantines its space and stands for an empty memory: whoever answers asks for the quarantine last,
//! so that nothing wrong is told.

use std::cell::RefCell;
use std::ops::Deref;
use std::sync::Arc;

use engram_index::FlatVectors;
use engram_store::{SectionTag, Segment, SegmentRef, StoreError};

use super::hot::{HotDoc, HotSet};
use crate::fault::SpaceFault;
use crate::model::{Memory, metadata_bytes};
use crate::moves::{Moves, Reason};
use crate::stored::MemoryRecord;

/// Section of the memories, one after the other.
pub(crate) const RECORDS: SectionTag = SectionTag(*b"RECO");
/// Section of the vectors, f32 little endian, one after the other.
pub(crate) const VECTORS: SectionTag = SectionTag(*b"VECS");

/// What a hot memory costs with its places in the maps, about.
const HOT_DOC_BYTES: u64 = 160;
/// Bytes that are read at once where all vectors are wanted.
const PIECE_BYTES: usize = 1 << 20;

thread_local! {
    static BUFFERS: RefCell<(Vec<u8>, Vec<f32>)> = RefCell::default();
}

/// A memory, wherever it is kept.
pub(crate) enum MemoryRef<'a> {
    /// In the snapshot.
    Kept(&'a Arc<Memory>),
    /// Read, or kept elsewhere.
    Read(Arc<Memory>),
}

impl MemoryRef<'_> {
    pub(crate) fn into_arc(self) -> Arc<Memory> {
        match self {
            MemoryRef::Kept(memory) => Arc::clone(memory),
            MemoryRef::Read(memory) => memory,
        }
    }
}

impl Deref for MemoryRef<'_> {
    type Target = Memory;

    fn deref(&self) -> &Memory {
        match self {
            MemoryRef::Kept(memory) => memory,
            MemoryRef::Read(memory) => memory,
        }
    }
}

/// Bodies in RAM.
#[derive(Debug)]
pub(crate) struct Resident {
    pub(crate) memories: Vec<Arc<Memory>>,
    pub(crate) vectors: FlatVectors,
    /// Estimated.
    pub(crate) bytes: u64,
}

impl Resident {
    pub(crate) fn new(memories: Vec<Arc<Memory>>, vectors: FlatVectors) -> Resident {
        let bytes = memories.iter().map(|memory| memory_bytes(memory)).sum::<u64>();
        let bytes = bytes + vectors.heap_bytes() as u64;
        Resident { memories, vectors, bytes }
    }
}

/// Bodies in a segment.
pub(crate) struct Sealed {
    pub(crate) segment: Segment,
    pub(crate) file: SegmentRef,
    /// Number of this opened chunk in the node.
    pub(crate) number: u64,
    /// Where each memory ends in its section.
    pub(crate) ends: Vec<u64>,
    pub(crate) hot: Arc<HotSet>,
    pub(crate) fault: Arc<SpaceFault>,
    pub(crate) moves: Arc<Moves>,
}

impl std::fmt::Debug for Sealed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Sealed({} memories, number {})", self.ends.len(), self.number)
    }
}

impl Drop for Sealed {
    fn drop(&mut self) {
        self.hot.forget(self.number);
    }
}

impl Sealed {
    fn hot(&self, local: u32) -> Option<Arc<HotDoc>> {
        self.hot.get(self.number, local)
    }

    fn memory(&self, local: u32) -> Arc<Memory> {
        if let Some(hot) = self.hot(local) {
            return Arc::clone(&hot.memory);
        }
        match self.read_memory(local) {
            Ok(memory) => Arc::new(memory),
            Err(why) => {
                self.fault.quarantine(why);
                Arc::default()
            }
        }
    }

    /// One memory, past those that are kept in RAM.
    pub(crate) fn read_memory(&self, local: u32) -> Result<Memory, String> {
        let end = self.ends[local as usize];
        let start = (local as usize).checked_sub(1).map_or(0, |before| self.ends[before]);
        BUFFERS.with_borrow_mut(|(bytes, _)| {
            bytes.clear();
            bytes.resize((end - start) as usize, 0);
            self.segment.read(RECORDS, start, bytes).map_err(|error| error.to_string())?;
            MemoryRecord::read(bytes)
        })
    }

    /// Calls `visit` with one vector, which is number `place` of a document; with zeros where it cannot be read.
    fn with_vector(
        &self,
        dimension: usize,
        (vector, local, place): (u32, u32, u32),
        visit: &mut dyn FnMut(&[f32]),
    ) {
        if let Some(hot) = self.hot(local)
            && let Some(own) = hot.vectors.chunks_exact(dimension).nth(place as usize)
        {
            return visit(own);
        }
        BUFFERS.with(|buffers| {
            // A visit may read another vector.
            let (mut bytes, mut floats) = buffers.take();
            bytes.clear();
            bytes.resize(dimension * 4, 0);
            let offset = u64::from(vector) * bytes.len() as u64;
            if let Err(error) = self.segment.read(VECTORS, offset, &mut bytes) {
                self.fault.quarantine(error.to_string());
                bytes.fill(0);
            }
            floats.clear();
            floats.extend(bytes.chunks_exact(4).map(float));
            visit(&floats);
            buffers.replace((bytes, floats));
        });
    }

    /// Calls `visit` with vectors from one on, in order.
    fn each_vector(
        &self,
        dimension: usize,
        vectors: std::ops::Range<u32>,
        visit: &mut dyn FnMut(u32, &[f32]),
    ) -> Result<(), StoreError> {
        let row = dimension * 4;
        let per_piece = (PIECE_BYTES / row).max(1) as u32;
        let mut bytes = vec![0; per_piece as usize * row];
        let mut floats = Vec::with_capacity(dimension);
        let mut first = vectors.start;
        while first < vectors.end {
            let count = per_piece.min(vectors.end - first);
            let piece = &mut bytes[..count as usize * row];
            self.segment.load_into(VECTORS, u64::from(first) * row as u64, piece)?;
            for (vector, row) in (first..).zip(piece.chunks_exact(row)) {
                floats.clear();
                floats.extend(row.chunks_exact(4).map(float));
                visit(vector, &floats);
            }
            first += count;
        }
        Ok(())
    }

    /// All bodies.
    fn load(&self, dimension: usize, owners: &[u32]) -> Result<Resident, String> {
        let told = |error: StoreError| error.to_string();
        let records = self.segment.load(RECORDS).map_err(told)?;
        let mut start = 0;
        let mut memories = Vec::with_capacity(self.ends.len());
        for end in &self.ends {
            let record = records.get(start..*end as usize).ok_or("a memory lies outside")?;
            memories.push(Arc::new(MemoryRecord::read(record)?));
            start = *end as usize;
        }
        let mut components = Vec::with_capacity(owners.len() * dimension);
        self.each_vector(dimension, 0..owners.len() as u32, &mut |_, vector| {
            components.extend_from_slice(vector);
        })
        .map_err(told)?;
        let vectors = FlatVectors::open(dimension, owners.to_vec(), components);
        Ok(Resident::new(memories, vectors.map_err(|error| error.to_string())?))
    }
}

fn float(bytes: &[u8]) -> f32 {
    f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])
}

/// The bodies of one chunk. At least one of the two is there.
#[derive(Clone, Debug)]
pub(crate) struct Bodies {
    pub(crate) resident: Option<Arc<Resident>>,
    pub(crate) sealed: Option<Arc<Sealed>>,
}

impl Bodies {
    pub(crate) fn resident(bodies: Resident) -> Bodies {
        Bodies { resident: Some(Arc::new(bodies)), sealed: None }
    }

    pub(super) fn memory(&self, local: u32) -> MemoryRef<'_> {
        match (&self.resident, &self.sealed) {
            (Some(resident), _) => MemoryRef::Kept(&resident.memories[local as usize]),
            (None, Some(sealed)) => MemoryRef::Read(sealed.memory(local)),
            (None, None) => MemoryRef::Read(Arc::default()),
        }
    }

    /// Calls `visit` with a vector, given with its document and its number there.
    pub(super) fn with_vector(
        &self,
        dimension: usize,
        vector: (u32, u32, u32),
        visit: &mut dyn FnMut(&[f32]),
    ) {
        match (&self.resident, &self.sealed) {
            (Some(resident), _) => visit(resident.vectors.vector(vector.0 as usize)),
            (None, Some(sealed)) => sealed.with_vector(dimension, vector, visit),
            (None, None) => visit(&vec![0.0; dimension]),
        }
    }

    /// Calls `visit` with vectors, in order; what cannot be read ends it and quarantines the space.
    pub(super) fn each_vector(
        &self,
        dimension: usize,
        vectors: std::ops::Range<u32>,
        visit: &mut dyn FnMut(u32, &[f32]),
    ) {
        match (&self.resident, &self.sealed) {
            (Some(resident), _) => {
                vectors.for_each(|vector| visit(vector, resident.vectors.vector(vector as usize)));
            }
            (None, Some(sealed)) => {
                if let Err(error) = sealed.each_vector(dimension, vectors, visit) {
                    sealed.fault.quarantine(error.to_string());
                }
            }
            (None, None) => {}
        }
    }

    /// Notes that a memory was in an answer.
    pub(super) fn used(&self, local: u32, memory: &Arc<Memory>, vectors: &[Vec<f32>]) {
        if let (None, Some(sealed)) = (&self.resident, &self.sealed) {
            sealed.keep(local, memory, vectors);
        }
    }

    /// Memories in RAM of `live` ones.
    pub(crate) fn hot_memories(&self, live: u64) -> u64 {
        match (&self.resident, &self.sealed) {
            (None, Some(sealed)) => sealed.hot.held(sealed.number).min(live),
            _ => live,
        }
    }

    /// All of them in RAM.
    ///
    /// # Errors
    /// They cannot be read: the space is quarantined.
    pub(super) fn load(&self, dimension: usize, owners: &[u32]) -> Result<Arc<Resident>, String> {
        match (&self.resident, &self.sealed) {
            (Some(resident), _) => Ok(Arc::clone(resident)),
            (None, Some(sealed)) => {
                let loaded = sealed.load(dimension, owners);
                loaded.map(Arc::new).inspect_err(|why| sealed.fault.quarantine(why.clone()))
            }
            (None, None) => Err("a chunk has no bodies".to_owned()),
        }
    }

    /// Bytes in RAM, those of single hot memories apart.
    pub(crate) fn heap_bytes(&self) -> u64 {
        let resident = self.resident.as_ref().map_or(0, |resident| resident.bytes);
        let sealed = self.sealed.as_ref().map_or(0, |sealed| sealed.ends.len() as u64 * 8);
        resident + sealed
    }
}

impl Sealed {
    /// Keeps a memory that was in an answer in RAM.
    pub(super) fn keep(&self, local: u32, memory: &Arc<Memory>, vectors: &[Vec<f32>]) {
        let vectors = vectors.concat().into_boxed_slice();
        let bytes = memory_bytes(memory) + size_of_val(&*vectors) as u64 + HOT_DOC_BYTES;
        let doc = HotDoc { memory: Arc::clone(memory), vectors, bytes };
        if self.hot.insert(self.number, local, doc) {
            self.moves.count(Reason::Used, 1);
        }
    }
}

/// Estimated bytes of a memory in RAM.
pub(crate) fn memory_bytes(memory: &Memory) -> u64 {
    let content = &memory.content;
    let lists = content.people.iter().chain(&content.tags).chain(&content.entities);
    let strings = lists.map(|s| s.len() + size_of::<String>()).sum::<usize>()
        + content.text.len()
        + content.title.len()
        + content.session.len()
        + content.place.len()
        + memory.id.len();
    (strings + metadata_bytes(&content.metadata) + size_of::<Memory>()) as u64
}
