//! `engram lab`.

use std::path::PathBuf;

use clap::Args;
use clap::builder::PossibleValue;
use engram_bench::{EXPERIMENTS, LabOptions, run_lab};

use crate::failure::Failure;
use crate::output::{OutputFormat, grids, print};
use crate::plots::write_plots;
use crate::progress::with_spinner;

/// Each experiment has a source and a tolerance that was fixed before it was run; it runs on a server of this command's
/// own with the built-in model, through the public interface. The exit code is 1 when one does not come out as its source says.
#[derive(Debug, Args)]
pub(crate) struct Lab {
    /// Experiments to run; all for which there is data when absent
    #[arg(value_parser = names())]
    experiments: Vec<String>,
    /// Folder of a set in BEIR form whose memories carry times, for `cost`, and to count the marks in with `marks`
    #[arg(long, value_name = "DIR")]
    set: Option<PathBuf>,
    /// File of association norms, for `associations`: cue, target and strength, separated by tabs, a line each
    #[arg(long, value_name = "FILE")]
    norms: Option<PathBuf>,
    /// File of labelled pairs, for `marks`: a JSON object with id, label, earlier and later, a line each
    #[arg(long, value_name = "FILE")]
    pairs: Option<PathBuf>,
    /// Folder to write plots to, as SVG
    #[arg(long, value_name = "DIR")]
    plots: Option<PathBuf>,
    /// Write the tables in Markdown
    #[arg(long)]
    markdown: bool,
}

fn names() -> Vec<PossibleValue> {
    EXPERIMENTS.iter().map(|entry| PossibleValue::new(entry.name).help(entry.about)).collect()
}

impl Lab {
    pub(crate) fn run(self, output: OutputFormat) -> Result<(), Failure> {
        let options = LabOptions {
            experiments: self.experiments,
            set: self.set,
            norms: self.norms,
            pairs: self.pairs,
        };
        let report = with_spinner(|progress| run_lab(&options, progress))?;
        if let Some(dir) = &self.plots {
            write_plots(&report.plots, dir)?;
        }
        print(output, &report.json, |_| grids(&report.grids, self.markdown))?;
        let failed: Vec<&str> = report
            .verdicts
            .iter()
            .filter(|verdict| !verdict.passed)
            .map(|verdict| verdict.experiment.as_str())
            .collect();
        match failed.is_empty() {
            true => Ok(()),
            false => {
                let failed = failed.join(", ");
                Err(Failure::Partly(format!("did not come out as the source says: {failed}")))
            }
        }
    }
}
