//! One score out of many: a weighted sum of shares that mean the same for every cue.
//!
//! Each route is brought to [0, 1] by what it could give at most, not by what the other candidates of the same cue got:
//! a cosine as it is, BM25 as a share of the sum of the weights of all terms. So a score can be compared between cues,
//! which calibration needs. Min-max normalisation per cue ranks no better on any of the sets that it was measured on, and
//! makes the best candidate of a hopeless cue look perfect.

/// What one route or property contributed to one result.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RouteScore {
    /// The route's own score: cosine in [-1, 1], BM25 from 0, or whatever the property is measured in.
    pub raw: f32,
    /// The raw score on the common scale, in [0, 1].
    pub normalised: f32,
    /// What the route counts.
    pub weight: f32,
    /// `weight * normalised`; what it adds to the score.
    pub contribution: f32,
}

impl RouteScore {
    /// A share that counts `weight`.
    pub fn new(raw: f32, normalised: f32, weight: f32) -> RouteScore {
        RouteScore { raw, normalised, weight, contribution: weight * normalised }
    }

    /// A share that counts against the result.
    pub fn against(raw: f32, normalised: f32, weight: f32) -> RouteScore {
        RouteScore { raw, normalised, weight, contribution: -(weight * normalised) }
    }
}

/// A cosine as a share: what points away from the cue is worth nothing.
pub fn cosine_share(cosine: f32) -> f32 {
    cosine.clamp(0.0, 1.0)
}

/// A BM25 score as a share of `ceiling`, the sum of the weights of all terms that some document holds; 0 without such a
/// term.
pub fn bm25_share(score: f32, ceiling: f32) -> f32 {
    if ceiling > 0.0 { (score / ceiling).clamp(0.0, 1.0) } else { 0.0 }
}

/// The logistic function `1 / (1 + e^-x)`, in [0, 1]: a sum of evidence as a probability.
pub fn logistic(x: f32) -> f32 {
    (1.0 / (1.0 + libm::exp(f64::from(-x)))) as f32
}

/// `ln(1 + x)` for `x` of at least 0: evidence that grows ever more slowly.
pub fn ln_1p(x: f32) -> f32 {
    libm::log1p(f64::from(x)) as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_stay_in_their_range() {
        assert_eq!(cosine_share(-0.5), 0.0);
        assert_eq!(cosine_share(1.000_001), 1.0);
        assert_eq!(bm25_share(3.0, 4.0), 0.75);
        assert_eq!(bm25_share(3.0, 0.0), 0.0);
        assert_eq!(bm25_share(3.0, 2.999), 1.0);
    }

    #[test]
    fn what_counts_against_is_taken_off() {
        assert_eq!(RouteScore::new(2.0, 0.5, 0.5).contribution, 0.25);
        assert_eq!(RouteScore::against(2.0, 0.5, 0.5).contribution, -0.25);
    }

    #[test]
    fn evidence_becomes_probability() {
        assert_eq!(logistic(0.0), 0.5);
        assert!(logistic(-200.0) >= 0.0 && logistic(200.0) <= 1.0);
        assert!((logistic(1.0) - 0.731_058_6).abs() < 1e-6);
    }
}
