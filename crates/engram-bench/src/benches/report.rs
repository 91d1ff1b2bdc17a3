//! What a benchmark finds.

use serde_json::{Map, Value, json};

use crate::grid::Grid;
use crate::plot::Plot;
use crate::stage::{MachineFacts, load_average};

/// The figures of one benchmark.
#[derive(Clone, Debug, PartialEq)]
pub struct BenchReport {
    /// All of it as JSON.
    pub json: Value,
    /// Tables for people.
    pub grids: Vec<Grid>,
    /// Drawings.
    pub plots: Vec<Plot>,
}

/// A report that is being made.
pub(super) struct ReportBuilder {
    fields: Map<String, Value>,
    grids: Vec<Grid>,
    plots: Vec<Plot>,
}

impl ReportBuilder {
    /// Notes the machine as it is before the benchmark.
    pub(super) fn new(name: &str, quick: bool) -> ReportBuilder {
        let mut fields = Map::new();
        fields.insert("bench".to_owned(), name.into());
        fields.insert("version".to_owned(), env!("CARGO_PKG_VERSION").into());
        fields.insert("quick".to_owned(), quick.into());
        fields.insert("machine".to_owned(), json!(MachineFacts::now()));
        ReportBuilder { fields, grids: Vec::new(), plots: Vec::new() }
    }

    pub(super) fn set(&mut self, name: &str, value: impl Into<Value>) {
        self.fields.insert(name.to_owned(), value.into());
    }

    pub(super) fn grid(&mut self, grid: Grid) {
        self.grids.push(grid);
    }

    pub(super) fn plot(&mut self, plot: Plot) {
        self.plots.push(plot);
    }

    pub(super) fn finish(mut self) -> BenchReport {
        self.set("load_average_after", load_average());
        BenchReport { json: Value::Object(self.fields), grids: self.grids, plots: self.plots }
    }
}
