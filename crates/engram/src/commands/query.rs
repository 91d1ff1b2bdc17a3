//! `engram query`.

use clap::Args;
use engram_api::QueryRequest;
use serde_json::Value;

use crate::connection::{Connection, SpaceFlags};
use crate::failure::Failure;
use crate::{statement, values};

#[derive(Debug, Args)]
pub(crate) struct Query {
    /// The statement; `-` reads it from stdin
    statement: String,
    /// Values of `$1`, `$2` and so on: JSON, or a text
    values: Vec<String>,
    /// Value of `$NAME`: JSON, or a text; may be repeated
    #[arg(long = "param", short = 'p', value_name = "NAME=VALUE", value_parser = statement::assignment)]
    parameters: Vec<(String, Value)>,
    #[command(flatten)]
    space: SpaceFlags,
}

impl Query {
    /// Runs the statement (exit code 3 when nothing is found).
    pub(crate) fn run(self, connection: &Connection) -> Result<(), Failure> {
        let query = match self.statement.as_str() {
            "-" => values::text_or_stdin(Some("-"))?.unwrap_or_default(),
            given => given.to_owned(),
        };
        let request = QueryRequest {
            query,
            parameters: self.parameters.into_iter().collect(),
            values: self.values.iter().map(|text| statement::value(text)).collect(),
        };
        statement::run(&connection.space(&self.space)?, &request, connection.output)
    }
}
