//! One ranking out of all that is known of the candidates.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use engram_index::{
    Direction, Kernels, NS_PER_DAY, RouteScore, bm25_share, cosine_share, name_key, recency,
};

use super::Probe;
use super::dates::{Exactness, Named};
use super::lead::{Led, SEEDS_MAX};
use super::text::Worded;
use crate::answer::{Mode, Parts};
use crate::memtable::{DocRef, Snapshot};
use crate::model::{Memory, Outline};
use crate::request::CueContext;
use crate::search::Scores;

/// Age at which recency has halved, days.
const RECENCY_HALF_LIFE_DAYS: f64 = 30.0;
/// Weight of the cosine of the memory before in the same session.
const PREVIOUS_WEIGHT: f32 = 0.5;
/// How much a memory is set back at most for resembling what the answer should not be like.
const NEGATIVE_WEIGHT: f32 = 0.5;
/// What it adds that the cue names one of the people of a memory, the day or the month in which it happened, or its title,
/// that the memory holds what the cue quotes, and that it agrees with all hints of the caller.
const AGREEMENT_PERSON: f32 = 0.08;
const AGREEMENT_DAY: f32 = 0.2;
const AGREEMENT_MONTH: f32 = 0.1;
const AGREEMENT_TITLE: f32 = 0.3;
const AGREEMENT_PHRASE: f32 = 0.05;
const AGREEMENT_HINTS: f32 = 0.3;

/// A memory that may be recalled.
#[derive(Clone, Debug)]
pub(super) struct Candidate {
    pub(super) node: u32,
    pub(super) at: DocRef,
    pub(super) parts: Parts,
    pub(super) score: f32,
    /// Its relevance before that is calibrated, once it is known.
    pub(super) uncalibrated: f32,
    /// What the memory says, once something of it was asked for.
    outline: Option<Outline>,
}

impl Candidate {
    pub(super) fn new(node: u32, at: DocRef) -> Candidate {
        let parts = Parts::default();
        Candidate { node, at, parts, score: 0.0, uncalibrated: 0.0, outline: None }
    }

    fn outline(&mut self, snapshot: &Snapshot) -> &Outline {
        self.outline.get_or_insert_with(|| snapshot.outline(self.at))
    }

    pub(super) fn add(&mut self, part: RouteScore) -> Option<RouteScore> {
        self.score += part.contribution;
        Some(part)
    }
}

impl Probe<'_> {
    /// The candidates of all routes, each scored by its vector and by its words, whichever route put it up.
    pub(super) fn fused(&self, nearest: &Scores, worded: &Worded, timed: &[u32]) -> Vec<Candidate> {
        let routes = nearest.iter().chain(&worded.best).map(|(key, _)| *key as u32);
        let nodes: BTreeSet<u32> = routes.chain(timed.iter().copied()).collect();
        let ceiling = self.wanted.ceiling;
        let scored = |node: u32| {
            let (at, _) = self.snapshot.doc_of_node(node)?;
            // The routes have asked; a memory that must not be found is worth asking twice.
            if !self.eligible.accepts(self.snapshot, at) {
                return None;
            }
            let mut candidate = Candidate::new(node, at);
            if let Some(vector) = self.vector.as_ref().filter(|_| self.weights.vector > 0.0)
                && let Some(cosine) = self.snapshot.cosine(at, vector)
            {
                let share = cosine_share(self.with_previous(node, cosine, vector));
                let part = RouteScore::new(cosine, share, self.weights.vector);
                candidate.parts.vector = candidate.add(part);
            }
            if let Some(score) = worded.scores.get(&node) {
                let part = RouteScore::new(*score, bm25_share(*score, ceiling), self.weights.text);
                candidate.parts.text = candidate.add(part);
            }
            Some(candidate)
        };
        nodes.into_iter().filter_map(scored).collect()
    }

    /// A cosine with that of the memory before it in its session: an answer is found by the question that it follows.
    fn with_previous(&self, node: u32, cosine: f32, vector: &[f32]) -> f32 {
        if !self.reads_words() {
            return cosine;
        }
        let before = self.snapshot.beside(node, Direction::In, 1, self.now_ns);
        let before = before.first().and_then(|at| self.snapshot.cosine(*at, vector));
        before.map_or(cosine, |before| {
            PREVIOUS_WEIGHT.mul_add(before, cosine) / (1.0 + PREVIOUS_WEIGHT)
        })
    }

    /// Lifts what agrees with the circumstances that the cue names or hints at.
    pub(super) fn lift_by_context(&self, candidates: &mut Vec<Candidate>) {
        let weight = self.weights.context;
        if weight <= 0.0 {
            return;
        }
        let known: HashSet<u32> = candidates.iter().map(|candidate| candidate.node).collect();
        for node in &self.titled {
            if !known.contains(node)
                && let Some((at, _)) = self.snapshot.doc_of_node(*node)
                && self.eligible.accepts(self.snapshot, at)
            {
                candidates.push(Candidate::new(*node, at));
            }
        }
        let hints = self.cue.around != CueContext::default();
        if !self.reads_words() && !hints {
            // No memory is asked for what nothing was said about.
            return;
        }
        for candidate in candidates.iter_mut() {
            let mut agreement = 0.0;
            if hints {
                let memory = self.snapshot.head(candidate.at);
                agreement = AGREEMENT_HINTS * hinted(&self.cue.around, &memory);
                candidate.outline = Some(Outline::of(&memory));
            }
            if self.reads_words() {
                agreement += self.agreement(candidate);
            }
            if agreement > 0.0 {
                let part = RouteScore::new(agreement, agreement.min(1.0), weight);
                candidate.parts.context = candidate.add(part);
            }
        }
    }

    /// Whether the words of the cue say more than which words to look for.
    fn reads_words(&self) -> bool {
        matches!(self.cue.mode, Mode::Hybrid | Mode::Associative)
    }

    /// How well a memory agrees with the people, times, titles and phrases that the cue names.
    fn agreement(&self, candidate: &mut Candidate) -> f32 {
        let mut agreement = 0.0;
        let outline = candidate.outline(self.snapshot);
        if outline.people.iter().any(|name| names(&self.cue_words, name)) {
            agreement += AGREEMENT_PERSON;
        }
        let at = outline.course.happened_at();
        let met = self.times.iter().filter(|named| named.range.contains(at));
        let worth = |named: &Named| match named.exactness {
            Exactness::Day => AGREEMENT_DAY,
            Exactness::Month => AGREEMENT_MONTH,
        };
        agreement += met.map(worth).fold(0.0, f32::max);
        if self.titled.contains(&candidate.node) {
            agreement += AGREEMENT_TITLE;
        }
        if self.stressed.contains(&candidate.at) {
            agreement += AGREEMENT_PHRASE;
        }
        agreement
    }

    /// Spreads activation from the best candidates.
    pub(super) fn lift_by_association(&self, candidates: &mut Vec<Candidate>) -> (Led, Vec<u32>) {
        let weight = self.weights.activation;
        if weight <= 0.0 {
            return (Led::default(), Vec::new());
        }
        sort(candidates);
        let given = self.like.iter().map(|like| (like.node, 1.0));
        let best = candidates.iter().take(SEEDS_MAX);
        let best = best.filter(|c| c.score > 0.0).map(|c| (c.node, c.score));
        let seeds: Vec<(u32, f32)> = given.chain(best).collect();
        if seeds.is_empty() {
            return (Led::default(), Vec::new());
        }
        let led = self.lead(&seeds);
        let places: BTreeMap<u32, usize> =
            candidates.iter().enumerate().map(|(place, c)| (c.node, place)).collect();
        for (node, lead) in &led.leads {
            let part = RouteScore::new(lead.activation, lead.activation.min(1.0), weight);
            let place = match places.get(node) {
                Some(place) => *place,
                None => {
                    let Some((at, _)) = self.snapshot.doc_of_node(*node) else { continue };
                    candidates.push(Candidate::new(*node, at));
                    candidates.len() - 1
                }
            };
            let candidate = &mut candidates[place];
            candidate.parts.activation = candidate.add(part);
        }
        (led, seeds.into_iter().map(|(node, _)| node).collect())
    }

    /// Adds strength, recency and importance, each where it has a weight.
    pub(super) fn lift_by_state(&self, candidates: &mut [Candidate]) {
        let weights = &self.weights;
        if weights.strength + weights.recency + weights.importance <= 0.0 {
            return;
        }
        for candidate in candidates.iter_mut() {
            let Outline { course, importance, .. } = candidate.outline(self.snapshot);
            let (course, importance) = (*course, *importance);
            if weights.strength > 0.0 {
                let trace = self.snapshot.traces.get(candidate.node);
                let strength = self.snapshot.fading(&course).strength_now(trace, self.now_ns);
                candidate.parts.strength =
                    candidate.add(RouteScore::new(strength, strength, weights.strength));
            }
            if weights.recency > 0.0 {
                let days = self.now_ns.saturating_sub(course.happened_at()) as f64 / NS_PER_DAY;
                let recency = recency(days, RECENCY_HALF_LIFE_DAYS) as f32;
                let part = RouteScore::new(days as f32, recency, weights.recency);
                candidate.parts.recency = candidate.add(part);
            }
            if let Some(importance) = importance.filter(|_| weights.importance > 0.0) {
                let part = RouteScore::new(importance, importance, weights.importance);
                candidate.parts.importance = candidate.add(part);
            }
        }
    }

    /// Sets back what resembles what the answer should not be like.
    pub(super) fn set_back(&self, candidates: &mut [Candidate]) {
        if self.avoided.is_empty() {
            return;
        }
        for candidate in candidates.iter_mut() {
            let likeness = self.avoided.likeness(self.snapshot, candidate.at);
            if likeness > 0.0 {
                let part = RouteScore::against(likeness, likeness, NEGATIVE_WEIGHT);
                candidate.parts.negative = candidate.add(part);
            }
        }
    }

    /// Greedy maximal marginal relevance (Carbonell and Goldstein, "The use of MMR, diversity-based reranking", 1998): the
    /// next item is the one with the best score after what it shares with the nearest item before it is taken off.
    pub(super) fn diversify(&self, ranked: &mut Vec<(Candidate, f32)>, count: usize) {
        let share = self.cue.diversity;
        if share <= 0.0 || ranked.len() < 2 {
            return;
        }
        let best = ranked[0].0.score.max(f32::MIN_POSITIVE);
        let mut rest = std::mem::take(ranked);
        let mut nearest = vec![0.0_f32; rest.len()];
        while !rest.is_empty() && ranked.len() < count {
            let worth = |place: usize| {
                (1.0 - share) * (rest[place].0.score / best) - share * nearest[place]
            };
            let free = |place: &usize| !self.waits_for(rest[*place].0.node, &rest);
            let mut chosen = (0..rest.len()).find(free).unwrap_or(0);
            for place in chosen + 1..rest.len() {
                if worth(place) > worth(chosen) && free(&place) {
                    chosen = place;
                }
            }
            let item = rest.remove(chosen);
            nearest.remove(chosen);
            for (place, (other, _)) in rest.iter().enumerate() {
                nearest[place] = nearest[place].max(self.alike(item.0.at, other.at));
            }
            ranked.push(item);
        }
        ranked.append(&mut rest);
    }

    /// How alike two memories are: cosine of their first vectors, in [0, 1]; 0 without vectors.
    pub(super) fn alike(&self, one: DocRef, other: DocRef) -> f32 {
        let mut share = 0.0;
        self.snapshot.with_vector(one, 0, &mut |one| {
            self.snapshot.with_vector(other, 0, &mut |other| {
                share = cosine_share((Kernels::best().dot_f32)(one, other));
            });
        });
        share
    }
}

/// Best first; equal ones in the order of the log.
pub(super) fn sort(candidates: &mut [Candidate]) {
    candidates.sort_unstable_by(|a, b| b.score.total_cmp(&a.score).then(a.node.cmp(&b.node)));
}

/// Whether a cue with these words names a person: by all parts of the name, or by its first one.
fn names(cue_words: &HashSet<String>, name: &str) -> bool {
    let key = name_key(name);
    let mut parts = key.split(' ').filter(|part| !part.is_empty()).peekable();
    let Some(first) = parts.peek().copied() else { return false };
    let by_first = first.chars().count() > 2 && cue_words.contains(first);
    by_first || parts.all(|part| cue_words.contains(part))
}

/// Share of the hints that a memory agrees with, in [0, 1].
fn hinted(around: &CueContext, memory: &Memory) -> f32 {
    let content = &memory.content;
    let (mut hints, mut met) = (0_u32, 0_u32);
    let mut hint = |agrees: bool| {
        hints += 1;
        met += u32::from(agrees);
    };
    for person in &around.people {
        hint(content.people.contains(person));
    }
    for tag in &around.tags {
        hint(content.tags.contains(tag));
    }
    if !around.place.is_empty() {
        hint(content.place == around.place);
    }
    if !around.session.is_empty() {
        hint(content.session == around.session);
    }
    if !around.time.is_open() {
        hint(around.time.contains(memory.happened_at()));
    }
    if hints == 0 { 0.0 } else { met as f32 / hints as f32 }
}

/// What the answer should not be like.
#[derive(Default)]
pub(super) struct Avoided {
    pub(super) vectors: Vec<Vec<f32>>,
    /// Terms, each once.
    pub(super) terms: Vec<String>,
}

impl Avoided {
    fn is_empty(&self) -> bool {
        self.vectors.is_empty() && self.terms.is_empty()
    }

    /// The largest cosine with a vector to avoid, or the share of the terms to avoid that the memory holds, whichever is
    /// larger; in [0, 1].
    fn likeness(&self, snapshot: &Snapshot, at: DocRef) -> f32 {
        let cosines = self.vectors.iter().filter_map(|vector| snapshot.cosine(at, vector));
        let cosine = cosines.fold(0.0, f32::max).min(1.0);
        let held = self.terms.iter().filter(|term| snapshot.frequency(term, at) > 0).count();
        let share = if self.terms.is_empty() { 0.0 } else { held as f32 / self.terms.len() as f32 };
        cosine.max(share)
    }
}
