//! `engram list`.

use clap::Args;
use engram_api::{AsOfInput, ListRequest, ListStateName};

use crate::connection::{Connection, SpaceFlags};
use crate::failure::Failure;
use crate::filter_flags::{FilterFlags, list_state};
use crate::output::{OutputFormat, note, print};
use crate::{values, view};

#[derive(Debug, Args)]
pub(crate) struct List {
    #[command(flatten)]
    space: SpaceFlags,
    /// Most memories to show, 1 to 1,000
    #[arg(long, short = 'n', value_name = "N", default_value_t = 20)]
    limit: u32,
    /// Where to go on: the cursor that the page before ended with
    #[arg(long)]
    cursor: Option<String>,
    /// Which memories: active, suppressed (hidden by forget) or all
    #[arg(long, value_name = "STATE", value_parser = list_state, default_value = "active")]
    state: ListStateName,
    /// What was known after this LSN, or at this time
    #[arg(long, value_name = "LSN|TIME", value_parser = values::as_of)]
    as_of: Option<AsOfInput>,
    /// Show the vectors (JSON only)
    #[arg(long)]
    vectors: bool,
    #[command(flatten)]
    filter: FilterFlags,
}

impl List {
    pub(crate) fn run(self, connection: &Connection) -> Result<(), Failure> {
        let page = connection.space(&self.space)?.list(&ListRequest {
            cursor: self.cursor,
            limit: Some(self.limit),
            filter: self.filter.filter()?,
            state: Some(self.state),
            include_vectors: self.vectors,
            as_of: self.as_of,
        })?;
        print(connection.output, &page, |page| view::memories(&page.memories))?;
        if let (OutputFormat::Table, Some(cursor)) = (connection.output, &page.next_cursor) {
            note(&format!("there are more: --cursor {cursor}"));
        }
        Ok(())
    }
}
