//! `engram bench`.

use std::path::PathBuf;

use clap::Args;
use clap::builder::PossibleValue;
use engram_bench::{BENCHMARKS, BenchOptions, run_benchmark};

use crate::failure::Failure;
use crate::output::{OutputFormat, grids, print};
use crate::plots::write_plots;
use crate::progress::with_spinner;

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
    /// Number of memories; for `growth` and `backup` each size, with commas between
    #[arg(long = "n", value_name = "N", value_delimiter = ',')]
    sizes: Vec<usize>,
    /// Sizes of `backup` by the bytes of texts and vectors, with commas between
    #[arg(long, value_name = "BYTES", value_delimiter = ',')]
    bytes: Vec<u64>,
    /// Less of everything: seconds instead of minutes
    #[arg(long)]
    quick: bool,
    /// Seconds of each loop of `remember`, of `sustain`, and of the writes before a `backup`
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
            bytes: self.bytes,
            seed: self.seed,
            dimension: self.dimension,
            text_bytes_max: self.text_bytes,
            out: self.out,
        };
        let report = with_spinner(|progress| run_benchmark(&self.name, &options, progress))?;
        if let Some(dir) = &self.plots {
            write_plots(&report.plots, dir)?;
        }
        print(output, &report.json, |_| grids(&report.grids, self.markdown))?;
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
