//! Attention over stored patterns: how much each of them counts for a cue that is known in part.
//!
//! A stored pattern is scored by what it shares with the cue, and all patterns are weighted by the softmax of their scores: one
//! step of a modern Hopfield network (Ramsauer et al., "Hopfield Networks is All You Need", 2021), in psychology the exemplar
//! model of categorisation (Nosofsky, "Attention, similarity, and the identification-categorization relationship", 1986). Scores
//! are log likelihood ratios, so the weights are probabilities where the patterns are noisy copies of each other.

/// Share of the values of a field that are taken for wrong, in stored patterns and in cues.
const NOISE: f64 = 0.1;
/// Shares are kept away from 0 and 1 by this much before anything is divided by them.
const SHARE_MIN: f64 = 1e-9;
/// Surprise from which on a dependence counts in full, nats: chance explains it in 5 % of the cases at most.
const SURPRISE_FULL: f64 = 3.0;

/// What it says for a pattern that it agrees with the cue to `degree`, in [0, 1], in something that `share` of all patterns agree
/// in: `ln(1 + degree (1 - e) / (e share))` nats, e = 0.1 the share of wrong values. Agreement in what is rare says much, in what
/// all share next to nothing.
pub fn agreement(degree: f64, share: f64) -> f64 {
    libm::log1p(degree * (1.0 - NOISE) / (NOISE * share.clamp(SHARE_MIN, 1.0)))
}

/// Weights of patterns, which sum to 1: the softmax of their scores (nats), each pattern standing for `counts` of its kind.
/// All 0 where nothing is counted.
pub fn attention(scores: &[f64], counts: &[f64]) -> Vec<f64> {
    let best = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let raw = scores.iter().zip(counts).map(|(score, count)| count * libm::exp(score - best));
    let raw: Vec<f64> = raw.collect();
    let sum: f64 = raw.iter().sum();
    if sum > 0.0 { raw.iter().map(|weight| weight / sum).collect() } else { vec![0.0; raw.len()] }
}

/// How many patterns of equal weight would say as much (Kish, "Survey Sampling", 1965): `(sum w)^2 / sum w^2`; 0 without any.
pub fn effective_count(weights: &[f64]) -> f64 {
    let sum: f64 = weights.iter().sum();
    let squares: f64 = weights.iter().map(|weight| weight * weight).sum();
    if squares > 0.0 { sum * sum / squares } else { 0.0 }
}

/// How surely what `count` patterns say differs from what all say, in [0, 1]. `shares` has for each value its share among the
/// patterns and among all. By Chernoff's bound ("A measure of asymptotic efficiency for tests of a hypothesis", 1952) chance alone
/// moves the share of a value from `b` to `a` with a probability of at most `exp(-count D(a || b))`, D the relative entropy; the
/// value that moved most counts, after as many tries as there are values, in both directions. It is 0 where chance explains it and
/// 1 from a probability of 5 % on.
pub fn dependence(count: f64, shares: &[(f64, f64)]) -> f64 {
    // One pattern always agrees with itself.
    if count < 2.0 {
        return 0.0;
    }
    let most = shares.iter().map(|(own, all)| divergence(*own, *all)).fold(0.0, f64::max);
    let chance = libm::log(2.0 * shares.len().max(1) as f64);
    ((count * most - chance) / SURPRISE_FULL).clamp(0.0, 1.0)
}

/// Relative entropy of two shares of one value, nats.
fn divergence(own: f64, all: f64) -> f64 {
    let all = all.clamp(SHARE_MIN, 1.0 - SHARE_MIN);
    let part = |own: f64, all: f64| if own > 0.0 { own * libm::log(own / all) } else { 0.0 };
    (part(own, all) + part(1.0 - own, 1.0 - all)).max(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_rare_says_more() {
        assert_eq!(agreement(0.0, 0.5), 0.0);
        assert!((agreement(1.0, 0.09) - 101.0_f64.ln()).abs() < 1e-12);
        assert!(agreement(1.0, 0.01) > agreement(1.0, 0.1));
        assert!(agreement(0.5, 0.1) < agreement(1.0, 0.1));
        assert!(agreement(1.0, 0.0).is_finite());
    }

    #[test]
    fn attention_is_a_softmax_over_counts() {
        let weights = attention(&[0.0, 3.0_f64.ln()], &[3.0, 1.0]);
        assert!((weights[0] - 0.5).abs() < 1e-12 && (weights[1] - 0.5).abs() < 1e-12);
        assert_eq!(attention(&[1.0, 2.0], &[0.0, 0.0]), [0.0, 0.0]);
        // Large scores do not overflow.
        assert_eq!(attention(&[1e6, 0.0], &[1.0, 1.0]), [1.0, 0.0]);
        assert!(attention(&[], &[]).is_empty());
    }

    #[test]
    fn counts_are_those_of_equal_weights() {
        assert!((effective_count(&[0.25; 4]) - 4.0).abs() < 1e-12);
        assert!((effective_count(&[1.0, 0.0, 0.0]) - 1.0).abs() < 1e-12);
        assert_eq!(effective_count(&[]), 0.0);
    }

    #[test]
    fn dependence_needs_difference_and_number() {
        let even = [(0.125, 0.125); 8];
        assert_eq!(dependence(1_000.0, &even), 0.0, "the same as all");
        let mut pure = [(0.0, 0.125); 8];
        pure[3].0 = 1.0;
        assert_eq!(dependence(1.0, &pure), 0.0, "one pattern agrees with itself");
        let (two, four) = (dependence(2.0, &pure), dependence(4.0, &pure));
        assert!(two > 0.0 && two < 0.5 && four == 1.0, "{two} {four}");
        assert_eq!(dependence(100.0, &[(1.0, 1.0)]), 0.0, "a constant depends on nothing");
        assert_eq!(dependence(100.0, &[(0.5, 0.9), (0.5, 0.1)]), 1.0, "less sure is different too");
        let near = [(0.14, 0.125), (0.11, 0.125), (0.75, 0.75)];
        assert_eq!(dependence(100.0, &near), 0.0, "as chance has it");
        // All different, as all are: n values out of many, each once.
        let singles: Vec<(f64, f64)> =
            (0..1_000).map(|n| (if n < 20 { 0.05 } else { 0.0 }, 0.001)).collect();
        assert_eq!(dependence(20.0, &singles), 0.0);
    }
}
