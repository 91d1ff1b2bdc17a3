//! What the session of a cue has in mind lifts what is recalled next.
//!
//! A memory that the session recalled is lifted by what is left of that (repetition priming); what stands beside it in its
//! own session or is associated with it, by half as much (semantic priming: Meyer and Schvaneveldt 1971; Anderson 1983 for
//! the spread). Where no route has found them they become candidates: a cue that says nothing is about what was just spoken of.

use std::collections::BTreeMap;

use engram_index::{Direction, RouteScore};

use super::Probe;
use super::rank::Candidate;
use crate::answer::{Mode, PrimedBy, Recalled};
use crate::model::State;
use crate::priming::InMind;

/// What reaches a memory beside or associated with a primed one, of what that one has.
const ASSOCIATED_SHARE: f32 = 0.5;

/// The share of a score that priming has no part in: what is recalled because it is in mind does not stay in mind for that.
pub(super) fn own_share(item: &Recalled) -> f32 {
    match item.parts.priming {
        Some(part) if item.score > 0.0 => (1.0 - part.contribution / item.score).clamp(0.0, 1.0),
        _ => 1.0,
    }
}

/// What is in mind of one memory: how much, and because of which recalled one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Prime {
    level: f32,
    source: u32,
}

impl Probe<'_> {
    /// What was forgotten since is in mind of nobody.
    pub(super) fn has_in_mind(&mut self, mut in_mind: InMind) {
        in_mind.residues.retain(|node, _| {
            let found = self.snapshot.doc_of_node(*node);
            found.is_some_and(|(at, state)| {
                state == State::Active && !self.snapshot.is_expired(at, self.now_ns)
            })
        });
        self.in_mind = in_mind;
    }

    /// Lifts what the session has in mind.
    pub(super) fn lift_by_priming(&self, candidates: &mut Vec<Candidate>) -> BTreeMap<u32, Prime> {
        let weight = self.weights.priming;
        if weight <= 0.0 || self.in_mind.residues.is_empty() {
            return BTreeMap::new();
        }
        let primes = self.primes();
        let places: BTreeMap<u32, usize> =
            candidates.iter().enumerate().map(|(place, c)| (c.node, place)).collect();
        for (node, prime) in &primes {
            let place = match places.get(node) {
                Some(place) => *place,
                None => {
                    let Some((at, _)) = self.snapshot.doc_of_node(*node) else { continue };
                    if !self.eligible.accepts(self.snapshot, at) {
                        continue;
                    }
                    candidates.push(Candidate::new(*node, at));
                    candidates.len() - 1
                }
            };
            let candidate = &mut candidates[place];
            let part = RouteScore::new(prime.level, prime.level.min(1.0), weight);
            candidate.parts.priming = candidate.add(part);
        }
        primes
    }

    /// Which recalled memory lifted another, and when that was.
    pub(super) fn primed_by(&self, prime: &Prime) -> Option<PrimedBy> {
        let residue = self.in_mind.residues.get(&prime.source)?;
        let id = self.snapshot.id_of_node(prime.source);
        Some(PrimedBy { id, turns: residue.turns, age_ns: residue.age_ns })
    }

    /// What is in mind by memory: what was recalled, and in mode associative what belongs to it. The strongest source counts.
    fn primes(&self) -> BTreeMap<u32, Prime> {
        let residues = &self.in_mind.residues;
        let mut primes: BTreeMap<u32, Prime> = residues
            .iter()
            .map(|(node, residue)| (*node, Prime { level: residue.level, source: *node }))
            .collect();
        if self.cue.mode != Mode::Associative {
            return primes;
        }
        let mut offer = |node: u32, level: f32, source: u32| {
            let prime = Prime { level: ASSOCIATED_SHARE * level, source };
            let known = primes.entry(node).or_insert(prime);
            if prime.level > known.level {
                *known = prime;
            }
        };
        let mut seeds: Vec<(u32, f32)> =
            residues.iter().map(|(node, residue)| (*node, residue.level)).collect();
        for (source, level) in &seeds {
            for direction in [Direction::In, Direction::Out] {
                for at in self.snapshot.beside(*source, direction, 1, self.now_ns) {
                    offer(self.snapshot.node(at), *level, *source);
                }
            }
        }
        seeds.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        for (node, lead) in self.lead(&seeds).leads {
            offer(node, lead.activation, lead.seed);
        }
        primes
    }
}
