//! What was true does not stand above what took its place: of two found, the superseded one comes second.
//!
//! Whoever looks for a fact in its old words means the fact. So the newer memory is lifted to the place of the older one, which
//! follows it; the older one keeps its score.

use std::collections::{HashMap, HashSet};

use engram_index::RouteScore;

use super::Probe;
use super::rank::{Candidate, sort};
use crate::contrast::MarkKind;
use crate::mark::PairDecision;

/// Memories in the place of one that are lifted with it, nearest first.
const LIFTED_MAX: usize = 64;

impl Probe<'_> {
    /// Lifts what supersedes a better candidate to the score of that one, and puts it before it.
    pub(super) fn lift_what_supersedes(&self, candidates: &mut Vec<Candidate>) {
        if self.snapshot.associations.successions.is_empty() {
            return;
        }
        let places: HashMap<u32, usize> =
            found(candidates).map(|(place, own)| (own.node, place)).collect();
        let mut moved = false;
        // Best first: what is lifted was lifted as far as it will be.
        for place in 0..candidates.len() {
            let best = candidates[place].score;
            for newer in self.chain(candidates[place].node) {
                let Some(newer) = places.get(&newer).filter(|newer| **newer > place) else {
                    continue;
                };
                moved = true;
                candidates[*newer].lift_to(best);
            }
        }
        if !moved {
            return;
        }
        sort(candidates);
        self.put_newer_first(candidates);
    }

    /// Nodes of what supersedes a memory, what supersedes that, and so on.
    pub(super) fn chain(&self, node: u32) -> Vec<u32> {
        let mut chain = Vec::new();
        let mut next = self.snapshot.successor(node, self.now_ns);
        while let Some((newer, _)) = next.filter(|(newer, _)| *newer != node) {
            if chain.len() == LIFTED_MAX || chain.contains(&newer) {
                break;
            }
            chain.push(newer);
            next = self.snapshot.successor(newer, self.now_ns);
        }
        chain
    }

    /// Among candidates of one score, each behind those that supersede it.
    fn put_newer_first(&self, candidates: &mut Vec<Candidate>) {
        let all: HashSet<u32> = found(candidates).map(|(_, own)| own.node).collect();
        let mut placed: HashSet<u32> = HashSet::new();
        let mut waiting = Vec::new();
        let mut ordered = Vec::with_capacity(candidates.len());
        for candidate in candidates.drain(..) {
            waiting.push(candidate);
            // What waited for the one just placed follows it at once.
            while let Some(next) = waiting.iter().position(|own: &Candidate| {
                self.chain(own.node)
                    .iter()
                    .all(|newer| !all.contains(newer) || placed.contains(newer))
            }) {
                let next = waiting.remove(next);
                placed.insert(next.node);
                ordered.push(next);
            }
        }
        ordered.append(&mut waiting);
        *candidates = ordered;
    }

    /// Whether two memories were found or decided to contradict each other.
    pub(super) fn contradict(&self, one: u32, other: u32) -> bool {
        let Some(mark) = self.snapshot.marks.get(one, other) else { return false };
        match (mark.decided, &mark.found) {
            (Some(decided), _) => decided.decision == PairDecision::Contradicts,
            (None, Some((found, _))) => found.kind == MarkKind::PossibleContradiction,
            (None, None) => false,
        }
    }

    /// Whether one of `others` supersedes a memory.
    pub(super) fn waits_for(&self, node: u32, others: &[(Candidate, f32)]) -> bool {
        !self.snapshot.associations.successions.is_empty()
            && self.chain(node).iter().any(|newer| others.iter().any(|(own, _)| own.node == *newer))
    }
}

/// What is found: no route speaks for the others.
fn found(candidates: &[Candidate]) -> impl Iterator<Item = (usize, &Candidate)> {
    candidates.iter().enumerate().filter(|(_, own)| own.score > 0.0)
}

impl Candidate {
    fn lift_to(&mut self, score: f32) {
        let missing = score - self.score;
        if missing > 0.0 {
            let before = self.parts.succession.map_or(0.0, |part| part.contribution);
            let lifted = before + missing;
            self.parts.succession = Some(RouteScore::new(score, lifted, 1.0));
            self.score = score;
        }
    }
}
