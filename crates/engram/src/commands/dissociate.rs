//! `engram dissociate`.

use clap::Args;
use engram_api::{DissociateRequest, EdgeKindName};

use crate::connection::{Connection, SpaceFlags};
use crate::failure::Failure;
use crate::filter_flags::edge_kind;
use crate::output::{clean, print};

#[derive(Debug, Args)]
pub(crate) struct Dissociate {
    /// Id of the memory where the associations start
    from: String,
    /// Id of the memory where they end
    to: String,
    #[command(flatten)]
    space: SpaceFlags,
    /// Only of this kind: explicit, entity, mention, next, near, supersedes or contradicts; may be repeated
    #[arg(long = "edge", value_name = "KIND", value_parser = edge_kind)]
    kinds: Vec<EdgeKindName>,
}

impl Dissociate {
    pub(crate) fn run(self, connection: &Connection) -> Result<(), Failure> {
        let request = DissociateRequest { from: self.from, to: self.to, kinds: self.kinds };
        let answer = connection.space(&self.space)?.dissociate(&request)?;
        print(connection.output, &answer, |answer| {
            let (from, to) = (clean(&request.from), clean(&request.to));
            let lsn = answer.lsn.map(|lsn| format!(" (LSN {lsn})")).unwrap_or_default();
            format!("took {} associations {from} -> {to} away{lsn}", answer.count)
        })?;
        match answer.count {
            0 => Err(Failure::NothingFound("there is no such association".to_owned())),
            _ => Ok(()),
        }
    }
}
