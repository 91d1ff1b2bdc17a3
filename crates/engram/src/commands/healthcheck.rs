//! `engram healthcheck`.

use clap::Args;
use serde_json::json;

use crate::connection::Connection;
use crate::failure::Failure;
use crate::output::print;

#[derive(Debug, Args)]
pub(crate) struct Healthcheck {}

impl Healthcheck {
    pub(crate) fn run(&self, connection: &Connection) -> Result<(), Failure> {
        connection.probe()?.ready()?;
        print(connection.output, &json!({"ready": true}), |_| "ready".to_owned())?;
        Ok(())
    }
}
