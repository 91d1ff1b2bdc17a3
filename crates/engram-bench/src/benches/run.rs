//! From a name to a report.

use super::options::{BENCHMARKS, BenchOptions};
use super::report::{BenchReport, ReportBuilder};
use super::{
    access, ann, backup, connections, consolidate, embed, generate, growth, recall, remember, scan,
    spaces, spread, sustain, wall,
};
use crate::failure::BenchError;

/// Runs the benchmark of that name.
///
/// # Errors
/// There is no such benchmark, it lacks an option or data, or what it measures failed. A missing baseline is no error:
/// the report says that it is absent.
pub fn run_benchmark(
    name: &str,
    options: &BenchOptions,
    progress: &mut dyn FnMut(&str),
) -> Result<BenchReport, BenchError> {
    let mut report = ReportBuilder::new(name, options.quick);
    match name {
        "embed" => embed::run(options, &mut report, progress)?,
        "ann" => ann::run(options, &mut report, progress)?,
        "spread" => spread::run(options, &mut report, progress)?,
        "scan" => scan::run(options, &mut report, progress)?,
        "remember" => remember::run(options, &mut report, progress)?,
        "sustain" => sustain::run(options, &mut report, progress)?,
        "recall" => recall::run(options, &mut report, progress)?,
        "growth" => growth::run(options, &mut report, progress)?,
        "access" => access::run(options, &mut report, progress)?,
        "wall" => wall::run(options, &mut report, progress)?,
        "connections" => connections::run(options, &mut report, progress)?,
        "spaces" => spaces::run(options, &mut report, progress)?,
        "consolidate" => consolidate::run(options, &mut report, progress)?,
        "backup" => backup::run(options, &mut report, progress)?,
        "gen" => generate::run(options, &mut report, progress)?,
        _ => {
            let names: Vec<&str> = BENCHMARKS.iter().map(|entry| entry.name).collect();
            let message = format!("no benchmark `{name}`: {}", names.join(", "));
            return Err(BenchError::BadOption(message));
        }
    }
    Ok(report.finish())
}
