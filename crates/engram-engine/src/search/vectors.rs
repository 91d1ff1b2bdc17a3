//! The vectors of a snapshot: which are nearest, and how near single ones are.
//!
//! What the graph covers is searched over it, the rest is compared exactly; without a graph all is. Cosines are canonical
//! dot products of the full vectors in each case.

use std::cell::RefCell;
use std::collections::HashMap;

use engram_index::{
    HnswScratch, Kernels, ScanScratch, SearchRoute, TopK, VectorFilter, VectorQuery, VectorRows,
};

use super::Scores;
use crate::answer::VectorSearch;
use crate::memtable::{ChunkView, DocRef, ProximityView, Snapshot};

/// Candidates that a walk over the graph keeps, at least.
const WALK_MIN: usize = 128;

thread_local! {
    /// Memory to search in, used again by each search of a thread.
    static SCRATCH: RefCell<(HnswScratch, ScanScratch)> = RefCell::default();
}

/// What a search by vector found.
#[derive(Default)]
pub(crate) struct Nearest {
    /// Nodes with their cosines, best first.
    pub(crate) scores: Scores,
    pub(crate) scanned: u64,
    pub(crate) search: VectorSearch,
}

/// Which documents a search may find.
#[derive(Clone, Copy)]
pub(crate) struct Accepted<'a> {
    pub(crate) accept: &'a (dyn Fn(DocRef) -> bool + Sync),
    /// Whether that is every active document.
    pub(crate) all_active: bool,
    /// How many documents it holds for.
    pub(crate) count: u64,
}

impl Snapshot {
    /// The accepted documents whose vectors are nearest, at most `count`.
    pub(crate) fn nearest(&self, vector: &[f32], count: usize, accepted: Accepted<'_>) -> Nearest {
        SCRATCH.with_borrow_mut(|(walk, scan)| {
            let mut best: HashMap<u32, f32> = HashMap::new();
            let mut found = Nearest { search: VectorSearch::Exact, ..Nearest::default() };
            let mut from = 0;
            if let Some(view) = &self.proximity {
                from = view.graph.through;
                let report = self.walk(view, (vector, count), accepted, walk);
                if report.0 == SearchRoute::Graph {
                    found.search = VectorSearch::Hnsw;
                }
                found.scanned += report.1;
                for (ordinal, score) in walk.hits() {
                    offer(&mut best, view.graph.owners[*ordinal as usize], *score);
                }
            }
            found.scanned += self.compare_all(from, (vector, count), accepted, scan, &mut best);
            let mut top = TopK::new(count);
            for (node, score) in best {
                top.push(u64::from(node), score);
            }
            found.scores = top.into_sorted();
            found
        })
    }

    /// Searches the graph; the way it took and the vectors it compared.
    fn walk(
        &self,
        view: &ProximityView,
        (vector, count): (&[f32], usize),
        accepted: Accepted<'_>,
        scratch: &mut HnswScratch,
    ) -> (SearchRoute, u64) {
        let owners = &view.graph.owners;
        let inside = |ordinal: u32| {
            !view.hidden.contains(ordinal)
                && (accepted.all_active
                    || self
                        .doc_of_node(owners[ordinal as usize])
                        .is_some_and(|(at, _)| (accepted.accept)(at)))
        };
        let visible = owners.len() - view.hidden.len() as usize;
        let filter = if accepted.all_active && view.hidden.is_empty() {
            VectorFilter::All
        } else {
            let share = accepted.count as f64 / (self.figures.active.max(1)) as f64;
            let count = (visible as f64 * share).ceil() as usize;
            VectorFilter::Where { accept: &inside, count: count.min(visible) }
        };
        let query = VectorQuery { vector, k: count, ef: WALK_MIN.max(count), filter };
        let report = view.graph.hnsw.search(&query, &GraphRows { snapshot: self, view }, scratch);
        (report.route, report.scored)
    }

    /// Compares the vectors of all accepted documents from a node on; how many those are.
    fn compare_all(
        &self,
        from: u32,
        (vector, count): (&[f32], usize),
        accepted: Accepted<'_>,
        scratch: &mut ScanScratch,
        best: &mut HashMap<u32, f32>,
    ) -> u64 {
        let mut compared = 0;
        for (index, view) in (0_u32..).zip(&self.chunks) {
            let first = view.chunk.first_local(from);
            if first as usize >= view.chunk.len() {
                continue;
            }
            let owner = |place: u32| view.chunk.owner(place);
            let accept = |place: u32| {
                owner(place) >= first && (accepted.accept)(DocRef::Chunk(index, owner(place)))
            };
            let vectors = view.chunk.vector_count();
            let whole = accepted.all_active && first == 0 && view.is_whole();
            let filter = if whole {
                VectorFilter::All
            } else {
                VectorFilter::Where { accept: &accept, count: vectors }
            };
            // So many that the best `count` documents are among them, however many vectors each has.
            let wanted = (count * view.chunk.vectors_per_doc_max).min(vectors);
            let Some(codes) = view.codes() else { continue };
            codes.scan((vector, wanted), &filter, view, scratch);
            compared += vectors as u64;
            for (place, score) in scratch.hits() {
                offer(best, view.chunk.node(owner(*place)), *score);
            }
        }
        for (index, tail) in (0_u32..).zip(&self.tail) {
            if tail.node >= from
                && (accepted.accept)(DocRef::Tail(index))
                && let Some(score) = self.cosine(DocRef::Tail(index), vector)
            {
                compared += tail.doc.vectors.len() as u64;
                offer(best, tail.node, score);
            }
        }
        compared
    }

    /// Cosine of the nearest of a document's vectors; none where it has none.
    pub(crate) fn cosine(&self, at: DocRef, vector: &[f32]) -> Option<f32> {
        let dot = Kernels::best().dot_f32;
        let mut best: Option<f32> = None;
        self.with_vectors(at, &mut |own| {
            let score = dot(vector, own);
            best = Some(best.map_or(score, |best| best.max(score)));
        });
        best
    }
}

/// A memory counts with the best of its vectors.
fn offer(best: &mut HashMap<u32, f32>, node: u32, score: f32) {
    let kept = best.entry(node).or_insert(score);
    *kept = kept.max(score);
}

/// The full vectors of a graph, wherever the snapshot keeps them.
struct GraphRows<'a> {
    snapshot: &'a Snapshot,
    view: &'a ProximityView,
}

impl VectorRows for ChunkView {
    fn with_row(&self, ordinal: u32, visit: &mut dyn FnMut(&[f32])) {
        self.with_vector(ordinal, visit);
    }
}

impl VectorRows for GraphRows<'_> {
    fn with_row(&self, ordinal: u32, visit: &mut dyn FnMut(&[f32])) {
        let owners = &self.view.graph.owners;
        let node = owners[ordinal as usize];
        let before = owners[..ordinal as usize].iter().rev().take_while(|owner| **owner == node);
        let place = before.count() as u32;
        let (at, _) =
            self.snapshot.doc_of_node(node).expect("only vectors of live memories are asked for");
        self.snapshot.with_vector(at, place, visit);
    }
}
