//! The tables of a report.

use super::report::{EvalReport, LearnedFigures, Named};
use crate::calibration::CalibrationFigures;
use crate::grid::{Grid, points};
use crate::metrics::RankMetrics;

impl EvalReport {
    /// The figures as tables, most important first; shares in points.
    pub fn grids(&self) -> Vec<Grid> {
        let mut grids = vec![self.quality(), self.differences_grid(), self.calibration_grid()];
        grids.extend(self.no_answer_grid());
        grids.extend(self.cross_grid());
        grids.push(self.times_grid());
        grids
    }

    fn quality(&self) -> Grid {
        let apart = match self.left_out.join(", ") {
            names if names.is_empty() => String::new(),
            names => format!("; {names} is shown, but not part of the overall figures"),
        };
        let title = format!(
            "Quality on {} ({}): {} memories with {} vectors in {} spaces, {} queries{apart}.",
            self.set, self.scope, self.memories, self.vectors, self.spaces, self.queries
        );
        let header =
            ["category", "queries", "mode", "R@5", "R@10", "any@10", "all@10", "nDCG@10", "MRR"];
        let mut grid = Grid::new(title, &header);
        let mut add = |name: &str, queries: usize, columns: &[&Named<RankMetrics>]| {
            for (mode, metrics) in columns.iter().copied().flatten() {
                let mut row = vec![name.to_owned(), queries.to_string(), mode.clone()];
                row.extend(cells(metrics));
                grid.rows.push(row);
            }
        };
        add("overall", self.queries, &[&self.modes, &self.baselines]);
        for (name, one) in &self.categories {
            add(name, one.queries, &[&one.modes, &one.baselines]);
        }
        grid
    }

    fn differences_grid(&self) -> Grid {
        let title = "Differences of R@10 in points, with 95 % intervals of the paired bootstrap.";
        let mut grid = Grid::new(title, &["category", "difference", "mean", "low", "high"]);
        let overall = std::iter::once(("overall", &self.differences));
        let rest = self.categories.iter().map(|(name, one)| (name.as_str(), &one.differences));
        for (category, differences) in overall.chain(rest) {
            for (name, one) in differences {
                let numbers = [one.mean, one.low, one.high].map(points);
                let mut row = vec![category.to_owned(), name.clone()];
                row.extend(numbers);
                grid.rows.push(row);
            }
        }
        grid
    }

    fn calibration_grid(&self) -> Grid {
        let title = "Calibration of relevance over the first ten items: as shipped, and fitted on one half of the \
                     queries and judged on the other.";
        let header = ["mode", "relevance", "pairs", "base rate", "ECE", "Brier skill", "AUROC"];
        let mut grid = Grid::new(title, &header);
        for (mode, report) in &self.calibration {
            for (name, figures) in [("shipped", &report.shipped), ("fitted", &report.fitted)] {
                let mut row = vec![mode.clone(), name.to_owned()];
                row.extend(calibration_cells(figures));
                grid.rows.push(row);
            }
            if let Some(told) = &report.learned {
                let names = ["shipped, other half".to_owned(), learned_name(told)];
                for (name, figures) in names.into_iter().zip([&told.shipped, &told.learned]) {
                    let mut row = vec![mode.clone(), name];
                    row.extend(calibration_cells(figures));
                    grid.rows.push(row);
                }
            }
        }
        grid
    }

    fn no_answer_grid(&self) -> Option<Grid> {
        let title = "Queries that nothing in the set answers.";
        let header = ["mode", "queries", "nothing matches", "the same for answerable", "AUROC"];
        let mut grid = Grid::new(title, &header);
        for (mode, one) in &self.no_answer {
            let shares = [points(one.nothing), points(one.nothing_wrongly)];
            let mut row = vec![mode.clone(), one.queries.to_string()];
            row.extend(shares);
            row.push(maybe(one.auroc));
            grid.rows.push(row);
        }
        (!grid.rows.is_empty()).then_some(grid)
    }

    fn cross_grid(&self) -> Option<Grid> {
        let title = "Queries of one group asked in the space of the next: told from their own by the first relevance.";
        let header = ["mode", "queries", "AUROC", "nothing at home", "nothing abroad"];
        let mut grid = Grid::new(title, &header);
        for (mode, one) in &self.cross {
            let mut row = vec![mode.clone(), one.queries.to_string(), maybe(one.auroc)];
            row.extend([points(one.nothing_home), points(one.nothing_abroad)]);
            grid.rows.push(row);
        }
        (!grid.rows.is_empty()).then_some(grid)
    }

    fn times_grid(&self) -> Grid {
        let title = format!(
            "Times: everything was stored in {:.1} s; recall one after the other over HTTP.",
            self.times.load_seconds
        );
        let mut grid = Grid::new(title, &["mode", "p50 ms", "p99 ms"]);
        for (mode, times) in &self.times.recall {
            let numbers = [times.p50_ms, times.p99_ms].map(|ms| format!("{ms:.2}"));
            grid.rows.push([vec![mode.clone()], numbers.to_vec()].concat());
        }
        grid
    }
}

fn learned_name(told: &LearnedFigures) -> String {
    format!("learned from {} judgements, other half", told.judgements)
}

fn cells(metrics: &RankMetrics) -> [String; 6] {
    let RankMetrics { r5, r10, any10, all10, ndcg10, mrr } = *metrics;
    [r5, r10, any10, all10, ndcg10, mrr].map(points)
}

fn calibration_cells(figures: &CalibrationFigures) -> [String; 5] {
    [
        figures.pairs.to_string(),
        format!("{:.3}", figures.base_rate),
        format!("{:.3}", figures.ece),
        maybe(figures.brier_skill),
        maybe(figures.auroc),
    ]
}

fn maybe(number: Option<f64>) -> String {
    number.map_or_else(|| "-".to_owned(), |number| format!("{number:.3}"))
}
