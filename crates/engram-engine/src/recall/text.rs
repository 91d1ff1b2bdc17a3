//! The text route: BM25 over the words of each memory, and of what stands around it in its session.
//!
//! A turn of a conversation often makes sense only with the turns around it. Where a mode asks for it, the frequencies of
//! up to three neighbours on either side are added at a lower weight, as fields are in BM25F (Robertson, Zaragoza and
//! Taylor, "Simple BM25 extension to multiple weighted fields", 2004): at the time of the question, so that a turn gets
//! its context whenever the next one arrives.

use std::collections::{BTreeMap, HashMap};

use engram_index::{Direction, TopK, WEIGHT_ONE};

use super::Probe;
use crate::memtable::DocRef;
use crate::search::Scores;

/// Terms of a cue that are looked up around its candidates.
const CONTEXT_TERMS_MAX: usize = 256;
/// Weight of the words of the first, second and third neighbour on either side.
const CONTEXT_WEIGHTS: [f32; 3] = [0.5, 0.25, 0.125];
/// Whether the words around a memory count.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Surroundings {
    Ignored,
    Counted,
}

/// What the text route found.
#[derive(Default)]
pub(super) struct Worded {
    /// Best first, at most as many as the depth.
    pub(super) best: Scores,
    /// The score of every memory that was looked at.
    pub(super) scores: HashMap<u32, f32>,
}

impl Worded {
    fn of(best: Scores) -> Worded {
        let scores = best.iter().map(|(key, score)| (*key as u32, *score)).collect();
        Worded { best, scores }
    }
}

impl Probe<'_> {
    /// The best of the eligible documents by their words.
    pub(super) fn by_words(&self, surroundings: Surroundings) -> Worded {
        let accept = |at: DocRef| self.eligible.accepts(self.snapshot, at);
        let plain = self.snapshot.best_by_words(&self.wanted, self.depth, &accept);
        match surroundings {
            Surroundings::Ignored => Worded::of(plain),
            Surroundings::Counted => self.in_context(plain),
        }
    }

    /// Scores the candidates and what stands around them anew, with the words around each.
    fn in_context(&self, plain: Scores) -> Worded {
        let around = self.with_surroundings(&plain);
        if around.values().all(Vec::is_empty) {
            return Worded::of(plain);
        }
        let mut docs: Vec<DocRef> = around
            .iter()
            .flat_map(|(node, beside)| {
                let own = self.snapshot.doc_of_node(*node).map(|(at, _)| at);
                own.into_iter().chain(beside.iter().map(|(at, _)| *at))
            })
            .collect();
        docs.sort_unstable();
        docs.dedup();
        let terms = self.context_terms();
        let frequencies: Vec<Vec<u32>> =
            terms.iter().map(|(term, _)| self.snapshot.frequencies(term, &docs)).collect();
        let place = |at: &DocRef| docs.binary_search(at).expect("collected above");
        let mut best = TopK::new(self.depth);
        let mut scores = HashMap::with_capacity(around.len());
        for (node, beside) in &around {
            let Some((own, _)) = self.snapshot.doc_of_node(*node) else { continue };
            let mut field = Vec::with_capacity(beside.len() + 1);
            field.push((place(&own), self.snapshot.doc_len(own) as f32, 1.0));
            for (at, weight) in beside {
                field.push((place(at), self.snapshot.doc_len(*at) as f32, *weight));
            }
            let score = self.context_score(&field, &terms, &frequencies);
            if score > 0.0 {
                best.push(u64::from(*node), score);
                scores.insert(*node, score);
            }
        }
        Worded { best: best.into_sorted(), scores }
    }

    /// The candidates and the eligible memories around them, each with what stands around it.
    fn with_surroundings(&self, plain: &Scores) -> BTreeMap<u32, Vec<(DocRef, f32)>> {
        let mut around: BTreeMap<u32, Vec<(DocRef, f32)>> = BTreeMap::new();
        for (key, _) in plain {
            let node = *key as u32;
            let own = self.surroundings(node);
            for (at, _) in &own {
                let beside = self.snapshot.node(*at);
                if !around.contains_key(&beside) && self.eligible.accepts(self.snapshot, *at) {
                    around.insert(beside, self.surroundings(beside));
                }
            }
            around.insert(node, own);
        }
        around
    }

    /// The terms of the cue that count in context: the heaviest of a long one, in byte order.
    fn context_terms(&self) -> Vec<(&str, f32)> {
        let all = self.wanted.weighted.terms().iter();
        let mut terms: Vec<(&str, f32)> = all.map(|(term, idf)| (term.as_str(), *idf)).collect();
        if terms.len() > CONTEXT_TERMS_MAX {
            terms.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(b.0)));
            terms.truncate(CONTEXT_TERMS_MAX);
            terms.sort_by(|a, b| a.0.cmp(b.0));
        }
        terms
    }

    /// BM25 with the weighted frequencies and lengths of several documents, each given as place, length and weight.
    fn context_score(
        &self,
        field: &[(usize, f32, f32)],
        terms: &[(&str, f32)],
        frequencies: &[Vec<u32>],
    ) -> f32 {
        let (mut length, mut total_weight) = (0.0_f32, 0.0_f32);
        for (_, own_length, weight) in field {
            length = weight.mul_add(*own_length, length);
            total_weight += weight;
        }
        let bm25 = self.wanted.bm25;
        let norm = 1.0 - bm25.b + bm25.b * (length / (self.wanted.avg_len * total_weight));
        let mut score = 0.0;
        for ((_, idf), frequencies) in terms.iter().zip(frequencies) {
            let mut frequency = 0.0_f32;
            for (place, _, weight) in field {
                let own = frequencies[*place] as f32 / WEIGHT_ONE as f32;
                frequency = weight.mul_add(own, frequency);
            }
            score += idf * (frequency / (frequency + bm25.k1 * norm));
        }
        score
    }

    /// What stands around a memory in its session, nearest first, with the weight of its words.
    fn surroundings(&self, node: u32) -> Vec<(DocRef, f32)> {
        let mut around = Vec::new();
        for direction in [Direction::In, Direction::Out] {
            let beside = self.snapshot.beside(node, direction, CONTEXT_WEIGHTS.len(), self.now_ns);
            around.extend(beside.into_iter().zip(CONTEXT_WEIGHTS));
        }
        around
    }
}
