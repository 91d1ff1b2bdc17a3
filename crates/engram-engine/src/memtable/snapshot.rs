//! What readers see: one consistent state of a space, replaced as a whole, never changed.

use std::sync::Arc;

use engram_index::{Analyzer, Bitmap};
use engram_store::{CommitTime, Lsn};

use super::associations::Associations;
use super::chunk::{Chunk, Doc};
use super::proximity::{GraphHash, Proximity, ProximityView};
use crate::model::{ContentHash, Cursor, Memory, State, metadata_bytes};

/// Documents searched one by one before they become a chunk.
const TAIL_DOCS_MAX: usize = 256;
/// Chunks of about one size that become one.
const MERGE_FAN_IN: usize = 16;
/// Chunks of this level (about a million documents) stay as they are: one merge is bounded.
const MERGE_LEVEL_MAX: u32 = 3;

/// What of a space's settings its state is built by.
#[derive(Clone, Copy)]
pub(crate) struct Indexing<'a> {
    pub(crate) analyzer: &'a Analyzer,
    /// Components of a vector.
    pub(crate) dimension: u32,
}

/// State of a space after one commit.
#[derive(Clone, Debug, Default)]
pub(crate) struct Snapshot {
    pub(crate) lsn: Lsn,
    pub(crate) committed_at: CommitTime,
    /// Wrapping sum over the live documents; see `state_term`.
    pub(crate) state_sum: u64,
    pub(crate) chunks: Vec<ChunkView>,
    pub(crate) tail: Vec<TailDoc>,
    pub(crate) figures: Figures,
    /// Node of the next memory or entity.
    pub(crate) next_node: u32,
    pub(crate) associations: Associations,
    /// The graph that vectors are searched over; none = they are compared one by one.
    pub(crate) proximity: Option<ProximityView>,
    /// Hash of the graph that the log names last.
    pub(crate) graph_hash: Option<GraphHash>,
}

/// Counts over the live documents, kept with every change so that no ranking needs a full pass.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Figures {
    pub(crate) active: u64,
    pub(crate) suppressed: u64,
    pub(crate) vectors: u64,
    /// Terms of the active documents.
    pub(crate) terms: u64,
    /// Bytes of the memories without indexes and vectors, active and suppressed.
    pub(crate) memory_bytes: u64,
}

/// A chunk and what became of its documents since.
#[derive(Clone, Debug)]
pub(crate) struct ChunkView {
    pub(crate) chunk: Arc<Chunk>,
    deleted: Arc<Bitmap>,
    /// Disjoint from `deleted`.
    suppressed: Arc<Bitmap>,
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

impl ChunkView {
    /// State of a document; none = deleted.
    pub(crate) fn state(&self, local: u32) -> Option<State> {
        if self.deleted.contains(local) {
            None
        } else if self.suppressed.contains(local) {
            Some(State::Suppressed)
        } else {
            Some(State::Active)
        }
    }

    /// Number of active documents.
    pub(crate) fn active(&self) -> u64 {
        self.chunk.len() as u64 - self.deleted.len() - self.suppressed.len()
    }

    /// When the first and the last of its active documents happened, ns.
    pub(crate) fn active_times(&self) -> Option<(i64, i64)> {
        if self.is_whole() {
            return self.chunk.columns.times();
        }
        let locals = 0..self.chunk.len() as u32;
        let active = locals.filter(|local| self.state(*local) == Some(State::Active));
        let times = active.map(|local| self.chunk.memory(local).happened_at());
        times.map(|at| (at, at)).reduce(|all, own| (all.0.min(own.0), all.1.max(own.1)))
    }

    /// Those of `documents` that are active.
    pub(crate) fn active_of(&self, documents: &Bitmap) -> Bitmap {
        documents.and_not(&self.deleted).and_not(&self.suppressed)
    }

    /// Whether every document is active.
    pub(crate) fn is_whole(&self) -> bool {
        self.deleted.is_empty() && self.suppressed.is_empty()
    }
}

impl Snapshot {
    /// Every live document in log order, from the first behind `after`.
    pub(crate) fn docs(
        &self,
        after: Option<Cursor>,
    ) -> impl Iterator<Item = (DocRef, &Arc<Memory>, State)> {
        let behind = move |memory: &Memory| after.is_none_or(|cursor| place(memory) > cursor);
        let chunks = (0_u32..).zip(&self.chunks).flat_map(move |(index, view)| {
            let count = view.chunk.len() as u32;
            let first = first_behind(count, |local| behind(view.chunk.memory(local)));
            (first..count).filter_map(move |local| {
                let state = view.state(local)?;
                Some((DocRef::Chunk(index, local), view.chunk.memory(local), state))
            })
        });
        let tail = (0_u32..)
            .zip(&self.tail)
            .filter(move |(_, tail)| behind(&tail.doc.memory))
            .map(|(index, tail)| (DocRef::Tail(index), &tail.doc.memory, tail.state));
        chunks.chain(tail)
    }

    /// The live document of that id.
    pub(crate) fn find(&self, id: &str) -> Option<(DocRef, State)> {
        let in_tail = (0_u32..).zip(&self.tail).find(|(_, tail)| tail.doc.memory.id == id);
        if let Some((index, tail)) = in_tail {
            return Some((DocRef::Tail(index), tail.state));
        }
        self.chunks.iter().enumerate().rev().find_map(|(index, view)| {
            view.chunk
                .locals_of_id(id)
                .find_map(|local| Some((DocRef::Chunk(index as u32, local), view.state(local)?)))
        })
    }

    /// Ids of the active documents with this content that `accept` lets pass, at most `limit`, in log order.
    pub(crate) fn ids_of_content(
        &self,
        hash: ContentHash,
        limit: usize,
        accept: &dyn Fn(&Memory) -> bool,
    ) -> Vec<String> {
        let chunks = self.chunks.iter().flat_map(|view| {
            view.chunk
                .locals_of_content(hash)
                .filter(|local| view.state(*local) == Some(State::Active))
                .map(|local| view.chunk.memory(local))
        });
        let tail = self
            .tail
            .iter()
            .filter(|tail| tail.state == State::Active && tail.doc.memory.content_hash == hash)
            .map(|tail| &tail.doc.memory);
        let found = chunks.chain(tail).filter(|memory| accept(memory));
        found.take(limit).map(|memory| memory.id.clone()).collect()
    }

    pub(crate) fn memory(&self, at: DocRef) -> &Arc<Memory> {
        match at {
            DocRef::Chunk(chunk, local) => self.chunks[chunk as usize].chunk.memory(local),
            DocRef::Tail(index) => &self.tail[index as usize].doc.memory,
        }
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

    pub(crate) fn state(&self, at: DocRef) -> Option<State> {
        match at {
            DocRef::Chunk(chunk, local) => self.chunks[chunk as usize].state(local),
            DocRef::Tail(index) => Some(self.tail[index as usize].state),
        }
    }

    pub(crate) fn vectors(&self, at: DocRef) -> Vec<Vec<f32>> {
        match at {
            DocRef::Chunk(chunk, local) => {
                self.chunks[chunk as usize].chunk.vectors_of(local).map(<[f32]>::to_vec).collect()
            }
            DocRef::Tail(index) => self.tail[index as usize].doc.vectors.clone(),
        }
    }

    /// Vector number `place` of a document.
    pub(crate) fn vector(&self, at: DocRef, place: usize) -> Option<&[f32]> {
        match at {
            DocRef::Chunk(chunk, local) => {
                self.chunks[chunk as usize].chunk.vectors_of(local).nth(place)
            }
            DocRef::Tail(index) => {
                self.tail[index as usize].doc.vectors.get(place).map(Vec::as_slice)
            }
        }
    }

    /// Calls `visit` with every vector of the live documents from a node on, in order.
    pub(crate) fn each_vector(&self, from: u32, visit: &mut dyn FnMut(u32, &[f32])) {
        for view in &self.chunks {
            for local in view.chunk.first_local(from)..view.chunk.len() as u32 {
                if view.state(local).is_some() {
                    let node = view.chunk.node(local);
                    view.chunk.vectors_of(local).for_each(|vector| visit(node, vector));
                }
            }
        }
        for tail in self.tail.iter().filter(|tail| tail.node >= from) {
            tail.doc.vectors.iter().for_each(|vector| visit(tail.node, vector));
        }
    }

    pub(crate) fn vector_count(&self, at: DocRef) -> u32 {
        match at {
            DocRef::Chunk(chunk, local) => {
                self.chunks[chunk as usize].chunk.vectors_of(local).count() as u32
            }
            DocRef::Tail(index) => self.tail[index as usize].doc.vectors.len() as u32,
        }
    }

    /// Bytes of the whole state in RAM, estimated from the lengths of what it holds.
    pub(crate) fn resident_bytes(&self, dimension: u32) -> u64 {
        let indexes: u64 = self.chunks.iter().map(|view| view.chunk.index_bytes()).sum();
        let vectors: usize = self.tail.iter().map(|tail| tail.doc.vectors.len()).sum();
        let graph = self.proximity.as_ref().map_or(0, |view| view.graph.heap_bytes() as u64);
        indexes + graph + self.figures.memory_bytes + vectors as u64 * u64::from(dimension) * 4
    }
}

/// Which memories have no associations yet.
impl Snapshot {
    /// Number of live memories whose associations are not formed.
    pub(crate) fn unlinked(&self) -> u64 {
        let linked = self.associations.linked;
        let chunks = self.chunks.iter().rev().map_while(|view| {
            let (first, last) = view.chunk.node_range()?;
            if last < linked {
                return None;
            }
            if first >= linked {
                return Some(view.chunk.len() as u64 - view.deleted.len());
            }
            let locals = view.chunk.first_local(linked)..view.chunk.len() as u32;
            Some(locals.filter(|local| view.state(*local).is_some()).count() as u64)
        });
        let tail = self.tail.len() - self.tail.partition_point(|tail| tail.node < linked);
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
        self.unlinked_docs(1).first().is_none_or(|(_, at)| self.memory(*at).lsn > lsn)
    }
}

/// Changes, made by the one writer of a space on its own copy of the snapshot before it is published.
impl Snapshot {
    /// Adds a document. Its id must not be live.
    pub(crate) fn put(&mut self, doc: Arc<Doc>, indexing: Indexing<'_>) {
        self.count(
            &doc.memory,
            State::Active,
            Sign::Plus,
            doc.words.postings.doc_len(0) as usize,
            doc.vectors.len(),
        );
        let node = self.new_node();
        let title = &doc.memory.content.title;
        if !title.is_empty() {
            self.associations.titles.insert(indexing.analyzer, title, u64::from(node));
        }
        self.tail.push(TailDoc { doc, node, state: State::Active });
        if self.tail.len() >= TAIL_DOCS_MAX {
            self.seal_tail(indexing.dimension);
        }
    }

    /// The next number of the sequence of memories and entities. Panics after 4 Gi of them in one space.
    pub(crate) fn new_node(&mut self) -> u32 {
        let node = self.next_node;
        self.next_node =
            node.checked_add(1).expect("a space stays below 4 Gi memories and entities");
        node
    }

    fn seal_tail(&mut self, dimension: u32) {
        let docs: Vec<(Arc<Doc>, u32)> =
            self.tail.iter().map(|tail| (Arc::clone(&tail.doc), tail.node)).collect();
        let mut suppressed = Bitmap::default();
        for (local, tail) in (0_u32..).zip(&self.tail) {
            if tail.state == State::Suppressed {
                suppressed.insert(local);
            }
        }
        self.chunks.push(ChunkView {
            chunk: Arc::new(Chunk::build(&docs, dimension)),
            deleted: Arc::default(),
            suppressed: Arc::new(suppressed),
        });
        self.tail.clear();
    }

    /// Makes a live document active or suppressed; whether that changed anything.
    pub(crate) fn set_state(&mut self, at: DocRef, state: State) -> bool {
        let Some(old) = self.state(at).filter(|old| *old != state) else {
            return false;
        };
        self.recount(at, old, Sign::Minus);
        match at {
            DocRef::Tail(index) => self.tail[index as usize].state = state,
            DocRef::Chunk(chunk, local) => {
                let suppressed = Arc::make_mut(&mut self.chunks[chunk as usize].suppressed);
                match state {
                    State::Suppressed => suppressed.insert(local),
                    State::Active => suppressed.remove(local),
                };
            }
        }
        self.recount(at, state, Sign::Plus);
        self.follow_in_graph(self.node(at), Some(state));
        true
    }

    fn follow_in_graph(&mut self, node: u32, state: Option<State>) {
        if let Some(view) = self.proximity.as_mut().filter(|view| node < view.graph.through) {
            view.change(node, state);
        }
    }

    /// Puts a graph into use.
    pub(crate) fn use_graph(&mut self, graph: Arc<Proximity>) {
        let hidden = Arc::new(self.hidden_in(&graph));
        self.graph_hash = Some(graph.hash);
        self.proximity = Some(ProximityView { graph, hidden });
    }

    /// The vectors of a graph whose memories are not active.
    fn hidden_in(&self, graph: &Proximity) -> Bitmap {
        let mut hidden: Vec<u32> = Vec::new();
        let active = self.docs(None).filter(|(_, _, state)| *state == State::Active);
        let mut nodes = active.map(|(at, _, _)| self.node(at)).peekable();
        // Both ascend.
        for (vector, owner) in (0_u32..).zip(&graph.owners) {
            while nodes.next_if(|node| node < owner).is_some() {}
            if nodes.peek() != Some(owner) {
                hidden.push(vector);
            }
        }
        Bitmap::from_ordinals(&hidden)
    }

    /// Takes a live document away for good. Other references into the tail become invalid.
    pub(crate) fn delete(&mut self, at: DocRef, indexing: Indexing<'_>) {
        let Some(old) = self.state(at) else { return };
        self.recount(at, old, Sign::Minus);
        let node = self.node(at);
        let title = &self.memory(at).content.title;
        if !title.is_empty() {
            let title = title.clone();
            self.associations.titles.remove(indexing.analyzer, &title, u64::from(node));
        }
        self.associations.forget(node);
        self.follow_in_graph(node, None);
        match at {
            DocRef::Tail(index) => {
                self.tail.remove(index as usize);
            }
            DocRef::Chunk(chunk, local) => {
                let view = &mut self.chunks[chunk as usize];
                Arc::make_mut(&mut view.deleted).insert(local);
                if view.suppressed.contains(local) {
                    Arc::make_mut(&mut view.suppressed).remove(local);
                }
            }
        }
    }

    fn recount(&mut self, at: DocRef, state: State, sign: Sign) {
        let (memory, terms, vectors) = match at {
            DocRef::Tail(index) => {
                let doc = &self.tail[index as usize].doc;
                let terms = doc.words.postings.doc_len(0) as usize;
                (Arc::clone(&doc.memory), terms, doc.vectors.len())
            }
            DocRef::Chunk(chunk, local) => {
                let chunk = &self.chunks[chunk as usize].chunk;
                let terms = chunk.postings.doc_len(local) as usize;
                (Arc::clone(chunk.memory(local)), terms, chunk.vectors_of(local).count())
            }
        };
        self.count(&memory, state, sign, terms, vectors);
    }

    fn count(&mut self, memory: &Memory, state: State, sign: Sign, terms: usize, vectors: usize) {
        let term = state_term(&memory.id, memory.version, &memory.content_hash, state);
        self.state_sum = match sign {
            Sign::Plus => self.state_sum.wrapping_add(term),
            Sign::Minus => self.state_sum.wrapping_sub(term),
        };
        let change = |figure: &mut u64, by: u64| match sign {
            Sign::Plus => *figure += by,
            Sign::Minus => *figure -= by,
        };
        let figures = &mut self.figures;
        match state {
            State::Active => {
                change(&mut figures.active, 1);
                change(&mut figures.terms, terms as u64);
            }
            State::Suppressed => change(&mut figures.suppressed, 1),
        }
        change(&mut figures.vectors, vectors as u64);
        change(&mut figures.memory_bytes, memory_bytes(memory));
    }

    /// Chunks that are due to be written anew as one: one that is half deleted, or neighbours of about one size.
    pub(crate) fn merge_due(&self) -> Option<std::ops::Range<usize>> {
        let half_deleted = |view: &ChunkView| view.deleted.len() * 2 > view.chunk.len() as u64;
        if let Some(index) = self.chunks.iter().position(half_deleted) {
            return Some(index..index + 1);
        }
        let level = |view: &ChunkView| {
            let mut level = 0;
            let mut docs = TAIL_DOCS_MAX * MERGE_FAN_IN;
            while view.chunk.len() >= docs {
                level += 1;
                docs *= MERGE_FAN_IN;
            }
            level
        };
        let levels: Vec<u32> = self.chunks.iter().map(level).collect();
        (0..levels.len().saturating_sub(MERGE_FAN_IN - 1))
            .find(|first| {
                let level = levels[*first];
                level < MERGE_LEVEL_MAX
                    && levels[*first..*first + MERGE_FAN_IN].iter().all(|other| *other == level)
            })
            .map(|first| first..first + MERGE_FAN_IN)
    }

    /// Merges without touching the snapshot: the slow half, done while writes go on.
    pub(crate) fn merged(&self, range: std::ops::Range<usize>) -> Arc<Chunk> {
        let views = &self.chunks[range];
        let parts: Vec<&Chunk> = views.iter().map(|view| &*view.chunk).collect();
        Arc::new(Chunk::merge(&parts, &|part, local| views[part].state(local).is_some()))
    }

    /// Puts `merged` in the place of `range`, with what became of its documents since it was made from `before`.
    pub(crate) fn replace(
        &mut self,
        range: std::ops::Range<usize>,
        merged: Arc<Chunk>,
        before: &Snapshot,
    ) {
        let (mut deleted, mut suppressed) = (Bitmap::default(), Bitmap::default());
        let mut local = 0;
        for (old, now) in before.chunks[range.clone()].iter().zip(&self.chunks[range.clone()]) {
            debug_assert!(Arc::ptr_eq(&old.chunk, &now.chunk), "only maintenance replaces chunks");
            for old_local in 0..old.chunk.len() as u32 {
                if old.state(old_local).is_none() {
                    continue;
                }
                match now.state(old_local) {
                    None => deleted.insert(local),
                    Some(State::Suppressed) => suppressed.insert(local),
                    Some(State::Active) => false,
                };
                local += 1;
            }
        }
        if merged.len() == 0 {
            self.chunks.drain(range);
            return;
        }
        let view = ChunkView {
            chunk: merged,
            deleted: Arc::new(deleted),
            suppressed: Arc::new(suppressed),
        };
        self.chunks.splice(range, [view]);
    }
}

#[derive(Clone, Copy)]
enum Sign {
    Plus,
    Minus,
}

/// What a live document adds to the state sum of its space.
pub(crate) fn state_term(id: &str, version: u32, content: &ContentHash, state: State) -> u64 {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&version.to_le_bytes());
    hasher.update(&[state as u8]);
    hasher.update(content);
    hasher.update(id.as_bytes());
    let mut term = [0; 8];
    term.copy_from_slice(&hasher.finalize().as_bytes()[..8]);
    u64::from_le_bytes(term)
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

fn memory_bytes(memory: &Memory) -> u64 {
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
