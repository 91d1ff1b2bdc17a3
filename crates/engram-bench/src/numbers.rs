//! Small numbers: a seeded generator, quantiles, rounding.

/// SplitMix64 (Steele, Lea and Flood, "Fast Splittable Pseudorandom Number Generators", 2014): the same seed gives the
/// same numbers on every machine.
#[derive(Clone, Debug)]
pub(crate) struct SplitMix(u64);

impl SplitMix {
    pub(crate) fn new(seed: u64) -> SplitMix {
        SplitMix(seed)
    }

    /// A generator of its own for part `n` of something: parts can be made in any order.
    pub(crate) fn part(seed: u64, n: u64) -> SplitMix {
        SplitMix(SplitMix(seed ^ n.wrapping_mul(0x9E37_79B9_7F4A_7C15)).next())
    }

    /// 64 bits.
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// Uniform below `n`, which must be positive; the bias for `n` below 2^32 is less than 2^-32.
    pub(crate) fn below(&mut self, n: usize) -> usize {
        ((u128::from(self.next()) * n as u128) >> 64) as usize
    }

    /// Uniform in (0, 1].
    pub(crate) fn unit(&mut self) -> f64 {
        ((self.next() >> 11) + 1) as f64 / (1_u64 << 53) as f64
    }

    /// Two standard normal numbers (Box and Muller, 1958).
    pub(crate) fn normal_pair(&mut self) -> (f64, f64) {
        let radius = libm::sqrt(-2.0 * libm::log(self.unit()));
        let angle = 2.0 * std::f64::consts::PI * self.unit();
        (radius * libm::cos(angle), radius * libm::sin(angle))
    }
}

/// The smallest value that `share` of the values do not exceed; 0 for no values.
pub(crate) fn quantile(sorted: &[f64], share: f64) -> f64 {
    let rank = (share * sorted.len() as f64).ceil() as usize;
    sorted.get(rank.saturating_sub(1).min(sorted.len().saturating_sub(1))).copied().unwrap_or(0.0)
}

/// Mean; 0 for no values.
pub(crate) fn mean(values: &[f64]) -> f64 {
    match values.len() {
        0 => 0.0,
        n => values.iter().sum::<f64>() / n as f64,
    }
}

/// Rounds to `digits` after the point, so that reports show no noise.
pub(crate) fn round(value: f64, digits: i32) -> f64 {
    let scale = 10_f64.powi(digits);
    let rounded = (value * scale).round() / scale;
    // There is no use in a negative nothing.
    if rounded == 0.0 { 0.0 } else { rounded }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_values_that_occurred() {
        let sorted = [1.0, 2.0, 3.0, 4.0];
        assert_eq!(quantile(&sorted, 0.5), 2.0);
        assert_eq!(quantile(&sorted, 0.99), 4.0);
        assert_eq!(quantile(&sorted, 0.0), 1.0);
        assert_eq!(quantile(&[], 0.5), 0.0);
    }

    #[test]
    fn a_seed_gives_one_sequence() {
        let mut one = SplitMix::new(0);
        // The first output of the published algorithm for seed 0.
        assert_eq!(one.next(), 0xE220_A839_7B1D_CDAF);
        let mut sum = 0.0;
        let mut rng = SplitMix::part(7, 3);
        for _ in 0..10_000 {
            let (a, b) = rng.normal_pair();
            sum += a * a + b * b;
        }
        assert!((sum / 20_000.0 - 1.0).abs() < 0.03, "{sum}");
        assert!((0..1_000).all(|_| rng.below(7) < 7));
    }

    #[test]
    fn rounding_has_no_negative_zero() {
        assert_eq!(round(0.123_456, 4), 0.1235);
        assert!(round(-0.000_01, 2).is_sign_positive());
    }
}
