//! `engram predict`.

use clap::Args;
use engram_api::{PartialInput, PredictRequest, PredictResponse};

use crate::connection::{Connection, SpaceFlags};
use crate::failure::Failure;
use crate::filter_flags::written;
use crate::output::{clean, print, table};
use crate::partial_flags::PartialFlags;
use crate::view;

#[derive(Debug, Args)]
pub(crate) struct Predict {
    #[command(flatten)]
    space: SpaceFlags,
    /// Id of a memory: what followed it, and what says the same, counts; may be repeated
    #[arg(long, value_name = "ID")]
    like: Vec<String>,
    /// How many memories later in the session it may follow, 1 to 8; 1 when absent
    #[arg(long = "steps", value_name = "N")]
    steps_max: Option<u32>,
    /// Most predictions to show, 1 to 100; 5 when absent
    #[arg(long, short = 'n', value_name = "N")]
    limit: Option<u32>,
    /// Leave out predictions below, 0 to 1; 0.2 when absent
    #[arg(long, value_name = "SHARE", allow_negative_numbers = true)]
    min_probability: Option<f32>,
    /// Most memories to stand for the present, 1 to 100; 50 when absent
    #[arg(long, value_name = "N")]
    antecedents_max: Option<u32>,
    /// Which memories may stand for the present: a filter as JSON, in the form of the interface
    #[arg(long, value_name = "JSON")]
    filter: Option<String>,
    #[command(flatten)]
    partial: PartialFlags,
}

impl Predict {
    pub(crate) fn run(self, connection: &Connection) -> Result<(), Failure> {
        let partial = self.partial.partial()?;
        let request = PredictRequest {
            like: self.like,
            partial: (partial != PartialInput::default()).then_some(partial),
            steps_max: self.steps_max,
            filter: written(self.filter.as_deref())?,
            antecedents_max: self.antecedents_max,
            limit: self.limit,
            min_probability: self.min_probability,
        };
        let answer = connection.space(&self.space)?.predict(&request)?;
        print(connection.output, &answer, show)?;
        match answer.abstained {
            Some(why) => Err(Failure::NothingFound(why.as_str().replace('_', " "))),
            None => Ok(()),
        }
    }
}

fn show(answer: &PredictResponse) -> String {
    let mut rows = table(&["probability", "from", "count", "id", "when", "text"]);
    for item in &answer.predictions {
        rows.add_row([
            format!("{:.2}", item.probability),
            format!("{:.2}", item.low),
            item.count.to_string(),
            clean(&item.memory.id),
            view::when(&item.memory),
            view::text(&item.memory),
        ]);
    }
    let head = format!("{} occasions", answer.antecedents);
    match answer.predictions.is_empty() {
        true => head,
        false => format!("{head}\n\n{rows}"),
    }
}
