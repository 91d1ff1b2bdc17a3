//! `engram forgotten`.

use clap::Args;
use engram_api::{ForgetReceiptRequest, ForgetReceiptResponse, PlaceName, PurgeStateName};

use crate::connection::{Connection, SpaceFlags};
use crate::failure::Failure;
use crate::output::{clean, pairs, print};

#[derive(Debug, Args)]
pub(crate) struct Forgotten {
    /// LSN of the forget, as its receipt names it
    lsn: u64,
    #[command(flatten)]
    space: SpaceFlags,
}

impl Forgotten {
    pub(crate) fn run(self, connection: &Connection) -> Result<(), Failure> {
        let request = ForgetReceiptRequest { lsn: self.lsn };
        let answer = connection.space(&self.space)?.forget_receipt(&request)?;
        print(connection.output, &answer, show)?;
        Ok(())
    }
}

fn show(answer: &ForgetReceiptResponse) -> String {
    let place = |place: &PlaceName| match place {
        PlaceName::Files => "files",
        PlaceName::ColdStore => "cold store",
        PlaceName::Log => "log",
    };
    let held: Vec<&str> = answer.held_in.iter().map(place).collect();
    let state = match answer.state {
        PurgeStateName::Pending => "pending",
        PurgeStateName::Purged => "purged",
    };
    pairs(&[
        ("lsn", Some(answer.lsn.to_string())),
        ("deleted at", Some(answer.committed_at.to_string())),
        ("memories", Some(answer.count.to_string())),
        ("state", Some(state.to_owned())),
        ("bytes may be in", (!held.is_empty()).then(|| held.join(", "))),
        ("purged from", answer.due_at.map(|time| time.to_string())),
        ("purged at", answer.purged_at.map(|time| time.to_string())),
        ("copies", Some(clean(&answer.backups))),
    ])
}
