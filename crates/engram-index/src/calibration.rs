//! Calibration: what a probability is worth, learned from what came true.
//!
//! A two-parameter logistic function of the logit (Platt, "Probabilistic outputs for support vector machines", 1999), fitted to
//! counts by Newton's method and held near the identity by a prior, so that few outcomes change little. It rises everywhere, so
//! no order changes. Counts stand in bins: what is kept is bounded, and the order in which outcomes come in does not matter.

/// Bins over the logit.
pub const OUTCOME_BINS: usize = 64;
/// Logits below and above count as these.
const LOGIT_MAX: f64 = 8.0;
const BIN_WIDTH: f64 = 2.0 * LOGIT_MAX / OUTCOME_BINS as f64;
/// Precision of the prior on both parameters. An outcome at even odds has a quarter of an observation's information on the
/// shift, so this weighs as much as forty of them.
const PRIOR_PRECISION: f64 = 10.0;
/// Least slope: below, every probability would be the same.
const SLOPE_MIN: f64 = 0.05;
/// Newton steps; the function is convex, and five are usual.
const STEPS_MAX: u32 = 50;
/// Steps below this end the search.
const STEP_MIN: f64 = 1e-10;

/// A map from probabilities to probabilities: `logit p' = slope · logit p + shift`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Recalibration {
    /// At least 0.05.
    pub slope: f64,
    /// Finite.
    pub shift: f64,
}

impl Default for Recalibration {
    fn default() -> Recalibration {
        Recalibration::IDENTITY
    }
}

impl Recalibration {
    /// Changes nothing.
    pub const IDENTITY: Recalibration = Recalibration { slope: 1.0, shift: 0.0 };

    /// The probability that `stated` is worth; both in [0, 1]. Never falls as `stated` rises.
    pub fn apply(self, stated: f32) -> f32 {
        if self == Recalibration::IDENTITY {
            return stated;
        }
        probability(self.slope.mul_add(logit(f64::from(stated)), self.shift)) as f32
    }

    /// What was stated where `worth` is what [`Recalibration::apply`] made of it.
    pub fn invert(self, worth: f32) -> f32 {
        if self == Recalibration::IDENTITY {
            return worth;
        }
        probability((logit(f64::from(worth)) - self.shift) / self.slope) as f32
    }
}

/// Outcomes by what was stated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcomes {
    /// By bin: how many came true, and how many did not.
    bins: Vec<(u64, u64)>,
}

impl Default for Outcomes {
    fn default() -> Outcomes {
        Outcomes { bins: vec![(0, 0); OUTCOME_BINS] }
    }
}

impl Outcomes {
    /// Outcomes with these counts by bin, true and not; none where there are more than [`OUTCOME_BINS`] of them.
    pub fn of(counts: &[(u64, u64)]) -> Option<Outcomes> {
        let mut outcomes = Outcomes::default();
        outcomes.bins.get_mut(..counts.len())?.copy_from_slice(counts);
        Some(outcomes)
    }

    /// The counts by bin: how many came true, and how many did not.
    pub fn counts(&self) -> &[(u64, u64)] {
        &self.bins
    }

    /// Counts one outcome of what was stated with a probability.
    pub fn add(&mut self, stated: f32, came_true: bool) {
        let place = (logit(f64::from(stated)) + LOGIT_MAX) / BIN_WIDTH;
        let bin = &mut self.bins[(place as usize).min(OUTCOME_BINS - 1)];
        let count = if came_true { &mut bin.0 } else { &mut bin.1 };
        *count = count.saturating_add(1);
    }

    /// All outcomes, and those that came true.
    pub fn total(&self) -> (u64, u64) {
        self.bins.iter().fold((0, 0), |(all, hits), bin| (all + bin.0 + bin.1, hits + bin.0))
    }

    /// The most likely map after these outcomes, with a normal prior around the identity.
    pub fn fit(&self) -> Recalibration {
        if self.total().0 == 0 {
            return Recalibration::IDENTITY;
        }
        let mut fit = Recalibration::IDENTITY;
        for _ in 0..STEPS_MAX {
            let step = self.step(fit, fit.slope <= SLOPE_MIN);
            fit.slope = (fit.slope - step.0).max(SLOPE_MIN);
            fit.shift -= step.1;
            if step.0.abs() + step.1.abs() < STEP_MIN {
                break;
            }
        }
        if fit.shift.is_finite() { fit } else { Recalibration::IDENTITY }
    }

    /// A step of Newton's method on the negative log posterior, at most 1 in either direction. With the slope `held` at its
    /// bound only the shift moves.
    fn step(&self, fit: Recalibration, held: bool) -> (f64, f64) {
        let mut gradient = (PRIOR_PRECISION * (fit.slope - 1.0), PRIOR_PRECISION * fit.shift);
        let mut curvature = (PRIOR_PRECISION, 0.0, PRIOR_PRECISION);
        for (bin, (hits, misses)) in self.bins.iter().enumerate() {
            let (hits, misses) = (*hits as f64, *misses as f64);
            let all = hits + misses;
            if all == 0.0 {
                continue;
            }
            let logit = middle(bin);
            let expected = probability(fit.slope.mul_add(logit, fit.shift));
            let excess = all * expected - hits;
            let information = all * expected * (1.0 - expected);
            gradient.0 += excess * logit;
            gradient.1 += excess;
            curvature.0 += information * logit * logit;
            curvature.1 += information * logit;
            curvature.2 += information;
        }
        let bounded = |step: f64| step.clamp(-1.0, 1.0);
        let determinant = curvature.0 * curvature.2 - curvature.1 * curvature.1;
        let slope = (curvature.2 * gradient.0 - curvature.1 * gradient.1) / determinant;
        let shift = (curvature.0 * gradient.1 - curvature.1 * gradient.0) / determinant;
        if held && slope > 0.0 {
            return (0.0, bounded(gradient.1 / curvature.2));
        }
        (bounded(slope), bounded(shift))
    }

    /// Expected calibration error of a map over these outcomes: how far what it says and the share that came true are apart,
    /// over the bins, each by its outcomes. In [0, 1]; 0 without outcomes.
    pub fn error(&self, map: Recalibration) -> f64 {
        let all = self.total().0 as f64;
        let apart = |(bin, (hits, misses)): (usize, &(u64, u64))| {
            let (hits, misses) = (*hits as f64, *misses as f64);
            let said = probability(map.slope.mul_add(middle(bin), map.shift));
            ((hits + misses) * said - hits).abs()
        };
        if all == 0.0 { 0.0 } else { self.bins.iter().enumerate().map(apart).sum::<f64>() / all }
    }
}

/// The logit in the middle of a bin.
fn middle(bin: usize) -> f64 {
    (bin as f64 + 0.5).mul_add(BIN_WIDTH, -LOGIT_MAX)
}

fn logit(probability: f64) -> f64 {
    if probability <= 0.0 {
        return -LOGIT_MAX;
    }
    if probability >= 1.0 {
        return LOGIT_MAX;
    }
    (libm::log(probability) - libm::log1p(-probability)).clamp(-LOGIT_MAX, LOGIT_MAX)
}

fn probability(logit: f64) -> f64 {
    1.0 / (1.0 + libm::exp(-logit))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Outcomes at even steps of what was stated, as often true as `truth` says.
    fn told(count: u64, truth: Recalibration) -> Outcomes {
        let mut outcomes = Outcomes::default();
        for step in 1..100 {
            let stated = step as f32 / 100.0;
            let hits = (f64::from(truth.apply(stated)) * count as f64).round() as u64;
            (0..count).for_each(|n| outcomes.add(stated, n < hits));
        }
        outcomes
    }

    #[test]
    fn it_finds_what_the_outcomes_were_made_by() {
        let truth = Recalibration { slope: 0.6, shift: -1.0 };
        let outcomes = told(1_000, truth);
        let fit = outcomes.fit();
        assert!((fit.slope - 0.6).abs() < 0.01 && (fit.shift + 1.0).abs() < 0.01, "{fit:?}");
        let (before, after) = (outcomes.error(Recalibration::IDENTITY), outcomes.error(fit));
        assert!(before > 0.15 && after < 0.01, "{before} {after}");
        assert_eq!(outcomes.total().0, 99_000);
    }

    #[test]
    fn few_outcomes_change_little_and_none_nothing() {
        assert_eq!(Outcomes::default().fit(), Recalibration::IDENTITY);
        assert_eq!(Recalibration::IDENTITY.apply(0.123), 0.123);
        let mut outcomes = Outcomes::default();
        outcomes.add(0.9, false);
        let once = outcomes.fit().apply(0.9);
        assert!(once < 0.9 && once > 0.8, "{once}");
        (0..200).for_each(|_| outcomes.add(0.9, false));
        assert!(outcomes.fit().apply(0.9) < 0.2);
    }

    #[test]
    fn a_map_against_the_order_is_held_at_its_bound() {
        let mut outcomes = Outcomes::default();
        for _ in 0..500 {
            outcomes.add(0.1, true);
            outcomes.add(0.9, false);
            outcomes.add(0.9, false);
        }
        let fit = outcomes.fit();
        assert_eq!(fit.slope, SLOPE_MIN);
        let base = f64::from(fit.apply(0.5));
        assert!((base - 1.0 / 3.0).abs() < 0.03, "the base rate is left: {base}");
    }

    proptest! {
        #[test]
        fn maps_rise_and_can_be_undone(
            said in proptest::collection::vec((0.0..=1.0_f32, any::<bool>()), 0..200),
            one in 0.001..0.999_f32, other in 0.001..0.999_f32,
        ) {
            let mut outcomes = Outcomes::default();
            said.iter().for_each(|(stated, came_true)| outcomes.add(*stated, *came_true));
            let mut back = Outcomes::default();
            said.iter().rev().for_each(|(stated, came_true)| back.add(*stated, *came_true));
            prop_assert_eq!(&outcomes, &back);
            prop_assert_eq!(Outcomes::of(outcomes.counts()), Some(back));
            let fit = outcomes.fit();
            prop_assert!(fit.slope >= SLOPE_MIN && fit.shift.is_finite());
            let (low, high) = if one < other { (one, other) } else { (other, one) };
            prop_assert!(fit.apply(low) <= fit.apply(high));
            prop_assert!((0.0..=1.0).contains(&fit.apply(one)));
            let gentle = Recalibration { slope: fit.slope.max(0.3), shift: fit.shift.clamp(-2.0, 2.0) };
            prop_assert!((gentle.invert(gentle.apply(one)) - one).abs() < 1e-3);
        }
    }
}
