//! Predict: what tends to follow, by what followed memories like the present one in their sessions.
//!
//! Counting what came after similar states is the successor representation in its plainest form (Dayan, "Improving generalization
//! for temporal difference learning: the successor representation", 1993): each memory that resembles the present is one vote,
//! weighted by how much it resembles it, for everything that stood within some steps behind it. Followers that say the same count
//! as one.

use std::collections::{BTreeMap, BTreeSet};

use engram_index::{Beta, Direction, effective_count, name_key};

use crate::answer::Mode;
use crate::completion::{Abstention, Followed, Predict, Prediction, Predictions};
use crate::engine::Engine;
use crate::error::EngineError;
use crate::memtable::{DocRef, Snapshot};
use crate::read::answered;
use crate::request::Cue;
use crate::space::Space;
use crate::support::{Asked, Purpose, low};
use crate::validate;

/// Memories that are looked at for one that may stand for the present.
const LOOKED_PER_ANTECEDENT: usize = 8;
/// Share of the weight of the best antecedent below which a memory does not stand for the present.
const WEIGHT_MIN: f64 = 0.1;
/// Cosine from which on two memories say the same.
const SAME_FROM: f32 = 0.85;
/// Antecedents with followers below which nothing is predicted.
const ANTECEDENTS_MIN: f64 = 2.5;
/// One antecedent that something else followed: what was seen once is no law.
const DOUBT: f64 = 1.0;
/// Pairs that are named for one prediction.
const SOURCES_MAX: usize = 10;

/// A memory that stands for the present.
struct Antecedent {
    at: DocRef,
    weight: f64,
}

/// What a memory says, to be compared: texts and titles are folded.
struct Said {
    at: DocRef,
    text: String,
    title: String,
}

impl Said {
    fn of(snapshot: &Snapshot, at: DocRef) -> Said {
        let memory = snapshot.memory(at);
        let content = &memory.content;
        Said { at, text: name_key(&content.text), title: name_key(&content.title) }
    }

    /// Whether two memories have the same text, the same title, or first vectors that are near.
    fn is_same(&self, snapshot: &Snapshot, other: &Said) -> bool {
        let equal = |one: &str, other: &str| !one.is_empty() && one == other;
        if equal(&self.text, &other.text) || equal(&self.title, &other.title) {
            return true;
        }
        let mut cosine = None;
        snapshot.with_vector(self.at, 0, &mut |own| cosine = snapshot.cosine(other.at, own));
        cosine.is_some_and(|cosine| cosine >= SAME_FROM)
    }
}

/// Followers that say the same.
struct Group {
    /// What the first of them says: others are compared with it.
    leader: Said,
    /// Antecedent, follower, steps; the nearest follower of each antecedent.
    pairs: Vec<(usize, DocRef, u32)>,
}

impl Engine {
    /// Predicts what follows within some steps of a session. Changes nothing.
    ///
    /// # Errors
    /// Nothing to go by, an invalid value, [`EngineError::MemoryNotFound`] for a memory that is named, a failing embedder.
    pub fn predict(&self, space: &str, asked: &Predict) -> Result<Predictions, EngineError> {
        let space = self.serving(space)?;
        let mut asked = asked.clone();
        let dimension = space.identity.settings.dimension;
        validate::predict(&mut asked, dimension, self.settings())?;
        let snapshot = space.snapshot.load_full();
        let predicted = self.predicted(&space, &snapshot, &asked);
        space.sound(predicted)
    }

    fn predicted(
        &self,
        space: &Space,
        snapshot: &Snapshot,
        asked: &Predict,
    ) -> Result<Predictions, EngineError> {
        let antecedents = self.antecedents(space, snapshot, asked)?;
        let weights: Vec<f64> = antecedents.iter().map(|antecedent| antecedent.weight).collect();
        let groups = self.followers(snapshot, &antecedents, asked.steps_max as usize);
        let probable =
            |group: &&Group| belief(group, &weights).mean() as f32 >= asked.min_probability;
        let mut items = Vec::new();
        let abstained = if antecedents.is_empty() {
            Some(Abstention::NoEvidence)
        } else if effective_count(&weights) < ANTECEDENTS_MIN {
            Some(Abstention::TooThin)
        } else {
            let told = ranked(&groups, &weights).into_iter().filter(probable).take(asked.limit);
            items.extend(told.map(|group| self.told(snapshot, &antecedents, group)));
            items.is_empty().then_some(Abstention::NoAgreement)
        };
        let antecedents = antecedents.len() as u64;
        Ok(Predictions { items, abstained, antecedents, lsn: snapshot.lsn })
    }

    /// What stands behind the antecedents within some steps, put together by what it says.
    fn followers(
        &self,
        snapshot: &Snapshot,
        antecedents: &[Antecedent],
        steps_max: usize,
    ) -> Vec<Group> {
        let now_ns = self.now_ns();
        let mut groups = Vec::new();
        for (index, antecedent) in antecedents.iter().enumerate() {
            let node = snapshot.node(antecedent.at);
            let behind = snapshot.beside(node, Direction::Out, steps_max, now_ns);
            for (steps, follower) in (1..).zip(behind) {
                join(snapshot, &mut groups, (index, follower, steps));
            }
        }
        groups
    }

    /// What stands for the present and has something behind it, those that resemble the present most first.
    fn antecedents(
        &self,
        space: &Space,
        snapshot: &Snapshot,
        asked: &Predict,
    ) -> Result<Vec<Antecedent>, EngineError> {
        let mut weights: BTreeMap<DocRef, f64> = BTreeMap::new();
        let mut offer = |at: DocRef, weight: f64| {
            let kept = weights.entry(at).or_insert(weight);
            *kept = kept.max(weight);
        };
        for id in &asked.like {
            let present = snapshot.recallable(id, self.now_ns())?;
            offer(present, 1.0);
            let says = Said::of(snapshot, present);
            let cue = Cue {
                like: vec![id.clone()],
                filter: asked.filter.clone(),
                mode: Mode::Hybrid,
                limit: asked.antecedents_max,
                ..Cue::default()
            };
            for (at, _) in self.found(space, snapshot, &cue)? {
                if says.is_same(snapshot, &Said::of(snapshot, at)) {
                    offer(at, 1.0);
                }
            }
        }
        if !asked.partial.is_empty() {
            let wanted = Asked {
                partial: &asked.partial,
                filter: &asked.filter,
                fields: &[],
                evidence_max: asked.antecedents_max * LOOKED_PER_ANTECEDENT,
                purpose: Purpose::Occasions,
            };
            for (at, weight) in self.evidence(space, snapshot, &wanted)?.likeness() {
                offer(at, weight);
            }
        }
        let now_ns = self.now_ns();
        weights.retain(|at, weight| {
            let node = snapshot.node(*at);
            *weight >= WEIGHT_MIN && !snapshot.beside(node, Direction::Out, 1, now_ns).is_empty()
        });
        let mut antecedents: Vec<Antecedent> =
            weights.into_iter().map(|(at, weight)| Antecedent { at, weight }).collect();
        antecedents.sort_by(|a, b| b.weight.total_cmp(&a.weight).then(a.at.cmp(&b.at)));
        antecedents.truncate(asked.antecedents_max);
        Ok(antecedents)
    }

    fn told(&self, snapshot: &Snapshot, antecedents: &[Antecedent], group: &Group) -> Prediction {
        let weights: Vec<f64> = antecedents.iter().map(|antecedent| antecedent.weight).collect();
        let belief = belief(group, &weights);
        let mut pairs = group.pairs.clone();
        // Antecedents stand best first.
        pairs.sort_by_key(|(antecedent, _, _)| *antecedent);
        let shown = pairs.first().map_or(group.leader.at, |(_, follower, _)| *follower);
        let followed = |(antecedent, follower, steps): &(usize, DocRef, u32)| Followed {
            antecedent: snapshot.head(antecedents[*antecedent].at).id.clone(),
            follower: snapshot.head(*follower).id.clone(),
            steps: *steps,
        };
        Prediction {
            detail: answered(snapshot, shown, self.now_ns()),
            probability: belief.mean() as f32,
            low: low(belief) as f32,
            count: pairs.len() as u64,
            sources: pairs.iter().take(SOURCES_MAX).map(followed).collect(),
        }
    }
}

/// Puts a follower to those that say the same.
fn join(snapshot: &Snapshot, groups: &mut Vec<Group>, pair: (usize, DocRef, u32)) {
    let (antecedent, follower, _) = pair;
    let said = Said::of(snapshot, follower);
    match groups.iter_mut().find(|group| group.leader.is_same(snapshot, &said)) {
        Some(group) => {
            // Steps come in order: the nearest follower stands already.
            if group.pairs.iter().all(|(other, _, _)| *other != antecedent) {
                group.pairs.push(pair);
            }
        }
        None => groups.push(Group { leader: said, pairs: vec![pair] }),
    }
}

/// Groups by their probability, ties by the log order of the first follower.
fn ranked<'a>(groups: &'a [Group], weights: &[f64]) -> Vec<&'a Group> {
    let mut ranked: Vec<(f64, &Group)> =
        groups.iter().map(|group| (belief(group, weights).mean(), group)).collect();
    ranked.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.leader.at.cmp(&b.1.leader.at)));
    ranked.into_iter().map(|(_, group)| group).collect()
}

/// The share of the antecedents that it followed, as a belief with one antecedent of doubt.
fn belief(group: &Group, weights: &[f64]) -> Beta {
    let seen: BTreeSet<usize> = group.pairs.iter().map(|(antecedent, _, _)| *antecedent).collect();
    let own: f64 = seen.iter().map(|antecedent| weights[*antecedent]).sum();
    let all: f64 = weights.iter().sum();
    let effective = effective_count(weights);
    let share = (own / all).clamp(0.0, 1.0);
    Beta {
        alpha: (share * effective).max(f64::MIN_POSITIVE),
        beta: (1.0 - share) * effective + DOUBT,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(antecedents: &[usize]) -> Group {
        let pair = |antecedent: &usize| (*antecedent, DocRef::Tail(0), 1);
        let at = DocRef::Tail(antecedents.len() as u32);
        let leader = Said { at, text: String::new(), title: String::new() };
        Group { leader, pairs: antecedents.iter().map(pair).collect() }
    }

    #[test]
    fn votes_become_beliefs() {
        let even = [1.0; 4];
        assert!((belief(&group(&[0, 1, 2, 3]), &even).mean() - 0.8).abs() < 1e-12);
        assert!((belief(&group(&[0, 1]), &even).mean() - 0.4).abs() < 1e-12);
        // A weak antecedent is a weak vote.
        let (strong, weak) = (group(&[0]), group(&[1]));
        assert!(belief(&strong, &[1.0, 0.2]).mean() > belief(&weak, &[1.0, 0.2]).mean());
        let groups = [group(&[0]), group(&[0, 1, 2])];
        assert_eq!(ranked(&groups, &even)[0].pairs.len(), 3);
    }
}
