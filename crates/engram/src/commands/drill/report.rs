//! What a drill found, for people and for programs.

use std::fmt::Write as _;

use engram_api::Timestamp;
use engram_bench::Grid;
use serde_json::{Value, json};

use crate::commands::backup::bytes;
use crate::failure::Failure;
use crate::output::clean;

/// How a runbook ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RunbookState {
    Passed,
    Failed,
    /// This installation does not allow it; the report says why.
    NotPossible,
}

impl RunbookState {
    fn name(self) -> &'static str {
        match self {
            RunbookState::Passed => "passed",
            RunbookState::Failed => "failed",
            RunbookState::NotPossible => "not possible",
        }
    }
}

/// What was recovered, and how.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Recovered {
    /// Where it went back to, in words.
    pub(super) target: String,
    /// From the begin of the recovery to the first correct answer, ns.
    pub(super) rto_ns: i64,
    /// From the last moment up to which everything was recovered to the disaster, ns; none = nobody says how far the archive reaches.
    pub(super) rpo_ns: Option<i64>,
    /// Archived commits that are not in it.
    pub(super) lost_commits: u64,
    /// Time of the last commit that is in it, ns.
    pub(super) last_commit: Option<i64>,
    /// Its last commit in each space.
    pub(super) spaces: Vec<(String, u64)>,
    /// Bytes that it takes on disk.
    pub(super) bytes: u64,
    /// Recalls whose answers were compared.
    pub(super) recalls: u64,
}

/// What became of a runbook.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Outcome {
    pub(super) state: RunbookState,
    /// Why it is not passed.
    pub(super) why: Vec<String>,
    /// What was done, in order.
    pub(super) steps: Vec<String>,
    pub(super) recovered: Option<Recovered>,
}

impl Outcome {
    /// It went through; what is wrong makes it a failure.
    pub(super) fn done(steps: Vec<String>, recovered: Recovered, wrong: Vec<String>) -> Outcome {
        let state = match wrong.is_empty() {
            true => RunbookState::Passed,
            false => RunbookState::Failed,
        };
        Outcome { state, why: wrong, steps, recovered: Some(recovered) }
    }

    pub(super) fn not_possible(why: impl Into<String>) -> Outcome {
        let state = RunbookState::NotPossible;
        Outcome { state, why: vec![why.into()], steps: Vec::new(), recovered: None }
    }

    /// It broke off.
    pub(super) fn broke(failure: &Failure) -> Outcome {
        let state = RunbookState::Failed;
        Outcome { state, why: vec![failure.text()], steps: Vec::new(), recovered: None }
    }
}

/// A runbook and what became of it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct RunbookReport {
    pub(super) name: String,
    pub(super) outcome: Outcome,
}

/// What a drill found.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct DrillReport {
    /// When it was begun, ns.
    pub(super) at: i64,
    /// Name and place of the repository.
    pub(super) repository: (String, String),
    /// All commits up to this time are archived, ns.
    pub(super) archived_through: Option<i64>,
    /// The timeline that was recovered.
    pub(super) timeline: u32,
    pub(super) spaces: u64,
    pub(super) memories: u64,
    /// Bytes of a restored directory.
    pub(super) bytes: u64,
    pub(super) runbooks: Vec<RunbookReport>,
}

impl DrillReport {
    pub(super) fn failed(&self) -> usize {
        let failed = |own: &&RunbookReport| own.outcome.state == RunbookState::Failed;
        self.runbooks.iter().filter(failed).count()
    }

    pub(super) fn json(&self) -> Value {
        json!({
            "at": time(self.at),
            "version": env!("CARGO_PKG_VERSION"),
            "repository": self.repository.0,
            "repository_url": self.repository.1,
            "archived_through": self.archived_through.map(time),
            "timeline": self.timeline,
            "spaces": self.spaces,
            "memories": self.memories,
            "bytes": self.bytes,
            "failed": self.failed(),
            "runbooks": self.runbooks.iter().map(one_json).collect::<Vec<Value>>(),
        })
    }

    pub(super) fn markdown(&self) -> String {
        let mut about = grid("What was drilled.", &["", ""]);
        let mut row = |name: &str, value: String| {
            about.rows.push(vec![name.to_owned(), clean(&value)]);
        };
        row("date", time(self.at));
        row("version", env!("CARGO_PKG_VERSION").to_owned());
        row("repository", format!("{} ({})", self.repository.0, self.repository.1));
        row("archived through", self.archived_through.map_or_else(|| "not known".to_owned(), time));
        row("timeline", self.timeline.to_string());
        row("spaces", self.spaces.to_string());
        row("memories", self.memories.to_string());
        row("size of a copy", bytes(self.bytes));
        let header =
            ["runbook", "state", "RTO", "RPO", "commits lost", "size", "last commit", "target"];
        let mut all = grid(
            "RTO: from the begin of the recovery to the first correct answer. RPO: from the last moment up to which everything \
             was recovered to the begin of the drill, as if the disaster had happened then.",
            &header,
        );
        all.rows.extend(self.runbooks.iter().map(one_row));
        let mut text =
            format!("# Disaster-recovery drill\n\n{}\n{}", about.markdown(), all.markdown());
        for own in &self.runbooks {
            let outcome = &own.outcome;
            writeln!(text, "\n## {}: {}\n", own.name, outcome.state.name())
                .expect("a string takes all that is written");
            for line in &outcome.steps {
                writeln!(text, "- {}", clean(line)).expect("a string takes all that is written");
            }
            for line in &outcome.why {
                writeln!(text, "- **{}**", clean(line))
                    .expect("a string takes all that is written");
            }
        }
        text
    }
}

fn time(ns: i64) -> String {
    Timestamp(ns).to_string()
}

fn seconds(ns: i64) -> f64 {
    ns as f64 / 1e9
}

fn grid(title: &str, header: &[&str]) -> Grid {
    let header = header.iter().map(|name| (*name).to_owned()).collect();
    Grid { title: title.to_owned(), header, rows: Vec::new() }
}

fn one_row(own: &RunbookReport) -> Vec<String> {
    let mut row = vec![own.name.clone(), own.outcome.state.name().to_owned()];
    match &own.outcome.recovered {
        None => row.extend(vec![String::new(); 6]),
        Some(found) => row.extend([
            format!("{:.3} s", seconds(found.rto_ns)),
            found
                .rpo_ns
                .map_or_else(|| "not known".to_owned(), |ns| format!("{:.3} s", seconds(ns))),
            found.lost_commits.to_string(),
            bytes(found.bytes),
            found.last_commit.map(time).unwrap_or_default(),
            clean(&found.target),
        ]),
    }
    row
}

fn one_json(own: &RunbookReport) -> Value {
    let outcome = &own.outcome;
    let found = outcome.recovered.as_ref();
    let space = |(name, lsn): &(String, u64)| json!({"name": name, "lsn": lsn});
    json!({
        "name": own.name,
        "state": outcome.state.name().replace(' ', "_"),
        "why": outcome.why,
        "steps": outcome.steps,
        "rto_seconds": found.map(|found| seconds(found.rto_ns)),
        "rpo_seconds": found.and_then(|found| found.rpo_ns).map(seconds),
        "lost_commits": found.map(|found| found.lost_commits),
        "bytes": found.map(|found| found.bytes),
        "last_commit_at": found.and_then(|found| found.last_commit).map(time),
        "target": found.map(|found| &found.target),
        "recalls": found.map(|found| found.recalls),
        "spaces": found.map(|found| found.spaces.iter().map(space).collect::<Vec<Value>>()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> DrillReport {
        let recovered = Recovered {
            target: "the last archived commit".to_owned(),
            rto_ns: 1_500_000_000,
            rpo_ns: Some(2_000_000_000),
            lost_commits: 0,
            last_commit: Some(1_767_225_600_000_000_000),
            spaces: vec![("default".to_owned(), 7)],
            bytes: 2048,
            recalls: 5,
        };
        let runbook = |name: &str, outcome| RunbookReport { name: name.to_owned(), outcome };
        DrillReport {
            at: 1_767_225_602_000_000_000,
            repository: ("main".to_owned(), "s3://bucket".to_owned()),
            archived_through: Some(1_767_225_600_000_000_000),
            timeline: 1,
            spaces: 1,
            memories: 5,
            bytes: 2048,
            runbooks: vec![
                runbook("one", Outcome::done(vec!["a step".to_owned()], recovered.clone(), vec![])),
                runbook("two", Outcome::done(vec![], recovered, vec!["it | differs".to_owned()])),
                runbook("three", Outcome::not_possible("there is nothing")),
            ],
        }
    }

    #[test]
    fn a_report_says_what_became_of_each_runbook() {
        let report = report();
        assert_eq!(report.failed(), 1);
        let text = report.markdown();
        let row = "| one | passed | 1.500 s | 2.000 s | 0 | 2.0 KiB | 2026-01-01T00:00:00Z | the last archived commit |";
        for line in
            [row, "## two: failed", "- **it | differs**", "## three: not possible", "- a step"]
        {
            assert!(text.lines().any(|found| found == line), "{line} is missing in:\n{text}");
        }
        let json = report.json();
        assert_eq!(json["failed"], 1);
        assert_eq!(json["runbooks"][2]["state"], "not_possible");
        assert_eq!(json["runbooks"][0]["rto_seconds"], 1.5);
        assert_eq!(json["runbooks"][2]["rpo_seconds"], Value::Null);
    }
}
