//! `engram fading`.

use clap::Args;
use engram_api::{FadingRequest, FadingResponse};

use crate::connection::{Connection, SpaceFlags};
use crate::failure::Failure;
use crate::filter_flags::FilterFlags;
use crate::output::{OutputFormat, clean, note, print, table};
use crate::view;

#[derive(Debug, Args)]
pub(crate) struct Fading {
    #[command(flatten)]
    space: SpaceFlags,
    /// Retrievability below which a memory counts as faded, 0.001 to 0.999; 0.5 when absent
    #[arg(long, value_name = "SHARE", allow_negative_numbers = true)]
    below: Option<f64>,
    /// How far to look, in days; as far as time goes when absent
    #[arg(long, value_name = "DAYS", allow_negative_numbers = true)]
    within: Option<f64>,
    /// Most memories to show, 1 to 1,000; 10 when absent
    #[arg(long, short = 'n', value_name = "N")]
    limit: Option<u32>,
    #[command(flatten)]
    filter: FilterFlags,
}

impl Fading {
    pub(crate) fn run(self, connection: &Connection) -> Result<(), Failure> {
        let request = FadingRequest {
            below: self.below,
            within_days: self.within,
            limit: self.limit,
            filter: self.filter.filter()?,
        };
        let answer = connection.space(&self.space)?.fading(&request)?;
        print(connection.output, &answer, show)?;
        if connection.output == OutputFormat::Table {
            let FadingResponse { falling, below_now, staying, .. } = &answer;
            note(&format!("{falling} will fall, {below_now} are below already, {staying} stay"));
        }
        Ok(())
    }
}

fn show(answer: &FadingResponse) -> String {
    let mut rows =
        table(&["falls at", "in days", "now", "law", "stability, days", "id", "when", "text"]);
    for item in &answer.items {
        let (memory, strength) = (&item.memory, &item.memory.strength);
        rows.add_row([
            item.below_at.to_string(),
            format!("{:.1}", item.in_days),
            format!("{:.3}", strength.retrievability),
            strength.law.clone(),
            strength.stability_days.map(|days| format!("{days:.1}")).unwrap_or_default(),
            clean(&memory.id),
            view::when(memory),
            view::text(memory),
        ]);
    }
    rows.to_string()
}
