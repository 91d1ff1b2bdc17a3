//! `engram get`.

use clap::Args;
use engram_api::{AsOfInput, GetRequest};

use crate::connection::{Connection, SpaceFlags};
use crate::failure::Failure;
use crate::output::print;
use crate::values;
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
    /// Show the version known then: an LSN, or a time or date
    #[arg(long, value_name = "LSN|TIME", value_parser = values::as_of)]
    as_of: Option<AsOfInput>,
}

impl Get {
    pub(crate) fn run(self, connection: &Connection) -> Result<(), Failure> {
        let request = GetRequest { id: self.id, include_vectors: self.vectors, as_of: self.as_of };
        let memory = connection.space(&self.space)?.get(&request)?;
        print(connection.output, &memory, view::memory)?;
        Ok(())
    }
}
