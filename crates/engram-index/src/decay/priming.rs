//! How much of a recall is still in mind: the residue that biases the recalls after it.

/// Decay of a presentation with time: the default of ACT-R's base-level learning (Anderson and Lebiere, "The atomic
/// components of thought", 1998).
const DECAY: f64 = 0.5;
/// Turns after which nothing is left.
pub const PRIMED_TURNS_MAX: u32 = 8;
/// Minutes after which nothing is left.
pub const PRIMED_MINUTES_MAX: f64 = 60.0;

/// What is left of a recall so many turns and minutes ago, as a share of what it was.
///
/// `1/turns · (1 + minutes)^(-1/2)`, and 0 beyond 8 turns or 60 minutes: a power of time as in ACT-R, and less with each
/// thing recalled in between, as repetition priming falls with the items between two presentations (McKone, "Short-term
/// implicit memory for words and nonwords", 1995). In [0, 1], falling in both. No turn ago counts as one, a negative time as
/// none. Panics on NaN.
pub fn priming(turns: u32, minutes: f64) -> f64 {
    assert!(!minutes.is_nan(), "a time is a number");
    if turns > PRIMED_TURNS_MAX || minutes > PRIMED_MINUTES_MAX {
        return 0.0;
    }
    libm::pow(1.0 + minutes.max(0.0), -DECAY) / f64::from(turns.max(1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn it_halves_with_the_second_turn_and_after_three_minutes() {
        assert_eq!(priming(1, 0.0), 1.0);
        assert_eq!(priming(0, -5.0), 1.0);
        assert_eq!(priming(2, 0.0), 0.5);
        assert!((priming(1, 3.0) - 0.5).abs() < 1e-12);
        assert!(priming(PRIMED_TURNS_MAX, PRIMED_MINUTES_MAX) > 0.0);
        assert_eq!(priming(PRIMED_TURNS_MAX + 1, 0.0), 0.0);
        assert_eq!(priming(1, PRIMED_MINUTES_MAX + 0.1), 0.0);
        assert_eq!(priming(1, f64::INFINITY), 0.0);
    }

    proptest! {
        #[test]
        fn it_falls_with_turns_and_with_minutes(
            turns in 0..12_u32, more in 0..5_u32, minutes in -1.0..80.0_f64, later in 0.0..80.0_f64,
        ) {
            let now = priming(turns, minutes);
            prop_assert!((0.0..=1.0).contains(&now));
            prop_assert!(priming(turns + more, minutes) <= now);
            prop_assert!(priming(turns, minutes + later) <= now);
        }
    }
}
