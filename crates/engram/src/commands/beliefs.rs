//! `engram beliefs`.

use clap::Args;
use engram_api::{BeliefView, BeliefsRequest, CitationRoleName};

use crate::connection::{Connection, SpaceFlags};
use crate::failure::Failure;
use crate::output::{OutputFormat, clean, note, print, table};
use crate::view;

#[derive(Debug, Args)]
pub(crate) struct Beliefs {
    /// Id of a belief: shows why it exists
    id: Option<String>,
    #[command(flatten)]
    space: SpaceFlags,
    /// Most beliefs to show, 1 to 1,000
    #[arg(long, short = 'n', value_name = "N", default_value_t = 20)]
    limit: u32,
    /// Where to go on: the cursor that the page before ended with
    #[arg(long)]
    cursor: Option<String>,
}

impl Beliefs {
    pub(crate) fn run(self, connection: &Connection) -> Result<(), Failure> {
        let is_one = self.id.is_some();
        let request = BeliefsRequest { id: self.id, cursor: self.cursor, limit: Some(self.limit) };
        let page = connection.space(&self.space)?.beliefs(&request)?;
        print(connection.output, &page, |page| match page.beliefs.first() {
            Some(belief) if is_one => why(belief),
            _ => all(&page.beliefs),
        })?;
        if let (OutputFormat::Table, Some(cursor)) = (connection.output, &page.next_cursor) {
            note(&format!("there are more: --cursor {cursor}"));
        }
        Ok(())
    }
}

fn all(beliefs: &[BeliefView]) -> String {
    let mut rows = table(&["id", "rests on", "dissent", "confidence", "text"]);
    for belief in beliefs {
        let summary = belief.memory.belief.as_ref();
        rows.add_row([
            clean(&belief.memory.id),
            summary.map_or(0, |summary| summary.count).to_string(),
            summary.map_or(0, |summary| summary.dissent).to_string(),
            format!("{:.2}", belief.memory.confidence.mean),
            view::text(&belief.memory),
        ]);
    }
    rows.to_string()
}

fn why(belief: &BeliefView) -> String {
    let mut rows = table(&["memory", "how", "happened at", "since LSN"]);
    for citation in &belief.citations {
        let role = match citation.role {
            CitationRoleName::Quoted => "quoted",
            CitationRoleName::Supports => "supports",
            CitationRoleName::Dissents => "dissents",
        };
        rows.add_row([
            clean(&citation.id),
            role.to_owned(),
            citation.happened_at.to_string(),
            citation.since_lsn.to_string(),
        ]);
    }
    let outdated =
        if belief.outdated { "\n\noutdated: the next consolidation makes it anew" } else { "" };
    format!("{}\n\n{rows}{outdated}", view::memory(&belief.memory))
}
