//! `engram forget`.

use clap::Args;
use engram_api::{ErrorCode, ForgetModeName, ForgetRequest, ForgetResponse};

use crate::connection::{Connection, SpaceFlags};
use crate::failure::Failure;
use crate::filter_flags::FilterFlags;
use crate::output::{clean, print};
use crate::values::confirm;

#[derive(Debug, Args)]
pub(crate) struct Forget {
    /// Ids of the memories; or give a filter
    ids: Vec<String>,
    #[command(flatten)]
    space: SpaceFlags,
    /// Delete for good; without this flag they are hidden and can be restored
    #[arg(long)]
    delete: bool,
    /// With --delete: the bytes leave the disk with the next steps of maintenance, not only after checkpoint.deleted_kept
    #[arg(long, requires = "delete")]
    purge: bool,
    /// Only say what would be forgotten
    #[arg(long)]
    dry_run: bool,
    /// Do not ask
    #[arg(long, short = 'y')]
    yes: bool,
    #[command(flatten)]
    filter: FilterFlags,
}

impl Forget {
    pub(crate) fn run(self, connection: &Connection) -> Result<(), Failure> {
        let space = connection.space(&self.space)?;
        let mode = match self.delete {
            true => ForgetModeName::Delete,
            false => ForgetModeName::Suppress,
        };
        let mut request = ForgetRequest {
            ids: (!self.ids.is_empty()).then_some(self.ids),
            filter: self.filter.filter()?,
            mode: Some(mode),
            dry_run: true,
            purge: self.purge,
        };
        if request.ids.is_some() == request.filter.is_some() {
            let detail = "give the ids of memories, or a filter, and not both";
            return Err(Failure::new(ErrorCode::SelectionAmbiguous, detail));
        }
        if !self.dry_run {
            if !self.yes {
                let found = space.forget(&request)?;
                if found.count > 0 {
                    confirm(&question(&found, space.name()))?;
                }
            }
            request.dry_run = false;
        }
        let answer = space.forget(&request)?;
        print(connection.output, &answer, show)?;
        match answer.count {
            0 => Err(Failure::NothingFound("nothing matches".to_owned())),
            _ => Ok(()),
        }
    }
}

fn question(found: &ForgetResponse, space: &str) -> String {
    match found.mode {
        ForgetModeName::Delete => {
            format!("Delete {} memories of space {space} for good?", found.count)
        }
        ForgetModeName::Suppress => format!("Hide {} memories of space {space}?", found.count),
    }
}

fn show(answer: &ForgetResponse) -> String {
    let done = match (answer.dry_run, answer.mode) {
        (true, ForgetModeName::Suppress) => "would hide",
        (true, ForgetModeName::Delete) => "would delete",
        (false, ForgetModeName::Suppress) => "hid",
        (false, ForgetModeName::Delete) => "deleted",
    };
    let mut text = format!("{done} {} memories", answer.count);
    for id in &answer.ids {
        text += &format!("\n  {}", clean(id));
    }
    if (answer.ids.len() as u64) < answer.count {
        text += "\n  ...";
    }
    if let Some(receipt) = &answer.receipt {
        text += &format!("\nreceipt: LSN {}, {}", receipt.lsn, receipt.committed_at);
        text += &format!("\nremains: {}", clean(&receipt.remains));
    }
    text
}
