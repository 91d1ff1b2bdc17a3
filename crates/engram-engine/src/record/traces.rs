//! The records of what happened to a memory: in the log where it happened elsewhere, in the state file where it happened here.

use engram_index::{
    Evidence, PRESENTATION_DECAY_MAX, PRESENTATION_WEIGHT_MAX, PRESENTATIONS_MAX, Presentation,
    Retention, WITNESSES_MAX, Witness,
};
use prost::Message;

use crate::dynamics::{Carried, Trace};
use crate::portable::{Learned, Past};

/// What happened to a memory where it comes from.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct LearnedRecord {
    /// None = nothing but that it was stored. Its node is 0.
    #[prost(message, optional, tag = "1")]
    pub(crate) trace: Option<TraceRecord>,
    /// Consolidation has looked at it.
    #[prost(bool, tag = "2")]
    pub(crate) looked_at: bool,
    /// It makes no belief until it is updated.
    #[prost(bool, tag = "3")]
    pub(crate) apart: bool,
    /// Consolidation made it.
    #[prost(bool, tag = "4")]
    pub(crate) is_belief: bool,
}

impl LearnedRecord {
    pub(crate) fn new(learned: &Learned) -> LearnedRecord {
        let Learned { past, looked_at, apart, is_belief } = learned;
        LearnedRecord {
            trace: past.as_ref().map(|past| TraceRecord::new(0, &past.clone().into())),
            looked_at: *looked_at,
            apart: *apart,
            is_belief: *is_belief,
        }
    }

    /// None where a law cannot work with its numbers.
    pub(crate) fn learned(self) -> Option<Learned> {
        let LearnedRecord { trace, looked_at, apart, is_belief } = self;
        let past = match trace {
            None => None,
            Some(record) => Some(Past::from(&record.into_trace()?)),
        };
        Some(Learned { past, looked_at, apart, is_belief })
    }
}

/// What use and evidence have made of a memory.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct TraceRecord {
    #[prost(uint32, tag = "1")]
    pub(crate) node: u32,
    #[prost(sint64, tag = "2")]
    pub(crate) born: i64,
    #[prost(double, tag = "3")]
    pub(crate) first_stability_days: f64,
    #[prost(double, tag = "4")]
    pub(crate) difficulty: f64,
    #[prost(uint32, tag = "5")]
    pub(crate) uses: u32,
    /// Oldest first.
    #[prost(message, repeated, tag = "6")]
    pub(crate) presentations: Vec<PresentationRecord>,
    /// In the order of their first word.
    #[prost(message, repeated, tag = "7")]
    pub(crate) witnesses: Vec<WitnessRecord>,
    /// What a weighed update left of what was believed before.
    #[prost(message, optional, tag = "8")]
    pub(crate) carried: Option<CarriedRecord>,
}

/// What a weighed update left of what was believed before.
#[derive(Clone, Copy, PartialEq, Message)]
pub(crate) struct CarriedRecord {
    #[prost(double, tag = "1")]
    pub(crate) statement: f64,
    #[prost(double, tag = "2")]
    pub(crate) supports: f64,
    #[prost(double, tag = "3")]
    pub(crate) opposes: f64,
    #[prost(uint32, tag = "4")]
    pub(crate) pieces: u32,
}

impl CarriedRecord {
    fn new(carried: Carried) -> CarriedRecord {
        let Carried { statement, supports, opposes, pieces } = carried;
        CarriedRecord { statement, supports, opposes, pieces }
    }

    /// None where the numbers are no observations.
    fn carried(self) -> Option<Carried> {
        let CarriedRecord { statement, supports, opposes, pieces } = self;
        let counts = |number: f64| number >= 0.0 && number.is_finite();
        let sound = statement > 0.0 && statement <= 1.0 && counts(supports) && counts(opposes);
        sound.then_some(Carried { statement, supports, opposes, pieces })
    }
}

/// What one review of a memory left behind.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct PresentationRecord {
    #[prost(sint64, tag = "1")]
    pub(crate) at: i64,
    #[prost(sint64, tag = "2")]
    pub(crate) since: i64,
    #[prost(double, tag = "3")]
    pub(crate) stability_days: f64,
    #[prost(double, tag = "4")]
    pub(crate) decay: f64,
    #[prost(double, tag = "5")]
    pub(crate) weight: f64,
}

/// What one source said of a memory.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct WitnessRecord {
    #[prost(fixed64, tag = "1")]
    pub(crate) source: u64,
    #[prost(uint32, tag = "2")]
    pub(crate) supports: u32,
    #[prost(uint32, tag = "3")]
    pub(crate) opposes: u32,
}

impl TraceRecord {
    pub(crate) fn new(node: u32, trace: &Trace) -> TraceRecord {
        let Trace { retention, evidence, carried } = trace;
        let presentation = |review: &Presentation| PresentationRecord {
            at: review.at_ns,
            since: review.since_ns,
            stability_days: review.stability_days,
            decay: review.decay,
            weight: review.weight,
        };
        let witness = |witness: &Witness| WitnessRecord {
            source: witness.source,
            supports: witness.supports,
            opposes: witness.opposes,
        };
        TraceRecord {
            node,
            born: retention.born_ns,
            first_stability_days: retention.first_stability_days,
            difficulty: retention.difficulty,
            uses: retention.uses,
            presentations: retention.presentations.iter().map(presentation).collect(),
            witnesses: evidence.witnesses().iter().map(witness).collect(),
            carried: carried.map(CarriedRecord::new),
        }
    }

    /// The trace, or nothing where its numbers are none that a law can work with.
    pub(crate) fn into_trace(self) -> Option<Trace> {
        let is_time = |days: f64| days > 0.0 && days.is_finite();
        let presentation = |review: PresentationRecord| {
            let PresentationRecord { at, since, stability_days, decay, weight } = review;
            let sound = is_time(stability_days)
                && (0.0..=PRESENTATION_DECAY_MAX).contains(&decay)
                && (0.0..=PRESENTATION_WEIGHT_MAX).contains(&weight);
            let review = Presentation { at_ns: at, since_ns: since, stability_days, decay, weight };
            sound.then_some(review)
        };
        let presentations: Option<Vec<Presentation>> =
            self.presentations.into_iter().map(presentation).collect();
        let presentations = presentations?;
        let sound = is_time(self.first_stability_days)
            && presentations.len() <= PRESENTATIONS_MAX
            && (1.0..=10.0).contains(&self.difficulty)
            && presentations.is_sorted_by_key(|review| review.at_ns);
        let retention = Retention {
            born_ns: self.born,
            first_stability_days: self.first_stability_days,
            difficulty: self.difficulty,
            uses: self.uses,
            presentations,
        };
        let witness = |witness: WitnessRecord| Witness {
            source: witness.source,
            supports: witness.supports,
            opposes: witness.opposes,
        };
        let sound = sound && self.witnesses.len() <= WITNESSES_MAX;
        let evidence = Evidence::of(self.witnesses.into_iter().map(witness).collect());
        let carried = match self.carried {
            None => None,
            Some(record) => Some(record.carried()?),
        };
        sound.then_some(Trace { retention, evidence, carried })
    }
}
