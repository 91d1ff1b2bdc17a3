//! Reconsolidation: an update that followed a recall weighs less, the better established the memory is that it changes.
//!
//! Only what an update says otherwise is weighed; where it changes no more than labels or how the memory fades, nothing is.
//! The weight is worked out when the update is submitted, from the log as far as it is applied, and stands in the log itself:
//! a replay reads it and works out nothing. `docs/concepts/versions.md` tells the formula and its sources.

use engram_index::{Beta, Establishment, lability};

use crate::dynamics::{Carried, Fading, Trace, belief};
use crate::error::{EngineError, InvalidValue};
use crate::model::{Memory, MemoryContent, Reconsolidation};
use crate::settings::DecaySettings;

const NS_PER_DAY: f64 = 86_400e9;
const NS_PER_HOUR: f64 = 3_600e9;
const NS_PER_SECOND: f64 = 1e9;
/// Least weight of an update: a statement always counts for something.
const WEIGHT_MIN: f64 = 0.001;

/// A citation of the recall that an update followed.
pub(crate) struct Citation<'a> {
    /// When that recall was answered, ns.
    pub(crate) recalled_at: i64,
    /// Now, ns.
    pub(crate) now_ns: i64,
    /// What was learned of the memory, as far as the log is applied.
    pub(crate) trace: Option<&'a Trace>,
    /// A use since that recall is noted and not in the log yet.
    pub(crate) noted: bool,
    pub(crate) space: DecaySettings,
}

/// What an update weighs that makes `before` say `after`; none where it says nothing otherwise.
///
/// # Errors
/// A recall to come, or one from before the memory was there.
pub(crate) fn weighed(
    before: &Memory,
    after: &MemoryContent,
    cited: &Citation<'_>,
) -> Result<Option<Reconsolidation>, EngineError> {
    let first = before.first_committed_at.0;
    if cited.recalled_at < first || cited.recalled_at > cited.now_ns.max(first) {
        let [value, low, high] =
            [cited.recalled_at, first, cited.now_ns.max(first)].map(|ns| ns as f64 / NS_PER_SECOND);
        let problem = InvalidValue::OutOfRange { value, low, high };
        return Err(EngineError::invalid("after_recall.recalled_at", problem));
    }
    if !says_otherwise(&before.content, after) {
        return Ok(None);
    }
    let fading = Fading::new(&before.course(), cited.space);
    let fresh;
    let trace = match cited.trace {
        Some(trace) => trace,
        None => {
            fresh = Trace::fresh(&fading);
            &fresh
        }
    };
    let used = trace.retention.used_ns().is_some_and(|used| used >= cited.recalled_at);
    let confirmed = used || cited.noted;
    let established = establishment(trace, &fading, cited.now_ns);
    let hours = (cited.now_ns - cited.recalled_at) as f64 / NS_PER_HOUR;
    let labile = if confirmed { lability(hours) } else { 0.0 };
    Ok(Some(Reconsolidation {
        recalled_at: cited.recalled_at,
        confirmed,
        established: established.share() as f32,
        labile: labile as f32,
        weight: established.plasticity(labile).max(WEIGHT_MIN) as f32,
    }))
}

/// How established a memory is.
fn establishment(trace: &Trace, fading: &Fading, now_ns: i64) -> Establishment {
    let retention = &trace.retention;
    let told = trace.evidence.update(Beta { alpha: 0.0, beta: 0.0 });
    let carried = trace.carried.unwrap_or(Carried::NOTHING);
    let now_ns = now_ns.max(retention.latest_ns());
    Establishment {
        evidence: told.alpha + carried.supports - told.beta - carried.opposes,
        growth: retention.stability_days() / retention.first_stability_days,
        age_days: now_ns.saturating_sub(retention.born_ns) as f64 / NS_PER_DAY,
        retrievability: fading.retrievability(retention, now_ns).into(),
    }
}

/// Whether a memory says something else of the world: what it is labelled with and how it fades is nothing of the world.
fn says_otherwise(before: &MemoryContent, after: &MemoryContent) -> bool {
    before.text != after.text
        || before.title != after.title
        || (before.occurred_at, before.occurred_until) != (after.occurred_at, after.occurred_until)
        || before.place != after.place
        || before.people != after.people
        || before.entities != after.entities
        || before.metadata != after.metadata
        || (&before.subject, &before.attribute) != (&after.subject, &after.attribute)
        || (before.valid_from, before.valid_until) != (after.valid_from, after.valid_until)
}

impl Trace {
    /// What was learned of a memory, after an update of that weight which says otherwise: what was believed before speaks
    /// against what is said now, as far as the update does not weigh.
    pub(crate) fn reconsolidate(&mut self, stated_before: Option<f32>, weight: f32) {
        let weight = f64::from(weight).clamp(WEIGHT_MIN, 1.0);
        let before = belief(stated_before, Some(self));
        let pieces = self.pieces().saturating_add(1);
        let rest = 1.0 - weight;
        self.carried = (rest > 0.0).then_some(Carried {
            statement: weight,
            supports: rest * before.beta,
            opposes: rest * before.alpha,
            pieces,
        });
        self.evidence = engram_index::Evidence::default();
    }
}

#[cfg(test)]
mod tests {
    use engram_index::{DecayLaw, Review};
    use engram_store::CommitTime;
    use proptest::prelude::*;

    use super::*;
    use crate::dynamics::confidence;

    const DAY: i64 = 86_400_000_000_000;
    const HOUR: i64 = DAY / 24;

    fn memory(text: &str) -> Memory {
        let mut memory = Memory {
            committed_at: CommitTime(DAY),
            first_committed_at: CommitTime(DAY),
            ..Memory::default()
        };
        memory.content.text = text.to_owned();
        memory
    }

    fn cited(trace: Option<&Trace>, (recalled_at, now_ns): (i64, i64)) -> Citation<'_> {
        let space = DecaySettings::default();
        Citation { recalled_at, now_ns, trace, noted: false, space }
    }

    fn used(times: u32, supports: u64) -> Trace {
        let mut trace =
            Trace::fresh(&Fading::new(&memory("old").course(), DecaySettings::default()));
        for time in 1..=i64::from(times) {
            trace.retention.review(DecayLaw::Fsrs, (1 + 10 * time) * DAY, Review::Useful);
        }
        (0..supports).for_each(|source| trace.evidence.support(source));
        trace
    }

    #[test]
    fn a_recall_that_left_a_use_opens_the_memory_for_six_hours() {
        let (old, new) = (memory("old"), memory("new").content);
        let trace = used(2, 3);
        let at = 21 * DAY;
        let weigh = |recalled_at: i64, now: i64| {
            weighed(&old, &new, &cited(Some(&trace), (recalled_at, now))).unwrap().unwrap()
        };
        let open = weigh(at, at);
        assert!(open.confirmed && open.labile == 1.0, "{open:?}");
        assert!((open.weight - (1.0 - open.established).sqrt()).abs() < 1e-6);
        let closing = weigh(at, at + 3 * HOUR);
        let closed = weigh(at, at + 6 * HOUR);
        assert!((closing.labile - 0.5).abs() < 1e-6 && closed.labile == 0.0);
        assert!(open.weight > closing.weight && closing.weight > closed.weight);
        let observed = weigh(at + HOUR, at + HOUR);
        assert!(!observed.confirmed && observed.labile == 0.0, "it left no use");
        let noted = Citation { noted: true, ..cited(Some(&trace), (at + HOUR, at + HOUR)) };
        assert!(weighed(&old, &new, &noted).unwrap().unwrap().confirmed);
    }

    #[test]
    fn labels_are_no_claims_and_times_have_bounds() {
        let old = memory("old");
        let mut labelled = old.content.clone();
        labelled.tags = vec!["seen".to_owned()];
        labelled.importance = Some(1.0);
        assert_eq!(weighed(&old, &labelled, &cited(None, (DAY, DAY))), Ok(None));
        let new = memory("new").content;
        for at in [DAY - 1, 2 * DAY + 1] {
            assert!(weighed(&old, &new, &cited(None, (at, 2 * DAY))).is_err(), "{at}");
        }
        let stated = weighed(&old, &new, &cited(None, (DAY, DAY))).unwrap().unwrap();
        assert_eq!((stated.weight, stated.established), (1.0, 0.0), "just stated");
    }

    #[test]
    fn what_was_believed_speaks_against_what_is_said_now() {
        let (old, mut trace) = (memory("old"), used(0, 2));
        // Beta(2, 1) with two pieces for it.
        assert!((confidence(&old, Some(&trace)).mean - 0.8).abs() < 1e-6);
        trace.reconsolidate(None, 0.25);
        // A quarter of Beta(2, 1), and three quarters of Beta(4, 1) the other way round.
        let after = confidence(&old, Some(&trace));
        assert!((after.mean - 1.25 / 4.5).abs() < 1e-6, "{after:?}");
        assert_eq!(after.evidence, 4);
        trace.evidence.support(7);
        assert!((confidence(&old, Some(&trace)).mean - 2.25 / 5.5).abs() < 1e-6);
        let mut whole = used(0, 2);
        whole.reconsolidate(None, 1.0);
        assert_eq!(confidence(&old, Some(&whole)), confidence(&old, None), "as if it were new");
    }

    proptest! {
        #[test]
        fn the_more_established_the_less_an_update_weighs(
            uses in 0..6_u32, supports in 0..6_u64, open in 0..8_i64, more in 1..4_u64,
        ) {
            let (old, new) = (memory("old"), memory("new").content);
            let at = 100 * DAY;
            let weight = |trace: &Trace| {
                weighed(&old, &new, &cited(Some(trace), (at - open * HOUR, at))).unwrap().unwrap()
            };
            let base = weight(&used(uses, supports));
            prop_assert!(base.weight > 0.0 && base.weight <= 1.0);
            prop_assert!((0.0..1.0).contains(&base.established) && (0.0..=1.0).contains(&base.labile));
            prop_assert!(weight(&used(uses, supports + more)).weight < base.weight);
            prop_assert!(weight(&used(uses + 1, supports)).weight < base.weight);
            let sure = |weight: f32| {
                let mut trace = used(uses, supports);
                trace.reconsolidate(None, weight);
                confidence(&old, Some(&trace)).mean
            };
            prop_assert!(sure(base.weight) <= sure(1.0) + 1e-6, "no surer than a new statement");
            prop_assert!(sure(base.weight * 0.5) <= sure(base.weight) + 1e-6);
        }
    }
}
