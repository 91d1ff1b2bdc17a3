//! `engram history`.

use clap::Args;
use engram_api::HistoryRequest;

use crate::connection::{Connection, SpaceFlags};
use crate::failure::Failure;
use crate::output::print;
use crate::view;

#[derive(Debug, Args)]
pub(crate) struct History {
    /// Id of the memory
    id: String,
    #[command(flatten)]
    space: SpaceFlags,
}

impl History {
    pub(crate) fn run(self, connection: &Connection) -> Result<(), Failure> {
        let answer = connection.space(&self.space)?.history(&HistoryRequest { id: self.id })?;
        print(connection.output, &answer, |answer| view::versions(&answer.versions))?;
        Ok(())
    }
}
