//! `engram get`.

use clap::Args;
use engram_api::GetRequest;

use crate::connection::{Connection, SpaceFlags};
use crate::failure::Failure;
use crate::output::print;
use crate::view;

#[derive(Debug, Args)]
pub(crate) struct Get {
    /// Id of the memory
    id: String,
    #[command(flatten)]
    space: SpaceFlags,
    /// Show its vectors
    #[arg(long)]
    vectors: bool,
}

impl Get {
    pub(crate) fn run(self, connection: &Connection) -> Result<(), Failure> {
        let request = GetRequest { id: self.id, include_vectors: self.vectors };
        let memory = connection.space(&self.space)?.get(&request)?;
        print(connection.output, &memory, view::memory)?;
        Ok(())
    }
}
