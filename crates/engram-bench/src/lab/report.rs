//! What the laboratory finds.

use serde_json::{Map, Value, json};

use crate::grid::Grid;
use crate::plot::Plot;

/// Whether an experiment came out as its source says, within the tolerance fixed before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LabVerdict {
    /// Name of the experiment.
    pub experiment: String,
    /// What had to hold.
    pub claim: String,
    /// What was found.
    pub found: String,
    /// Whether it holds.
    pub passed: bool,
}

/// The findings of a run.
#[derive(Clone, Debug, PartialEq)]
pub struct LabReport {
    /// All of it as JSON.
    pub json: Value,
    /// Tables for people; the first one has the verdicts.
    pub grids: Vec<Grid>,
    /// Drawings.
    pub plots: Vec<Plot>,
    /// One or more for each experiment.
    pub verdicts: Vec<LabVerdict>,
}

/// Findings that are being collected.
#[derive(Default)]
pub(super) struct Findings {
    fields: Map<String, Value>,
    grids: Vec<Grid>,
    plots: Vec<Plot>,
    verdicts: Vec<LabVerdict>,
}

impl Findings {
    pub(super) fn set(&mut self, experiment: &str, value: Value) {
        self.fields.insert(experiment.to_owned(), value);
    }

    pub(super) fn grid(&mut self, grid: Grid) {
        self.grids.push(grid);
    }

    pub(super) fn plot(&mut self, plot: Plot) {
        self.plots.push(plot);
    }

    pub(super) fn claim(
        &mut self,
        experiment: &str,
        claim: impl Into<String>,
        (found, passed): (impl Into<String>, bool),
    ) {
        self.verdicts.push(LabVerdict {
            experiment: experiment.to_owned(),
            claim: claim.into(),
            found: found.into(),
            passed,
        });
    }

    pub(super) fn finish(self, embedder: &str) -> LabReport {
        let mut verdicts = Grid::new(
            "What had to hold, and what was found.",
            &["experiment", "claim", "found", "verdict"],
        );
        for verdict in &self.verdicts {
            let LabVerdict { experiment, claim, found, passed } = verdict.clone();
            let word = if passed { "passed" } else { "failed" };
            verdicts.rows.push(vec![experiment, claim, found, word.to_owned()]);
        }
        let told = |verdict: &LabVerdict| {
            json!({
                "experiment": verdict.experiment, "claim": verdict.claim, "found": verdict.found,
                "passed": verdict.passed,
            })
        };
        let json = json!({
            "version": env!("CARGO_PKG_VERSION"),
            "embedder": embedder,
            "verdicts": self.verdicts.iter().map(told).collect::<Vec<_>>(),
            "experiments": self.fields,
        });
        let grids = std::iter::once(verdicts).chain(self.grids).collect();
        LabReport { json, grids, plots: self.plots, verdicts: self.verdicts }
    }
}
