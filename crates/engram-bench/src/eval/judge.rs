//! From answers to figures.

use std::collections::BTreeMap;

use super::ask::Asked;
use super::report::{
    CalibrationReport, CategoryReport, CrossFigures, ModeTimes, Named, NoAnswerFigures,
};
use crate::beir::EvalQuery;
use crate::bootstrap::PairedDifference;
use crate::calibration::{CalibrationFigures, Isotonic, Judged, auroc};
use crate::metrics::{DEPTH, RankMetrics};
use crate::numbers::{mean, quantile, round};

/// One way of answering, with the figures of every query that has an answer.
pub(crate) struct Column {
    pub(crate) name: String,
    /// By position of the query; none where the set has no answer to it.
    pub(crate) figures: Vec<Option<RankMetrics>>,
}

impl Column {
    /// Judges ranked lists of `_id`s, one for each query.
    pub(crate) fn new<'a>(
        name: &str,
        queries: &[EvalQuery],
        ranked: impl Iterator<Item = &'a Vec<String>>,
    ) -> Column {
        let judge = |(query, ids): (&EvalQuery, &Vec<String>)| {
            (!query.gold.is_empty()).then(|| RankMetrics::of(ids, &query.gold))
        };
        Column { name: name.to_owned(), figures: queries.iter().zip(ranked).map(judge).collect() }
    }

    fn select<'a>(&'a self, wanted: &'a [usize]) -> impl Iterator<Item = &'a RankMetrics> + Clone {
        wanted.iter().filter_map(|at| self.figures[*at].as_ref())
    }

    fn r10(&self, wanted: &[usize]) -> Vec<f64> {
        self.select(wanted).map(|figures| figures.r10).collect()
    }
}

/// Figures of the wanted queries in all columns.
pub(crate) fn category(modes: &[Column], baselines: &[Column], wanted: &[usize]) -> CategoryReport {
    let means = |columns: &[Column]| {
        let one = |column: &Column| (column.name.clone(), RankMetrics::mean(column.select(wanted)));
        columns.iter().map(one).collect::<Named<RankMetrics>>()
    };
    let keyword = modes.iter().filter(|column| column.name == "keyword");
    let mut differences = Vec::new();
    for reference in keyword.chain(baselines) {
        for column in modes.iter().filter(|column| column.name != reference.name) {
            let difference = PairedDifference::of(&column.r10(wanted), &reference.r10(wanted));
            differences.push((format!("{}-{}", column.name, reference.name), difference));
        }
    }
    let queries = modes.first().map_or(0, |column| column.select(wanted).count());
    CategoryReport { queries, modes: means(modes), baselines: means(baselines), differences }
}

/// Whether relevance means what it says, over the first items of the wanted queries.
pub(crate) fn calibration(
    queries: &[EvalQuery],
    answers: &[Asked],
    wanted: &[usize],
) -> CalibrationReport {
    let mut halves: [Vec<Judged>; 2] = [Vec::new(), Vec::new()];
    for at in wanted.iter().filter(|at| !queries[**at].gold.is_empty()) {
        let (query, answer) = (&queries[*at], &answers[*at]);
        halves[usize::from(is_second_half(&query.id))].extend(judged(query, answer));
    }
    let fit = Isotonic::fit(&halves[0]);
    let fitted: Vec<Judged> = halves[1].iter().map(|(x, truth)| (fit.apply(*x), *truth)).collect();
    let all: Vec<Judged> = halves.concat();
    CalibrationReport {
        shipped: CalibrationFigures::of(&all),
        fitted: CalibrationFigures::of(&fitted),
        learned: None,
    }
}

/// The first items of an answer: what was said of each, and whether it is right.
pub(crate) fn judged(query: &EvalQuery, answer: &Asked) -> Vec<Judged> {
    let pairs = answer.ids.iter().zip(&answer.relevance).take(DEPTH);
    pairs.map(|(id, relevance)| (*relevance, query.gold.contains_key(id))).collect()
}

/// Which half of the set a query belongs to: by a hash of its id (FNV-1a), so that the order of the file plays no part.
pub(crate) fn is_second_half(id: &str) -> bool {
    let hash = id.bytes().fold(0xCBF2_9CE4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3)
    });
    // The low bits of FNV are its worst.
    (hash >> 32).count_ones() % 2 == 1
}

/// Queries without an answer beside the wanted ones; none where there are no such queries.
pub(crate) fn no_answer(
    queries: &[EvalQuery],
    answers: &[Asked],
    wanted: &[usize],
) -> Option<NoAnswerFigures> {
    let without: Vec<&Asked> =
        queries.iter().zip(answers).filter(|(q, _)| q.gold.is_empty()).map(|(_, a)| a).collect();
    let with: Vec<&Asked> =
        wanted.iter().filter(|at| !queries[**at].gold.is_empty()).map(|at| &answers[*at]).collect();
    if without.is_empty() {
        return None;
    }
    Some(NoAnswerFigures {
        queries: without.len(),
        nothing: nothing_share(&without),
        nothing_wrongly: nothing_share(&with),
        auroc: told_apart(&with, &without),
    })
}

/// The same queries at home and abroad.
pub(crate) fn cross(home: &[&Asked], abroad: &[&Asked]) -> CrossFigures {
    CrossFigures {
        queries: abroad.len(),
        auroc: told_apart(home, abroad),
        nothing_home: nothing_share(home),
        nothing_abroad: nothing_share(abroad),
    }
}

fn nothing_share(answers: &[&Asked]) -> f64 {
    let values: Vec<f64> =
        answers.iter().map(|answer| f64::from(u8::from(answer.nothing))).collect();
    round(mean(&values), 6)
}

fn told_apart(good: &[&Asked], bad: &[&Asked]) -> Option<f64> {
    let judged: Vec<Judged> = good
        .iter()
        .map(|answer| (answer.first(), true))
        .chain(bad.iter().map(|answer| (answer.first(), false)))
        .collect();
    auroc(&judged).map(|area| round(area, 6))
}

/// Positions of the queries by category, in the order in which the set first names them.
pub(crate) fn categories(queries: &[EvalQuery]) -> Named<Vec<usize>> {
    let mut order: Named<Vec<usize>> = Vec::new();
    let mut places: BTreeMap<&str, usize> = BTreeMap::new();
    for (at, query) in queries.iter().enumerate() {
        let Some(name) = query.category.as_deref() else { continue };
        let place = *places.entry(name).or_insert_with(|| {
            order.push((name.to_owned(), Vec::new()));
            order.len() - 1
        });
        order[place].1.push(at);
    }
    order
}

/// Percentiles of the times of the answers.
pub(crate) fn times(answers: &[Asked]) -> ModeTimes {
    let mut sorted: Vec<f64> = answers.iter().map(|answer| answer.milliseconds).collect();
    sorted.sort_by(f64::total_cmp);
    ModeTimes {
        p50_ms: round(quantile(&sorted, 0.5), 3),
        p99_ms: round(quantile(&sorted, 0.99), 3),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(id: &str, category: &str, gold: &[&str]) -> EvalQuery {
        EvalQuery {
            id: id.to_owned(),
            text: String::new(),
            group: None,
            category: (!category.is_empty()).then(|| category.to_owned()),
            when: None,
            gold: gold.iter().map(|id| ((*id).to_owned(), 1)).collect(),
        }
    }

    fn asked(items: &[(&str, f64)]) -> Asked {
        Asked {
            ids: items.iter().map(|(id, _)| (*id).to_owned()).collect(),
            stored: items.iter().map(|(id, _)| (*id).to_owned()).collect(),
            relevance: items.iter().map(|(_, relevance)| *relevance).collect(),
            nothing: items.is_empty(),
            milliseconds: 1.0,
        }
    }

    #[test]
    fn categories_keep_their_order() {
        let queries =
            [query("1", "b", &[]), query("2", "", &[]), query("3", "a", &[]), query("4", "b", &[])];
        assert_eq!(categories(&queries), [("b".to_owned(), vec![0, 3]), ("a".to_owned(), vec![2])]);
    }

    #[test]
    fn columns_are_compared_query_by_query() {
        let queries = [query("1", "", &["a"]), query("2", "", &["b"]), query("3", "", &[])];
        let lists = |all: [&str; 3]| all.map(|id| vec![id.to_owned()]);
        let modes = [
            Column::new("keyword", &queries, lists(["a", "x", "a"]).iter()),
            Column::new("hybrid", &queries, lists(["a", "b", "a"]).iter()),
        ];
        let baselines = [Column::new("bm25", &queries, lists(["x", "x", "x"]).iter())];
        let report = category(&modes, &baselines, &[0, 1, 2]);
        assert_eq!(report.queries, 2);
        assert_eq!(report.modes[0].1.r10, 0.5);
        let means: Vec<(&str, f64)> =
            report.differences.iter().map(|(name, d)| (name.as_str(), d.mean)).collect();
        assert_eq!(means, [("hybrid-keyword", 0.5), ("keyword-bm25", 0.5), ("hybrid-bm25", 1.0)]);
    }

    #[test]
    fn both_halves_get_their_share() {
        let second = (0..1_000).filter(|n| is_second_half(&format!("conv-26/q{n:03}"))).count();
        assert!((400..600).contains(&second), "{second}");
    }

    #[test]
    fn unanswerable_queries_are_told_apart() {
        let queries = [query("1", "", &["a"]), query("2", "", &[]), query("3", "", &[])];
        let answers = [asked(&[("a", 0.9)]), asked(&[("b", 0.2)]), asked(&[])];
        let figures = no_answer(&queries, &answers, &[0]).unwrap();
        assert_eq!((figures.queries, figures.nothing, figures.auroc), (2, 0.5, Some(1.0)));
        assert_eq!(no_answer(&queries[..1], &answers[..1], &[0]), None);
        let crossed = cross(&[&answers[0]], &[&answers[2]]);
        assert_eq!(
            (crossed.auroc, crossed.nothing_home, crossed.nothing_abroad),
            (Some(1.0), 0.0, 1.0)
        );
    }

    #[test]
    fn calibration_sees_every_item_of_wanted_queries() {
        let queries: Vec<EvalQuery> = (0..40)
            .map(|n| query(&format!("q{n}"), "", if n == 0 { &[] } else { &["a"] }))
            .collect();
        let answers: Vec<Asked> = (0..40).map(|_| asked(&[("a", 0.9), ("b", 0.1)])).collect();
        let wanted: Vec<usize> = (0..40).collect();
        let report = calibration(&queries, &answers, &wanted);
        assert_eq!((report.shipped.pairs, report.shipped.base_rate), (78, 0.5));
        assert_eq!((report.shipped.auroc, report.fitted.ece), (Some(1.0), 0.0));
    }
}
