//! `engram spread`.

use clap::Args;
use engram_api::{EdgeKindName, SeedInput, SpreadRequest, SpreadResponse};

use crate::connection::{Connection, SpaceFlags};
use crate::failure::Failure;
use crate::filter_flags::{FilterFlags, edge_kind};
use crate::output::{OutputFormat, clean, note, print, table};
use crate::view;

#[derive(Debug, Args)]
pub(crate) struct Spread {
    /// Ids of the memories where it starts, 1 to 64
    #[arg(required = true)]
    seeds: Vec<String>,
    #[command(flatten)]
    space: SpaceFlags,
    /// How many associations it may follow in a row, 1 to 8; 2 when absent
    #[arg(long, value_name = "N")]
    hops: Option<u32>,
    /// Only along this kind: explicit, entity, mention, next, near, supersedes or contradicts; may be repeated
    #[arg(long = "edge", value_name = "KIND", value_parser = edge_kind)]
    edges: Vec<EdgeKindName>,
    /// Most memories to show, 1 to 1,000; 10 when absent
    #[arg(long, short = 'n', value_name = "N")]
    limit: Option<u32>,
    /// Most associations to follow in all; 20,000 when absent
    #[arg(long, value_name = "N")]
    edges_max: Option<u32>,
    #[command(flatten)]
    filter: FilterFlags,
}

impl Spread {
    pub(crate) fn run(self, connection: &Connection) -> Result<(), Failure> {
        let seed = |id| SeedInput { id, activation: None };
        let answer = connection.space(&self.space)?.spread(&SpreadRequest {
            filter: self.filter.filter()?,
            seeds: self.seeds.into_iter().map(seed).collect(),
            hops: self.hops,
            kinds: self.edges,
            limit: self.limit,
            edges_max: self.edges_max,
        })?;
        print(connection.output, &answer, show)?;
        if answer.cut && connection.output == OutputFormat::Table {
            note("the bound on associations cut it short: --edges-max raises it");
        }
        match answer.items.is_empty() {
            true => Err(Failure::NothingFound("activation reached nothing".to_owned())),
            false => Ok(()),
        }
    }
}

fn show(answer: &SpreadResponse) -> String {
    let mut rows = table(&["#", "activation", "id", "when", "text", "path"]);
    for (index, item) in answer.items.iter().enumerate() {
        rows.add_row([
            (index + 1).to_string(),
            format!("{:.3}", item.activation),
            clean(&item.memory.id),
            view::when(&item.memory),
            view::text(&item.memory),
            view::path(&item.path),
        ]);
    }
    rows.to_string()
}
