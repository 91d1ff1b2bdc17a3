//! Changes of a snapshot: what commits do to it, and the merging of chunks.

use std::ops::Range;
use std::sync::Arc;

use engram_index::{Bitmap, DecayLaw, EdgeWeight, Retention};
use engram_store::Bug;

use super::chunk::{Built, Chunk, Doc};
use super::heat::Heat;
use super::marks::Mark;
use super::proximity::{Proximity, ProximityView};
use super::resident::Resident;
use super::snapshot::{DocRef, Indexing, Snapshot, TailDoc};
use super::successions::Succession;
use super::view::{ChunkView, Fate};
use crate::association::EdgeKind;
use crate::dynamics::Trace;
use crate::mark::PairDecision;
use crate::model::{ContentHash, Memory, Reconsolidation, State};

/// What is new counts as used once.
const HEAT_OF_BIRTH: f32 = 1.0;
/// Chunks of about one size that become one.
const MERGE_FAN_IN: usize = 16;
/// Chunks of this level (about 65,000 documents where 256 make the first) stay as they are: one merge is bounded, and so is
/// the part of a space that moves between tiers at once.
const MERGE_LEVEL_MAX: u32 = 2;

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
        if self.tail.len() + self.older.len() >= indexing.tail_memories_max {
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
        let mut all: Vec<&TailDoc> = self.tail.iter().chain(&self.older).collect();
        all.sort_unstable_by_key(|tail| tail.node);
        let docs: Vec<(Arc<Doc>, u32)> =
            all.iter().map(|tail| (Arc::clone(&tail.doc), tail.node)).collect();
        let (mut deleted, mut suppressed) = (Bitmap::default(), Bitmap::default());
        for (local, tail) in (0_u32..).zip(all) {
            if self.versions.is_older(tail.node) {
                deleted.insert(local);
            } else if tail.state == State::Suppressed {
                suppressed.insert(local);
            }
        }
        let fate = Fate {
            older: self.older.len() as u64,
            deleted: Arc::new(deleted),
            suppressed: Arc::new(suppressed),
            deleted_since: None,
        };
        let mut built = Chunk::build(&docs, dimension, &self.supersede_key);
        built.chunk.heat = Heat::new(HEAT_OF_BIRTH, self.committed_at.0);
        self.chunks.push(ChunkView::new(built, fate));
        self.tail.clear();
        self.older.clear();
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
                let suppressed = Arc::make_mut(&mut self.chunks[chunk as usize].fate.suppressed);
                match state {
                    State::Suppressed => suppressed.insert(local),
                    State::Active => suppressed.remove(local),
                };
            }
        }
        self.recount(at, state, Sign::Plus);
        let node = self.node(at);
        self.follow_in_graph(node, Some(state));
        self.show_in_beliefs(node, state);
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
        let active = self.places().filter(|(_, state)| *state == State::Active);
        let mut nodes = active.map(|(at, _)| self.node(at)).peekable();
        // Both ascend.
        for (vector, owner) in (0_u32..).zip(&graph.owners) {
            while nodes.next_if(|node| node < owner).is_some() {}
            if nodes.peek() != Some(owner) {
                hidden.push(vector);
            }
        }
        Bitmap::from_ordinals(&hidden)
    }

    /// Takes a live document away for good, with the older versions of its memory. Other references into the tail become
    /// invalid.
    pub(crate) fn delete(&mut self, at: DocRef, indexing: Indexing<'_>) {
        let Some((node, memory)) = self.take_from_indexes(at, indexing) else { return };
        let older: Vec<u32> = self.associations.supersedes(node).collect();
        self.associations.forget(node);
        self.part_what_was_denied(&older);
        self.traces.remove(node);
        self.marks.forget(node);
        match at {
            DocRef::Tail(index) => {
                self.tail.remove(index as usize);
            }
            DocRef::Chunk(chunk, local) => {
                let fate = &mut self.chunks[chunk as usize].fate;
                fate.end(local);
                fate.deleted_since.get_or_insert(self.committed_at.0);
            }
        }
        self.forget_versions(&memory.id, node);
        self.forget_in_beliefs(node);
    }

    /// Puts a newer version of a memory in the place of its live document, which stays as an older version. Other references
    /// into the tail become invalid.
    pub(crate) fn supersede(&mut self, at: DocRef, newer: Arc<Doc>, indexing: Indexing<'_>) {
        let Some((old, before)) = self.take_from_indexes(at, indexing) else { return };
        match at {
            DocRef::Tail(index) => {
                let older = self.tail.remove(index as usize);
                let place = self.older.partition_point(|other| other.node < old);
                self.older.insert(place, older);
            }
            DocRef::Chunk(chunk, local) => {
                let fate = &mut self.chunks[chunk as usize].fate;
                fate.end(local);
                fate.older += 1;
            }
        }
        let new = self.next_node;
        self.versions.replace(old, new, self.lsn);
        let memory = Arc::clone(&newer.memory);
        self.put(newer, indexing);
        self.carry_over(old, new);
        let fades_alike = before.content.decay == memory.content.decay
            && before.learned_at() == memory.learned_at();
        if !fades_alike && self.traces.get(new).is_some() {
            let fresh = Trace::fresh(&self.fading(&memory.course())).retention;
            self.learn(new, |trace, _| {
                trace.retention = Retention { uses: trace.retention.uses, ..fresh };
            });
        }
        if let Some(Reconsolidation { weight, .. }) = memory.reconsolidation {
            let stated = before.content.confidence;
            self.learn(new, |trace, _| trace.reconsolidate(stated, weight));
        }
    }

    /// Moves what belongs to a memory and to none of its versions from the node of the older one to that of the newer one.
    fn carry_over(&mut self, old: u32, new: u32) {
        self.traces.hand_over(old, new);
        let older: Vec<u32> = self.associations.supersedes(old).collect();
        self.associations.hand_over(old, new);
        self.part_what_was_denied(&older);
        self.carry_belief(old, new);
        for mark in self.marks.hand_over(old, new) {
            self.carry_out(&mark);
        }
    }

    /// What was behind a memory in a chain came to stand in the place of what was before it: not where somebody decided otherwise
    /// about these two.
    fn part_what_was_denied(&mut self, older: &[u32]) {
        for older in older {
            let Some(own) = self.associations.successions.get(*older) else { continue };
            if self.marks.decided_supersession(own.by, *older) == Some(false) {
                self.associations.disconnect(own.by, *older, EdgeKind::Supersedes);
            }
        }
    }

    /// Makes what was decided about a pair visible as an association.
    pub(crate) fn carry_out(&mut self, mark: &Mark) {
        let Some(decided) = mark.decided else { return };
        match decided.decision {
            PairDecision::Supersedes => {
                self.hold_instead(decided.judged, mark.other(decided.judged))
            }
            PairDecision::Contradicts => {
                let kind = EdgeKind::Contradicts;
                self.associations.connect(mark.later, mark.earlier, kind, EdgeWeight::ONE);
            }
            PairDecision::Unrelated => {}
        }
    }

    /// One memory takes the place of another, from when both are there to be true.
    pub(crate) fn hold_instead(&mut self, newer: u32, older: u32) {
        let from_ns = |node: u32| {
            let found = self.doc_of_node(node);
            found.map_or(i64::MIN, |(at, _)| self.head(at).stated_from())
        };
        let since_ns = from_ns(newer).max(from_ns(older));
        self.associations.supersede(older, Succession { by: newer, since_ns });
    }

    /// Takes a live document out of all that counts and finds it; its node and its head.
    fn take_from_indexes(
        &mut self,
        at: DocRef,
        indexing: Indexing<'_>,
    ) -> Option<(u32, Arc<Memory>)> {
        let state = self.state(at)?;
        self.recount(at, state, Sign::Minus);
        let (node, memory) = (self.node(at), self.head(at).into_arc());
        let title = &memory.content.title;
        if !title.is_empty() {
            self.associations.titles.remove(indexing.analyzer, title, u64::from(node));
        }
        self.follow_in_graph(node, None);
        Some((node, memory))
    }

    /// Takes in what happened to a live memory; what is gone is skipped.
    pub(crate) fn learn(&mut self, node: u32, learn: impl FnOnce(&mut Trace, DecayLaw)) {
        let Some((at, _)) = self.doc_of_node(node) else { return };
        let fading = self.fading(&self.outline(at).course);
        self.traces.change(node, || Trace::fresh(&fading), |trace| learn(trace, fading.law()));
    }

    fn recount(&mut self, at: DocRef, state: State, sign: Sign) {
        let terms = match at {
            DocRef::Tail(index) => self.tail[index as usize].doc.words.postings.doc_len(0),
            DocRef::Chunk(chunk, local) => {
                self.chunks[chunk as usize].chunk.postings.doc_len(local)
            }
        };
        let vectors = self.vector_count(at) as usize;
        let memory = self.head(at).into_arc();
        self.count(&memory, state, sign, terms as usize, vectors);
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
    }

    /// Chunks that are due to be written anew as one: one that is half deleted, or has held something deleted since before
    /// `deleted_before`, ns; or neighbours of about one size.
    pub(crate) fn merge_due(
        &self,
        deleted_before: i64,
        indexing: Indexing<'_>,
    ) -> Option<Range<usize>> {
        let worn = |view: &ChunkView| {
            view.fate.dropped() * 2 > view.chunk.len() as u64
                || view.fate.deleted_since.is_some_and(|since| since < deleted_before)
        };
        if let Some(index) = self.chunks.iter().position(worn) {
            return Some(index..index + 1);
        }
        let level = |view: &ChunkView| {
            let mut level = 0;
            let mut docs = indexing.tail_memories_max * MERGE_FAN_IN;
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
    ///
    /// # Errors
    /// What is in files cannot be read: the space is quarantined.
    pub(crate) fn merged(&self, range: Range<usize>) -> Result<Built, String> {
        let views = &self.chunks[range];
        let bodies = views.iter().map(ChunkView::load_bodies);
        let bodies = bodies.collect::<Result<Vec<Arc<Resident>>, String>>()?;
        let parts: Vec<(&Chunk, &Resident)> =
            views.iter().zip(&bodies).map(|(view, bodies)| (&*view.chunk, &**bodies)).collect();
        let stays =
            |part: usize, local| self.stays(&views[part], local) || Bug::DeletedRevived.is_on();
        let mut built = Chunk::merge(&parts, &stays);
        let now_ns = self.committed_at.0;
        let heat = views.iter().map(|view| view.chunk.heat.level(now_ns)).sum();
        built.chunk.heat = Heat::new(heat, now_ns);
        Ok(built)
    }

    /// Puts `merged` in the place of `range`, with what became of its documents since it was made from `before`.
    pub(crate) fn replace(&mut self, range: Range<usize>, merged: Built, before: &Snapshot) {
        let (mut deleted, mut suppressed) = (Bitmap::default(), Bitmap::default());
        let mut deleted_since: Option<i64> = None;
        let (mut local, mut older) = (0, 0);
        for (old, now) in before.chunks[range.clone()].iter().zip(&self.chunks[range.clone()]) {
            debug_assert!(Arc::ptr_eq(&old.chunk, &now.chunk), "only maintenance replaces chunks");
            if old.fate.dropped() != now.fate.dropped() {
                let since = now.fate.deleted_since;
                deleted_since = deleted_since.into_iter().chain(since).min();
            }
            for old_local in 0..old.chunk.len() as u32 {
                if Bug::DeletedRevived.is_on() {
                    local += 1;
                    continue;
                }
                if !before.stays(old, old_local) {
                    continue;
                }
                older += u64::from(self.versions.is_older(now.chunk.node(old_local)));
                match now.state(old_local) {
                    None => deleted.insert(local),
                    Some(State::Suppressed) => suppressed.insert(local),
                    Some(State::Active) => false,
                };
                local += 1;
            }
        }
        if merged.chunk.len() == 0 {
            self.chunks.drain(range);
            return;
        }
        let fate = Fate {
            deleted: Arc::new(deleted),
            older,
            suppressed: Arc::new(suppressed),
            deleted_since,
        };
        self.chunks.splice(range, [ChunkView::new(merged, fate)]);
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
