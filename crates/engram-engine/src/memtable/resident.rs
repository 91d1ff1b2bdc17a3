//! Memories and full vectors in RAM: those of a whole chunk, and single ones of chunks that are elsewhere.

use std::sync::Arc;

use engram_index::FlatVectors;
use prost::Message;

use super::clock_cache::ClockCache;
use super::records::{Reading, Records};
use crate::model::{Memory, metadata_bytes};
use crate::moves::{Moves, Reason};
use crate::stored::MemoryRecord;

/// What a hot memory costs with its places in the maps, about.
const HOT_DOC_BYTES: u64 = 160;

/// Bodies in RAM.
#[derive(Debug)]
pub(crate) struct Resident {
    pub(crate) records: Records,
    pub(crate) vectors: FlatVectors,
}

impl Resident {
    pub(crate) fn heap_bytes(&self) -> u64 {
        (self.records.heap_bytes() + self.vectors.heap_bytes()) as u64
    }
}

/// A memory of a warm or cold chunk that was in an answer.
#[derive(Debug)]
pub(crate) struct HotDoc {
    /// The memory, encoded.
    record: Box<[u8]>,
    /// Its vectors, one after the other.
    vectors: Box<[f32]>,
}

/// The memories of all spaces of a node that are hot by themselves.
pub(crate) type HotSet = ClockCache<HotDoc>;

/// The hot memories of one chunk.
pub(crate) struct HotPart {
    pub(crate) set: Arc<HotSet>,
    /// Number of this opened chunk in the node.
    pub(crate) number: u64,
    pub(crate) moves: Arc<Moves>,
}

impl HotPart {
    /// What `read` takes out of a memory, if it is hot.
    pub(super) fn read<T>(&self, local: u32, read: Reading<T>) -> Option<T> {
        let hot = self.set.get(self.number, local)?;
        Some(read(&hot.record).expect("what was encoded here decodes"))
    }

    /// Calls `visit` with vector number `place` of a document; whether it is hot.
    pub(super) fn with_vector(
        &self,
        dimension: usize,
        (local, place): (u32, u32),
        visit: &mut dyn FnMut(&[f32]),
    ) -> bool {
        let Some(hot) = self.set.get(self.number, local) else { return false };
        match hot.vectors.chunks_exact(dimension).nth(place as usize) {
            Some(own) => {
                visit(own);
                true
            }
            None => false,
        }
    }

    /// Keeps a memory that was in an answer.
    pub(super) fn keep(&self, local: u32, memory: &Memory, vectors: &[Vec<f32>]) {
        if self.set.get(self.number, local).is_some() {
            return;
        }
        let record = MemoryRecord::new(memory).encode_to_vec().into_boxed_slice();
        let vectors = vectors.concat().into_boxed_slice();
        let bytes = (size_of_val(&*record) + size_of_val(&*vectors)) as u64 + HOT_DOC_BYTES;
        let doc = Arc::new(HotDoc { record, vectors });
        if self.set.insert((self.number, local), doc, bytes) {
            self.moves.count(Reason::Used, 1);
        }
    }

    pub(super) fn held(&self) -> u64 {
        self.set.held(self.number)
    }
}

impl Drop for HotPart {
    fn drop(&mut self) {
        self.set.forget(self.number);
    }
}

/// What is wrong with a vector that no index takes.
pub(super) const NOT_FINITE: &str = "a component of a vector is not finite";

/// A component of a vector as it stands in files.
pub(super) fn float(bytes: &[u8]) -> f32 {
    f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])
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
