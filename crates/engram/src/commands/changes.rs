//! `engram changes`.

use clap::Args;
use engram_api::{ChangeView, ChangesRequest, ChangesResponse, CommitView, Operation};
use engram_client::Client;

use crate::connection::{Connection, SpaceFlags};
use crate::failure::Failure;
use crate::output::{OutputFormat, clean, note, print};

/// How long a request waits for a change, seconds.
const WAIT_SECONDS: u32 = 20;

#[derive(Debug, Args)]
pub(crate) struct Changes {
    /// Log sequence number of the last commit that was seen; without it only what comes from now on is shown
    #[arg(long, value_name = "LSN")]
    after: Option<u64>,
    /// Most commits of a page
    #[arg(long, value_name = "N")]
    limit: Option<u32>,
    /// Go on showing changes as they come
    #[arg(long, short)]
    follow: bool,
    #[command(flatten)]
    space: SpaceFlags,
}

impl Changes {
    /// Shows one page, or every change until it is stopped.
    pub(crate) fn run(&self, connection: &Connection) -> Result<(), Failure> {
        let client = connection.client()?;
        let wait_seconds = self.follow.then_some(WAIT_SECONDS);
        let mut request = ChangesRequest { after: self.after, limit: self.limit, wait_seconds };
        // The space is named in a failure that does not know it.
        let space = connection.space(&self.space)?;
        loop {
            let page = page(&client, space.name(), &request)?;
            if let Some(missed) = page.missed {
                note(&format!(
                    "the changes behind {} up to {} are not kept any more",
                    missed.after, missed.before
                ));
            }
            show(connection.output, &page)?;
            if !self.follow {
                note(&format!("go on with --after {}", page.lsn));
                return Ok(());
            }
            request.after = Some(page.lsn);
        }
    }
}

fn page(
    client: &Client,
    space: &str,
    request: &ChangesRequest,
) -> Result<ChangesResponse, Failure> {
    let operation = Operation::by_name("changes").expect("the table has it");
    let body = serde_json::to_vec(request).expect("a request has plain values");
    let answer = client.call(operation, space, &body)?;
    serde_json::from_value(answer)
        .map_err(|error| Failure::from(std::io::Error::other(error.to_string())))
}

/// One line for each change, or one JSON document for each commit.
fn show(format: OutputFormat, page: &ChangesResponse) -> Result<(), Failure> {
    for commit in &page.commits {
        print(format, commit, lines)?;
    }
    Ok(())
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
