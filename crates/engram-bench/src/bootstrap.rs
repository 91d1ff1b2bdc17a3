//! How far chance alone could move a difference: the paired bootstrap (Efron and Tibshirani, 1993; for retrieval
//! Sakai, 2006).

use serde::Serialize;

use crate::numbers::{SplitMix, mean, quantile, round};

/// Resamples of the queries.
const RESAMPLES: usize = 2_000;

/// Seed of the resampling: two runs report the same interval.
pub(crate) const SEED: u64 = 0x656E_6772_616D;

/// The mean of a paired difference and the interval that holds it in 95 % of the resamples.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct PairedDifference {
    /// Mean over the queries.
    pub mean: f64,
    /// Lower end of the interval.
    pub low: f64,
    /// Upper end of the interval.
    pub high: f64,
}

impl PairedDifference {
    /// Of `ours` over `theirs`, query by query. Panics when the lengths differ.
    pub(crate) fn of(ours: &[f64], theirs: &[f64]) -> PairedDifference {
        assert_eq!(ours.len(), theirs.len(), "differences are between answers to one query");
        let differences: Vec<f64> = ours.iter().zip(theirs).map(|(a, b)| a - b).collect();
        if differences.is_empty() {
            return PairedDifference::default();
        }
        let mut rng = SplitMix::new(SEED);
        let mut means: Vec<f64> = (0..RESAMPLES)
            .map(|_| {
                let drawn = differences.iter().map(|_| differences[rng.below(differences.len())]);
                drawn.sum::<f64>() / differences.len() as f64
            })
            .collect();
        means.sort_by(f64::total_cmp);
        PairedDifference {
            mean: round(mean(&differences), 6),
            low: round(quantile(&means, 0.025), 6),
            high: round(quantile(&means, 0.975), 6),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interval_holds_its_mean() {
        let ours: Vec<f64> = (0..200).map(|n| f64::from(u8::from(n % 3 == 0))).collect();
        let theirs: Vec<f64> = (0..200).map(|n| f64::from(u8::from(n % 5 == 0))).collect();
        let one = PairedDifference::of(&ours, &theirs);
        assert_eq!(one.mean, round((67.0 - 40.0) / 200.0, 6));
        assert!(one.low < one.mean && one.mean < one.high, "{one:?}");
        // The standard error of the mean is about 0.043: the interval is about four of them wide.
        assert!((0.12..0.21).contains(&(one.high - one.low)), "{one:?}");
        assert_eq!(one, PairedDifference::of(&ours, &theirs));
    }

    #[test]
    fn no_difference_is_none() {
        let same = [0.5; 40];
        assert_eq!(PairedDifference::of(&same, &same), PairedDifference::default());
        assert_eq!(PairedDifference::of(&[], &[]), PairedDifference::default());
    }
}
