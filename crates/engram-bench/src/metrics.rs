//! How good a ranked list is.
//!
//! Recall, any and all count relevant documents alike; nDCG weighs them by their gain (linear, as trec_eval does), so
//! that sets with plain judgements get binary gains. All are shares in [0, 1].

use std::collections::BTreeMap;

use serde::Serialize;

use crate::numbers::{mean, round};

/// Depth of the metrics that count how much was found.
pub(crate) const DEPTH: usize = 10;

/// Figures of one query, or their means over many.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct RankMetrics {
    /// Share of the relevant documents among the first 5.
    #[serde(rename = "r@5")]
    pub r5: f64,
    /// Share of the relevant documents among the first 10.
    #[serde(rename = "r@10")]
    pub r10: f64,
    /// Whether any relevant document is among the first 10.
    #[serde(rename = "any@10")]
    pub any10: f64,
    /// Whether all relevant documents are among the first 10.
    #[serde(rename = "all@10")]
    pub all10: f64,
    /// Discounted cumulative gain of the first 10 over the best possible one (Järvelin and Kekäläinen, 2002).
    #[serde(rename = "ndcg@10")]
    pub ndcg10: f64,
    /// One over the rank of the first relevant document; 0 where none was retrieved.
    pub mrr: f64,
}

impl RankMetrics {
    /// Figures of one ranked list; `gold` holds the relevant ids with positive gains and must not be empty.
    pub(crate) fn of(ranked: &[String], gold: &BTreeMap<String, u32>) -> RankMetrics {
        assert!(!gold.is_empty(), "a query without relevant documents has no recall");
        let found = |depth: usize| ranked.iter().take(depth).filter(|id| gold.contains_key(*id));
        let share = |depth: usize| found(depth).count() as f64 / gold.len() as f64;
        let first = ranked.iter().position(|id| gold.contains_key(id));
        let hits = found(DEPTH).count();
        RankMetrics {
            r5: share(5),
            r10: share(DEPTH),
            any10: f64::from(u8::from(hits > 0)),
            all10: f64::from(u8::from(hits == gold.len())),
            ndcg10: ndcg(ranked, gold),
            mrr: first.map_or(0.0, |place| 1.0 / (place + 1) as f64),
        }
    }

    /// Means over queries, rounded to six digits.
    pub(crate) fn mean<'a>(all: impl Iterator<Item = &'a RankMetrics> + Clone) -> RankMetrics {
        let of = |field: fn(&RankMetrics) -> f64| {
            round(mean(&all.clone().map(field).collect::<Vec<f64>>()), 6)
        };
        RankMetrics {
            r5: of(|m| m.r5),
            r10: of(|m| m.r10),
            any10: of(|m| m.any10),
            all10: of(|m| m.all10),
            ndcg10: of(|m| m.ndcg10),
            mrr: of(|m| m.mrr),
        }
    }
}

fn ndcg(ranked: &[String], gold: &BTreeMap<String, u32>) -> f64 {
    let discounted = |gains: &mut dyn Iterator<Item = u32>| {
        gains
            .take(DEPTH)
            .enumerate()
            .fold(0.0, |sum, (place, gain)| sum + f64::from(gain) / libm::log2((place + 2) as f64))
    };
    let dcg = discounted(&mut ranked.iter().map(|id| gold.get(id).copied().unwrap_or(0)));
    let mut ideal: Vec<u32> = gold.values().copied().collect();
    ideal.sort_unstable_by(|a, b| b.cmp(a));
    dcg / discounted(&mut ideal.into_iter())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(text: &str) -> Vec<String> {
        text.split_whitespace().map(str::to_owned).collect()
    }

    fn gold(pairs: &[(&str, u32)]) -> BTreeMap<String, u32> {
        pairs.iter().map(|(id, gain)| ((*id).to_owned(), *gain)).collect()
    }

    #[test]
    fn figures_computed_by_hand() {
        let one = RankMetrics::of(&ids("x a y z w v b"), &gold(&[("a", 1), ("b", 1), ("c", 1)]));
        assert_eq!((one.r5, one.r10), (1.0 / 3.0, 2.0 / 3.0));
        assert_eq!((one.any10, one.all10, one.mrr), (1.0, 0.0, 0.5));
        // a at rank 2 and b at rank 7: 1/log2(3) + 1/log2(8); ideal: 1 + 1/log2(3) + 1/2.
        let (log3, ideal) = (1.0 / 3_f64.log2(), 1.5 + 1.0 / 3_f64.log2());
        assert!((one.ndcg10 - (log3 + 1.0 / 3.0) / ideal).abs() < 1e-12);
    }

    #[test]
    fn graded_gains_shape_ndcg_alone() {
        let gold = gold(&[("a", 3), ("b", 1)]);
        let wrong_way = RankMetrics::of(&ids("b a"), &gold);
        assert_eq!((wrong_way.r5, wrong_way.all10, wrong_way.mrr), (1.0, 1.0, 1.0));
        let log3 = 1.0 / 3_f64.log2();
        assert!((wrong_way.ndcg10 - (1.0 + 3.0 * log3) / (3.0 + log3)).abs() < 1e-12);
        assert!((RankMetrics::of(&ids("a b"), &gold).ndcg10 - 1.0).abs() < 1e-12);
    }

    #[test]
    fn nothing_found_is_nothing() {
        let none = RankMetrics::of(&[], &gold(&[("a", 1)]));
        assert_eq!(none, RankMetrics::default());
        let eleventh = ids("b c d e f g h i j k a");
        let late = RankMetrics::of(&eleventh, &gold(&[("a", 1)]));
        assert_eq!((late.r10, late.any10, late.ndcg10), (0.0, 0.0, 0.0));
        assert!((late.mrr - 1.0 / 11.0).abs() < 1e-12);
    }

    #[test]
    fn means_are_over_queries() {
        let all = [RankMetrics { r5: 1.0, ..RankMetrics::default() }, RankMetrics::default()];
        assert_eq!(RankMetrics::mean(all.iter()).r5, 0.5);
        assert_eq!(RankMetrics::mean([].iter()), RankMetrics::default());
    }
}
