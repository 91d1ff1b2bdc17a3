//! `engram store verify`.

use clap::Args;
use engram_engine::{FindingWeight, SpaceVerdict, StoreFinding, VerifyReport};
use engram_store::VerifyDepth;
use serde_json::{Value, json};

use super::{DirectoryFlags, failed, progress, step};
use crate::failure::Failure;
use crate::output::{OutputFormat, clean, print, table};

/// Without `--deep`: every commit of the log, the manifests, and length, header and footer of every segment. The server must not run.
#[derive(Debug, Args)]
pub(crate) struct Verify {
    #[command(flatten)]
    directory: DirectoryFlags,
    /// Name or UUID of the one space to look at
    #[arg(long, short = 's', value_name = "NAME")]
    space: Option<String>,
    /// Read every byte of segments and graphs, and load every space as a server would
    #[arg(long)]
    deep: bool,
}

impl Verify {
    pub(crate) fn run(self, output: OutputFormat) -> Result<(), Failure> {
        let depth = if self.deep { VerifyDepth::Deep } else { VerifyDepth::Surface };
        let offline = self.directory.open()?;
        let bar = progress();
        let report = offline.verify(depth, self.space.as_deref(), &mut step(&bar));
        bar.finish_and_clear();
        let report = report.map_err(failed)?;
        print(output, &to_json(&report), |_| show(&report))?;
        match report.is_intact() {
            true => Ok(()),
            false => Err(Failure::Partly("the data directory is damaged".to_owned())),
        }
    }
}

/// The report for programs.
pub(super) fn to_json(report: &VerifyReport) -> Value {
    let finding = |one: &StoreFinding| {
        json!({
            "weight": weight(one),
            "file": one.file,
            "offset": one.offset,
            "what": one.what,
            "spaces": one.spaces,
            "cure": one.cure,
        })
    };
    let space = |one: &SpaceVerdict| {
        json!({
            "name": one.name,
            "uuid": one.id.to_string(),
            "lsn": one.lsn.0,
            "memories": one.memories,
            "fault": one.fault,
        })
    };
    json!({
        "intact": report.is_intact(),
        "files": report.files,
        "commits": report.commits,
        "findings": report.findings.iter().map(finding).collect::<Vec<_>>(),
        "spaces": report.spaces.iter().map(space).collect::<Vec<_>>(),
    })
}

fn weight(finding: &StoreFinding) -> &'static str {
    match finding.weight {
        FindingWeight::Harmless => "harmless",
        FindingWeight::Damage => "damage",
    }
}

/// The report for people.
pub(super) fn show(report: &VerifyReport) -> String {
    let mut text = String::new();
    if !report.findings.is_empty() {
        let mut rows = table(&["file", "offset", "", "what", "spaces", "what to do"]);
        for one in &report.findings {
            rows.add_row([
                clean(&one.file),
                one.offset.map(|offset| offset.to_string()).unwrap_or_default(),
                weight(one).to_owned(),
                clean(&one.what),
                clean(&one.spaces.join(", ")),
                one.cure.to_owned(),
            ]);
        }
        text += &format!("{rows}\n\n");
    }
    if !report.spaces.is_empty() {
        let mut rows = table(&["space", "lsn", "memories", "fault"]);
        for one in &report.spaces {
            rows.add_row([
                clean(&label(one.name.as_deref(), &one.id.to_string())),
                one.lsn.to_string(),
                one.memories.map(|count| count.to_string()).unwrap_or_default(),
                clean(one.fault.as_deref().unwrap_or_default()),
            ]);
        }
        text += &format!("{rows}\n\n");
    }
    let (files, commits) = (report.files, report.commits);
    let verdict = if report.is_intact() { "intact" } else { "damaged" };
    text + &format!("{verdict}: {files} files, {commits} commits in the log")
}

/// What a space is called where it may have lost its name.
pub(super) fn label(name: Option<&str>, uuid: &str) -> String {
    name.map_or_else(|| uuid.to_owned(), str::to_owned)
}
