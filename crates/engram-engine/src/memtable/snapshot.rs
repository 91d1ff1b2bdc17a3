//! What readers see: one consistent state of a space, replaced as a whole, never changed.

use std::sync::Arc;

use engram_index::Analyzer;
use engram_store::{CommitTime, Lsn};

use super::associations::Associations;
use super::beliefs::Beliefs;
use super::bodies::MemoryRef;
use super::chunk::Doc;
use super::forgotten::ForgottenCommits;
use super::lineage::Versions;
use super::marks::Marks;
use super::proximity::{GraphHash, ProximityView};
use super::resident::memory_bytes;
use super::successions::Validities;
use super::traces::Traces;
use super::view::ChunkView;
use crate::calibration::Calibration;
use crate::dynamics::Fading;
use crate::filter::Filter;
use crate::model::{ContentHash, Course, Cursor, Memory, Outline, State};
use crate::settings::{DecaySettings, SpaceSettings};

/// What of a space's settings its state is built by.
#[derive(Clone, Copy)]
pub(crate) struct Indexing<'a> {
    pub(crate) analyzer: &'a Analyzer,
    /// Components of a vector.
    pub(crate) dimension: u32,
    /// Memories of the tail that become a chunk.
    pub(crate) tail_memories_max: usize,
}

/// State of a space after one commit.
#[derive(Clone, Debug)]
pub(crate) struct Snapshot {
    pub(crate) lsn: Lsn,
    pub(crate) committed_at: CommitTime,
    /// Wrapping sum over the live documents; see `state_term`.
    pub(crate) state_sum: u64,
    pub(crate) chunks: Vec<ChunkView>,
    pub(crate) tail: Vec<TailDoc>,
    /// Older versions that are in no chunk yet, by node.
    pub(crate) older: Vec<TailDoc>,
    pub(crate) versions: Versions,
    pub(crate) figures: Figures,
    /// Node of the next memory or entity.
    pub(crate) next_node: u32,
    pub(crate) associations: Associations,
    pub(crate) traces: Traces,
    pub(crate) marks: Marks,
    /// The last commits that deleted memories.
    pub(crate) forgotten: ForgottenCommits,
    pub(crate) beliefs: Beliefs,
    /// What relevance is worth.
    pub(crate) calibration: Calibration,
    /// How memories fade of which nothing else is said.
    pub(crate) decay: DecaySettings,
    /// Field of the metadata that names what a memory states; empty = none.
    pub(crate) supersede_key: Arc<str>,
    /// The graph that vectors are searched over; none = they are compared one by one.
    pub(crate) proximity: Option<ProximityView>,
    /// Hash of the graph that the log names last.
    pub(crate) graph_hash: Option<GraphHash>,
    /// In a state of the past, the one whose statistics count.
    pub(crate) today: Option<Arc<Snapshot>>,
}

/// Counts over the live documents, kept with every change so that no ranking needs a full pass.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Figures {
    pub(crate) active: u64,
    pub(crate) suppressed: u64,
    pub(crate) vectors: u64,
    /// Terms of the active documents.
    pub(crate) terms: u64,
}

impl Figures {
    /// What the figures of these documents are.
    pub(crate) fn counted(chunks: &[ChunkView], tail: &[TailDoc]) -> Figures {
        let mut all = Figures::default();
        for view in chunks {
            let (chunk, fate) = (&view.chunk, &view.fate);
            let terms = |local: u32| u64::from(chunk.postings.doc_len(local));
            let hidden = fate.deleted.iter().chain(fate.suppressed.iter()).map(terms);
            let gone = fate.deleted.iter().map(|local| chunk.vectors_of(local).len() as u64);
            all.active += view.active();
            all.suppressed += fate.suppressed.len();
            all.vectors += chunk.vector_count() as u64 - gone.sum::<u64>();
            all.terms += chunk.postings.total_len() - hidden.sum::<u64>();
        }
        for TailDoc { doc, state, .. } in tail {
            all.vectors += doc.vectors.len() as u64;
            match state {
                State::Suppressed => all.suppressed += 1,
                State::Active => {
                    all.active += 1;
                    all.terms += u64::from(doc.words.postings.doc_len(0));
                }
            }
        }
        all
    }
}

/// A document that is in no chunk yet.
#[derive(Clone, Debug)]
pub(crate) struct TailDoc {
    pub(crate) doc: Arc<Doc>,
    pub(crate) node: u32,
    pub(crate) state: State,
}

/// Where a document stands in one snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum DocRef {
    /// Chunk and local ordinal.
    Chunk(u32, u32),
    /// Place in the tail.
    Tail(u32),
}

impl Snapshot {
    /// A space before its first commit.
    pub(crate) fn empty(settings: &SpaceSettings) -> Snapshot {
        Snapshot {
            lsn: Lsn::default(),
            committed_at: CommitTime::default(),
            state_sum: 0,
            chunks: Vec::new(),
            tail: Vec::new(),
            older: Vec::new(),
            versions: Versions::default(),
            figures: Figures::default(),
            next_node: 0,
            associations: Associations::default(),
            traces: Traces::default(),
            marks: Marks::default(),
            forgotten: ForgottenCommits::default(),
            beliefs: Beliefs::default(),
            calibration: Calibration::default(),
            decay: settings.decay,
            supersede_key: settings.supersede_key.as_str().into(),
            proximity: None,
            graph_hash: None,
            today: None,
        }
    }

    /// Every live document that a filter lets pass, in log order, from the first behind `after`. None is looked at for it.
    pub(crate) fn selected<'a>(
        &'a self,
        after: Option<Cursor>,
        filter: &'a Filter,
        validities: &'a Validities,
    ) -> impl Iterator<Item = (DocRef, State)> + 'a {
        let behind = move |memory: &Memory| after.is_none_or(|cursor| place(memory) > cursor);
        let chunks = (0_u32..).zip(&self.chunks).flat_map(move |(index, view)| {
            let count = view.chunk.len() as u32;
            let is_behind = |local| behind(&view.head(local));
            let first = if after.is_some() { first_behind(count, is_behind) } else { 0 };
            let matching =
                (first < count && !filter.is_empty()).then(|| view.matching(filter, validities));
            let passes =
                move |local: &u32| matching.as_ref().is_none_or(|set| set.contains(*local));
            (first..count)
                .filter(passes)
                .filter_map(move |local| Some((DocRef::Chunk(index, local), view.state(local)?)))
        });
        let tail = (0_u32..).zip(&self.tail).filter(move |(_, tail)| {
            let memory = &tail.doc.memory;
            behind(memory) && validities.pass(filter, tail.node, memory)
        });
        chunks.chain(tail.map(|(index, tail)| (DocRef::Tail(index), tail.state)))
    }

    /// Whether a memory has forgotten itself by then. Only memories that can are looked at.
    pub(crate) fn is_expired(&self, at: DocRef, now_ns: i64) -> bool {
        let can = match at {
            DocRef::Chunk(chunk, _) => {
                self.chunks[chunk as usize].chunk.columns.holds_expired(now_ns)
            }
            DocRef::Tail(_) => true,
        };
        can && self.head(at).is_expired(now_ns)
    }

    /// Every live document in log order, without looking at it.
    pub(crate) fn places(&self) -> impl Iterator<Item = (DocRef, State)> {
        let chunks = (0_u32..).zip(&self.chunks).flat_map(|(index, view)| {
            (0..view.chunk.len() as u32)
                .filter_map(move |local| Some((DocRef::Chunk(index, local), view.state(local)?)))
        });
        let tail = (0_u32..).zip(&self.tail);
        chunks.chain(tail.map(|(index, tail)| (DocRef::Tail(index), tail.state)))
    }

    /// The live documents from a node on, in log order.
    pub(crate) fn places_from(&self, from: u32) -> impl Iterator<Item = DocRef> + '_ {
        let before =
            |view: &ChunkView| view.chunk.node_range().is_some_and(|(_, last)| last < from);
        let first = self.chunks.partition_point(before);
        let chunks = self.chunks.iter().enumerate().skip(first);
        let chunks = chunks.flat_map(move |(index, view)| {
            let locals = view.chunk.first_local(from)..view.chunk.len() as u32;
            let live = locals.filter(|local| view.state(*local).is_some());
            live.map(move |local| DocRef::Chunk(index as u32, local))
        });
        let first = self.tail.partition_point(move |tail| tail.node < from);
        let tail = first as u32..self.tail.len() as u32;
        chunks.chain(tail.map(DocRef::Tail))
    }

    /// The live document of that id.
    pub(crate) fn find(&self, id: &str) -> Option<(DocRef, State)> {
        let in_tail = (0_u32..).zip(&self.tail).find(|(_, tail)| tail.doc.memory.id == id);
        if let Some((index, tail)) = in_tail {
            return Some((DocRef::Tail(index), tail.state));
        }
        self.chunks.iter().enumerate().rev().find_map(|(index, view)| {
            let (local, state) = view.live_of_id(id)?;
            Some((DocRef::Chunk(index as u32, local), state))
        })
    }

    /// Ids of the active documents with this content that `accept` lets pass, at most `limit`, in log order.
    pub(crate) fn ids_of_content(
        &self,
        hash: ContentHash,
        limit: usize,
        accept: &dyn Fn(&Memory) -> bool,
    ) -> Vec<String> {
        let chunks = self.chunks.iter().flat_map(|view| view.active_of_content(hash));
        let tail = self
            .tail
            .iter()
            .filter(|tail| tail.state == State::Active && tail.doc.memory.content_hash == hash)
            .map(|tail| MemoryRef::Kept(&tail.doc.memory));
        let found = chunks.chain(tail).filter(|memory| accept(memory));
        found.take(limit).map(|memory| memory.id.clone()).collect()
    }

    pub(crate) fn memory(&self, at: DocRef) -> MemoryRef<'_> {
        match at {
            DocRef::Chunk(chunk, local) => self.chunks[chunk as usize].memory(local),
            DocRef::Tail(index) => MemoryRef::Kept(&self.tail[index as usize].doc.memory),
        }
    }

    /// The memory of a document, perhaps without its text and metadata: those of a cold one are not fetched.
    pub(crate) fn head(&self, at: DocRef) -> MemoryRef<'_> {
        match at {
            DocRef::Chunk(chunk, local) => self.chunks[chunk as usize].head(local),
            DocRef::Tail(index) => MemoryRef::Kept(&self.tail[index as usize].doc.memory),
        }
    }

    /// What ranking asks of a memory. That of a cold one is not fetched.
    pub(crate) fn outline(&self, at: DocRef) -> Outline {
        match at {
            DocRef::Chunk(chunk, local) => self.chunks[chunk as usize].outline(local),
            DocRef::Tail(index) => Outline::of(&self.tail[index as usize].doc.memory),
        }
    }

    /// How a memory fades that says this of it.
    pub(crate) fn fading(&self, course: &Course) -> Fading {
        Fading::new(course, self.decay)
    }

    /// Node of a document.
    pub(crate) fn node(&self, at: DocRef) -> u32 {
        match at {
            DocRef::Chunk(chunk, local) => self.chunks[chunk as usize].chunk.node(local),
            DocRef::Tail(index) => self.tail[index as usize].node,
        }
    }

    /// The live document of a node; none for an entity, and for what is deleted.
    pub(crate) fn doc_of_node(&self, node: u32) -> Option<(DocRef, State)> {
        if self.tail.first().is_some_and(|first| first.node <= node) {
            let index = self.tail.binary_search_by_key(&node, |tail| tail.node).ok()?;
            return Some((DocRef::Tail(index as u32), self.tail[index].state));
        }
        // Chunks stand in log order and none is empty.
        let starts =
            |view: &ChunkView| view.chunk.node_range().is_some_and(|(first, _)| first <= node);
        let index = self.chunks.partition_point(starts).checked_sub(1)?;
        let view = &self.chunks[index];
        let local = view.chunk.local_of_node(node)?;
        Some((DocRef::Chunk(index as u32, local), view.state(local)?))
    }

    /// Id of the memory of a node; empty where there is none.
    pub(crate) fn id_of_node(&self, node: u32) -> String {
        let found = self.doc_of_node(node);
        found.map(|(at, _)| self.head(at).id.clone()).unwrap_or_default()
    }

    pub(crate) fn state(&self, at: DocRef) -> Option<State> {
        match at {
            DocRef::Chunk(chunk, local) => self.chunks[chunk as usize].state(local),
            DocRef::Tail(index) => Some(self.tail[index as usize].state),
        }
    }

    /// The vectors of a document.
    pub(crate) fn vectors(&self, at: DocRef) -> Vec<Vec<f32>> {
        let mut vectors = Vec::new();
        self.with_vectors(at, &mut |vector| vectors.push(vector.to_vec()));
        vectors
    }

    /// Calls `visit` with the vectors of a document, in order.
    pub(crate) fn with_vectors(&self, at: DocRef, visit: &mut dyn FnMut(&[f32])) {
        match at {
            DocRef::Chunk(chunk, local) => {
                let view = &self.chunks[chunk as usize];
                view.chunk.vectors_of(local).for_each(|vector| view.with_vector(vector, visit));
            }
            DocRef::Tail(index) => {
                self.tail[index as usize].doc.vectors.iter().for_each(|vector| visit(vector));
            }
        }
    }

    /// Calls `visit` with vector number `place` of a document, if it has so many.
    pub(crate) fn with_vector(&self, at: DocRef, place: u32, visit: &mut dyn FnMut(&[f32])) {
        match at {
            DocRef::Chunk(chunk, local) => {
                let view = &self.chunks[chunk as usize];
                if let Some(vector) = view.chunk.vectors_of(local).nth(place as usize) {
                    view.with_vector(vector, visit);
                }
            }
            DocRef::Tail(index) => {
                let own = self.tail[index as usize].doc.vectors.get(place as usize);
                own.into_iter().for_each(|vector| visit(vector));
            }
        }
    }

    /// Calls `visit` with every vector of the live documents from a node on, in order.
    pub(crate) fn each_vector(&self, from: u32, visit: &mut dyn FnMut(u32, &[f32])) {
        for view in &self.chunks {
            let chunk = &view.chunk;
            let first = chunk.owners_before(chunk.first_local(from));
            view.each_vector(first..chunk.vector_count() as u32, &mut |vector, row| {
                let local = chunk.owner(vector);
                if view.state(local).is_some() {
                    visit(chunk.node(local), row);
                }
            });
        }
        for tail in self.tail.iter().filter(|tail| tail.node >= from) {
            tail.doc.vectors.iter().for_each(|vector| visit(tail.node, vector));
        }
    }

    /// Whether the text and the vectors of a document are in the cold store.
    pub(crate) fn is_cold(&self, at: DocRef) -> bool {
        match at {
            DocRef::Chunk(chunk, _) => self.chunks[chunk as usize].bodies.cold.is_some(),
            DocRef::Tail(_) => false,
        }
    }

    /// Whether the text of a document was asked for in vain since missing parts were last taken.
    pub(crate) fn lacks(&self, at: DocRef) -> bool {
        match at {
            DocRef::Chunk(chunk, local) => self.chunks[chunk as usize].bodies.lacks(local),
            DocRef::Tail(_) => false,
        }
    }

    /// Notes that a document was in an answer, with what was read of it.
    pub(crate) fn used(
        &self,
        at: DocRef,
        (memory, vectors): (&Arc<Memory>, &[Vec<f32>]),
        now_ns: i64,
    ) {
        if let DocRef::Chunk(chunk, local) = at {
            let view = &self.chunks[chunk as usize];
            view.chunk.heat.touch(now_ns);
            view.bodies.used(local, memory, vectors);
        }
    }

    /// Number of vectors of the live documents from a node on.
    pub(crate) fn vectors_from(&self, from: u32) -> u64 {
        let chunks = self.chunks.iter().map(|view| {
            let chunk = &view.chunk;
            let first = chunk.owners_before(chunk.first_local(from));
            let all = first..chunk.vector_count() as u32;
            if view.fate.deleted.is_empty() {
                return u64::from(all.end - first);
            }
            all.filter(|vector| view.state(chunk.owner(*vector)).is_some()).count() as u64
        });
        let tail = self.tail.iter().filter(|tail| tail.node >= from);
        chunks.sum::<u64>() + tail.map(|tail| tail.doc.vectors.len() as u64).sum::<u64>()
    }

    pub(crate) fn vector_count(&self, at: DocRef) -> u32 {
        match at {
            DocRef::Chunk(chunk, local) => {
                self.chunks[chunk as usize].chunk.vectors_of(local).len() as u32
            }
            DocRef::Tail(index) => self.tail[index as usize].doc.vectors.len() as u32,
        }
    }

    /// Sum over what use, evidence, chains and marks have made of the memories: equal wherever the same was learned.
    pub(crate) fn learned_sum(&self) -> u64 {
        let chains = self.associations.successions.sum();
        let judged = self.marks.sum().wrapping_add(self.calibration.sum());
        self.traces.sum().wrapping_add(chains).wrapping_add(judged)
    }

    /// Bytes of the whole state in RAM, estimated from the lengths of what it holds; hot memories of warm chunks apart.
    pub(crate) fn resident_bytes(&self) -> u64 {
        let chunks: u64 = self.chunks.iter().map(ChunkView::heap_bytes).sum();
        let tail = self.tail.iter().chain(&self.older).map(|tail| {
            let components: usize = tail.doc.vectors.iter().map(Vec::len).sum();
            memory_bytes(&tail.doc.memory) + components as u64 * 4
        });
        let graph = self.proximity.as_ref().map_or(0, |view| view.graph.heap_bytes() as u64);
        let learned = self.associations.heap_bytes()
            + self.traces.heap_bytes()
            + self.beliefs.heap_bytes()
            + self.marks.heap_bytes();
        chunks + tail.sum::<u64>() + graph + learned + self.versions.heap_bytes()
    }
}

/// Which memories have no associations yet.
impl Snapshot {
    /// Number of live memories whose associations are not formed.
    pub(crate) fn unlinked(&self) -> u64 {
        self.live_from(self.associations.linked)
    }

    /// Number of live memories from a node on.
    pub(crate) fn live_from(&self, first_node: u32) -> u64 {
        let chunks = self.chunks.iter().rev().map_while(|view| {
            let (first, last) = view.chunk.node_range()?;
            if last < first_node {
                return None;
            }
            if first >= first_node {
                return Some(view.live());
            }
            let locals = view.chunk.first_local(first_node)..view.chunk.len() as u32;
            Some(locals.filter(|local| view.state(*local).is_some()).count() as u64)
        });
        let tail = self.tail.len() - self.tail.partition_point(|tail| tail.node < first_node);
        chunks.sum::<u64>() + tail as u64
    }

    /// The first of them with their nodes, ascending, at most `count`.
    pub(crate) fn unlinked_docs(&self, count: usize) -> Vec<(u32, DocRef)> {
        let linked = self.associations.linked;
        let done =
            |view: &ChunkView| view.chunk.node_range().is_some_and(|(_, last)| last < linked);
        let first = self.chunks.partition_point(done);
        let chunks = self.chunks.iter().enumerate().skip(first).flat_map(|(index, view)| {
            (view.chunk.first_local(linked)..view.chunk.len() as u32).filter_map(move |local| {
                view.state(local)?;
                Some((view.chunk.node(local), DocRef::Chunk(index as u32, local)))
            })
        });
        let tail = self.tail.iter().enumerate().filter(|(_, tail)| tail.node >= linked);
        let tail = tail.map(|(index, tail)| (tail.node, DocRef::Tail(index as u32)));
        chunks.chain(tail).take(count).collect()
    }

    /// Whether the associations of all memories that were stored up to `lsn` are formed.
    pub(crate) fn is_linked(&self, lsn: Lsn) -> bool {
        self.unlinked_docs(1).first().is_none_or(|(_, at)| self.head(*at).lsn > lsn)
    }
}

fn place(memory: &Memory) -> Cursor {
    Cursor { lsn: memory.lsn.0, position: memory.position }
}

/// First of `0..count` for which `behind` holds; it holds for all that follow.
fn first_behind(count: u32, behind: impl Fn(u32) -> bool) -> u32 {
    let (mut low, mut high) = (0, count);
    while low < high {
        let middle = low + (high - low) / 2;
        if behind(middle) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    low
}
