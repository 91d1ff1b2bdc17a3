//! Forgetting and strengthening as pure functions of time.

mod law;
mod plasticity;
mod priming;
mod retention;

pub use law::DecayLaw;
pub use plasticity::{Establishment, lability};
pub use priming::{PRIMED_MINUTES_MAX, PRIMED_TURNS_MAX, priming};
pub use retention::{
    PRESENTATION_DECAY_MAX, PRESENTATION_WEIGHT_MAX, PRESENTATIONS_MAX, Presentation, Retention,
    Review,
};

/// Nanoseconds of a day: clocks count the ones, laws of forgetting the others.
pub const NS_PER_DAY: f64 = 86_400e9;

/// How recent something of that age is: `2^(-age / half-life)`, exponential decay.
/// In [0, 1]; a negative age counts as 0, a half-life that is not positive as no time at all. Panics on NaN.
pub fn recency(age_days: f64, half_life_days: f64) -> f64 {
    assert!(!age_days.is_nan() && !half_life_days.is_nan(), "ages and half-lives are numbers");
    if age_days <= 0.0 {
        return 1.0;
    }
    if half_life_days <= 0.0 {
        return 0.0;
    }
    libm::exp2(-age_days / half_life_days)
}

#[cfg(test)]
mod tests {
    use super::recency;

    #[test]
    fn recency_halves() {
        assert_eq!(recency(0.0, 30.0), 1.0);
        assert_eq!(recency(-1.0, 30.0), 1.0);
        assert_eq!(recency(30.0, 30.0), 0.5);
        assert_eq!(recency(90.0, 30.0), 0.125);
        assert_eq!(recency(f64::INFINITY, 30.0), 0.0);
        assert_eq!(recency(1.0, 0.0), 0.0);
    }
}
