//! The flags that say what a recall looks for and stays away from, beside text and filter.

use clap::Args;
use engram_api::{AroundInput, NegativeInput, PrimeInput, TimeSpanInput, Timestamp, WeightsInput};
use serde_json::{Map, Value};

use crate::failure::Failure;
use crate::values;

/// More of a cue than its text.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Cue")]
pub(crate) struct CueFlags {
    /// Id of a memory that the answer should be like; may be repeated
    #[arg(long, value_name = "ID")]
    pub(crate) like: Vec<String>,
    /// What the answer should not be like
    #[arg(long, value_name = "TEXT")]
    not: Option<String>,
    /// Id of a memory that the answer should not be like; may be repeated
    #[arg(long, value_name = "ID")]
    not_like: Vec<String>,
    /// Id of a memory that is never in the answer; may be repeated
    #[arg(long, value_name = "ID")]
    pub(crate) exclude: Vec<String>,
    /// Rank higher where this person took part; may be repeated
    #[arg(long, value_name = "NAME")]
    around_person: Vec<String>,
    /// Rank higher what carries this tag; may be repeated
    #[arg(long, value_name = "TAG")]
    around_tag: Vec<String>,
    /// Rank higher what happened at this place
    #[arg(long, value_name = "PLACE")]
    around_place: Option<String>,
    /// Rank higher what belongs to this session
    #[arg(long, value_name = "SESSION")]
    around_session: Option<String>,
    /// Rank higher what happened at or after this time or date
    #[arg(long, value_name = "TIME", value_parser = values::time)]
    around_after: Option<Timestamp>,
    /// Rank higher what happened before this time or date
    #[arg(long, value_name = "TIME", value_parser = values::time)]
    around_before: Option<Timestamp>,
    /// Row of recalls that this one belongs to: what it recalled in its last turns and minutes ranks a little higher
    #[arg(long, value_name = "SESSION")]
    prime: Option<String>,
    /// How much a route counts, 0 to 1: vector, text, context, activation, strength, recency, importance or priming; may be
    /// repeated
    #[arg(long = "weight", value_name = "ROUTE=SHARE", value_parser = values::key_value)]
    weights: Vec<(String, Value)>,
}

impl CueFlags {
    /// The situation, or none where no flag names one.
    pub(crate) fn around(&self) -> Option<AroundInput> {
        let time = TimeSpanInput { after: self.around_after, before: self.around_before };
        let around = AroundInput {
            people: self.around_person.clone(),
            tags: self.around_tag.clone(),
            place: self.around_place.clone(),
            session: self.around_session.clone(),
            time: (time != TimeSpanInput::default()).then_some(time),
        };
        (around != AroundInput::default()).then_some(around)
    }

    /// The session, or none.
    pub(crate) fn prime(&self) -> Option<PrimeInput> {
        self.prime.clone().map(|session| PrimeInput { session })
    }

    /// What to stay away from, or none.
    pub(crate) fn negative(&self) -> Option<NegativeInput> {
        let negative = NegativeInput { text: self.not.clone(), like: self.not_like.clone() };
        (negative != NegativeInput::default()).then_some(negative)
    }

    /// The weights, or none where no flag gives one.
    pub(crate) fn weights(&self) -> Result<Option<WeightsInput>, Failure> {
        if self.weights.is_empty() {
            return Ok(None);
        }
        let map: Map<String, Value> = self.weights.iter().cloned().collect();
        serde_json::from_value(Value::Object(map))
            .map(Some)
            .map_err(|error| Failure::usage(format!("--weight: {error}")))
    }
}
