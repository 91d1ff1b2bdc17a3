//! `engram eval`.

use std::path::PathBuf;

use clap::Args;
use engram_api::ModeName;
use engram_bench::{EvalOptions, EvalScope, evaluate};

use crate::failure::Failure;
use crate::output::{OutputFormat, grids, print};
use crate::progress::with_spinner;
use crate::values;

/// A set is a folder with `corpus.jsonl` (`_id`, `text`, and where known `title`, `group`, `when`, `who`, `metadata`),
/// `queries.jsonl` (`_id`, `text`, and where known `group`, `category`, `when`) and `qrels.tsv`. It is loaded into fresh
/// spaces of a server of this command's own, and nothing of it stays.
#[derive(Debug, Args)]
pub(crate) struct Eval {
    /// Folder of the set
    dir: PathBuf,
    /// Mode of recall to measure; may be repeated; all when absent
    #[arg(long = "mode", short = 'm', value_name = "MODE", value_parser = values::mode)]
    modes: Vec<ModeName>,
    /// Put all groups into one space
    #[arg(long)]
    pooled: bool,
    /// Also ask each query in the space of the next group, to see whether `nothing matches` is told
    #[arg(long, conflicts_with = "pooled")]
    cross: bool,
    /// Count the category `adversarial` in the overall figures
    #[arg(long)]
    with_adversarial: bool,
    /// Items to ask for; MRR looks no further
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(10..=1000))]
    limit: u32,
    /// Also judge what is found for half of the queries, through feedback, and see how well relevance is calibrated on the others
    #[arg(long)]
    calibrate: bool,
    /// Write the tables in Markdown
    #[arg(long)]
    markdown: bool,
}

impl Eval {
    pub(crate) fn run(self, output: OutputFormat) -> Result<(), Failure> {
        let wanted = |mode: &ModeName| self.modes.is_empty() || self.modes.contains(mode);
        let options = EvalOptions {
            dir: self.dir,
            modes: ModeName::ALL.into_iter().filter(wanted).collect(),
            scope: if self.pooled { EvalScope::Pooled } else { EvalScope::Groups },
            limit: self.limit,
            with_adversarial: self.with_adversarial,
            cross: self.cross,
            calibrate: self.calibrate,
        };
        let report = with_spinner(|progress| evaluate(&options, progress))?;
        print(output, &report, |report| grids(&report.grids(), self.markdown))?;
        Ok(())
    }
}
