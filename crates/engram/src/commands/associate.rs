//! `engram associate`.

use clap::Args;
use engram_api::AssociateRequest;

use crate::connection::{Connection, SpaceFlags};
use crate::failure::Failure;
use crate::output::{clean, print};

#[derive(Debug, Args)]
pub(crate) struct Associate {
    /// Id of the memory where the association starts
    from: String,
    /// Id of the memory where it ends
    to: String,
    #[command(flatten)]
    space: SpaceFlags,
    /// What it says, for example `caused`; `related` when absent
    #[arg(long, short = 'r', value_name = "TEXT")]
    relation: Option<String>,
    /// How strong it is, above 0 and up to 1; 0.8 when absent
    #[arg(long, short = 'w', value_name = "SHARE", allow_negative_numbers = true)]
    weight: Option<f32>,
    /// Why it is there
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
}

impl Associate {
    pub(crate) fn run(self, connection: &Connection) -> Result<(), Failure> {
        let request = AssociateRequest {
            from: self.from,
            to: self.to,
            relation: self.relation,
            weight: self.weight,
            reason: self.reason,
        };
        let answer = connection.space(&self.space)?.associate(&request)?;
        print(connection.output, &answer, |answer| {
            let done = match (answer.created, answer.count) {
                (true, _) => "associated",
                (false, 0) => "was associated already:",
                (false, _) => "changed the association",
            };
            let mut line = format!("{done} {} -> {}", clean(&request.from), clean(&request.to));
            if let Some(lsn) = answer.lsn {
                line += &format!(" (LSN {lsn})");
            }
            line
        })?;
        Ok(())
    }
}
