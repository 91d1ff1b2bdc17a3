//! `engram consolidate`.

use clap::Args;
use engram_api::{ConsolidateRequest, ConsolidateResponse, UndoConsolidationRequest};

use engram_client::SpaceClient;

use crate::connection::{Connection, SpaceFlags};
use crate::failure::Failure;
use crate::output::{clean, note, print};
use crate::progress::with_spinner;

/// Memories that one request looks at: as many as it may.
const REQUEST_MEMORIES: u32 = 100_000;

#[derive(Debug, Args)]
pub(crate) struct Consolidate {
    #[command(flatten)]
    space: SpaceFlags,
    /// Look at about so many memories at most
    #[arg(long, value_name = "N")]
    budget: Option<u64>,
    /// Take these beliefs back; what they rested on makes no other until it is updated
    #[arg(long, value_name = "ID", conflicts_with = "budget")]
    undo: Vec<String>,
    /// Take back all that came of commits from this one on
    #[arg(long, value_name = "LSN", conflicts_with_all = ["budget", "undo"])]
    undo_since: Option<u64>,
}

impl Consolidate {
    pub(crate) fn run(self, connection: &Connection) -> Result<(), Failure> {
        let space = connection.space(&self.space)?;
        if !self.undo.is_empty() || self.undo_since.is_some() {
            let ids = (!self.undo.is_empty()).then_some(self.undo);
            let request = UndoConsolidationRequest { ids, since_lsn: self.undo_since };
            let answer = space.undo_consolidation(&request)?;
            print(connection.output, &answer, |answer| {
                let mut lines = vec![format!(
                    "taken back: {} beliefs gone, {} changed",
                    answer.withdrawn.len(),
                    answer.changed.len()
                )];
                lines.extend(answer.withdrawn.iter().map(|id| format!("gone     {}", clean(id))));
                lines.extend(answer.changed.iter().map(|id| format!("changed  {}", clean(id))));
                lines.join("\n")
            })?;
            return Ok(());
        }
        let all = with_spinner(|say| run(&space, self.budget, say))?;
        print(connection.output, &all, |all| {
            let mut lines = vec![format!(
                "{} memories looked at: {} beliefs formed, {} changed, {} withdrawn; {} left",
                all.memories,
                all.formed.len(),
                all.changed.len(),
                all.withdrawn.len(),
                all.remaining
            )];
            if let (Some(first), Some(last)) = (all.first_lsn, all.lsn) {
                lines.push(format!("LSN {first} to {last}; --undo-since {first} takes it back"));
            }
            lines.join("\n")
        })?;
        Ok(())
    }
}

/// Asks until nothing is left to look at, or the budget is used up.
fn run(
    space: &SpaceClient,
    budget: Option<u64>,
    say: &mut dyn FnMut(&str),
) -> Result<ConsolidateResponse, Failure> {
    let mut all = ConsolidateResponse::default();
    loop {
        let left = budget.map_or(u64::MAX, |budget| budget.saturating_sub(all.memories));
        let part = left.min(u64::from(REQUEST_MEMORIES)) as u32;
        if part == 0 {
            return Ok(all);
        }
        let request = ConsolidateRequest { budget_memories: Some(part) };
        let mut steps = ConsolidateResponse::default();
        let answer = space.consolidate_told(&request, &mut |step| {
            steps.add(step);
            say(&format!(
                "{} memories looked at, {} left, {} beliefs formed",
                all.memories + steps.memories,
                steps.remaining,
                all.formed.len() + steps.formed.len()
            ));
        });
        match answer {
            Ok(answer) => {
                let is_over = answer.remaining == 0 || answer.memories == 0;
                all.add(answer);
                if is_over {
                    return Ok(all);
                }
            }
            Err(error) => {
                all.add(steps);
                if let Some(first) = all.first_lsn {
                    note(&format!(
                        "{} memories were looked at before that; --undo-since {first} takes it back",
                        all.memories
                    ));
                }
                return Err(error.into());
            }
        }
    }
}
