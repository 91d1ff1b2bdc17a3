//! `engram retention`.

use clap::Args;
use engram_api::{RetentionRequest, RetentionResponse};

use crate::connection::{Connection, SpaceFlags};
use crate::failure::Failure;
use crate::output::{clean, pairs, print, table};

#[derive(Debug, Args)]
pub(crate) struct Retention {
    /// Id of the memory
    id: String,
    #[command(flatten)]
    space: SpaceFlags,
    /// How far the curve looks ahead, in days; 365 when absent
    #[arg(long, value_name = "DAYS", allow_negative_numbers = true)]
    horizon: Option<f64>,
}

impl Retention {
    pub(crate) fn run(self, connection: &Connection) -> Result<(), Failure> {
        let request = RetentionRequest { id: self.id, horizon_days: self.horizon };
        let answer = connection.space(&self.space)?.retention(&request)?;
        print(connection.output, &answer, show)?;
        Ok(())
    }
}

fn show(answer: &RetentionResponse) -> String {
    let mut out = numbers(answer);
    let mut past = table(&["reviewed at", "before", "after", "stability, days"]);
    for review in &answer.reviews {
        past.add_row([
            review.at.to_string(),
            format!("{:.3}", review.before),
            format!("{:.3}", review.after),
            format!("{:.1}", review.stability_days),
        ]);
    }
    let mut ahead = table(&["at", "retrievability"]);
    for point in &answer.curve {
        ahead.add_row([point.at.to_string(), format!("{:.3}", point.retrievability)]);
    }
    if !answer.reviews.is_empty() {
        out += &format!("\n\n{past}");
    }
    format!("{out}\n\n{ahead}")
}

fn numbers(answer: &RetentionResponse) -> String {
    let (strength, confidence) = (&answer.strength, &answer.confidence);
    let (supports, opposes) = answer.sources.iter().fold((0, 0), |(supports, opposes), source| {
        (supports + source.supports, opposes + source.opposes)
    });
    let fall =
        |fall: &engram_api::FallView| Some(format!("{:.1} at {}", fall.retrievability, fall.at?));
    let falls: Vec<String> = answer.falls_to.iter().filter_map(fall).collect();
    let (mean, low, high) = (confidence.mean, confidence.low, confidence.high);
    let sources = answer.sources.len();
    pairs(&[
        ("id", Some(clean(&answer.id))),
        ("strength", Some(format!("{:.3}, law {}", strength.retrievability, strength.law))),
        ("stability", strength.stability_days.map(|days| format!("{days:.1} days"))),
        ("difficulty", Some(format!("{:.1}", answer.difficulty))),
        ("learned at", Some(answer.learned_at.to_string())),
        ("falls to", (!falls.is_empty()).then(|| falls.join(", "))),
        ("confidence", Some(format!("{mean:.3} ({low:.3} to {high:.3})"))),
        ("evidence", Some(format!("{supports} for, {opposes} against, of {sources} sources"))),
    ])
}
