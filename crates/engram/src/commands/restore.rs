//! `engram restore`.

use clap::Args;
use engram_api::{ErrorCode, FilterInput, RestoreRequest};

use crate::connection::{Connection, SpaceFlags};
use crate::failure::Failure;
use crate::filter_flags::FilterFlags;
use crate::output::{clean, print};

#[derive(Debug, Args)]
pub(crate) struct Restore {
    /// Ids of suppressed memories; or give a filter
    ids: Vec<String>,
    #[command(flatten)]
    space: SpaceFlags,
    /// All suppressed memories
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    filter: FilterFlags,
}

impl Restore {
    pub(crate) fn run(self, connection: &Connection) -> Result<(), Failure> {
        let filter = match (self.all, self.filter.filter()?) {
            (true, None) => Some(FilterInput::default()),
            (false, filter) => filter,
            (true, Some(_)) => {
                return Err(Failure::new(
                    ErrorCode::SelectionAmbiguous,
                    "give --all or a filter, not both",
                ));
            }
        };
        let request = RestoreRequest { ids: (!self.ids.is_empty()).then_some(self.ids), filter };
        if request.ids.is_some() == request.filter.is_some() {
            let detail = "give the ids of memories, a filter, or --all";
            return Err(Failure::new(ErrorCode::SelectionAmbiguous, detail));
        }
        let answer = connection.space(&self.space)?.restore(&request)?;
        print(connection.output, &answer, |answer| {
            let mut text = format!("restored {} memories", answer.count);
            for id in &answer.ids {
                text += &format!("\n  {}", clean(id));
            }
            text
        })?;
        match answer.count {
            0 => Err(Failure::NothingFound("no suppressed memory matches".to_owned())),
            _ => Ok(()),
        }
    }
}
