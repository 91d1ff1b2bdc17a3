//! `engram drill`: the runbooks of disaster recovery, carried out on copies.
//!
//! Guarantees: the data directory of the installation is not opened, and its repository is only read: what a runbook writes to a repository
//! goes to a folder of the drill. All that is put together lies in one folder, which goes with the end.

mod scratch;

mod report;

mod copy;

mod stage;

mod lost;

mod damaged;

mod forgotten;

mod ransomware;

use std::fs;
use std::path::PathBuf;

use clap::{Args, ValueEnum};

use self::report::{DrillReport, Outcome, RunbookReport};
use self::scratch::{Scratch, told};
use self::stage::Stage;
use crate::commands::backup::RepositoryFlags;
use crate::commands::store::progress;
use crate::failure::Failure;
use crate::output::{OutputFormat, print};

/// A disaster, and what is documented against it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Runbook {
    /// The data directory is gone
    LostDataDirectory,
    /// The node is gone with all its disks
    LostNode,
    /// Memories were deleted by mistake
    AccidentalForget,
    /// The log has damage with commits behind it
    CorruptedLog,
    /// A file of memories is damaged
    DamagedSegment,
    /// The repository was encrypted, deleted or changed
    Ransomware,
}

impl Runbook {
    fn name(self) -> String {
        self.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
    }

    fn run(self, stage: &Stage<'_>) -> Result<Outcome, Failure> {
        match self {
            Runbook::LostDataDirectory => lost::data_directory(stage),
            Runbook::LostNode => lost::node(stage),
            Runbook::AccidentalForget => forgotten::run(stage),
            Runbook::CorruptedLog => damaged::log(stage),
            Runbook::DamagedSegment => damaged::segment(stage),
            Runbook::Ransomware => ransomware::run(stage),
        }
    }
}

/// Restores what the repository holds into a scratch folder, inflicts each disaster on a copy of it, recovers as the runbooks of
/// docs/operating/disaster-recovery.md say, starts a server on what was recovered, and compares its answers with those of the uninjured
/// copy. Needs no server; neither the data directory nor the repository is changed. Exit code 1 if a runbook failed.
#[derive(Debug, Args)]
pub(crate) struct Drill {
    #[command(flatten)]
    repository: RepositoryFlags,
    /// Folder for the copies, with room for about four times the data; a new one below it is used and removed (default: the setting
    /// backup.scratch_dir, else that of the system for temporary files)
    #[arg(long, value_name = "DIR")]
    scratch: Option<PathBuf>,
    /// Only this runbook; may be repeated
    #[arg(long = "runbook", value_name = "NAME", value_enum)]
    runbooks: Vec<Runbook>,
    /// Also write the report to this file, which is replaced
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// Write the report as JSON, as with --output json; without it, it is Markdown
    #[arg(long)]
    json: bool,
    /// Leave the copies where they are
    #[arg(long)]
    keep: bool,
}

impl Drill {
    pub(crate) fn run(self, output: OutputFormat) -> Result<(), Failure> {
        let settings = self.repository.settings()?;
        let chosen = self.repository.repository.as_deref();
        let scratch = Scratch::make(self.scratch.as_deref(), &settings, self.keep)?;
        let bar = progress();
        let stage = Stage::set(&settings, chosen, &scratch, &bar);
        let report = stage.map(|stage| self.carry_out(&stage));
        bar.finish_and_clear();
        let report = report?;
        drop(scratch);
        let format = if self.json { OutputFormat::Json } else { output };
        if let Some(path) = &self.report {
            let text = match format {
                OutputFormat::Json => format!("{:#}\n", report.json()),
                OutputFormat::Table => report.markdown(),
            };
            fs::write(path, text).map_err(|error| told(path, &error))?;
        }
        print(format, &report.json(), |_| report.markdown())?;
        match report.failed() {
            0 => Ok(()),
            failed => Err(Failure::Partly(format!("{failed} of the runbooks failed"))),
        }
    }

    fn carry_out(&self, stage: &Stage<'_>) -> DrillReport {
        let mut report = stage.report();
        for runbook in Runbook::value_variants() {
            if !self.runbooks.is_empty() && !self.runbooks.contains(runbook) {
                continue;
            }
            stage.say(&runbook.name());
            let outcome = runbook.run(stage).unwrap_or_else(|failure| Outcome::broke(&failure));
            report.runbooks.push(RunbookReport { name: runbook.name(), outcome });
            stage.scratch.clear_but(&stage.kept());
        }
        report
    }
}
