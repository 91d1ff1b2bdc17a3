//! Strength and confidence: what they are at one moment, from what a memory says, what happened to it, and the clock.

use std::sync::OnceLock;

use engram_index::{Beta, Evidence, Retention};

use crate::model::{Confidence, Memory, OwnDecay, Strength};
use crate::settings::DecaySettings;

/// What one statement by a caller weighs, in observations.
const STATEMENT_OBSERVATIONS: f64 = 3.0;
/// A single statement proves nothing: its confidence counts within these bounds.
const STATEMENT_BOUNDS: (f64, f64) = (0.01, 0.99);
/// Confidence of a statement that names none: Beta(2, 1), one success over a uniform prior.
const STATEMENT_DEFAULT: f64 = 2.0 / 3.0;
/// Share of the distribution that the interval covers.
const INTERVAL_MASS: f64 = 0.9;
/// What stands for the law of a pinned memory.
const PINNED: &str = "pinned";

/// What happened to one memory.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Trace {
    /// How well it is retained.
    pub(crate) retention: Retention,
    /// What speaks for and against it beyond the statement of who stored it.
    pub(crate) evidence: Evidence,
}

impl Trace {
    /// That of a memory to which nothing has happened.
    pub(crate) fn fresh(memory: &Memory, space: DecaySettings) -> Trace {
        let stability_days = fading(memory, space).unwrap_or(space).stability_days;
        let retention = Retention::new(memory.learned_at(), stability_days);
        Trace { retention, evidence: Evidence::default() }
    }
}

/// How a memory fades; none = it is pinned.
pub(crate) fn fading(memory: &Memory, space: DecaySettings) -> Option<DecaySettings> {
    match memory.content.decay {
        None => Some(space),
        Some(OwnDecay::Pinned) => None,
        Some(OwnDecay::Fading { law, half_life_days }) => {
            let mut own = match law.filter(|law| *law != space.law) {
                Some(law) => DecaySettings::of(law),
                None => space,
            };
            if let Some(half_life_days) = half_life_days {
                own.stability_days = own.law.of_half_life(half_life_days);
            }
            Some(own)
        }
    }
}

/// How retrievable a memory is now.
pub(crate) fn strength(
    memory: &Memory,
    trace: Option<&Trace>,
    space: DecaySettings,
    now_ns: i64,
) -> Strength {
    let (uses, used_at) =
        trace.map_or((0, None), |trace| (trace.retention.uses, trace.retention.used_ns()));
    let Some(own) = fading(memory, space) else {
        let stability_days = f32::INFINITY;
        return Strength { retrievability: 1.0, stability_days, law: PINNED, uses, used_at };
    };
    let fresh;
    let retention = match trace {
        Some(trace) => &trace.retention,
        None => {
            fresh = Retention::new(memory.learned_at(), own.stability_days);
            &fresh
        }
    };
    Strength {
        // Commit times may run ahead of the clock: what is known has happened.
        retrievability: retention.retrievability(own.law, now_ns.max(retention.latest_ns())) as f32,
        stability_days: retention.stability_days() as f32,
        law: own.law.name(),
        uses,
        used_at,
    }
}

/// How sure the evidence makes us of a memory. Most have nothing but a statement that names no confidence: their interval is
/// found once.
pub(crate) fn confidence(memory: &Memory, trace: Option<&Trace>) -> Confidence {
    static UNSTATED: OnceLock<Confidence> = OnceLock::new();
    let stated = memory.content.confidence;
    let evidence = trace.map(|trace| &trace.evidence).filter(|evidence| evidence.pieces() > 0);
    match (stated, evidence) {
        (None, None) => *UNSTATED.get_or_init(|| told(statement(STATEMENT_DEFAULT), 1)),
        (stated, evidence) => {
            let prior = statement(stated.map_or(STATEMENT_DEFAULT, f64::from));
            match evidence {
                None => told(prior, 1),
                Some(evidence) => told(evidence.update(prior), evidence.pieces().saturating_add(1)),
            }
        }
    }
}

/// The caller's statement as evidence.
fn statement(stated: f64) -> Beta {
    let mean = stated.clamp(STATEMENT_BOUNDS.0, STATEMENT_BOUNDS.1);
    Beta { alpha: STATEMENT_OBSERVATIONS * mean, beta: STATEMENT_OBSERVATIONS * (1.0 - mean) }
}

fn told(belief: Beta, evidence: u32) -> Confidence {
    let (low, high) = belief.interval(INTERVAL_MASS);
    Confidence { mean: belief.mean() as f32, low: low as f32, high: high as f32, evidence }
}

/// Number of a source: what says that two pieces of evidence come from the same one.
pub(crate) fn witness(parts: &[&str]) -> u64 {
    let mut hasher = blake3::Hasher::new();
    for part in parts {
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part.as_bytes());
    }
    let mut number = [0; 8];
    number.copy_from_slice(&hasher.finalize().as_bytes()[..8]);
    u64::from_le_bytes(number)
}

/// The source of what a memory says: who stored it, and where it comes from.
pub(crate) fn source_of(memory: &Memory) -> u64 {
    let source = &memory.content.source;
    witness(&[&memory.principal, &source.kind, &source.reference])
}

#[cfg(test)]
mod tests {
    use engram_index::{DecayLaw, Review};
    use engram_store::CommitTime;

    use super::*;

    const DAY: i64 = 86_400_000_000_000;

    fn memory(decay: Option<OwnDecay>) -> Memory {
        let mut memory = Memory {
            committed_at: CommitTime(DAY),
            first_committed_at: CommitTime(DAY),
            ..Memory::default()
        };
        memory.content.decay = decay;
        memory
    }

    #[test]
    fn what_a_memory_says_of_its_fading_counts_before_what_the_space_says() {
        let space = DecaySettings { law: DecayLaw::Fsrs, stability_days: 10.0 };
        let at = |decay, days| strength(&memory(decay), None, space, DAY + days * DAY);
        assert_eq!(at(None, 10).stability_days, 10.0);
        assert!((at(None, 10).retrievability - 0.9).abs() < 1e-6);
        let own = OwnDecay::Fading { law: None, half_life_days: Some(3.0) };
        assert!((at(Some(own), 3).retrievability - 0.5).abs() < 1e-6);
        let other =
            OwnDecay::Fading { law: Some(DecayLaw::Exponential), half_life_days: Some(3.0) };
        assert!((at(Some(other), 6).retrievability - 0.25).abs() < 1e-6);
        assert_eq!(at(Some(other), 6).law, "exponential");
        let pinned = at(Some(OwnDecay::Pinned), 36_500);
        assert_eq!((pinned.retrievability, pinned.law), (1.0, "pinned"));
    }

    #[test]
    fn evidence_counts_on_top_of_the_statement() {
        let memory = memory(None);
        let mut trace = Trace::fresh(&memory, DecaySettings::default());
        let before = confidence(&memory, Some(&trace));
        assert_eq!((before, before.evidence), (confidence(&memory, None), 1));
        trace.evidence.oppose(1);
        let after = confidence(&memory, Some(&trace));
        assert!((after.mean - 0.5).abs() < 1e-6, "Beta(2, 2): {after:?}");
        assert_eq!(after.evidence, 2);
        trace.retention.review(DecayLaw::Fsrs, 5 * DAY, Review::Useful);
        let strength = strength(&memory, Some(&trace), DecaySettings::default(), 5 * DAY);
        assert_eq!((strength.uses, strength.used_at), (1, Some(5 * DAY)));
        assert!(strength.retrievability > 0.999 && strength.stability_days > 30.0);
    }
}
