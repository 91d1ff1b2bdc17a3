//! How much a new statement weighs against what is well established: the plasticity of a memory when it is updated.

/// What a statement counts in observations: so much evidence doubles how established a memory is.
const OBSERVATIONS: f64 = 3.0;
/// Age at which a memory that is still retrievable has grown established by its age alone, days.
const AGE_DAYS: f64 = 30.0;
/// Time after a recall until it opens a memory no more, hours: six hours after a reactivation, blocking protein synthesis no
/// longer undoes the memory (Nader, Schafe and LeDoux, "Fear memories require protein synthesis in the amygdala for
/// reconsolidation after retrieval", 2000).
const LABILE_HOURS: f64 = 6.0;

/// What makes a memory well established. All numbers count as 0 below it; a NaN counts as nothing known.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Establishment {
    /// Evidence for it beyond its own statement, less that against it, in observations.
    pub evidence: f64,
    /// How many times more stable it is than when it was new, by use.
    pub growth: f64,
    /// Time since it was learned, days.
    pub age_days: f64,
    /// How retrievable it is, in [0, 1]: what is forgotten is established no longer by its age.
    pub retrievability: f64,
}

impl Establishment {
    /// How established it is, in [0, 1): `1 - 1/x` with
    /// `x = (1 + evidence/3) · max(1, growth)^(1/2) · (1 + retrievability · age/30 days)^(1/2)`. 0 = it was just stated.
    ///
    /// That what is strong and old resists change is a boundary condition of reconsolidation (Lee, "Reconsolidation:
    /// maintaining memory relevance", 2009); the form and the constants are this program's.
    pub fn share(self) -> f64 {
        1.0 - 1.0 / self.factor()
    }

    /// What a new statement that contradicts it weighs, in (0, 1]: `x^-(1 - labile/2)`, with `labile` in [0, 1].
    ///
    /// 1 for a memory that is not established at all; falling with how established it is; rising with how labile it is, less
    /// in proportion where it is well established.
    pub fn plasticity(self, labile: f64) -> f64 {
        let labile = if labile.is_nan() { 0.0 } else { labile.clamp(0.0, 1.0) };
        libm::pow(self.factor(), 0.5 * labile - 1.0)
    }

    fn factor(self) -> f64 {
        let number = |value: f64| if value.is_nan() { 0.0 } else { value };
        let evidence = number(self.evidence).clamp(0.0, 1e9);
        let growth = number(self.growth).clamp(1.0, 1e9);
        let age =
            number(self.age_days).clamp(0.0, 1e9) * number(self.retrievability).clamp(0.0, 1.0);
        (1.0 + evidence / OBSERVATIONS) * growth.sqrt() * (1.0 + age / AGE_DAYS).sqrt()
    }
}

/// How far a recall so many hours ago still leaves a memory open to change: 1 at once, 0 from six hours on. In [0, 1]; a time
/// to come counts as now. Panics on NaN.
pub fn lability(hours: f64) -> f64 {
    assert!(!hours.is_nan(), "a time is a number");
    (1.0 - hours.max(0.0) / LABILE_HOURS).max(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NEW: Establishment =
        Establishment { evidence: 0.0, growth: 1.0, age_days: 0.0, retrievability: 1.0 };

    #[test]
    fn what_was_just_stated_gives_way_and_what_is_established_resists() {
        assert_eq!((NEW.share(), NEW.plasticity(0.0), NEW.plasticity(1.0)), (0.0, 1.0, 1.0));
        let told = Establishment { evidence: 3.0, ..NEW };
        assert_eq!((told.share(), told.plasticity(0.0)), (0.5, 0.5));
        let used = Establishment { growth: 4.0, age_days: 90.0, ..told };
        assert!((used.plasticity(0.0) - 0.125).abs() < 1e-12);
        assert!((used.plasticity(1.0) - 0.125_f64.sqrt()).abs() < 1e-12);
        let faded = Establishment { retrievability: 0.0, ..used };
        assert!((faded.plasticity(0.0) - 0.25).abs() < 1e-12);
        let unknown = Establishment { evidence: f64::NAN, growth: f64::NAN, ..NEW };
        assert_eq!(unknown.plasticity(f64::NAN), 1.0);
        assert_eq!([0.0, 3.0, 6.0, 100.0, -1.0].map(lability), [1.0, 0.5, 0.0, 0.0, 1.0]);
    }

    fn any_establishment() -> impl Strategy<Value = Establishment> {
        (-5.0..1e4_f64, 0.0..1e5_f64, -5.0..1e5_f64, 0.0..=1.0_f64).prop_map(
            |(evidence, growth, age_days, retrievability)| Establishment {
                evidence,
                growth,
                age_days,
                retrievability,
            },
        )
    }

    proptest! {
        #[test]
        fn the_more_established_the_smaller_the_weight(
            at in any_establishment(), more in (0.0..100.0_f64, 0.0..100.0_f64, 0.0..100.0_f64, 0.0..1.0_f64),
            labile in 0.0..=1.0_f64, later in 0.0..10.0_f64,
        ) {
            let weight = at.plasticity(labile);
            prop_assert!(weight > 0.0 && weight <= 1.0);
            prop_assert!((0.0..1.0).contains(&at.share()));
            for other in [
                Establishment { evidence: at.evidence + more.0, ..at },
                Establishment { growth: at.growth + more.1, ..at },
                Establishment { age_days: at.age_days + more.2, ..at },
                Establishment { retrievability: (at.retrievability + more.3).min(1.0), ..at },
            ] {
                prop_assert!(other.plasticity(labile) <= weight);
                prop_assert!(other.share() >= at.share());
            }
            prop_assert!(at.plasticity((labile + more.3).min(1.0)) >= weight);
            prop_assert!(lability(later + more.0) <= lability(later));
        }
    }
}
