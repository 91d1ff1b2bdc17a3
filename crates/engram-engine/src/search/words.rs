//! The words of a snapshot: BM25 over all its documents, and how often single ones hold a term.

use engram_index::{Bm25, CorpusStats, PostingsView, TextQuery, TopK, WeightedQuery, ln_1p};

use super::Scores;
use crate::memtable::{DocRef, Snapshot};
use crate::model::State;

/// What a term that no memory holds counts in the ceiling of a score.
const UNKNOWN_SHARE: f32 = 0.5;

/// The analysed words of a cue, weighed for one snapshot.
pub(crate) struct Wanted {
    pub(crate) bm25: Bm25,
    /// Mean length of a document in units of 1 / `WEIGHT_ONE` term.
    pub(crate) avg_len: f32,
    /// The largest score a memory could get: every known term as often as one likes. A term that no memory holds counts
    /// in part: a cue that is half unknown matches half at best.
    pub(crate) ceiling: f32,
    pub(crate) weighted: WeightedQuery,
}

impl Wanted {
    pub(crate) fn new(snapshot: &Snapshot, query: &TextQuery) -> Wanted {
        let figures = snapshot.figures;
        let stats = CorpusStats { docs: figures.active, total_len: figures.terms };
        let bm25 = Bm25::default();
        let mut unknown = 0.0;
        let mut frequencies = query.terms().iter().map(|(term, occurrences)| {
            let df = snapshot.document_frequency(term);
            if df == 0 {
                unknown += bm25.idf(stats.docs, 0) * *occurrences as f32;
            }
            df
        });
        // Asked for each term in the order of the query.
        let weighted = query.weigh(bm25, stats, &mut |_| frequencies.next().unwrap_or(0));
        let known: f32 = weighted.terms().iter().map(|(_, weight)| weight).sum();
        let ceiling = known + UNKNOWN_SHARE * unknown;
        Wanted { bm25, avg_len: stats.avg_len(), ceiling, weighted }
    }
}

impl Snapshot {
    /// The documents that `accept` lets pass with the best BM25 for these terms, at most `count`.
    pub(crate) fn best_by_words(
        &self,
        wanted: &Wanted,
        count: usize,
        accept: &dyn Fn(DocRef) -> bool,
    ) -> Scores {
        // Keys grow in the order of the log, and ascend without gaps within a chunk.
        let key = |chunk: usize, local: u32| (chunk as u64) << 32 | u64::from(local);
        let mut best = TopK::new(count);
        for (index, view) in self.chunks.iter().enumerate() {
            wanted.weighted.search(
                view.chunk.postings.view(),
                key(index, 0),
                &mut |local| accept(DocRef::Chunk(index as u32, local)),
                &mut best,
            );
        }
        let tail_index = self.chunks.len();
        for (index, tail) in (0_u32..).zip(&self.tail) {
            if accept(DocRef::Tail(index)) {
                let postings = tail.doc.words.postings.view();
                wanted.weighted.scan(postings, &mut |_| true, &mut |_, score| {
                    best.push(key(tail_index, index), score);
                });
            }
        }
        let node = |key: u64| {
            let (chunk, local) = ((key >> 32) as usize, key as u32);
            match self.chunks.get(chunk) {
                Some(view) => view.chunk.node(local),
                None => self.tail[local as usize].node,
            }
        };
        best.into_sorted().into_iter().map(|(key, score)| (u64::from(node(key)), score)).collect()
    }

    /// The documents of a chunk, or of the tail, that hold all phrases of a query; none = it has no phrase.
    pub(crate) fn phrase_docs(&self, query: &WeightedQuery) -> Option<Vec<DocRef>> {
        if !query.has_phrases() {
            return None;
        }
        let mut found = Vec::new();
        for (index, view) in (0_u32..).zip(&self.chunks) {
            let locals = query.phrase_docs(view.chunk.postings.view()).unwrap_or_default();
            found.extend(locals.into_iter().map(|local| DocRef::Chunk(index, local)));
        }
        for (index, tail) in (0_u32..).zip(&self.tail) {
            let held = query.phrase_docs(tail.doc.words.postings.view());
            if held.is_some_and(|docs| !docs.is_empty()) {
                found.push(DocRef::Tail(index));
            }
        }
        Some(found)
    }

    /// Recallable memories that hold the term, whatever the filter. A state of the past counts those of today, and one where
    /// only the past holds it: what nobody holds cannot be searched for.
    pub(crate) fn document_frequency(&self, term: &str) -> u64 {
        let own = self.holding(term);
        match &self.today {
            Some(today) => today.holding(term).max(own.min(1)),
            None => own,
        }
    }

    /// What a term says, in [0, 1]: `ln(1 + memories / memories that hold it)`, as a share of what a term of one memory says.
    /// Memories that are gone count as long as their chunk holds them: looking at each would cost more than the text is worth.
    pub(crate) fn rarity(&self, term: &str) -> f64 {
        let chunks = self.chunks.iter().filter_map(|view| view.chunk.postings.postings(term));
        let tail = self.tail.iter().map(|tail| &tail.doc.words.postings);
        let held = chunks.map(|list| list.len()).sum::<usize>()
            + tail.filter(|postings| postings.postings(term).is_some()).count();
        let all = self.figures.active.max(1) as f32;
        let holding = (held.max(1) as f32).min(all);
        f64::from(ln_1p(all / holding) / ln_1p(all))
    }

    fn holding(&self, term: &str) -> u64 {
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

    /// How often each of the documents, which ascend, holds the term, in units of 1 / `WEIGHT_ONE`.
    pub(crate) fn frequencies(&self, term: &str, docs: &[DocRef]) -> Vec<u32> {
        let chunk = |at: &DocRef| match at {
            DocRef::Chunk(chunk, _) => Some(*chunk),
            DocRef::Tail(_) => None,
        };
        let mut found = Vec::with_capacity(docs.len());
        for run in docs.chunk_by(|one, next| chunk(one) == chunk(next)) {
            let locals = run.iter().filter_map(|at| match at {
                DocRef::Chunk(_, local) => Some(*local),
                DocRef::Tail(_) => None,
            });
            match chunk(&run[0]).map(|index| &self.chunks[index as usize].chunk.postings) {
                Some(postings) => match postings.postings(term) {
                    Some(list) => list.frequencies(locals, &mut found),
                    None => found.resize(found.len() + run.len(), 0),
                },
                None => found.extend(run.iter().map(|at| self.frequency(term, *at))),
            }
        }
        found
    }

    /// How often a document holds the term, in units of 1 / `WEIGHT_ONE`.
    pub(crate) fn frequency(&self, term: &str, at: DocRef) -> u32 {
        let (postings, local) = self.postings_at(at);
        postings.postings(term).map_or(0, |list| list.frequency(local))
    }

    /// Length of a document in units of 1 / `WEIGHT_ONE` term.
    pub(crate) fn doc_len(&self, at: DocRef) -> u32 {
        let (postings, local) = self.postings_at(at);
        postings.doc_len(local)
    }

    fn postings_at(&self, at: DocRef) -> (PostingsView<'_>, u32) {
        match at {
            DocRef::Chunk(chunk, local) => {
                (self.chunks[chunk as usize].chunk.postings.view(), local)
            }
            DocRef::Tail(index) => (self.tail[index as usize].doc.words.postings.view(), 0),
        }
    }
}
