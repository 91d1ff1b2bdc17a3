//! `engram history`.

use clap::Args;
use engram_api::HistoryRequest;

use crate::connection::{Connection, SpaceFlags};
use crate::failure::Failure;
use crate::output::{OutputFormat, note, print};
use crate::view;

#[derive(Debug, Args)]
pub(crate) struct History {
    /// Id of the memory
    id: String,
    #[command(flatten)]
    space: SpaceFlags,
    /// Most versions to show, 1 to 1,000
    #[arg(long, short = 'n', value_name = "N", default_value_t = 100)]
    limit: u32,
    /// Where to go on: the cursor that the page before ended with
    #[arg(long)]
    cursor: Option<String>,
}

impl History {
    pub(crate) fn run(self, connection: &Connection) -> Result<(), Failure> {
        let answer = connection.space(&self.space)?.history(&HistoryRequest {
            id: self.id,
            cursor: self.cursor,
            limit: Some(self.limit),
        })?;
        print(connection.output, &answer, |answer| view::versions(&answer.versions))?;
        if let (OutputFormat::Table, Some(cursor)) = (connection.output, &answer.next_cursor) {
            note(&format!("there are more: --cursor {cursor}"));
        }
        Ok(())
    }
}
