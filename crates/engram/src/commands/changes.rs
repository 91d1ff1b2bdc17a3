//! `engram changes`.

use clap::Args;
use engram_api::{ChangeView, ChangesRequest, CommitView, MissedView};
use engram_client::{ChangeEvent, SpaceClient};

use crate::connection::{Connection, SpaceFlags};
use crate::failure::Failure;
use crate::output::{OutputFormat, clean, note, print};

#[derive(Debug, Args)]
pub(crate) struct Changes {
    /// Log sequence number of the last commit that was seen; without it only what comes from now on is shown
    #[arg(long, value_name = "LSN")]
    after: Option<u64>,
    /// Most commits of a page
    #[arg(long, value_name = "N", conflicts_with = "follow")]
    limit: Option<u32>,
    /// Go on showing changes as they come, also when the server was away for a while
    #[arg(long, short)]
    follow: bool,
    #[command(flatten)]
    space: SpaceFlags,
}

impl Changes {
    /// Shows one page, or every change until it is stopped.
    pub(crate) fn run(&self, connection: &Connection) -> Result<(), Failure> {
        let space = connection.space(&self.space)?;
        match self.follow {
            true => follow(&space, self.after, connection.output),
            false => self.page(&space, connection.output),
        }
    }

    fn page(&self, space: &SpaceClient, output: OutputFormat) -> Result<(), Failure> {
        let request = ChangesRequest { after: self.after, limit: self.limit, wait_seconds: None };
        let page = space.changes(&request)?;
        if let Some(missed) = page.missed {
            warn(missed);
        }
        for commit in &page.commits {
            show(output, commit)?;
        }
        note(&format!("go on with --after {}", page.lsn));
        Ok(())
    }
}

fn follow(space: &SpaceClient, after: Option<u64>, output: OutputFormat) -> Result<(), Failure> {
    for event in space.follow_changes(after) {
        match event? {
            ChangeEvent::Commit(commit) => show(output, &commit)?,
            ChangeEvent::Missed(missed) => warn(missed),
            ChangeEvent::Away(error) => note(&format!("{error}; trying again")),
            ChangeEvent::Alive => {}
        }
    }
    Ok(())
}

fn warn(missed: MissedView) {
    let (after, before) = (missed.after, missed.before);
    note(&format!("the changes behind {after} up to {before} are not kept any more"));
}

/// One line for each change, or one JSON document for each commit.
fn show(output: OutputFormat, commit: &CommitView) -> Result<(), Failure> {
    Ok(print(output, commit, lines)?)
}

fn lines(commit: &CommitView) -> String {
    let one = |change: &ChangeView| {
        let name = serde_json::to_value(change.change).unwrap_or_default();
        let name = name.as_str().unwrap_or_default();
        let other =
            change.other.as_deref().map_or_else(String::new, |other| format!(" {}", clean(other)));
        let version =
            change.version.map_or_else(String::new, |version| format!(" version {version}"));
        format!(
            "{} {} {name} {}{other}{version}",
            commit.lsn,
            commit.committed_at,
            clean(&change.id)
        )
    };
    commit.changes.iter().map(one).collect::<Vec<String>>().join("\n")
}
