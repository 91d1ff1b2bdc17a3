//! `engram mcp`.

use std::sync::Arc;

use clap::{Args, ValueEnum};
use engram_api::{ErrorCode, Operation, Problem};
use engram_client::Client;
use engram_server::{Toolset, serve_mcp_stdio};

use crate::connection::{Connection, SpaceFlags};
use crate::failure::Failure;

/// Which tools the client is shown.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Tools {
    /// Those that an agent needs day by day
    Core,
    /// One for each operation
    All,
}

#[derive(Debug, Args)]
pub(crate) struct Mcp {
    #[command(flatten)]
    space: SpaceFlags,
    /// Which tools are shown; all can be called
    #[arg(long, value_enum, default_value = "core")]
    tools: Tools,
}

impl Mcp {
    /// Serves the client on stdin and stdout until it closes.
    pub(crate) fn run(&self, connection: &Connection) -> Result<(), Failure> {
        let client = connection.client()?;
        let call = move |operation: &'static Operation, space: &str, request: &[u8]| {
            called(&client, operation, space, request)
        };
        let tools = match self.tools {
            Tools::Core => Toolset::Core,
            Tools::All => Toolset::All,
        };
        serve_mcp_stdio(Arc::new(call), self.space.name().to_owned(), tools)
            .map_err(Failure::Problem)
    }
}

fn called(
    client: &Client,
    operation: &'static Operation,
    space: &str,
    request: &[u8],
) -> Result<Vec<u8>, Box<Problem>> {
    match client.call(operation, space, request).map_err(Failure::from) {
        Ok(answer) => Ok(answer.to_string().into_bytes()),
        Err(Failure::Problem(problem)) => Err(problem),
        Err(other) => Err(Box::new(Problem::new(ErrorCode::Internal, format!("{other:?}")))),
    }
}
