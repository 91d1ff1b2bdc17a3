//! `engram imagine`.

use clap::Args;
use engram_api::{ImagineRequest, ImagineResponse};

use crate::connection::{Connection, SpaceFlags};
use crate::failure::Failure;
use crate::filter_flags::written;
use crate::output::{clean, print, table};
use crate::partial_flags::{self, PartialFlags};

#[derive(Debug, Args)]
pub(crate) struct Imagine {
    #[command(flatten)]
    space: SpaceFlags,
    /// A field to make up, for example place or metadata.ticket.team; may be repeated; up to 16 when absent
    #[arg(long = "field", value_name = "FIELD")]
    fields: Vec<String>,
    /// Most memories to look at that agree with something known, 1 to 2,000; 1,000 when absent
    #[arg(long, value_name = "N")]
    evidence_max: Option<u32>,
    /// Which memories may lend their values: a filter as JSON, in the form of the interface
    #[arg(long, value_name = "JSON")]
    filter: Option<String>,
    #[command(flatten)]
    partial: PartialFlags,
}

impl Imagine {
    pub(crate) fn run(self, connection: &Connection) -> Result<(), Failure> {
        let request = ImagineRequest {
            partial: self.partial.partial()?,
            fields: self.fields,
            filter: written(self.filter.as_deref())?,
            evidence_max: self.evidence_max,
        };
        let answer = connection.space(&self.space)?.imagine(&request)?;
        print(connection.output, &answer, show)?;
        match answer.parts.is_empty() {
            true => Err(Failure::NothingFound("nothing is known to imagine from".to_owned())),
            false => Ok(()),
        }
    }
}

fn show(answer: &ImagineResponse) -> String {
    let mut rows = table(&["field", "value", "probability", "sources"]);
    for part in &answer.parts {
        rows.add_row([
            clean(&part.field),
            partial_flags::value(&part.value),
            format!("{:.2}", part.probability),
            partial_flags::sources(&part.sources),
        ]);
    }
    format!(
        "imagined, not remembered: {} of {} memories looked at hold all of it\n\n{rows}",
        answer.precedents, answer.looked_at
    )
}
