//! `engram complete`.

use clap::Args;
use engram_api::{CompleteRequest, CompleteResponse};

use crate::connection::{Connection, SpaceFlags};
use crate::failure::Failure;
use crate::filter_flags::written;
use crate::output::{clean, print, table};
use crate::partial_flags::{self, PartialFlags};

#[derive(Debug, Args)]
pub(crate) struct Complete {
    #[command(flatten)]
    space: SpaceFlags,
    /// A field to fill, for example place or metadata.ticket.team; may be repeated; all when absent
    #[arg(long = "field", value_name = "FIELD")]
    fields: Vec<String>,
    /// How probable a value must be, 0 to 1, by the lower end of its interval; 0.5 when absent
    #[arg(long, value_name = "SHARE", allow_negative_numbers = true)]
    min_probability: Option<f32>,
    /// Most memories to look at that agree with something known, 1 to 2,000; 1,000 when absent
    #[arg(long, value_name = "N")]
    evidence_max: Option<u32>,
    /// Which memories may be evidence: a filter as JSON, in the form of the interface
    #[arg(long, value_name = "JSON")]
    filter: Option<String>,
    #[command(flatten)]
    partial: PartialFlags,
}

impl Complete {
    pub(crate) fn run(self, connection: &Connection) -> Result<(), Failure> {
        let request = CompleteRequest {
            partial: self.partial.partial()?,
            fields: self.fields,
            filter: written(self.filter.as_deref())?,
            min_probability: self.min_probability,
            evidence_max: self.evidence_max,
        };
        let answer = connection.space(&self.space)?.complete(&request)?;
        print(connection.output, &answer, show)?;
        match answer.fields.iter().any(|field| field.filled.is_some()) {
            true => Ok(()),
            false => Err(Failure::NothingFound("no field can be told".to_owned())),
        }
    }
}

fn show(answer: &CompleteResponse) -> String {
    let mut rows = table(&["field", "value", "probability", "from", "alternatives", "sources"]);
    for field in &answer.fields {
        let (value, probability, low, sources) = match &field.filled {
            Some(filled) => (
                partial_flags::value(&filled.value),
                format!("{:.2}", filled.probability),
                format!("{:.2}", filled.low),
                partial_flags::sources(&filled.sources),
            ),
            None => {
                let why = field.abstained.map_or("", |abstained| abstained.as_str());
                (
                    format!("({})", why.replace('_', " ")),
                    String::new(),
                    String::new(),
                    String::new(),
                )
            }
        };
        rows.add_row([
            clean(&field.field),
            value,
            probability,
            low,
            partial_flags::alternatives(&field.alternatives),
            sources,
        ]);
    }
    format!("{rows}\n\n{} memories looked at", answer.looked_at)
}
