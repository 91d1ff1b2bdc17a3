//! `engram config`.

use clap::{Args, Subcommand};
use serde_json::{Map, Value, json};

use crate::commands::start::ServerFlags;
use crate::connection::Connection;
use crate::failure::Failure;
use crate::output::{clean, print, table};

#[derive(Debug, Subcommand)]
pub(crate) enum Config {
    /// Show every setting with its value
    Show(Show),
}

#[derive(Debug, Args)]
pub(crate) struct Show {
    /// Show where each value comes from
    #[arg(long)]
    origin: bool,
    #[command(flatten)]
    server: ServerFlags,
}

impl Config {
    pub(crate) fn run(&self, connection: &Connection) -> Result<(), Failure> {
        let Config::Show(show) = self;
        show.run(connection)
    }
}

impl Show {
    fn run(&self, connection: &Connection) -> Result<(), Failure> {
        let rows = self.server.settings()?.rows;
        let answer: Map<String, Value> = rows
            .iter()
            .map(|row| {
                let value = json!(row.value);
                let shown = match self.origin {
                    true => json!({"value": value, "origin": row.origin.to_string()}),
                    false => value,
                };
                (row.key.clone(), shown)
            })
            .collect();
        print(connection.output, &answer, |_| {
            let mut table = match self.origin {
                true => table(&["key", "value", "origin"]),
                false => table(&["key", "value"]),
            };
            for row in &rows {
                let mut cells = vec![row.key.clone(), clean(row.value.as_deref().unwrap_or("-"))];
                if self.origin {
                    cells.push(row.origin.to_string());
                }
                table.add_row(cells);
            }
            table.to_string()
        })?;
        Ok(())
    }
}
