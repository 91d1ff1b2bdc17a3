//! The flags that say what is known of a memory: the same for complete, predict and imagine, and named as in remember.

use clap::Args;
use engram_api::{FieldCandidateView, KindName, PartialInput, Timestamp};
use serde_json::Value;

use crate::failure::Failure;
use crate::filter_flags::kind;
use crate::output::{clean, shorten};
use crate::values::{self, VectorValue};

/// Characters of a value that a row of a table shows.
const VALUE_CHARS: usize = 80;
/// Ids that a row of a table shows.
const SOURCES_SHOWN: usize = 3;

/// What is known of a memory.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "What is known")]
pub(crate) struct PartialFlags {
    /// Its text, or what it is about; `-` reads it from stdin
    text: Option<String>,
    /// episode, fact, procedure or belief
    #[arg(long, value_name = "KIND", value_parser = kind)]
    kind: Option<KindName>,
    /// A heading
    #[arg(long)]
    title: Option<String>,
    /// The conversation or run that it belongs to
    #[arg(long)]
    session: Option<String>,
    /// When it happened: RFC 3339, or a date
    #[arg(long = "at", value_name = "TIME", value_parser = values::time)]
    occurred_at: Option<Timestamp>,
    /// Where it happened
    #[arg(long)]
    place: Option<String>,
    /// Who took part; may be repeated
    #[arg(long = "person", value_name = "NAME")]
    people: Vec<String>,
    /// A label; may be repeated
    #[arg(long = "tag", value_name = "TAG")]
    tags: Vec<String>,
    /// Metadata: a dotted path and a value (JSON, or else text); may be repeated
    #[arg(long = "meta", value_name = "PATH=VALUE", value_parser = values::key_value)]
    metadata: Vec<(String, Value)>,
    /// What it is a statement about
    #[arg(long)]
    subject: Option<String>,
    /// Which property of the subject it states
    #[arg(long)]
    attribute: Option<String>,
    /// Its vector as a JSON list; takes the place of embedding the text
    #[arg(long, value_name = "JSON", value_parser = values::vector)]
    vector: Option<VectorValue>,
}

impl PartialFlags {
    pub(crate) fn partial(self) -> Result<PartialInput, Failure> {
        let text = match self.text.as_deref() {
            Some(text) => values::text_or_stdin(Some(text))?,
            None => None,
        };
        Ok(PartialInput {
            kind: self.kind,
            title: self.title,
            text,
            vector: self.vector.map(|vector| vector.0),
            session: self.session,
            occurred_at: self.occurred_at,
            place: self.place,
            people: self.people,
            tags: self.tags,
            metadata: values::metadata(&self.metadata)?,
            subject: self.subject,
            attribute: self.attribute,
        })
    }
}

/// A value as a cell: plain text without quotes, a list with commas.
pub(crate) fn value(value: &Value) -> String {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(self::value).collect::<Vec<String>>().join(", "),
        other => other.to_string(),
    };
    shorten(&text, VALUE_CHARS)
}

/// The first few ids, and how many more there are.
pub(crate) fn sources(ids: &[String]) -> String {
    let shown: Vec<String> = ids.iter().take(SOURCES_SHOWN).map(|id| clean(id)).collect();
    match ids.len().saturating_sub(SOURCES_SHOWN) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

/// Other values on one line.
pub(crate) fn alternatives(candidates: &[FieldCandidateView]) -> String {
    let one = |candidate: &FieldCandidateView| {
        format!("{} {:.2}", value(&candidate.value), candidate.probability)
    };
    candidates.iter().map(one).collect::<Vec<String>>().join("; ")
}
