//! `engram recognize`.

use clap::Args;
use engram_api::{RecognizeRequest, RecognizeResponse};

use crate::connection::{Connection, SpaceFlags};
use crate::failure::Failure;
use crate::output::{clean, print, table};
use crate::values::{self, VectorValue};
use crate::view;

#[derive(Debug, Args)]
pub(crate) struct Recognize {
    /// The text; `-` or nothing reads it from stdin
    text: Option<String>,
    #[command(flatten)]
    space: SpaceFlags,
    /// Most matches to show, 1 to 100; 5 when absent
    #[arg(long, short = 'n', value_name = "N")]
    limit: Option<u32>,
    /// Its vector as a JSON list; takes the place of embedding the text
    #[arg(long, value_name = "JSON", value_parser = values::vector)]
    vector: Option<VectorValue>,
}

impl Recognize {
    pub(crate) fn run(self, connection: &Connection) -> Result<(), Failure> {
        let text = match (&self.text, &self.vector) {
            (None, Some(_)) => None,
            (text, _) => values::text_or_stdin(text.as_deref())?,
        };
        let request = RecognizeRequest {
            text,
            vector: self.vector.map(|vector| vector.0),
            limit: self.limit,
        };
        let answer = connection.space(&self.space)?.recognize(&request)?;
        print(connection.output, &answer, show)?;
        match answer.known {
            true => Ok(()),
            false => Err(Failure::NothingFound("not seen before".to_owned())),
        }
    }
}

fn show(answer: &RecognizeResponse) -> String {
    let known = if answer.known { "known" } else { "new" };
    let mut rows = table(&["similarity", "overlap", "exact", "id", "when", "text"]);
    for item in &answer.matches {
        rows.add_row([
            format!("{:.3}", item.similarity),
            format!("{:.2}", item.overlap),
            if item.exact { "yes" } else { "" }.to_owned(),
            clean(&item.memory.id),
            view::when(&item.memory),
            view::text(&item.memory),
        ]);
    }
    let head = format!("{known}, familiarity {:.3}", answer.familiarity);
    match answer.matches.is_empty() {
        true => head,
        false => format!("{head}\n\n{rows}"),
    }
}
