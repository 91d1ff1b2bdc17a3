//! Forgetting as a pure function of elapsed time.

/// Retrievability after `elapsed_days` without use, for a memory of `stability_days` (the time after which it is 0.9):
/// `(1 + 19/81 * t/S)^(-1/2)`, the forgetting curve of FSRS-4.5 (open-spaced-repetition, "The Algorithm", FSRS-4.5:
/// DECAY = -0.5, FACTOR = 19/81).
///
/// In [0, 1], 1 at no elapsed time, falling with time and rising with stability. Negative elapsed time counts as 0. A
/// stability that is not positive forgets at once: 1 at time 0, else 0. Panics on NaN.
pub fn fsrs_retrievability(elapsed_days: f64, stability_days: f64) -> f64 {
    assert!(!elapsed_days.is_nan() && !stability_days.is_nan(), "time and stability are numbers");
    if elapsed_days <= 0.0 {
        return 1.0;
    }
    if stability_days <= 0.0 {
        return 0.0;
    }
    if stability_days == f64::INFINITY {
        return 1.0;
    }
    // Division and square root are correctly rounded by IEEE 754, so this needs no libm.
    1.0 / (1.0 + 19.0 / 81.0 * (elapsed_days / stability_days)).sqrt()
}

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
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn recency_halves() {
        assert_eq!(recency(0.0, 30.0), 1.0);
        assert_eq!(recency(-1.0, 30.0), 1.0);
        assert_eq!(recency(30.0, 30.0), 0.5);
        assert_eq!(recency(90.0, 30.0), 0.125);
        assert_eq!(recency(f64::INFINITY, 30.0), 0.0);
        assert_eq!(recency(1.0, 0.0), 0.0);
    }

    #[test]
    fn known_points() {
        let close = |t, s, expected: f64| {
            let found = fsrs_retrievability(t, s);
            assert!((found - expected).abs() < 1e-12, "R({t}, {s}) = {found}, not {expected}");
        };
        close(0.0, 30.0, 1.0);
        close(-5.0, 30.0, 1.0);
        close(30.0, 30.0, 0.9);
        close(1.0, 1.0, 0.9);
        // 1 + 19/81 * t/S = 4, so t = 3 * 81/19 * S.
        close(3.0 * 81.0 / 19.0 * 7.0, 7.0, 0.5);
        close(1.0, 0.0, 0.0);
        close(0.0, 0.0, 1.0);
        close(f64::INFINITY, 30.0, 0.0);
        close(1.0, f64::INFINITY, 1.0);
    }

    proptest! {
        #[test]
        fn falls_with_time_and_rises_with_stability(
            t in 0.0..1e6_f64, dt in 0.0..1e6_f64, s in 1e-3..1e6_f64, ds in 0.0..1e6_f64,
        ) {
            let now = fsrs_retrievability(t, s);
            prop_assert!((0.0..=1.0).contains(&now));
            prop_assert!(fsrs_retrievability(t + dt, s) <= now);
            prop_assert!(fsrs_retrievability(t, s + ds) >= now);
        }
    }
}
