//! What a score is worth: the relevance of each item, and the outcome of the answer as a whole.
//!
//! Relevance is the estimated probability that an item matches its cue. It rests on three observations: how far the score
//! stands out from the best fifty of the same cue, the rank, and the score itself, which is comparable between cues. Their
//! weights were fitted by logistic regression (Platt, "Probabilistic outputs for support vector machines", 1999) on
//! dialogue and passages, with cues asked where no answer is as negatives. Relevance never rises along a ranking, unless the
//! cue asks for diversity, which changes the order afterwards.

use engram_index::{ln_1p, logistic};

use super::Probe;
use super::rank::Candidate;
use crate::answer::{Mode, Outcome};

/// Candidates that a score is compared with.
const COMPARED: usize = 50;
/// Score of a candidate that is missing among them, so that a space of three memories behaves like a large one.
const SCORE_OF_MISSING: f32 = 0.12;
/// Keeps the deviation of equal scores above 0.
const DEVIATION_MIN: f32 = 0.02;
/// Relevance of the first item below which nothing matches, and below which something may.
const UNSURE_FROM: f32 = 0.2;
const MATCH_FROM: f32 = 0.5;
/// Two items are equally good when the score of the second is at least this share of the first's.
const EQUAL_SHARE: f32 = 0.98;
/// Cosine from which two items say the same.
const SAME_FROM: f32 = 0.85;

/// Weights of the three observations.
struct Fit {
    distance: f32,
    rank: f32,
    score: f32,
    constant: f32,
}

const fn fit(mode: Mode) -> Fit {
    match mode {
        Mode::Associative => Fit { distance: 4.13, rank: -0.215, score: 1.941, constant: -6.59 },
        Mode::Hybrid => Fit { distance: 4.649, rank: -0.298, score: 1.274, constant: -6.446 },
        Mode::Keyword => Fit { distance: 4.951, rank: -0.163, score: 0.0, constant: -6.38 },
        Mode::Similarity => Fit { distance: 4.437, rank: 0.0, score: 2.899, constant: -7.54 },
    }
}

/// Relevances of candidates that stand best first, in the same order.
pub(super) fn relevances(mode: Mode, candidates: &[Candidate]) -> Vec<f32> {
    let score = |place: usize| candidates.get(place).map_or(SCORE_OF_MISSING, |c| c.score);
    let count = COMPARED as f32;
    let mean = (0..COMPARED).map(score).sum::<f32>() / count;
    let variance = (0..COMPARED).map(|place| squared(score(place) - mean)).sum::<f32>() / count;
    let deviation = variance.sqrt() + DEVIATION_MIN;
    let fit = fit(mode);
    let relevance = |(rank, candidate): (usize, &Candidate)| {
        let distance = ((candidate.score - mean) / deviation).max(0.0);
        let evidence = fit.distance * ln_1p(distance)
            + fit.rank * ln_1p(rank as f32)
            + fit.score * candidate.score
            + fit.constant;
        logistic(evidence)
    };
    candidates.iter().enumerate().map(relevance).collect()
}

fn squared(x: f32) -> f32 {
    x * x
}

/// What the answer is worth.
pub(super) fn outcome(probe: &Probe<'_>, ranked: &[(Candidate, f32)]) -> Outcome {
    let Some((first, relevance)) = ranked.first() else { return Outcome::Nothing };
    if *relevance < UNSURE_FROM {
        return Outcome::Nothing;
    }
    if *relevance < MATCH_FROM {
        return Outcome::Unsure;
    }
    let contradicted = ranked[1..].iter().any(|(other, relevance)| {
        *relevance >= MATCH_FROM && probe.contradict(first.node, other.node)
    });
    if contradicted {
        return Outcome::Ambiguous;
    }
    // What the first one supersedes says nothing else of the same time.
    let mut others = ranked[1..].iter();
    match others.find(|(other, _)| !probe.chain(other.node).contains(&first.node)) {
        Some((second, relevance))
            if *relevance >= MATCH_FROM
                && second.score >= EQUAL_SHARE * first.score
                && probe.alike(first.at, second.at) < SAME_FROM =>
        {
            Outcome::Ambiguous
        }
        _ => Outcome::Match,
    }
}
