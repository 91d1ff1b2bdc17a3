//! `engram status`.

use clap::Args;
use engram_api::{NodeState, StatusView};

use crate::connection::Connection;
use crate::failure::Failure;
use crate::output::{pairs, print};

#[derive(Debug, Args)]
pub(crate) struct Status {}

impl Status {
    pub(crate) fn run(&self, connection: &Connection) -> Result<(), Failure> {
        let status = connection.probe()?.status()?;
        print(connection.output, &status, |status| show(connection, status))?;
        match status.state {
            NodeState::Ready => Ok(()),
            state => Err(Failure::NothingFound(format!("not ready: {}", name(state)))),
        }
    }
}

fn show(connection: &Connection, status: &StatusView) -> String {
    let quarantined = (!status.quarantined.is_empty()).then(|| status.quarantined.join(", "));
    pairs(&[
        ("server", Some(connection.server.clone())),
        ("version", Some(status.version.clone())),
        ("state", Some(name(status.state).to_owned())),
        ("reason", status.reason.clone()),
        ("started at", Some(status.started_at.to_string())),
        ("spaces", Some(status.spaces.to_string())),
        ("memories", Some(status.memories.to_string())),
        ("quarantined", quarantined),
    ])
}

fn name(state: NodeState) -> &'static str {
    match state {
        NodeState::Starting => "starting",
        NodeState::Ready => "ready",
        NodeState::ReadOnly => "read only",
        NodeState::ShuttingDown => "shutting down",
    }
}
