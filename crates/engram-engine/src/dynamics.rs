//! Strength and confidence: what they are at one moment, from what a memory says, what happened to it, and the clock.

use std::sync::OnceLock;

use engram_index::{Beta, DecayLaw, Evidence, Retention};

use crate::model::{Confidence, Course, Memory, OwnDecay, Strength};
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
    /// What an update left of what was believed before it; none = there was none that was weighed.
    pub(crate) carried: Option<Carried>,
}

/// What a weighed update left of what was believed before it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Carried {
    /// Share in (0, 1] that the statement counts of a statement.
    pub statement: f64,
    /// What of it speaks for what is said now, in observations.
    pub supports: f64,
    /// What of it speaks against that, in observations.
    pub opposes: f64,
    /// Pieces of evidence that it came from.
    pub pieces: u32,
}

impl Carried {
    /// What is carried where nothing is.
    pub(crate) const NOTHING: Carried =
        Carried { statement: 1.0, supports: 0.0, opposes: 0.0, pieces: 0 };
}

impl Trace {
    /// That of a memory to which nothing has happened.
    pub(crate) fn fresh(fading: &Fading) -> Trace {
        Trace { retention: fading.fresh(), evidence: Evidence::default(), carried: None }
    }

    /// Pieces of evidence beyond the statement of who stored it.
    pub(crate) fn pieces(&self) -> u32 {
        self.evidence.pieces().saturating_add(self.carried.map_or(0, |carried| carried.pieces))
    }
}

/// How one memory fades: what it says of it, and its space of what it does not.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Fading {
    learned_at: i64,
    settings: DecaySettings,
    pinned: bool,
}

impl Fading {
    pub(crate) fn new(course: &Course, space: DecaySettings) -> Fading {
        let mut settings = space;
        if let Some(OwnDecay::Fading { law, half_life_days }) = course.decay {
            if let Some(law) = law.filter(|law| *law != space.law) {
                settings = DecaySettings::of(law);
            }
            if let Some(half_life_days) = half_life_days {
                settings.stability_days = settings.law.of_half_life(half_life_days);
            }
        }
        let pinned = course.decay == Some(OwnDecay::Pinned);
        Fading { learned_at: course.learned_at(), settings, pinned }
    }

    /// The law; of a pinned memory, by which it would fade.
    pub(crate) fn law(&self) -> DecayLaw {
        self.settings.law
    }

    /// Whether it does not fade at all.
    pub(crate) fn is_pinned(&self) -> bool {
        self.pinned
    }

    /// How a memory is retained to which nothing has happened.
    fn fresh(&self) -> Retention {
        Retention::new(self.learned_at, self.settings.stability_days)
    }

    /// Retrievability of a memory that is retained so, in [0, 1].
    pub(crate) fn retrievability(&self, retention: &Retention, at_ns: i64) -> f32 {
        if self.pinned { 1.0 } else { retention.retrievability(self.law(), at_ns) as f32 }
    }

    /// The same now. Commit times may run ahead of the clock: what is known has happened.
    fn retrievability_now(&self, retention: &Retention, now_ns: i64) -> f32 {
        self.retrievability(retention, now_ns.max(retention.latest_ns()))
    }

    /// How retrievable a memory is now.
    pub(crate) fn strength_now(&self, trace: Option<&Trace>, now_ns: i64) -> f32 {
        match trace {
            Some(trace) => self.retrievability_now(&trace.retention, now_ns),
            None => self.retrievability_now(&self.fresh(), now_ns),
        }
    }

    /// All that is told of that.
    pub(crate) fn strength(&self, trace: Option<&Trace>, now_ns: i64) -> Strength {
        let fresh;
        let retention = match trace {
            Some(trace) => &trace.retention,
            None => {
                fresh = self.fresh();
                &fresh
            }
        };
        let (stability_days, law) = match self.pinned {
            true => (f32::INFINITY, PINNED),
            false => (retention.stability_days() as f32, self.law().name()),
        };
        Strength {
            retrievability: self.retrievability_now(retention, now_ns),
            stability_days,
            law,
            uses: retention.uses,
            used_at: retention.used_ns(),
        }
    }
}

/// How sure the evidence makes us of a memory. Most have nothing but a statement that names no confidence: their interval is
/// found once.
pub(crate) fn confidence(memory: &Memory, trace: Option<&Trace>) -> Confidence {
    static UNSTATED: OnceLock<Confidence> = OnceLock::new();
    let stated = memory.content.confidence;
    let pieces = trace.map_or(0, Trace::pieces);
    if stated.is_none() && pieces == 0 {
        return *UNSTATED.get_or_init(|| told(belief(None, None), 1));
    }
    told(belief(stated, trace), pieces.saturating_add(1))
}

/// What is believed of a memory after a statement of that confidence and all evidence.
pub(crate) fn belief(stated: Option<f32>, trace: Option<&Trace>) -> Beta {
    let stated = statement(stated.map_or(STATEMENT_DEFAULT, f64::from));
    let Some(trace) = trace else { return stated };
    let carried = trace.carried.unwrap_or(Carried::NOTHING);
    trace.evidence.update(Beta {
        alpha: carried.statement * stated.alpha + carried.supports,
        beta: carried.statement * stated.beta + carried.opposes,
    })
}

/// How sure we are of a belief: what its members say stands for a statement, and what was said of itself counts on top of it.
pub(crate) fn conviction(rests_on: &Evidence, trace: Option<&Trace>) -> Confidence {
    let mut belief = rests_on.update(statement(STATEMENT_DEFAULT));
    let mut pieces = rests_on.pieces();
    if let Some(trace) = trace {
        belief = trace.evidence.update(belief);
        pieces = pieces.saturating_add(trace.evidence.pieces());
    }
    told(belief, pieces)
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
    use engram_index::Review;
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
        let at = |decay, days| {
            Fading::new(&memory(decay).course(), space).strength(None, DAY + days * DAY)
        };
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
        let fading = Fading::new(&memory.course(), DecaySettings::default());
        let mut trace = Trace::fresh(&fading);
        let before = confidence(&memory, Some(&trace));
        assert_eq!((before, before.evidence), (confidence(&memory, None), 1));
        trace.evidence.oppose(1);
        let after = confidence(&memory, Some(&trace));
        assert!((after.mean - 0.5).abs() < 1e-6, "Beta(2, 2): {after:?}");
        assert_eq!(after.evidence, 2);
        trace.retention.review(DecayLaw::Fsrs, 5 * DAY, Review::Useful);
        let strength = fading.strength(Some(&trace), 5 * DAY);
        assert_eq!((strength.uses, strength.used_at), (1, Some(5 * DAY)));
        assert!(strength.retrievability > 0.999 && strength.stability_days > 30.0);
    }
}
