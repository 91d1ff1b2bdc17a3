//! What a score is worth: the relevance of each item, and the outcome of the answer as a whole.

use super::Probe;
use super::rank::Candidate;
use crate::answer::Outcome;

/// What all candidates of one answer share.
pub(super) struct Evidence {
    ceiling: f32,
}

impl Evidence {
    pub(super) fn new(probe: &Probe<'_>, _candidates: &[Candidate]) -> Evidence {
        Evidence { ceiling: probe.wanted.ceiling() }
    }

    /// Estimated probability that a candidate matches the cue.
    pub(super) fn relevance(&self, candidate: &Candidate) -> f32 {
        let _ = self.ceiling;
        candidate.score.min(1.0)
    }
}

/// What the answer is worth.
pub(super) fn outcome(
    _probe: &Probe<'_>,
    candidates: &[Candidate],
    _relevance: &dyn Fn(&Candidate) -> f32,
) -> Outcome {
    if candidates.is_empty() { Outcome::Nothing } else { Outcome::Match }
}
