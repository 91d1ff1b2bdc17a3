//! Whether a number in [0, 1] means what it says: how often what it is given to is in fact relevant.

use serde::Serialize;

use crate::numbers::round;

/// Bins of the expected calibration error.
const BINS: usize = 15;

/// A prediction and what came true.
pub(crate) type Judged = (f64, bool);

/// How well predictions fit what came true.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct CalibrationFigures {
    /// Predictions judged.
    pub pairs: usize,
    /// Share that came true.
    pub base_rate: f64,
    /// Expected calibration error over 15 bins of equal mass (Naeini, Cooper and Hauskrecht, 2015, with the bins of
    /// Nguyen and O'Connor, 2015).
    pub ece: f64,
    /// 1 less the Brier score over that of always saying the base rate (Brier, 1950); absent where all outcomes agree.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub brier_skill: Option<f64>,
    /// Probability that a relevant one has the larger number, ties counting half; absent where all outcomes agree.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auroc: Option<f64>,
}

impl CalibrationFigures {
    pub(crate) fn of(judged: &[Judged]) -> CalibrationFigures {
        let positives = judged.iter().filter(|(_, truth)| *truth).count();
        let base = positives as f64 / (judged.len().max(1)) as f64;
        let spread = base * (1.0 - base);
        let skill = (spread > 0.0).then(|| 1.0 - brier(judged) / spread);
        CalibrationFigures {
            pairs: judged.len(),
            base_rate: round(base, 6),
            ece: round(expected_error(judged), 6),
            brier_skill: skill.map(|skill| round(skill, 6)),
            auroc: auroc(judged).map(|area| round(area, 6)),
        }
    }
}

fn brier(judged: &[Judged]) -> f64 {
    let squares = judged.iter().map(|(p, truth)| {
        let miss = p - f64::from(u8::from(*truth));
        miss * miss
    });
    squares.sum::<f64>() / judged.len() as f64
}

fn sorted(judged: &[Judged]) -> Vec<Judged> {
    let mut sorted = judged.to_vec();
    sorted.sort_by(|a, b| a.0.total_cmp(&b.0));
    sorted
}

fn expected_error(judged: &[Judged]) -> f64 {
    let sorted = sorted(judged);
    let total = sorted.len();
    let mut error = 0.0;
    for bin in 0..BINS {
        let members = &sorted[bin * total / BINS..(bin + 1) * total / BINS];
        let said: f64 = members.iter().map(|(p, _)| p).sum();
        let true_ones = members.iter().filter(|(_, truth)| *truth).count() as f64;
        error += (said - true_ones).abs();
    }
    error / total.max(1) as f64
}

/// Area under the ROC curve, by ranks (Hanley and McNeil, 1982). None where all outcomes agree.
pub(crate) fn auroc(judged: &[Judged]) -> Option<f64> {
    let positives = judged.iter().filter(|(_, truth)| *truth).count() as f64;
    let negatives = judged.len() as f64 - positives;
    if positives == 0.0 || negatives == 0.0 {
        return None;
    }
    let (mut below, mut wins) = (0.0, 0.0);
    for tie in sorted(judged).chunk_by(|a, b| a.0 == b.0) {
        let true_ones = tie.iter().filter(|(_, truth)| *truth).count() as f64;
        let false_ones = tie.len() as f64 - true_ones;
        wins += true_ones * (below + false_ones / 2.0);
        below += false_ones;
    }
    Some(wins / (positives * negatives))
}

/// A monotone map from a score to a probability: isotonic regression by pooling adjacent violators (Ayer et al.,
/// 1955; for calibration Zadrozny and Elkan, 2002).
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Isotonic {
    /// Smallest score and value of each step, both ascending.
    steps: Vec<(f64, f64)>,
}

impl Isotonic {
    pub(crate) fn fit(judged: &[Judged]) -> Isotonic {
        // Smallest score, sum of outcomes, number of outcomes.
        let mut blocks: Vec<(f64, f64, f64)> = Vec::new();
        for tie in sorted(judged).chunk_by(|a, b| a.0 == b.0) {
            let sum = tie.iter().filter(|(_, truth)| *truth).count() as f64;
            let mut block = (tie[0].0, sum, tie.len() as f64);
            while let Some(last) = blocks.last().filter(|last| last.1 * block.2 >= block.1 * last.2)
            {
                block = (last.0, last.1 + block.1, last.2 + block.2);
                blocks.pop();
            }
            blocks.push(block);
        }
        Isotonic { steps: blocks.into_iter().map(|(x, sum, n)| (x, sum / n)).collect() }
    }

    /// Probability for a score; a score below all that were seen gets the first step, and 0.5 where none were seen.
    pub(crate) fn apply(&self, score: f64) -> f64 {
        let step = self.steps.partition_point(|(x, _)| *x <= score).saturating_sub(1);
        self.steps.get(step).map_or(0.5, |(_, value)| *value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn areas_computed_by_hand() {
        assert_eq!(auroc(&[(0.1, false), (0.9, true)]), Some(1.0));
        assert_eq!(auroc(&[(0.9, false), (0.1, true)]), Some(0.0));
        assert_eq!(auroc(&[(0.5, false), (0.5, true)]), Some(0.5));
        // Pairs: 0.8 beats both, 0.3 beats 0.2 and ties with 0.3.
        let judged = [(0.8, true), (0.3, true), (0.3, false), (0.2, false)];
        assert_eq!(auroc(&judged), Some(3.5 / 4.0));
        assert_eq!(auroc(&[(0.5, true)]), None);
    }

    #[test]
    fn errors_computed_by_hand() {
        // 30 pairs, two a bin: in ten bins one of two is true and 0.5 is said, in five both are and 0.8 is said.
        let mut judged: Vec<Judged> = (0..20).map(|n| (0.5, n % 2 == 0)).collect();
        judged.extend([(0.8, true); 10]);
        let figures = CalibrationFigures::of(&judged);
        assert_eq!(figures.ece, round(10.0 * 0.2 / 30.0, 6));
        assert_eq!(figures.base_rate, round(20.0 / 30.0, 6));
        let brier = (20.0 * 0.25 + 10.0 * 0.04) / 30.0;
        let skill = 1.0 - brier / (20.0 / 30.0 * (10.0 / 30.0));
        assert_eq!(figures.brier_skill, Some(round(skill, 6)));
        assert_eq!(CalibrationFigures::of(&[]), CalibrationFigures::default());
        assert_eq!(CalibrationFigures::of(&[(0.5, true)]).auroc, None);
    }

    #[test]
    fn isotonic_regression_pools_violators() {
        let judged = [(0.1, false), (0.2, true), (0.3, false), (0.4, true), (0.4, true)];
        let fitted = Isotonic::fit(&judged);
        assert_eq!(fitted.steps, [(0.1, 0.0), (0.2, 0.5), (0.4, 1.0)]);
        let said: Vec<f64> = [0.0, 0.15, 0.25, 0.39, 0.9].map(|x| fitted.apply(x)).to_vec();
        assert_eq!(said, [0.0, 0.0, 0.5, 0.5, 1.0]);
        assert_eq!(Isotonic::fit(&[]).apply(0.3), 0.5);
    }
}
