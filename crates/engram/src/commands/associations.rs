//! `engram associations`.

use clap::{Args, ValueEnum};
use engram_api::{AssociationsRequest, AssociationsResponse, DirectionName, EdgeKindName};

use crate::connection::{Connection, SpaceFlags};
use crate::failure::Failure;
use crate::filter_flags::edge_kind;
use crate::output::{OutputFormat, clean, note, print, table};

/// Which ends of associations a memory is asked for.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum DirectionFlag {
    /// Those that start at it
    Out,
    /// Those that end at it
    In,
    /// Both
    Both,
}

#[derive(Debug, Args)]
pub(crate) struct Associations {
    /// Id of the memory
    id: String,
    #[command(flatten)]
    space: SpaceFlags,
    /// Which ends
    #[arg(long, value_enum, default_value = "both")]
    direction: DirectionFlag,
    /// Only of this kind: explicit, entity, mention, next, near, supersedes or contradicts; may be repeated
    #[arg(long = "edge", value_name = "KIND", value_parser = edge_kind)]
    kinds: Vec<EdgeKindName>,
    /// Most associations to show, 1 to 1,000
    #[arg(long, short = 'n', value_name = "N", default_value_t = 20)]
    limit: u32,
    /// Where to go on: the cursor that the page before ended with
    #[arg(long)]
    cursor: Option<String>,
}

impl Associations {
    pub(crate) fn run(self, connection: &Connection) -> Result<(), Failure> {
        let request = AssociationsRequest {
            id: self.id,
            direction: Some(match self.direction {
                DirectionFlag::Out => DirectionName::Out,
                DirectionFlag::In => DirectionName::In,
                DirectionFlag::Both => DirectionName::Both,
            }),
            kinds: self.kinds,
            limit: Some(self.limit),
            cursor: self.cursor,
        };
        let page = connection.space(&self.space)?.associations(&request)?;
        print(connection.output, &page, show)?;
        if let (OutputFormat::Table, Some(cursor)) = (connection.output, &page.next_cursor) {
            note(&format!("{} in all; there are more: --cursor {cursor}", page.total));
        }
        match page.total {
            0 => Err(Failure::NothingFound("it has no such association".to_owned())),
            _ => Ok(()),
        }
    }
}

fn show(page: &AssociationsResponse) -> String {
    let mut rows = table(&["from", "to", "kind", "weight", "label", "reason"]);
    for edge in &page.associations {
        let text = |text: &Option<String>| clean(text.as_deref().unwrap_or_default());
        rows.add_row([
            clean(&edge.from),
            clean(&edge.to),
            edge.kind.as_str().to_owned(),
            format!("{:.2}", edge.weight),
            text(&edge.label),
            text(&edge.reason),
        ]);
    }
    rows.to_string()
}
