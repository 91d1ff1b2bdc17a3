//! `gen`: a set of any size on disk.

use serde_json::json;

use super::options::BenchOptions;
use super::report::ReportBuilder;
use crate::data::{GrownSet, VectorSet, write_grown};
use crate::failure::BenchError;
use crate::grid::Grid;

pub(super) fn run(
    options: &BenchOptions,
    report: &mut ReportBuilder,
    progress: &mut dyn FnMut(&str),
) -> Result<(), BenchError> {
    let Some(out) = &options.out else {
        return Err(BenchError::BadOption("give a folder with --out".to_owned()));
    };
    let base = VectorSet::read(options.data()?)?;
    let texts = base.texts()?;
    let shape = options.shape(&base);
    let count = options.size(base.len(), 1_000);
    let set = GrownSet::new(&base, &texts, shape, options.seed)?;
    write_grown(&set, count, out, progress)?;
    report.set(
        "set",
        json!({ "base": base.name, "memories": count, "dimension": shape.dimension, "seed": options.seed }),
    );
    let mut grid = Grid::new("A grown set.", &["memories", "dimension", "seed", "folder"]);
    grid.rows.push(vec![
        count.to_string(),
        shape.dimension.to_string(),
        options.seed.to_string(),
        out.display().to_string(),
    ]);
    report.grid(grid);
    Ok(())
}
