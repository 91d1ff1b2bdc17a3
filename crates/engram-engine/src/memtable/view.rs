//! A chunk as one snapshot sees it: its indexes, its bodies, and what became of its documents since.

use std::sync::Arc;

use engram_index::{Bitmap, QuantisedVectors};

use super::bodies::{Bodies, MemoryRef};
use super::chunk::{Built, Chunk};
use super::columns::Lookups;
use super::resident::Resident;
use super::successions::Validities;
use crate::filter::{Filter, OwnCondition, Validity};
use crate::model::{ContentHash, Memory, Outline, State};

/// A chunk and what became of its documents since.
#[derive(Clone, Debug)]
pub(crate) struct ChunkView {
    pub(crate) chunk: Arc<Chunk>,
    pub(crate) bodies: Bodies,
    pub(crate) fate: Fate,
}

/// What became of the documents of a chunk.
#[derive(Clone, Debug, Default)]
pub(crate) struct Fate {
    /// What no longer lives: deleted ones, and older versions of memories.
    pub(crate) deleted: Arc<Bitmap>,
    /// How many of these are older versions, which stay when chunks are merged.
    pub(crate) older: u64,
    /// Disjoint from `deleted`.
    pub(crate) suppressed: Arc<Bitmap>,
    /// Commit time of the first deletion, ns.
    pub(crate) deleted_since: Option<i64>,
}

impl Fate {
    /// Notes that a document no longer lives.
    pub(super) fn end(&mut self, local: u32) {
        Arc::make_mut(&mut self.deleted).insert(local);
        if self.suppressed.contains(local) {
            Arc::make_mut(&mut self.suppressed).remove(local);
        }
    }

    /// Number of documents that a merge drops.
    pub(crate) fn dropped(&self) -> u64 {
        self.deleted.len() - self.older
    }
}

impl ChunkView {
    /// A chunk that was just made.
    pub(crate) fn new(built: Built, fate: Fate) -> ChunkView {
        ChunkView { chunk: Arc::new(built.chunk), bodies: Bodies::resident(built.bodies), fate }
    }

    /// State of a document; none = deleted, or an older version.
    pub(crate) fn state(&self, local: u32) -> Option<State> {
        if self.fate.deleted.contains(local) {
            None
        } else if self.fate.suppressed.contains(local) {
            Some(State::Suppressed)
        } else {
            Some(State::Active)
        }
    }

    /// Whether its fate is that of its documents.
    pub(crate) fn is_sound(&self) -> bool {
        let count = self.chunk.len() as u32;
        let inside = |set: &Bitmap| set.last().is_none_or(|last| last < count);
        let Fate { deleted, suppressed, .. } = &self.fate;
        inside(deleted) && inside(suppressed) && deleted.and_len(suppressed) == 0
    }

    /// Number of documents that live.
    pub(crate) fn live(&self) -> u64 {
        self.chunk.len() as u64 - self.fate.deleted.len()
    }

    /// Number of active documents.
    pub(crate) fn active(&self) -> u64 {
        self.live() - self.fate.suppressed.len()
    }

    /// When the first and the last of its active documents happened, ns.
    pub(crate) fn active_times(&self) -> Option<(i64, i64)> {
        if self.is_whole() {
            return self.chunk.columns.times();
        }
        self.chunk.columns.times_where(&|local| self.state(local) == Some(State::Active))
    }

    /// Those of `documents` that are active.
    pub(crate) fn active_of(&self, documents: &Bitmap) -> Bitmap {
        documents.and_not(&self.fate.deleted).and_not(&self.fate.suppressed)
    }

    /// Whether every document is active.
    pub(crate) fn is_whole(&self) -> bool {
        self.fate.deleted.is_empty() && self.fate.suppressed.is_empty()
    }

    pub(crate) fn memory(&self, local: u32) -> MemoryRef<'_> {
        self.bodies.memory(local)
    }

    /// A memory, perhaps without its text and metadata: those of a cold one are not fetched.
    pub(crate) fn head(&self, local: u32) -> MemoryRef<'_> {
        self.bodies.head(local)
    }

    /// What ranking asks of a memory.
    pub(crate) fn outline(&self, local: u32) -> Outline {
        self.bodies.outline(local)
    }

    /// The documents, deleted ones too, that fade in a way of their own, or from another time than when they happened.
    pub(crate) fn own_fading(&self) -> &Bitmap {
        self.chunk.own_fading.get_or_init(|| {
            let own = |local: &u32| {
                let course = self.outline(*local).course;
                course.decay.is_some() || course.learned_at() != course.happened_at()
            };
            let found: Vec<u32> = (0..self.chunk.len() as u32).filter(own).collect();
            Bitmap::from_ordinals(&found)
        })
    }

    /// Local ordinals of the documents, deleted ones too, that a filter lets pass.
    pub(crate) fn matching(&self, filter: &Filter, validities: &Validities) -> Bitmap {
        let locals = |ids: &[String]| {
            let mut locals: Vec<u32> = ids.iter().flat_map(|id| self.locals_of_id(id)).collect();
            locals.sort_unstable();
            Bitmap::from_ordinals(&locals)
        };
        let own = self.chunk.node_range().map(|range| validities.within(range));
        let chained: Vec<(u32, Validity)> = own
            .into_iter()
            .flatten()
            .filter_map(|(node, own)| Some((self.chunk.local_of_node(node)?, own)))
            .collect();
        let valid_at = |at: i64| {
            let columns = self.chunk.columns.valid_at(at);
            let mut valid = columns.unwrap_or_else(|| {
                let all = 0..self.chunk.len() as u32;
                let stated = |local: &u32| self.head(*local).validity().holds(at);
                Bitmap::from_ordinals(&all.filter(stated).collect::<Vec<u32>>())
            });
            for (local, own) in &chained {
                match own.holds(at) {
                    true => valid.insert(*local),
                    false => valid.remove(*local),
                };
            }
            valid
        };
        let own = |conditions: &[OwnCondition], left: &Bitmap| {
            let asks_text = conditions.iter().any(OwnCondition::asks_text);
            let all = |memory: &Memory| conditions.iter().all(|own| own.holds(memory));
            let holds = |local: &u32| match asks_text {
                true => all(&self.memory(*local)),
                false => all(&self.head(*local)),
            };
            let is_left = |local: &u32| left.contains(*local) && self.state(*local).is_some();
            let locals = (0..self.chunk.len() as u32).filter(is_left);
            Bitmap::from_ordinals(&locals.filter(holds).collect::<Vec<u32>>())
        };
        let lookups = Lookups { ids: &locals, valid_at: &valid_at, own: &own };
        self.chunk.columns.matching(filter, lookups)
    }

    /// Local ordinals of the documents with this id, oldest first; all but the last do not live.
    pub(crate) fn locals_of_id<'a>(&'a self, id: &'a str) -> impl Iterator<Item = u32> + 'a {
        let perhaps = self.chunk.perhaps_of_id(id).iter().copied();
        perhaps.filter(move |local| self.head(*local).id == id)
    }

    /// The live document of this id.
    pub(crate) fn live_of_id(&self, id: &str) -> Option<(u32, State)> {
        let perhaps = self.chunk.perhaps_of_id(id).iter();
        let live = perhaps.filter_map(|local| Some((*local, self.state(*local)?)));
        live.rev().find(|(local, _)| self.head(*local).id == id)
    }

    /// The active documents with this content.
    pub(crate) fn active_of_content(
        &self,
        hash: ContentHash,
    ) -> impl Iterator<Item = MemoryRef<'_>> + '_ {
        let perhaps = self.chunk.perhaps_of_content(&hash).iter();
        let active = perhaps.filter(|local| self.state(**local) == Some(State::Active));
        active.map(|local| self.head(*local)).filter(move |memory| memory.content_hash == hash)
    }

    /// The vectors quantised, read where they are not in RAM; none when they cannot be read: the space is quarantined then.
    pub(crate) fn codes(&self) -> Option<Arc<QuantisedVectors>> {
        if let Some(codes) = self.chunk.codes.load_full() {
            return Some(codes);
        }
        let codes = self.bodies.read_codes(self.chunk.vector_count(), self.chunk.dimension())?;
        self.chunk.codes.store(Some(Arc::clone(&codes)));
        Some(codes)
    }

    /// Lets the quantised vectors go, which a file has: a graph covers them.
    pub(crate) fn drop_codes(&self) {
        if self.bodies.is_written() {
            self.chunk.codes.store(None);
        }
    }

    /// Calls `visit` with a vector of the chunk.
    pub(crate) fn with_vector(&self, vector: u32, visit: &mut dyn FnMut(&[f32])) {
        let owners = &self.chunk.owners;
        let local = owners[vector as usize];
        let before = owners[..vector as usize].iter().rev().take_while(|owner| **owner == local);
        let place = before.count() as u32;
        self.bodies.with_vector(self.chunk.dimension(), (vector, local, place), visit);
    }

    /// Calls `visit` with vectors of the chunk and their places, in order.
    pub(crate) fn each_vector(
        &self,
        vectors: std::ops::Range<u32>,
        visit: &mut dyn FnMut(u32, &[f32]),
    ) {
        self.bodies.each_vector(self.chunk.dimension(), vectors, visit);
    }

    /// All bodies, read where they are not in RAM.
    pub(crate) fn load_bodies(&self) -> Result<Arc<Resident>, String> {
        self.bodies.load(self.chunk.dimension(), &self.chunk.owners)
    }

    /// Estimated bytes in RAM.
    pub(crate) fn heap_bytes(&self) -> u64 {
        self.chunk.heap_bytes() + self.bodies.heap_bytes()
    }
}
