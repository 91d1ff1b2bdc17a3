//! `engram bench`.

use std::path::PathBuf;

use clap::Args;
use clap::builder::PossibleValue;
use engram_bench::{BENCHMARKS, BenchOptions, Grid, run_benchmark};
use indicatif::{ProgressBar, ProgressStyle};

use crate::failure::Failure;
use crate::output::{OutputFormat, grids, print};
use crate::plots::write_plots;

/// Each benchmark measures its baselines in the same run; what is not there is reported as absent. Servers are
/// processes of this same program on free ports of this machine, with data that goes with them.
#[derive(Debug, Args)]
pub(crate) struct Bench {
    /// What to measure
    #[arg(value_parser = names())]
    name: String,
    /// Folder of a set of vectors, texts and queries
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Number of memories; for `growth` each size, with commas between
    #[arg(long = "n", value_name = "N", value_delimiter = ',')]
    sizes: Vec<usize>,
    /// Less of everything: seconds instead of minutes
    #[arg(long)]
    quick: bool,
    /// Seconds of each loop of `remember`, and of `sustain`
    #[arg(long, value_name = "N")]
    seconds: Option<u64>,
    /// Seed of grown sets
    #[arg(long, value_name = "SEED", default_value_t = 1)]
    seed: u64,
    /// Use the first components of each vector only
    #[arg(long, value_name = "N")]
    dimension: Option<usize>,
    /// Longest text of grown sets, in bytes
    #[arg(long, value_name = "BYTES", default_value_t = 4096)]
    text_bytes: usize,
    /// Folder that `gen` writes the set to
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Folder to write plots to, as SVG
    #[arg(long, value_name = "DIR")]
    plots: Option<PathBuf>,
    /// Write the tables in Markdown
    #[arg(long)]
    markdown: bool,
}

fn names() -> Vec<PossibleValue> {
    BENCHMARKS.iter().map(|entry| PossibleValue::new(entry.name).help(entry.about)).collect()
}

impl Bench {
    pub(crate) fn run(self, output: OutputFormat) -> Result<(), Failure> {
        let program = std::env::current_exe()?;
        let options = BenchOptions {
            data: self.data,
            program,
            cache_dir: cache_dir().unwrap_or_else(std::env::temp_dir),
            quick: self.quick,
            seconds: self.seconds,
            sizes: self.sizes,
            seed: self.seed,
            dimension: self.dimension,
            text_bytes_max: self.text_bytes,
            out: self.out,
        };
        let bar = ProgressBar::new_spinner()
            .with_style(ProgressStyle::with_template("{spinner} {msg}").expect("it is valid"));
        let report = run_benchmark(&self.name, &options, &mut |step| {
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
        Ok(())
    }
}

/// The XDG base directory specification: a relative path in `XDG_CACHE_HOME` is ignored.
fn cache_dir() -> Option<PathBuf> {
    let absolute =
        |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let cache =
        absolute("XDG_CACHE_HOME").or_else(|| absolute("HOME").map(|home| home.join(".cache")))?;
    Some(cache.join("engram"))
}
