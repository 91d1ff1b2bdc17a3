//! `engram update`.

use clap::Args;
use engram_api::{AfterRecallInput, MemoryPatch, Timestamp, UpdateRequest, decode};
use serde_json::{Map, Value};

use crate::connection::{Connection, SpaceFlags};
use crate::decay_flags::MemoryDecayFlags;
use crate::failure::Failure;
use crate::output::{clean, print};
use crate::values;

#[derive(Debug, Args)]
pub(crate) struct Update {
    /// Id of the memory
    id: String,
    #[command(flatten)]
    space: SpaceFlags,
    /// The text from now on; `-` reads it from stdin
    #[arg(long, short = 't')]
    text: Option<String>,
    /// The heading
    #[arg(long)]
    title: Option<String>,
    /// The conversation or run that it belongs to
    #[arg(long)]
    session: Option<String>,
    /// When it happened: RFC 3339, or a date
    #[arg(long = "at", value_name = "TIME", value_parser = values::time)]
    occurred_at: Option<Timestamp>,
    /// When it ended
    #[arg(long = "until", value_name = "TIME", value_parser = values::time)]
    occurred_until: Option<Timestamp>,
    /// Where it happened
    #[arg(long)]
    place: Option<String>,
    /// Who took part, all of them; may be repeated
    #[arg(long = "person", value_name = "NAME")]
    people: Vec<String>,
    /// What else it is about, all of it; may be repeated
    #[arg(long = "entity", value_name = "NAME")]
    entities: Vec<String>,
    /// The labels, all of them; may be repeated
    #[arg(long = "tag", value_name = "TAG")]
    tags: Vec<String>,
    /// The metadata, all of it: a dotted path and a value (JSON, or else text); may be repeated
    #[arg(long = "meta", value_name = "PATH=VALUE", value_parser = values::key_value)]
    metadata: Vec<(String, Value)>,
    /// How sure it is that it is true, 0 to 1
    #[arg(long, value_name = "SHARE", allow_negative_numbers = true)]
    confidence: Option<f32>,
    /// How much it matters, 0 to 1
    #[arg(long, value_name = "SHARE", allow_negative_numbers = true)]
    importance: Option<f32>,
    /// From when it is true
    #[arg(long, value_name = "TIME", value_parser = values::time)]
    valid_from: Option<Timestamp>,
    /// Until when it is true
    #[arg(long, value_name = "TIME", value_parser = values::time)]
    valid_until: Option<Timestamp>,
    /// From when it is no longer shown
    #[arg(long, value_name = "TIME", value_parser = values::time)]
    expires_at: Option<Timestamp>,
    #[command(flatten)]
    decay: MemoryDecayFlags,
    /// A field to clear, as it is called in the interface; may be repeated
    #[arg(long, value_name = "FIELD")]
    clear: Vec<String>,
    /// Fields to change as JSON, in the form of the interface; the other flags go before it
    #[arg(long, value_name = "JSON")]
    set: Option<String>,
    /// Refuse it when the memory has another version than this
    #[arg(long, value_name = "N")]
    if_version: Option<u32>,
    /// Why it changes; kept with the version
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// When the recall was answered that this follows (`recalled_at` of its answer): it weighs less against what is well
    /// established
    #[arg(long, value_name = "TIME", value_parser = values::time)]
    after_recall: Option<Timestamp>,
    /// Makes a retry safe for 24 hours
    #[arg(long, value_name = "KEY")]
    idempotency_key: Option<String>,
}

impl Update {
    pub(crate) fn run(self, connection: &Connection) -> Result<(), Failure> {
        let set = self.patch()?;
        if set == MemoryPatch::default() {
            return Err(Failure::usage("nothing is to change: name a field".to_owned()));
        }
        let request = UpdateRequest {
            id: self.id,
            set: Some(set),
            memory: None,
            if_version: self.if_version,
            reason: self.reason,
            after_recall: self.after_recall.map(|recalled_at| AfterRecallInput { recalled_at }),
            idempotency_key: self.idempotency_key,
        };
        let answer = connection.space(&self.space)?.update(&request)?;
        print(connection.output, &answer, |answer| {
            let (id, version) = (clean(&answer.id), answer.version);
            let done = match answer.updated {
                true => format!("updated {id} to version {version}"),
                false => format!("{id} says so already, in version {version}"),
            };
            let weighed = answer.reconsolidated.map(|told| {
                let (weight, established) = (told.weight, told.established);
                format!("; weight {weight:.2} against what was {established:.2} established")
            });
            let weighed = weighed.unwrap_or_default();
            format!("{done} (LSN {}, {}){weighed}", answer.lsn, answer.committed_at)
        })?;
        Ok(())
    }

    /// The fields that are named: by `--set`, then by flags of their own, then cleared.
    fn patch(&self) -> Result<MemoryPatch, Failure> {
        let mut fields: Map<String, Value> = match &self.set {
            Some(json) => decode(json.as_bytes()).map_err(|problem| in_flag("--set", problem))?,
            None => Map::new(),
        };
        let text = match self.text.as_deref() {
            Some("-") => values::text_or_stdin(Some("-"))?,
            text => text.map(str::to_owned),
        };
        let time = |time: Option<Timestamp>| time.map(|time| Value::from(time.to_string()));
        let texts = |texts: &[String]| (!texts.is_empty()).then(|| Value::from(texts));
        let metadata = values::metadata(&self.metadata)?;
        for (name, value) in [
            ("text", text.map(Value::from)),
            ("title", self.title.clone().map(Value::from)),
            ("session", self.session.clone().map(Value::from)),
            ("occurred_at", time(self.occurred_at)),
            ("occurred_until", time(self.occurred_until)),
            ("place", self.place.clone().map(Value::from)),
            ("people", texts(&self.people)),
            ("entities", texts(&self.entities)),
            ("tags", texts(&self.tags)),
            ("metadata", (!metadata.is_empty()).then_some(Value::Object(metadata))),
            ("confidence", self.confidence.map(Value::from)),
            ("importance", self.importance.map(Value::from)),
            ("valid_from", time(self.valid_from)),
            ("valid_until", time(self.valid_until)),
            ("expires_at", time(self.expires_at)),
            ("decay", self.decay.decay().and_then(|decay| serde_json::to_value(decay).ok())),
        ] {
            if let Some(value) = value {
                fields.insert(name.to_owned(), value);
            }
        }
        for name in &self.clear {
            fields.insert(name.clone(), Value::Null);
        }
        let json = serde_json::to_vec(&fields).expect("an object of plain values can be written");
        Ok(decode(&json).map_err(|problem| in_flag("--set or --clear", problem))?)
    }
}

fn in_flag(flag: &str, mut problem: Box<engram_api::Problem>) -> Box<engram_api::Problem> {
    problem.detail = format!("{flag}: {}", problem.detail);
    problem
}
