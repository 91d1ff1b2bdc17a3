//! Recall: candidates of every route from one snapshot, one ranking, each item with its parts.
//!
//! The ranking is a function of the snapshot, the clock and the cue, and where the cue names a session of what that has in
//! mind. It does not depend on how the documents are spread
//! over chunks: BM25 statistics count the recallable memories, vectors are compared exactly or over a graph that the log
//! names, ties go to the earlier memory.

mod dates;
mod eligible;
mod lead;
mod outcome;
mod primed;
mod rank;
mod succeed;
mod text;

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use engram_index::{Adjacency, TextQuery, TopK, name_key, normalise};

use self::dates::{Named, named_times};
use self::eligible::Eligible;
use self::lead::Led;
use self::outcome::{outcome, relevances};
use self::primed::{Prime, own_share};
use self::rank::{Avoided, Candidate, sort};
use self::text::{Surroundings, Worded};
use crate::answer::{Explanation, Mode, Neighbour, Priming, RankCursor, Recall, Recalled};
use crate::association::EdgeKind;
use crate::engine::Engine;
use crate::error::EngineError;
use crate::memtable::{DocRef, Snapshot};
use crate::missing::take_missing;
use crate::priming::InMind;
use crate::read::answered;
use crate::request::{Cue, Effect};
use crate::search::{Accepted, Nearest, Wanted};
use crate::settings::{RankWeights, Training};
use crate::space::Space;
use crate::validate;

/// Candidates that each route puts up for the fusion, unless more items are asked for. Measured on dialogue: depths of
/// 50 to 200 rank alike; scoring every candidate on both routes ranks worse at these weights.
const DEPTH_MIN: usize = 100;
/// Memories of a time that the cue names, beyond which the time is no reason to look at each of them.
const TIMED_MAX: u64 = 5_000;
/// Vectors that an answer is kept away from.
const AVOIDED_VECTORS_MAX: usize = 64;
/// Most memories that a cue names by their titles.
const TITLED_MAX: usize = 256;
/// Cosine from which two memories are nearly the same.
const CROWDED_FROM: f32 = 0.95;
/// Nearly equal memories that are counted at most.
const CROWD_MAX: usize = 100;
/// Most matched terms shown for one item.
const MATCHED_TERMS_MAX: usize = 64;
/// Terms of a long cue that are looked for in each item to be shown.
const MATCHED_TRIED_MAX: usize = 256;
/// Terms that a memory which is part of the cue adds to it: its rarest.
const LIKE_TERMS_MAX: usize = 12;

/// A cue with all that searching needs.
struct Probe<'a> {
    snapshot: &'a Snapshot,
    cue: &'a Cue,
    now_ns: i64,
    eligible: Eligible,
    /// Terms of the cue, repeated as they occur.
    terms: Vec<String>,
    /// Each term once, in the order of the cue.
    distinct_terms: Vec<String>,
    /// Words of the cue's text, folded.
    cue_words: HashSet<String>,
    wanted: Wanted,
    vector: Option<Vec<f32>>,
    /// Memories that are part of the cue.
    like: Vec<Like>,
    /// Nodes of the memories whose titles the cue names.
    titled: BTreeSet<u32>,
    /// Days and months that the cue names.
    times: Vec<Named>,
    /// Memories that hold the phrases which the cue quotes in passing.
    stressed: HashSet<DocRef>,
    avoided: Avoided,
    weights: RankWeights,
    depth: usize,
    in_mind: InMind,
}

/// A memory that is part of a cue.
struct Like {
    node: u32,
    at: DocRef,
}

/// What is found before it is cut into a page.
struct Ranked {
    candidates: Vec<Candidate>,
    led: Led,
    primes: BTreeMap<u32, Prime>,
    explanation: Explanation,
}

impl Engine {
    /// Recalls by a cue. What is in the answer counts as used, where neither the space nor the cue says otherwise: the answer
    /// does not wait for that.
    ///
    /// # Errors
    /// An invalid cue, a mode that the space cannot serve, a failing embedder.
    pub fn recall(&self, space: &str, cue: &Cue) -> Result<Recall, EngineError> {
        let space = self.serving(space)?;
        let mut cue = cue.clone();
        validate::cue(&mut cue, space.identity.settings.dimension)?;
        let mut snapshot = space.snapshot.load_full();
        if let Some(as_of) = cue.as_of {
            snapshot = Arc::new(snapshot.as_of(as_of, self.now_ns()));
        }
        let vector = cue.vector.take();
        let probe = self.probe(&space, &snapshot, &cue, vector);
        // What is not found may be what was not read.
        let mut probe = match probe {
            Ok(probe) => probe,
            Err(error) => return space.sound(Err(error)),
        };
        // Who looks into the past has nothing of today in mind.
        let session = cue.prime.as_deref().filter(|_| cue.as_of.is_none());
        let sessions = &space.identity.sessions;
        if let Some(session) = session {
            let turn = cue.after.map(|after| after.turn).filter(|turn| *turn > 0);
            probe.has_in_mind(sessions.in_mind(session, turn, probe.now_ns));
        }
        let ranked = probe.rank();
        let (mut answer, used) = probe.answer(ranked);
        space.intact()?;
        answer.missing = take_missing();
        let trains = space.identity.settings.training == Training::Recalled;
        // Who looks into the past uses nothing of today.
        if trains && cue.effect == Effect::Train && cue.as_of.is_none() {
            space.uses.note(&used, probe.now_ns);
            answer.trained = !used.is_empty();
        }
        if let Some(session) = session {
            let InMind { turn, residues } = &probe.in_mind;
            answer.primed = Some(Priming { turn: *turn, memories: residues.len() as u64 });
            // A further page belongs to the turn of the first.
            if cue.effect == Effect::Train && cue.after.is_none() {
                let own = answer.items.iter().map(own_share);
                let fits = used.iter().zip(own).map(|((node, fit), own)| (*node, fit * own));
                sessions.note(session, &fits.collect::<Vec<_>>(), probe.now_ns);
            }
        }
        Ok(answer)
    }

    /// The memories that a cue finds, with their relevances, best first, at most as many as its limit. The cue has been
    /// checked. Nothing is answered, so nothing counts as used.
    pub(crate) fn found(
        &self,
        space: &Space,
        snapshot: &Snapshot,
        cue: &Cue,
    ) -> Result<Vec<(DocRef, f32)>, EngineError> {
        let probe = self.probe(space, snapshot, cue, cue.vector.clone())?;
        let mut candidates = probe.rank().candidates;
        candidates.retain(|candidate| candidate.score > 0.0);
        let relevances = relevances(cue.mode, &candidates);
        let found = candidates.iter().map(|candidate| candidate.at).zip(relevances);
        Ok(found.take(cue.limit).collect())
    }

    fn probe<'a>(
        &self,
        space: &Space,
        snapshot: &'a Snapshot,
        cue: &'a Cue,
        vector: Option<Vec<f32>>,
    ) -> Result<Probe<'a>, EngineError> {
        let now_ns = self.now_ns();
        let like = likes(snapshot, &cue.like, now_ns)?;
        let unlike = likes(snapshot, &cue.negative.like, now_ns)?;
        let vector = cue_vector(space, snapshot, cue, (vector, &like))?;
        let mut terms = Vec::new();
        let mut query = TextQuery::default();
        if cue.mode != Mode::Similarity {
            space.analyzer.terms(&cue.text, &mut terms);
            let of_likes: Vec<String> =
                like.iter().flat_map(|like| rare_terms(space, snapshot, like.at)).collect();
            query = TextQuery::parse(&space.analyzer, &cue.text).with_terms(&of_likes);
            terms.extend(of_likes);
        }
        let phrased = if query.phrases().is_empty() {
            None
        } else {
            snapshot.phrase_docs(&Wanted::new(snapshot, &query).weighted)
        };
        let (demanded, stressed) =
            if query.is_all_quoted() { (phrased, None) } else { (None, phrased) };
        let query = if demanded.is_some() { query } else { query.without_phrases() };
        let wanted = Wanted::new(snapshot, &query);
        let mut avoided = Avoided {
            vectors: unlike
                .iter()
                .flat_map(|unlike| snapshot.vectors(unlike.at))
                .take(AVOIDED_VECTORS_MAX)
                .collect(),
            terms: Vec::new(),
        };
        if !cue.negative.text.trim().is_empty() {
            avoided.vectors.extend(space.embed_query(&cue.negative.text)?);
            space.analyzer.terms(&cue.negative.text, &mut avoided.terms);
            avoided.terms = distinct(&avoided.terms);
        }
        let weights = weights(cue, vector.is_some(), !terms.is_empty(), &self.settings().weights);
        Ok(Probe {
            eligible: Eligible::new(
                snapshot,
                &cue.filter,
                (excluded(snapshot, cue, &like), demanded),
                now_ns,
            ),
            distinct_terms: distinct(&terms),
            cue_words: name_key(&cue.text).split(' ').map(str::to_owned).collect(),
            wanted,
            titled: titled(snapshot, cue),
            times: times(snapshot, cue),
            stressed: stressed.into_iter().flatten().collect(),
            depth: depth(cue),
            snapshot,
            cue,
            now_ns,
            terms,
            vector,
            like,
            avoided,
            weights,
            in_mind: InMind::default(),
        })
    }
}

/// The memories of these ids, which must be recallable.
fn likes(snapshot: &Snapshot, ids: &[String], now_ns: i64) -> Result<Vec<Like>, EngineError> {
    let like = |id: &String| {
        let at = snapshot.recallable(id, now_ns)?;
        Ok(Like { node: snapshot.node(at), at })
    };
    ids.iter().map(like).collect()
}

/// Nodes that are not in the answer: what the cue excludes, and what is part of it.
fn excluded(snapshot: &Snapshot, cue: &Cue, like: &[Like]) -> HashSet<u32> {
    let named = cue.exclude.iter().filter_map(|id| snapshot.find(id));
    let named = named.map(|(at, _)| snapshot.node(at));
    named.chain(like.iter().map(|like| like.node)).collect()
}

fn depth(cue: &Cue) -> usize {
    match cue.after {
        Some(after) => (after.depth as usize).clamp(DEPTH_MIN, validate::LIMIT_MAX),
        None => DEPTH_MIN.max(cue.limit),
    }
}

fn distinct(terms: &[String]) -> Vec<String> {
    let mut seen = HashSet::new();
    terms.iter().filter(|term| seen.insert(*term)).cloned().collect()
}

/// The vector to search with, where the mode asks for one and there is one: that of the cue, moved to the middle between it
/// and those of the memories that are part of the cue (Rocchio, "Relevance feedback in information retrieval", 1971).
fn cue_vector(
    space: &Space,
    snapshot: &Snapshot,
    cue: &Cue,
    (given, like): (Option<Vec<f32>>, &[Like]),
) -> Result<Option<Vec<f32>>, EngineError> {
    let unsupported =
        |why: &str| EngineError::ModeUnsupported { mode: cue.mode.name(), why: why.to_owned() };
    if cue.mode == Mode::Keyword {
        if cue.text.trim().is_empty() && like.is_empty() {
            return Err(unsupported("it needs text"));
        }
        return Ok(None);
    }
    let own = match given {
        Some(vector) => Some(vector),
        None if cue.text.trim().is_empty() => None,
        None => space.embed_query(&cue.text)?,
    };
    let others: Vec<Vec<f32>> =
        like.iter().filter_map(|like| snapshot.vectors(like.at).into_iter().next()).collect();
    let vector = middle(own, &others);
    if vector.is_none() && cue.mode == Mode::Similarity {
        return Err(match space.embedder()? {
            None => unsupported("the space has no embedder and the cue no vector"),
            Some(_) => unsupported("it needs text, a vector or a memory with a vector"),
        });
    }
    Ok(vector)
}

/// The direction in the middle of a vector and the middle of others; all of unit length.
fn middle(own: Option<Vec<f32>>, others: &[Vec<f32>]) -> Option<Vec<f32>> {
    let Some(first) = others.first() else { return own };
    let mut sum = vec![0.0_f32; first.len()];
    let share = 1.0 / others.len() as f32;
    for other in others {
        for (sum, component) in sum.iter_mut().zip(other) {
            *sum += share * component;
        }
    }
    if let Some(own) = &own {
        for (sum, component) in sum.iter_mut().zip(own) {
            *sum += component;
        }
    }
    // Opposite vectors have no middle.
    match normalise(&mut sum) {
        Ok(()) => Some(sum),
        Err(_) => own.or_else(|| Some(first.clone())),
    }
}

/// The terms of a memory that the fewest others hold, each once.
fn rare_terms(space: &Space, snapshot: &Snapshot, at: DocRef) -> Vec<String> {
    let words = space.words(&snapshot.memory(at).content);
    let all: BTreeSet<&str> = words.terms.iter().map(|(term, _)| term).collect();
    let mut terms: Vec<(u64, String)> = all
        .into_iter()
        .map(str::to_owned)
        .map(|term| (snapshot.document_frequency(&term), term))
        .collect();
    terms.sort_unstable();
    terms.truncate(LIKE_TERMS_MAX);
    terms.into_iter().map(|(_, term)| term).collect()
}

/// Nodes of the memories whose titles the cue names: an association of the cue itself.
fn titled(snapshot: &Snapshot, cue: &Cue) -> BTreeSet<u32> {
    if cue.mode != Mode::Associative {
        return BTreeSet::new();
    }
    let found = snapshot.associations.titles.find(&cue.text);
    let mut nodes = BTreeSet::new();
    for key in found.into_iter().flat_map(|found| found.keys) {
        if nodes.len() == TITLED_MAX {
            break;
        }
        nodes.insert(key as u32);
    }
    nodes
}

/// Days and months that the cue names, within the years that the memories have.
fn times(snapshot: &Snapshot, cue: &Cue) -> Vec<Named> {
    if !matches!(cue.mode, Mode::Hybrid | Mode::Associative) {
        return Vec::new();
    }
    match snapshot.times() {
        Some((first, last)) => named_times(&cue.text, first, last),
        None => Vec::new(),
    }
}

/// What counts in this mode. Of two routes, one that cannot run leaves its weight to the other.
fn weights(cue: &Cue, has_vector: bool, has_terms: bool, settings: &RankWeights) -> RankWeights {
    let mut weights = cue.weights.unwrap_or(*settings);
    let both = weights.vector + weights.text;
    match cue.mode {
        Mode::Keyword => (weights.vector, weights.text) = (0.0, both),
        Mode::Similarity => (weights.vector, weights.text) = (both, 0.0),
        Mode::Hybrid | Mode::Associative => match (has_vector, has_terms) {
            (true, true) => {}
            (true, false) => (weights.vector, weights.text) = (both, 0.0),
            (false, _) => (weights.vector, weights.text) = (0.0, both),
        },
    }
    if cue.mode != Mode::Associative {
        weights.activation = 0.0;
    }
    let of_its_own = matches!(cue.mode, Mode::Keyword | Mode::Similarity);
    if of_its_own && cue.weights.is_none() {
        // One route and nothing else, unless the caller wants it.
        (weights.strength, weights.recency, weights.importance) = (0.0, 0.0, 0.0);
        weights.priming = 0.0;
    }
    weights
}

impl Probe<'_> {
    fn rank(&self) -> Ranked {
        // A quoted phrase must stand in the memory itself.
        let in_context = matches!(self.cue.mode, Mode::Hybrid | Mode::Associative)
            && !self.wanted.weighted.has_phrases();
        let surroundings = if in_context { Surroundings::Counted } else { Surroundings::Ignored };
        let worded =
            if self.weights.text > 0.0 { self.by_words(surroundings) } else { Worded::default() };
        let nearest = match &self.vector {
            Some(vector) if self.weights.vector > 0.0 => {
                let accepted = Accepted {
                    accept: &|at| self.eligible.accepts(self.snapshot, at),
                    all_active: self.eligible.is_all_active(),
                    count: self.eligible.count,
                };
                self.snapshot.nearest(vector, self.depth, accepted)
            }
            _ => Nearest::default(),
        };
        let mut candidates = self.fused(&nearest.scores, &worded, &self.at_named_times());
        self.lift_by_context(&mut candidates);
        let (led, seeds) = self.lift_by_association(&mut candidates);
        self.lift_by_state(&mut candidates);
        let primes = self.lift_by_priming(&mut candidates);
        self.set_back(&mut candidates);
        sort(&mut candidates);
        self.lift_what_supersedes(&mut candidates);
        let explanation = Explanation {
            mode: self.cue.mode,
            terms: self.terms.clone(),
            eligible: self.eligible.count,
            candidates: candidates.len() as u64,
            vectors_scanned: nearest.scanned,
            vector_search: nearest.search,
            nodes_activated: led.leads.len() as u64,
            edges_followed: led.links_followed,
            spread_cut: led.cut,
            seeds: seeds.into_iter().map(|node| self.snapshot.id_of_node(node)).collect(),
            weights: self.weights,
        };
        Ranked { candidates, led, primes, explanation }
    }

    /// Eligible memories of the times that the cue names, the nearest by vector, at most as many as the depth.
    fn at_named_times(&self) -> Vec<u32> {
        let within = |named: &Named| self.snapshot.happened_within(named.range, TIMED_MAX);
        let found: BTreeSet<DocRef> = self.times.iter().filter_map(within).flatten().collect();
        let mut best = TopK::new(self.depth);
        for at in found {
            if self.eligible.accepts(self.snapshot, at) {
                let cosine = self.vector.as_ref().and_then(|v| self.snapshot.cosine(at, v));
                best.push(u64::from(self.snapshot.node(at)), cosine.unwrap_or(0.0));
            }
        }
        best.into_sorted().into_iter().map(|(key, _)| key as u32).collect()
    }

    /// The answer, and the nodes in it with their relevance.
    fn answer(&self, ranked: Ranked) -> (Recall, Vec<(u32, f32)>) {
        let Ranked { mut candidates, led, primes, explanation } = ranked;
        candidates.retain(|candidate| candidate.score > 0.0);
        let fit = self.snapshot.calibration.fit(self.cue.mode);
        let relevances = relevances(self.cue.mode, &candidates);
        let worth = |(mut candidate, said): (Candidate, f32)| {
            candidate.uncalibrated = said;
            (candidate, fit.apply(said))
        };
        let mut ranked: Vec<(Candidate, f32)> = candidates
            .into_iter()
            .zip(relevances)
            .map(worth)
            .filter(|(_, relevance)| *relevance >= self.cue.min_relevance)
            .collect();
        let outcome = outcome(self, &ranked);
        let first = self.cue.after.map_or(0, |after| after.offset as usize);
        let end = first + self.cue.limit;
        self.diversify(&mut ranked, end);
        let next = (ranked.len() > end && end <= validate::RANKED_MAX).then_some(RankCursor {
            offset: end as u32,
            depth: self.depth as u32,
            turn: self.in_mind.turn,
        });
        let page = ranked.iter().skip(first).take(self.cue.limit);
        let (mut items, mut used) = (Vec::new(), Vec::new());
        for (candidate, relevance) in page {
            let primed_by = primes.get(&candidate.node).and_then(|prime| self.primed_by(prime));
            let item = Recalled { primed_by, ..self.recalled(candidate, *relevance, &led) };
            if !self.snapshot.lacks(candidate.at) {
                items.push(item);
                used.push((candidate.node, *relevance));
            }
        }
        let (missing, lsn, trained) = (Vec::new(), self.snapshot.lsn, false);
        let (primed, at_ns) = (None, self.now_ns);
        (Recall { items, outcome, next, missing, lsn, at_ns, trained, primed, explanation }, used)
    }

    fn recalled(&self, candidate: &Candidate, relevance: f32, led: &Led) -> Recalled {
        let at = candidate.at;
        let held = |term: &&String| self.snapshot.frequency(term, at) > 0;
        let matched = self.distinct_terms.iter().take(MATCHED_TRIED_MAX).filter(held);
        let lead = led.leads.get(&candidate.node);
        Recalled {
            detail: answered(self.snapshot, at, self.now_ns),
            relevance,
            uncalibrated: candidate.uncalibrated,
            score: candidate.score,
            parts: candidate.parts,
            matched_terms: matched.take(MATCHED_TERMS_MAX).cloned().collect(),
            path: lead.map(|lead| self.path(candidate.node, lead)).unwrap_or_default(),
            primed_by: None,
            crowding: self.crowding(candidate.node),
            neighbours: self.neighbours(candidate.node),
        }
    }

    /// How many memories that the cue may find are nearly the same as this one, as far as associations tell: a memory is
    /// associated with the nearest few of those before it, so the others are found over these.
    fn crowding(&self, node: u32) -> u32 {
        let near = EdgeKind::Near.edge_type();
        let (mut met, mut open) = (BTreeSet::from([node]), vec![node]);
        while let Some(next) = open.pop() {
            let links = self.snapshot.associations.graph.links(next);
            let alike =
                links.filter(|link| link.edge_type == near && link.weight.get() >= CROWDED_FROM);
            for link in alike.take(CROWD_MAX) {
                let found = self.snapshot.doc_of_node(link.node);
                let counts = found.is_some_and(|(at, _)| self.eligible.accepts(self.snapshot, at));
                if counts && met.len() <= CROWD_MAX && met.insert(link.node) {
                    open.push(link.node);
                }
            }
        }
        met.len() as u32 - 1
    }

    fn neighbours(&self, node: u32) -> Vec<Neighbour> {
        let count = self.cue.neighbours as usize;
        if count == 0 {
            return Vec::new();
        }
        let beside = |direction| self.snapshot.beside(node, direction, count, self.now_ns);
        let neighbour = |(at, distance): (DocRef, i32)| Neighbour {
            detail: answered(self.snapshot, at, self.now_ns),
            distance,
        };
        let before = beside(engram_index::Direction::In).into_iter().zip((i32::MIN..0).rev());
        let after = beside(engram_index::Direction::Out).into_iter().zip(1..);
        let before: Vec<_> = before.collect();
        let all = before.into_iter().rev().chain(after);
        let whole = |(at, distance)| {
            let shown = neighbour((at, distance));
            (!self.snapshot.lacks(at)).then_some(shown)
        };
        all.filter_map(whole).collect()
    }
}
