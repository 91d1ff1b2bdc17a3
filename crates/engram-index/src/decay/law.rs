//! The laws of forgetting as curves: retrievability as a function of time since a memory was learned.
//!
//! Every law is a curve of one parameter, its stability: the time until retrievability has fallen to 0.9. So stabilities of
//! different laws compare, and a law can be swapped without touching what was learned.

/// Ebbinghaus's `k` and `c` of his savings formula, with minutes and the decimal logarithm.
const EBBINGHAUS_K: f64 = 1.84;
const EBBINGHAUS_C: f64 = 1.25;
/// Minutes after which that formula gives 0.9: `10^((k / 0.9 - k)^(1/c))`.
const EBBINGHAUS_STABILITY_MINUTES: f64 = 1.909_153_429_336_582_4;
const MINUTES_PER_DAY: f64 = 1_440.0;
/// Stability of a new memory unless the space says otherwise, days: chosen by its cost on dialogue.
const STABILITY_DAYS: f64 = 30.0;
/// ACT-R: decay of a first presentation and noise of activation (Pavlik and Anderson 2005, experiment 1).
pub(super) const ACT_R_DECAY: f64 = 0.177;
pub(super) const ACT_R_NOISE: f64 = 0.255;

/// How memories fade.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum DecayLaw {
    /// `(1 + 19/81 t/S)^(-1/2)`: FSRS-4.5 (open-spaced-repetition, "The Algorithm"), fitted to some hundred million
    /// reviews of flashcards.
    #[default]
    Fsrs,
    /// `(1 + t/(9 S))^(-1)`: Wickelgren's power law ("Single-trace fragility theory of memory dynamics", 1974) with exponent 1.
    Power,
    /// `0.9^(t/S)`: an exponential, as the retrievability of one trace (Woźniak, Gorzelańczyk and Murakowski, "Two components
    /// of long-term memory", 1995).
    Exponential,
    /// Base-level activation with a decay that grows with the activation at the time of each presentation (Pavlik and Anderson,
    /// "Practice and forgetting effects on vocabulary memory", 2005), through a logistic function to a probability.
    ActR,
    /// Savings of the 1885 study: `k / (log10(minutes)^c + k)` (Ebbinghaus, "Über das Gedächtnis", § 29).
    Ebbinghaus,
}

impl DecayLaw {
    /// All laws, in the order of their codes in the log.
    pub const ALL: [DecayLaw; 5] = [
        DecayLaw::Fsrs,
        DecayLaw::Power,
        DecayLaw::Exponential,
        DecayLaw::ActR,
        DecayLaw::Ebbinghaus,
    ];

    /// Name in requests and answers.
    pub fn name(self) -> &'static str {
        match self {
            DecayLaw::Fsrs => "fsrs",
            DecayLaw::Power => "power",
            DecayLaw::Exponential => "exponential",
            DecayLaw::ActR => "act_r",
            DecayLaw::Ebbinghaus => "ebbinghaus",
        }
    }

    /// The law of that name.
    pub fn from_name(name: &str) -> Option<DecayLaw> {
        DecayLaw::ALL.into_iter().find(|law| law.name() == name)
    }

    /// Stability of a new memory where nothing else is said, days.
    pub fn stability_days(self) -> f64 {
        match self {
            DecayLaw::Ebbinghaus => EBBINGHAUS_STABILITY_MINUTES / MINUTES_PER_DAY,
            _ => STABILITY_DAYS,
        }
    }

    /// Retrievability `elapsed_days` after a memory of `stability_days` was learned and not used since.
    ///
    /// In [0, 1], 1 at no elapsed time, falling with time and rising with stability. Negative elapsed time counts as 0. A
    /// stability that is not positive forgets at once: 1 at time 0, else 0. Panics on NaN.
    pub fn retrievability(self, elapsed_days: f64, stability_days: f64) -> f64 {
        assert!(
            !elapsed_days.is_nan() && !stability_days.is_nan(),
            "time and stability are numbers"
        );
        if elapsed_days <= 0.0 || stability_days == f64::INFINITY {
            return 1.0;
        }
        if stability_days <= 0.0 || elapsed_days == f64::INFINITY {
            return 0.0;
        }
        self.curve(elapsed_days / stability_days)
    }

    /// Retrievability after so many times the stability.
    fn curve(self, times: f64) -> f64 {
        match self {
            // Division and square root are correctly rounded by IEEE 754, so this needs no libm.
            DecayLaw::Fsrs => 1.0 / (1.0 + 19.0 / 81.0 * times).sqrt(),
            DecayLaw::Power => 1.0 / (1.0 + times / 9.0),
            DecayLaw::Exponential => libm::exp(times * libm::log(0.9)),
            DecayLaw::ActR => retrieved(-ACT_R_DECAY * libm::log(times)),
            DecayLaw::Ebbinghaus => {
                let minutes = (times * EBBINGHAUS_STABILITY_MINUTES).max(1.0);
                let loss = libm::pow(libm::log10(minutes), EBBINGHAUS_C);
                EBBINGHAUS_K / (loss + EBBINGHAUS_K)
            }
        }
    }

    /// Days from when on retrievability is below `threshold`: the inverse of [`DecayLaw::retrievability`].
    ///
    /// 0 for a threshold of at least 1 and for a stability that is not positive; infinite for a threshold of at most 0 and for
    /// an infinite stability. Panics on NaN.
    pub fn when_below(self, threshold: f64, stability_days: f64) -> f64 {
        assert!(
            !threshold.is_nan() && !stability_days.is_nan(),
            "thresholds and stabilities are numbers"
        );
        if threshold <= 0.0 || stability_days == f64::INFINITY {
            return f64::INFINITY;
        }
        if threshold >= 1.0 || stability_days <= 0.0 {
            return 0.0;
        }
        self.times_until(threshold) * stability_days
    }

    /// After how many times the stability the curve has fallen to a level in (0, 1).
    fn times_until(self, level: f64) -> f64 {
        let odds_lost = 1.0 / level - 1.0;
        match self {
            DecayLaw::Fsrs => (1.0 / (level * level) - 1.0) * 81.0 / 19.0,
            DecayLaw::Power => 9.0 * odds_lost,
            DecayLaw::Exponential => libm::log(level) / libm::log(0.9),
            DecayLaw::ActR => libm::pow(9.0 * odds_lost, ACT_R_NOISE / ACT_R_DECAY),
            DecayLaw::Ebbinghaus => {
                libm::exp10(libm::pow(EBBINGHAUS_K * odds_lost, 1.0 / EBBINGHAUS_C))
                    / EBBINGHAUS_STABILITY_MINUTES
            }
        }
    }

    /// Stability, days, of a memory that has lost half of its retrievability after `half_life_days`.
    pub fn of_half_life(self, half_life_days: f64) -> f64 {
        half_life_days / self.stabilities_per_half_life()
    }

    fn stabilities_per_half_life(self) -> f64 {
        self.times_until(0.5)
    }
}

/// Probability of retrieval at an activation that is so far above that of one presentation after its stability: a logistic
/// function that gives 0.9 there.
pub(super) fn retrieved(activation: f64) -> f64 {
    1.0 / (1.0 + libm::exp(-activation / ACT_R_NOISE) / 9.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_law_gives_nine_tenths_at_its_stability_and_half_at_its_half_life() {
        for law in DecayLaw::ALL {
            for stability in [0.01, 1.0, 30.0, 365.0] {
                let at = law.retrievability(stability, stability);
                assert!((at - 0.9).abs() < 1e-9, "{law:?} at its stability: {at}");
            }
            let stability = law.of_half_life(7.0);
            let half = law.retrievability(7.0, stability);
            assert!((half - 0.5).abs() < 1e-9, "{law:?} at its half-life: {half}");
            assert_eq!(DecayLaw::from_name(law.name()), Some(law));
        }
    }

    #[test]
    fn edges() {
        for law in DecayLaw::ALL {
            assert_eq!(law.retrievability(0.0, 30.0), 1.0);
            assert_eq!(law.retrievability(-5.0, 30.0), 1.0);
            assert_eq!(law.retrievability(1.0, 0.0), 0.0);
            assert_eq!(law.retrievability(0.0, 0.0), 1.0);
            assert_eq!(law.retrievability(f64::INFINITY, 30.0), 0.0);
            assert_eq!(law.retrievability(1.0, f64::INFINITY), 1.0);
        }
    }

    proptest! {
        #[test]
        fn the_inverse_is_that_of_the_curve(
            law in proptest::sample::select(DecayLaw::ALL.to_vec()),
            threshold in 0.02..0.98_f64, stability in 1e-3..1e3_f64,
        ) {
            let days = law.when_below(threshold, stability);
            if days.is_finite() {
                let found = law.retrievability(days, stability);
                prop_assert!((found - threshold).abs() < 1e-9, "{law:?}: {found} at {threshold}");
                prop_assert!(law.retrievability(days * 1.001, stability) < threshold);
                prop_assert!(law.retrievability(days * 0.999, stability) > threshold);
            }
        }
    }

    #[test]
    fn edges_of_the_inverse() {
        for law in DecayLaw::ALL {
            assert_eq!(law.when_below(1.0, 30.0), 0.0);
            assert_eq!(law.when_below(0.5, 0.0), 0.0);
            assert_eq!(law.when_below(0.0, 30.0), f64::INFINITY);
            assert_eq!(law.when_below(0.5, f64::INFINITY), f64::INFINITY);
            let at = law.when_below(0.9, 30.0);
            assert!((at - 30.0).abs() < 1e-9, "{law:?}: {at}");
        }
    }

    /// Savings that Ebbinghaus measured, with the time after learning in minutes.
    const SAVINGS: [(f64, f64); 7] = [
        (20.0, 0.58),
        (60.0, 0.44),
        (540.0, 0.36),
        (1_440.0, 0.33),
        (2_880.0, 0.28),
        (8_640.0, 0.25),
        (44_640.0, 0.21),
    ];

    #[test]
    fn the_curve_of_1885() {
        let law = DecayLaw::Ebbinghaus;
        for (minutes, savings) in SAVINGS {
            let found = law.retrievability(minutes / 1_440.0, law.stability_days());
            assert!((found - savings).abs() < 0.05, "{minutes} min: {found}, not {savings}");
        }
    }

    proptest! {
        #[test]
        fn falls_with_time_and_rises_with_stability(
            law in proptest::sample::select(DecayLaw::ALL.to_vec()),
            t in 0.0..1e6_f64, dt in 0.0..1e6_f64, s in 1e-3..1e6_f64, ds in 0.0..1e6_f64,
        ) {
            let now = law.retrievability(t, s);
            prop_assert!((0.0..=1.0).contains(&now));
            prop_assert!(law.retrievability(t + dt, s) <= now);
            prop_assert!(law.retrievability(t, s + ds) >= now);
        }
    }
}
