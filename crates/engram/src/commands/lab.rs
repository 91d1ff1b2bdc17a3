//! `engram lab`.

use std::path::PathBuf;

use clap::Args;
use clap::builder::PossibleValue;
use engram_bench::{EXPERIMENTS, Grid, LabOptions, run_lab};
use indicatif::{ProgressBar, ProgressStyle};

use crate::failure::Failure;
use crate::output::{OutputFormat, grids, print};
use crate::plots::write_plots;

/// Each experiment has a source and a tolerance that was fixed before it was run; it runs on a server of this command's
/// own with the built-in model, through the public interface. The exit code is 1 when one does not come out as its source says.
#[derive(Debug, Args)]
pub(crate) struct Lab {
    /// Experiments to run; all for which there is data when absent
    #[arg(value_parser = names())]
    experiments: Vec<String>,
    /// Folder of a set in BEIR form whose memories carry times, for `cost`
    #[arg(long, value_name = "DIR")]
    set: Option<PathBuf>,
    /// File of association norms, for `associations`: cue, target and strength, separated by tabs, a line each
    #[arg(long, value_name = "FILE")]
    norms: Option<PathBuf>,
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
        let options =
            LabOptions { experiments: self.experiments, set: self.set, norms: self.norms };
        let bar = ProgressBar::new_spinner()
            .with_style(ProgressStyle::with_template("{spinner} {msg}").expect("it is valid"));
        let report = run_lab(&options, &mut |step| {
            bar.set_message(step.to_owned());
            bar.tick();
        });
        bar.finish_and_clear();
        let report = report?;
        if let Some(dir) = &self.plots {
            write_plots(&report.plots, dir)?;
        }
        let markdown = self.markdown;
        print(output, &report.json, |_| match markdown {
            true => report.grids.iter().map(Grid::markdown).collect::<Vec<_>>().join("\n"),
            false => grids(&report.grids),
        })?;
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
