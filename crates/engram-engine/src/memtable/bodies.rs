//! The memories of a chunk and their full vectors: in RAM, in a sealed segment, or both.
//!
//! What cannot be read quarantines its space and stands for an empty memory: whoever answers asks for the quarantine last,
//! so that nothing wrong is told.

use std::cell::RefCell;
use std::ops::Deref;
use std::sync::Arc;

use engram_index::{AlignedBytes, FlatVectors, QuantisedVectors};
use engram_store::{SectionTag, Segment, SegmentRef, StoreError};

use super::cold::Cold;
use super::records::{Reading, Records, range};
use super::resident::{HotPart, NOT_FINITE, Resident, float};
use crate::fault::SpaceFault;
use crate::model::{Memory, Outline};
use crate::stored::{MemoryRecord, OutlineRecord};

/// Section of the memories, one after the other.
pub(crate) const RECORDS: SectionTag = SectionTag(*b"RECO");
/// Section of the quantised vectors.
pub(crate) const CODES: SectionTag = SectionTag(*b"CODE");
/// Section of the vectors, f32 little endian, one after the other.
pub(crate) const VECTORS: SectionTag = SectionTag(*b"VECS");

/// Bytes that are read at once where all vectors are wanted.
const PIECE_BYTES: usize = 1 << 20;

thread_local! {
    static BUFFERS: RefCell<(Vec<u8>, Vec<f32>)> = RefCell::default();
}

/// A memory, wherever it is kept.
#[expect(
    clippy::large_enum_variant,
    reason = "most are read, used and dropped: a box would cost more"
)]
pub(crate) enum MemoryRef<'a> {
    /// In the snapshot.
    Kept(&'a Arc<Memory>),
    /// Read.
    Read(Memory),
}

impl MemoryRef<'_> {
    pub(crate) fn into_arc(self) -> Arc<Memory> {
        match self {
            MemoryRef::Kept(memory) => Arc::clone(memory),
            MemoryRef::Read(memory) => Arc::new(memory),
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

/// Bodies in a segment.
pub(crate) struct Sealed {
    pub(crate) segment: Segment,
    pub(crate) file: SegmentRef,
    /// Where each memory ends in its section.
    pub(crate) ends: Arc<[u64]>,
    pub(crate) hot: HotPart,
    pub(crate) fault: Arc<SpaceFault>,
}

impl std::fmt::Debug for Sealed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Sealed({} memories)", self.ends.len())
    }
}

impl Sealed {
    fn read<T: Default>(&self, local: u32, read: Reading<T>) -> T {
        let hot = self.hot.read(local, read);
        hot.unwrap_or_else(|| self.fault.or_default(self.read_record(local, read)))
    }

    /// One memory, past those that are kept in RAM.
    pub(crate) fn read_memory(&self, local: u32) -> Result<Memory, String> {
        self.read_record(local, MemoryRecord::read)
    }

    fn read_record<T>(&self, local: u32, read: Reading<T>) -> Result<T, String> {
        let (start, end) = range(&self.ends, local as usize);
        BUFFERS.with_borrow_mut(|(bytes, _)| {
            bytes.clear();
            bytes.resize((end - start) as usize, 0);
            self.segment.read(RECORDS, start, bytes).map_err(|error| error.to_string())?;
            read(bytes)
        })
    }

    /// Calls `visit` with one vector, which is number `place` of a document; with zeros where it cannot be read.
    fn with_vector(
        &self,
        dimension: usize,
        (vector, local, place): (u32, u32, u32),
        visit: &mut dyn FnMut(&[f32]),
    ) {
        if self.hot.with_vector(dimension, (local, place), visit) {
            return;
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
            if !floats.iter().all(|component| component.is_finite()) {
                self.fault.quarantine(self.segment.damaged(NOT_FINITE).to_string());
                floats.fill(0.0);
            }
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
                if !floats.iter().all(|component| component.is_finite()) {
                    return Err(self.segment.damaged(NOT_FINITE));
                }
                visit(vector, &floats);
            }
            first += count;
        }
        Ok(())
    }

    /// All bodies.
    fn load(&self, dimension: usize, owners: &[u32]) -> Result<Resident, String> {
        let told = |error: StoreError| error.to_string();
        let records =
            Records::open(self.segment.load(RECORDS).map_err(told)?, Arc::clone(&self.ends))?;
        let mut components = Vec::with_capacity(owners.len() * dimension);
        self.each_vector(dimension, 0..owners.len() as u32, &mut |_, vector| {
            components.extend_from_slice(vector);
        })
        .map_err(told)?;
        let vectors = FlatVectors::open(dimension, owners.to_vec(), components);
        Ok(Resident { records, vectors: vectors.map_err(|error| error.to_string())? })
    }
}

fn read_codes(
    segment: &Segment,
    vectors: usize,
    dimension: usize,
) -> Result<QuantisedVectors, StoreError> {
    let mut bytes = AlignedBytes::zeroed(segment.section_len(CODES).unwrap_or_default() as usize);
    segment.load_into(CODES, 0, bytes.as_mut_slice())?;
    let codes = QuantisedVectors::open(bytes);
    let codes = codes.map_err(|error| segment.damaged(&error.to_string()))?;
    if codes.len() != vectors || (vectors > 0 && codes.dimension() != dimension) {
        return Err(segment.damaged("it has codes of another number of vectors"));
    }
    Ok(codes)
}

/// The bodies of one chunk. At least one of the two is there.
#[derive(Clone, Debug)]
pub(crate) struct Bodies {
    pub(crate) resident: Option<Arc<Resident>>,
    /// In a local segment.
    pub(crate) sealed: Option<Arc<Sealed>>,
    /// In an object of the cold store; never beside `sealed`.
    pub(crate) cold: Option<Arc<Cold>>,
}

impl Bodies {
    pub(crate) fn resident(bodies: Resident) -> Bodies {
        Bodies { resident: Some(Arc::new(bodies)), sealed: None, cold: None }
    }

    /// The quantised vectors of their file.
    pub(super) fn read_codes(
        &self,
        vectors: usize,
        dimension: usize,
    ) -> Option<Arc<QuantisedVectors>> {
        let (segment, fault) = match (&self.sealed, &self.cold) {
            (Some(sealed), _) => (&sealed.segment, &sealed.fault),
            (None, Some(cold)) => (&cold.local, &cold.fault),
            (None, None) => return None,
        };
        match read_codes(segment, vectors, dimension) {
            Ok(codes) => Some(Arc::new(codes)),
            Err(error) => {
                fault.quarantine(error.to_string());
                None
            }
        }
    }

    /// Whether they are in a file or an object, so that RAM may do without.
    pub(crate) fn is_written(&self) -> bool {
        self.sealed.is_some() || self.cold.is_some()
    }

    pub(super) fn memory(&self, local: u32) -> MemoryRef<'_> {
        MemoryRef::Read(match (&self.resident, &self.sealed, &self.cold) {
            (Some(resident), ..) => resident.records.memory(local as usize),
            (None, Some(sealed), _) => sealed.read(local, MemoryRecord::read),
            (None, None, Some(cold)) => cold.memory(local),
            (None, None, None) => Memory::default(),
        })
    }

    /// A memory, perhaps without its text and metadata: those of a cold one are not at hand, and nobody needs to decode them.
    pub(super) fn head(&self, local: u32) -> MemoryRef<'_> {
        MemoryRef::Read(self.read(local, MemoryRecord::read_head))
    }

    /// What ranking asks of a memory.
    pub(super) fn outline(&self, local: u32) -> Outline {
        self.read(local, OutlineRecord::read)
    }

    /// What `read` takes out of a memory; it must ask for neither text nor metadata.
    fn read<T: Default>(&self, local: u32, read: Reading<T>) -> T {
        match (&self.resident, &self.sealed, &self.cold) {
            (Some(resident), ..) => resident.records.read(local as usize, read),
            (None, Some(sealed), _) => sealed.read(local, read),
            (None, None, Some(cold)) => cold.read_head(local, read),
            (None, None, None) => T::default(),
        }
    }

    /// Calls `visit` with a vector, given with its document and its number there.
    pub(super) fn with_vector(
        &self,
        dimension: usize,
        vector: (u32, u32, u32),
        visit: &mut dyn FnMut(&[f32]),
    ) {
        match (&self.resident, &self.sealed, &self.cold) {
            (Some(resident), ..) => visit(resident.vectors.vector(vector.0 as usize)),
            (None, Some(sealed), _) => sealed.with_vector(dimension, vector, visit),
            (None, None, Some(cold)) => cold.with_vector(dimension, vector, visit),
            (None, None, None) => {}
        }
    }

    /// Calls `visit` with vectors, in order; what cannot be read ends it and quarantines the space.
    pub(super) fn each_vector(
        &self,
        dimension: usize,
        vectors: std::ops::Range<u32>,
        visit: &mut dyn FnMut(u32, &[f32]),
    ) {
        match (&self.resident, &self.sealed, &self.cold) {
            (Some(resident), ..) => {
                vectors.for_each(|vector| visit(vector, resident.vectors.vector(vector as usize)));
            }
            (None, Some(sealed), _) => {
                if let Err(error) = sealed.each_vector(dimension, vectors, visit) {
                    sealed.fault.quarantine(error.to_string());
                }
            }
            (None, None, Some(cold)) => cold.each_vector(dimension, vectors, visit),
            (None, None, None) => {}
        }
    }

    /// Notes that a memory was in an answer.
    pub(super) fn used(&self, local: u32, memory: &Memory, vectors: &[Vec<f32>]) {
        if self.resident.is_none()
            && let Some(hot) = self.hot_part()
        {
            hot.keep(local, memory, vectors);
        }
    }

    fn hot_part(&self) -> Option<&HotPart> {
        let sealed = self.sealed.as_ref().map(|sealed| &sealed.hot);
        sealed.or_else(|| self.cold.as_ref().map(|cold| &cold.hot))
    }

    /// Whether a memory was asked for in vain.
    pub(super) fn lacks(&self, local: u32) -> bool {
        match (&self.resident, &self.cold) {
            (None, Some(cold)) => cold.lacks(local),
            _ => false,
        }
    }

    /// Memories in RAM of `live` ones.
    pub(crate) fn hot_memories(&self, live: u64) -> u64 {
        match (&self.resident, self.hot_part()) {
            (None, Some(hot)) => hot.held().min(live),
            _ => live,
        }
    }

    /// Drops the single hot memories: all of them are in RAM.
    pub(crate) fn forget_hot(&self) {
        if let Some(hot) = self.hot_part() {
            hot.set.forget(hot.number);
        }
    }

    /// All of them in RAM.
    ///
    /// # Errors
    /// They cannot be read: the space is quarantined, or the cold store does not answer.
    pub(super) fn load(&self, dimension: usize, owners: &[u32]) -> Result<Arc<Resident>, String> {
        match (&self.resident, &self.sealed, &self.cold) {
            (Some(resident), ..) => Ok(Arc::clone(resident)),
            (None, Some(sealed), _) => {
                let loaded = sealed.load(dimension, owners);
                loaded.map(Arc::new).inspect_err(|why| sealed.fault.quarantine(why.clone()))
            }
            (None, None, Some(cold)) => cold.load(dimension, owners).map(Arc::new),
            (None, None, None) => Err("a chunk has no bodies".to_owned()),
        }
    }

    /// Bytes in RAM, those of single hot memories apart.
    pub(crate) fn heap_bytes(&self) -> u64 {
        let resident = self.resident.as_ref().map_or(0, |resident| resident.heap_bytes());
        // Both share the list of ends.
        let sealed = self.sealed.as_ref().filter(|_| self.resident.is_none());
        let sealed = sealed.map_or(0, |sealed| size_of_val(&*sealed.ends) as u64);
        let cold = self.cold.as_ref().map_or(0, |cold| cold.heap_bytes());
        resident + sealed + cold
    }
}
