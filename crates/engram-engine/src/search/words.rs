//! The words of a snapshot: BM25 over all its documents, and how often single ones hold a term.

use engram_index::{Bm25, CorpusStats, TextQuery, TopK, WeightedQuery};

use super::Scores;
use crate::memtable::{Doc, DocRef, Snapshot};
use crate::model::State;

/// The analysed words of a cue, weighed for one snapshot.
pub(crate) struct Wanted {
    pub(crate) bm25: Bm25,
    /// Mean length of a document in terms.
    pub(crate) avg_len: f32,
    pub(crate) weighted: WeightedQuery,
}

impl Wanted {
    pub(crate) fn new(snapshot: &Snapshot, terms: &[String]) -> Wanted {
        let figures = snapshot.figures;
        let stats = CorpusStats { docs: figures.active, total_len: figures.terms };
        let bm25 = Bm25::default();
        let query = TextQuery::new(terms);
        let weighted =
            query.weigh(bm25, stats, &mut |term| snapshot.document_frequency(term));
        Wanted { bm25, avg_len: stats.avg_len(), weighted }
    }

    /// The largest score a memory could get: every term as often as one likes.
    pub(crate) fn ceiling(&self) -> f32 {
        self.weighted.terms().iter().map(|(_, weight)| weight).sum()
    }
}

fn score_one(query: &WeightedQuery, doc: &Doc, hit: &mut dyn FnMut(f32)) {
    query.scan(&doc.words.postings, &mut |_| true, &mut |_, score| hit(score));
}

impl Snapshot {
    /// The documents that `accept` lets pass with the best BM25 for these terms, at most `count`.
    pub(crate) fn best_by_words(
        &self,
        wanted: &Wanted,
        count: usize,
        accept: &dyn Fn(DocRef) -> bool,
    ) -> Scores {
        let mut best = TopK::new(count);
        for (index, view) in (0_u32..).zip(&self.chunks) {
            wanted.weighted.scan(
                &view.chunk.postings,
                &mut |local| accept(DocRef::Chunk(index, local)),
                &mut |local, score| best.push(u64::from(view.chunk.node(local)), score),
            );
        }
        for (index, tail) in (0_u32..).zip(&self.tail) {
            if accept(DocRef::Tail(index)) {
                score_one(&wanted.weighted, &tail.doc, &mut |score| {
                    best.push(u64::from(tail.node), score);
                });
            }
        }
        best.into_sorted()
    }

    /// Recallable memories that hold the term, whatever the filter.
    pub(crate) fn document_frequency(&self, term: &str) -> u64 {
        let chunks = self.chunks.iter().map(|view| {
            let Some(list) = view.chunk.postings.postings(term) else {
                return 0;
            };
            if view.is_whole() {
                return list.len();
            }
            list.iter().filter(|posting| view.state(posting.doc) == Some(State::Active)).count()
        });
        let tail = self.tail.iter().filter(|tail| {
            tail.state == State::Active && tail.doc.words.postings.postings(term).is_some()
        });
        (chunks.sum::<usize>() + tail.count()) as u64
    }

    /// How often each of the documents holds the term.
    pub(crate) fn frequencies(&self, term: &str, docs: &[DocRef]) -> Vec<u32> {
        docs.iter().map(|at| self.frequency(term, *at)).collect()
    }

    /// How often a document holds the term.
    pub(crate) fn frequency(&self, term: &str, at: DocRef) -> u32 {
        match at {
            DocRef::Chunk(chunk, local) => {
                let list = self.chunks[chunk as usize].chunk.postings.postings(term);
                list.map_or(0, |list| {
                    let place = list.binary_search_by_key(&local, |posting| posting.doc);
                    place.map_or(0, |place| list[place].frequency)
                })
            }
            DocRef::Tail(index) => {
                let list = self.tail[index as usize].doc.words.postings.postings(term);
                list.and_then(|list| list.first()).map_or(0, |posting| posting.frequency)
            }
        }
    }

    /// Number of a document's terms.
    pub(crate) fn doc_len(&self, at: DocRef) -> u32 {
        match at {
            DocRef::Chunk(chunk, local) => {
                self.chunks[chunk as usize].chunk.postings.doc_len(local)
            }
            DocRef::Tail(index) => self.tail[index as usize].doc.words.terms.len() as u32,
        }
    }
}
