//! `engram version`.

use clap::Args;
use engram_api::VersionView;

use crate::connection::Connection;
use crate::failure::Failure;
use crate::output::print;

#[derive(Debug, Args)]
pub(crate) struct Version {}

impl Version {
    pub(crate) fn run(&self, connection: &Connection) -> Result<(), Failure> {
        let version = VersionView {
            name: "engram".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            api: "v1".to_owned(),
        };
        print(connection.output, &version, |v| {
            format!("{} {} (API {})", v.name, v.version, v.api)
        })?;
        Ok(())
    }
}
