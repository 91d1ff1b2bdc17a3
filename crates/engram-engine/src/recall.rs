//! Recall: candidates of every route from one snapshot, one fused ranking, each item with its parts.
//!
//! The ranking is a function of the snapshot, the clock and the cue. It does not depend on how the documents are spread
//! over chunks: BM25 statistics count the recallable memories, the vector scan is exact, ties go to the earlier memory.

use std::collections::HashSet;

use engram_index::{
    Bm25, CorpusStats, FuseWeights, Fused, Kernels, TextQuery, TopK, WeightedQuery, fuse,
};

use crate::engine::Engine;
use crate::error::EngineError;
use crate::filter::Filter;
use crate::memtable::{Bitmap, ChunkView, Doc, DocRef, Snapshot};
use crate::model::{Explanation, Memory, Mode, Recall, Recalled, State};
use crate::read::detail;
use crate::request::Cue;
use crate::space::Space;
use crate::validate;

/// Candidates that each route puts up for the fusion, unless more items are asked for. Measured on dialogue: depths of
/// 50 to 200 rank alike; scoring every candidate on both routes ranks worse at these weights.
const ROUTE_CANDIDATES_MIN: usize = 100;
/// Most matched terms shown for one item.
const MATCHED_TERMS_MAX: usize = 64;

/// A cue with all that searching needs.
struct Probe<'a> {
    snapshot: &'a Snapshot,
    eligible: Eligible,
    terms: Vec<String>,
    /// Each term once, in the order of the cue.
    distinct_terms: Vec<String>,
    vector: Option<Vec<f32>>,
    weights: FuseWeights,
    candidates_max: usize,
}

/// Which documents may be found.
struct Eligible {
    /// Per chunk; none = all its active documents.
    chunks: Vec<Option<Bitmap>>,
    tail: Bitmap,
    count: u64,
}

/// Scored documents by key.
type Scores = Vec<(u64, f32)>;

impl Engine {
    /// Recalls by a cue. Changes nothing.
    ///
    /// # Errors
    /// An invalid cue, a mode that the space cannot serve, a failing embedder.
    pub fn recall(&self, space: &str, cue: &Cue) -> Result<Recall, EngineError> {
        let space = self.serving(space)?;
        let mut cue = cue.clone();
        validate::cue(&mut cue, space.settings.dimension)?;
        let vector = cue_vector(&space, &mut cue)?;
        let mut terms = Vec::new();
        if cue.mode != Mode::Similarity {
            space.analyzer.terms(&cue.text, &mut terms);
        }
        let snapshot = space.snapshot.load_full();
        let now_ns = self.now_ns();
        let probe = Probe {
            eligible: Eligible::new(&snapshot, &cue.filter, now_ns),
            weights: weights(&cue, vector.is_some(), self.settings().fuse),
            candidates_max: ROUTE_CANDIDATES_MIN.max(cue.limit),
            snapshot: &snapshot,
            distinct_terms: distinct(&terms),
            terms,
            vector,
        };
        let (fused, mut explanation) = probe.search();
        explanation.mode = cue.mode;
        let items = fused
            .into_iter()
            .filter(|fused| fused.score > 0.0 && fused.score >= cue.min_relevance)
            .take(cue.limit)
            .map(|fused| probe.recalled(fused, now_ns))
            .collect();
        explanation.terms = probe.terms;
        Ok(Recall { items, lsn: snapshot.lsn, explanation })
    }
}

fn distinct(terms: &[String]) -> Vec<String> {
    let mut seen = HashSet::new();
    terms.iter().filter(|term| seen.insert(*term)).cloned().collect()
}

/// The vector to search with, where the mode asks for one and there is one.
fn cue_vector(space: &Space, cue: &mut Cue) -> Result<Option<Vec<f32>>, EngineError> {
    let unsupported =
        |why: &str| EngineError::ModeUnsupported { mode: cue.mode.name(), why: why.to_owned() };
    if cue.mode == Mode::Keyword {
        if cue.text.trim().is_empty() {
            return Err(unsupported("it needs text"));
        }
        return Ok(None);
    }
    if let Some(vector) = cue.vector.take() {
        return Ok(Some(vector));
    }
    if cue.mode == Mode::Similarity && space.embedder()?.is_none() {
        return Err(unsupported("the space has no embedder and the cue no vector"));
    }
    space.embed_query(&cue.text)
}

/// The share of each route: a route that cannot run leaves all to the other.
fn weights(cue: &Cue, has_vector: bool, fused: FuseWeights) -> FuseWeights {
    let has_text = cue.mode != Mode::Similarity && !cue.text.trim().is_empty();
    match (has_vector, has_text) {
        (true, true) => fused,
        (true, false) => FuseWeights { vector: 1.0, text: 0.0 },
        (false, _) => FuseWeights { vector: 0.0, text: 1.0 },
    }
}

impl Eligible {
    fn new(snapshot: &Snapshot, filter: &Filter, now_ns: i64) -> Eligible {
        let passes = |memory: &Memory| !memory.is_expired(now_ns) && filter.matches(memory);
        let mut count = 0;
        let unfiltered = filter.is_empty();
        let mut chunk = |view: &ChunkView| {
            if unfiltered && !view.chunk.expires() {
                count += u64::from(view.active());
                return None;
            }
            let mut eligible = Bitmap::default();
            for local in 0..view.chunk.len() as u32 {
                if view.state(local) == Some(State::Active) && passes(view.chunk.memory(local)) {
                    eligible.insert(local);
                }
            }
            count += u64::from(eligible.len());
            Some(eligible)
        };
        let chunks = snapshot.chunks.iter().map(&mut chunk).collect();
        let mut tail = Bitmap::default();
        for (index, doc) in (0_u32..).zip(&snapshot.tail) {
            if doc.state == State::Active && passes(&doc.doc.memory) {
                tail.insert(index);
            }
        }
        count += u64::from(tail.len());
        Eligible { chunks, tail, count }
    }

    fn accepts(&self, view: &ChunkView, chunk: usize, local: u32) -> bool {
        match &self.chunks[chunk] {
            Some(eligible) => eligible.contains(local),
            None => view.state(local) == Some(State::Active),
        }
    }
}

impl Probe<'_> {
    /// Candidates of the routes, fused, best first.
    fn search(&self) -> (Vec<Fused>, Explanation) {
        let by_text = if self.weights.text > 0.0 { self.text_best() } else { Scores::new() };
        let (by_vector, vectors_scanned) = match &self.vector {
            Some(vector) if self.weights.vector > 0.0 => self.vector_best(vector),
            _ => (Scores::new(), 0),
        };
        let fused = fuse(&by_vector, &by_text, self.weights);
        let explanation = Explanation {
            eligible: self.eligible.count,
            candidates: fused.len() as u64,
            vectors_scanned,
            ..Explanation::default()
        };
        (fused, explanation)
    }

    /// The best by BM25 of the eligible documents that hold a term.
    fn text_best(&self) -> Scores {
        let figures = self.snapshot.figures;
        let stats = CorpusStats { docs: figures.active, total_len: figures.terms };
        let query = TextQuery::new(&self.terms);
        let weighted =
            query.weigh(Bm25::default(), stats, &mut |term| self.document_frequency(term));
        let mut best = TopK::new(self.candidates_max);
        for (index, view) in self.snapshot.chunks.iter().enumerate() {
            weighted.search(
                view.chunk.postings.view(),
                self.key_of(index, 0),
                &mut |local| self.eligible.accepts(view, index, local),
                &mut best,
            );
        }
        for (index, tail) in (0_u32..).zip(&self.snapshot.tail) {
            if self.eligible.tail.contains(index) {
                let key = self.key_of(self.snapshot.chunks.len(), index);
                score_one(&weighted, &tail.doc, &mut |score| best.push(key, score));
            }
        }
        best.into_sorted()
    }

    /// Recallable memories that hold the term, whatever the filter.
    fn document_frequency(&self, term: &str) -> u64 {
        let chunks = self.snapshot.chunks.iter().map(|view| {
            let Some(list) = view.chunk.postings.postings(term) else {
                return 0;
            };
            if view.is_whole() {
                return list.len();
            }
            list.iter().filter(|posting| view.state(posting.doc) == Some(State::Active)).count()
        });
        let tail = self.snapshot.tail.iter().filter(|tail| {
            tail.state == State::Active && tail.doc.words.postings.postings(term).is_some()
        });
        (chunks.sum::<usize>() + tail.count()) as u64
    }

    /// The best of an exact scan, and the number of vectors compared.
    fn vector_best(&self, vector: &[f32]) -> (Scores, u64) {
        let mut best = TopK::new(self.candidates_max);
        let mut scanned = 0;
        for (index, view) in self.snapshot.chunks.iter().enumerate() {
            scanned += view.chunk.vectors.scan(
                vector,
                &mut |local| self.eligible.accepts(view, index, local),
                &mut |local, score| best.push(self.key_of(index, local), score),
            ) as u64;
        }
        let tail_index = self.snapshot.chunks.len();
        let dot = Kernels::best().dot_f32;
        for (index, tail) in (0_u32..).zip(&self.snapshot.tail) {
            let scores = tail.doc.vectors.iter().map(|own| dot(vector, own));
            if self.eligible.tail.contains(index)
                && let Some(score) = scores.reduce(f32::max)
            {
                scanned += tail.doc.vectors.len() as u64;
                best.push(self.key_of(tail_index, index), score);
            }
        }
        (best.into_sorted(), scanned)
    }

    /// A number for a document that grows in log order.
    fn key_of(&self, chunk: usize, local: u32) -> u64 {
        (chunk as u64) << 32 | u64::from(local)
    }

    fn doc_at(&self, key: u64) -> DocRef {
        let (chunk, local) = ((key >> 32) as u32, key as u32);
        if chunk as usize == self.snapshot.chunks.len() {
            DocRef::Tail(local)
        } else {
            DocRef::Chunk(chunk, local)
        }
    }

    fn recalled(&self, fused: Fused, now_ns: i64) -> Recalled {
        let at = self.doc_at(fused.key);
        let matched = self.distinct_terms.iter().filter(|term| self.holds(at, term));
        let matched_terms = matched.take(MATCHED_TERMS_MAX).cloned().collect();
        Recalled {
            detail: detail(self.snapshot, at, State::Active, now_ns),
            relevance: fused.score,
            vector: fused.vector,
            text: fused.text,
            matched_terms,
        }
    }

    fn holds(&self, at: DocRef, term: &str) -> bool {
        match at {
            DocRef::Chunk(chunk, local) => {
                let postings = &self.snapshot.chunks[chunk as usize].chunk.postings;
                postings.postings(term).is_some_and(|list| list.contains(local))
            }
            DocRef::Tail(index) => {
                self.snapshot.tail[index as usize].doc.words.postings.postings(term).is_some()
            }
        }
    }
}

fn score_one(query: &WeightedQuery, doc: &Doc, hit: &mut dyn FnMut(f32)) {
    query.scan(doc.words.postings.view(), &mut |_| true, &mut |_, score| hit(score));
}
