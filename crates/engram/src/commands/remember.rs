//! `engram remember`.

use clap::Args;
use engram_api::{
    KindName, MemoryInput, RememberRequest, SourceInput, StateName, Timestamp, WaitName,
};
use serde_json::Value;

use crate::connection::{Connection, SpaceFlags};
use crate::decay_flags::MemoryDecayFlags;
use crate::failure::Failure;
use crate::filter_flags::kind;
use crate::output::{clean, print};
use crate::values::{self, VectorValue};

#[derive(Debug, Args)]
pub(crate) struct Remember {
    /// The text; `-` or nothing reads it from stdin
    text: Option<String>,
    #[command(flatten)]
    space: SpaceFlags,
    /// Its id; the server makes one when absent
    #[arg(long)]
    id: Option<String>,
    /// episode (when absent), fact, procedure or belief
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
    /// When it ended
    #[arg(long = "until", value_name = "TIME", value_parser = values::time)]
    occurred_until: Option<Timestamp>,
    /// Where it happened
    #[arg(long)]
    place: Option<String>,
    /// Who took part; may be repeated
    #[arg(long = "person", value_name = "NAME")]
    people: Vec<String>,
    /// What else it is about; may be repeated
    #[arg(long = "entity", value_name = "NAME")]
    entities: Vec<String>,
    /// A label; may be repeated
    #[arg(long = "tag", value_name = "TAG")]
    tags: Vec<String>,
    /// Metadata: a dotted path and a value (JSON, or else text); may be repeated
    #[arg(long = "meta", value_name = "PATH=VALUE", value_parser = values::key_value)]
    metadata: Vec<(String, Value)>,
    /// What the source is
    #[arg(long, value_name = "KIND")]
    source_kind: Option<String>,
    /// Where the source can be found again
    #[arg(long, value_name = "REF")]
    source_ref: Option<String>,
    /// How far the source is trusted, 0 to 1
    #[arg(long, value_name = "SHARE", allow_negative_numbers = true)]
    trust: Option<f32>,
    /// What it is a statement about
    #[arg(long)]
    subject: Option<String>,
    /// Which property of the subject it states
    #[arg(long)]
    attribute: Option<String>,
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
    /// Its vector as a JSON list; takes the place of embedding the text
    #[arg(long, value_name = "JSON", value_parser = values::vector)]
    vector: Option<VectorValue>,
    /// Makes a retry safe for 24 hours
    #[arg(long, value_name = "KEY")]
    idempotency_key: Option<String>,
    /// Answer only when its associations are formed
    #[arg(long)]
    wait: bool,
}

impl Remember {
    pub(crate) fn run(self, connection: &Connection) -> Result<(), Failure> {
        let space = connection.space(&self.space)?;
        let stored = space.remember(&self.request()?)?;
        print(connection.output, &stored, |stored| {
            let mut line = match stored.created {
                true => format!("remembered {}", clean(&stored.id)),
                false if stored.merged => {
                    format!("{} says so: counted as a repetition of it", clean(&stored.id))
                }
                false => format!("{} was there already", clean(&stored.id)),
            };
            line += &format!(" (LSN {}, {})", stored.lsn, stored.committed_at);
            if stored.state == StateName::Suppressed {
                line += "\nit is suppressed: recall does not show it until it is restored";
            }
            if !stored.duplicates.is_empty() {
                line += &format!("\nsame content as {}", clean(&stored.duplicates.join(", ")));
            }
            if let Some(near) = stored.near_duplicates.as_ref().filter(|near| !near.is_empty()) {
                line += &format!("\nsays the same as {}", clean(&near.join(", ")));
            }
            line
        })?;
        Ok(())
    }

    fn request(self) -> Result<RememberRequest, Failure> {
        // A vector alone is a memory, so nothing waits for a text then.
        let text = match (&self.text, &self.vector) {
            (None, Some(_)) => None,
            (text, _) => values::text_or_stdin(text.as_deref())?,
        };
        let source =
            SourceInput { kind: self.source_kind, reference: self.source_ref, trust: self.trust };
        let memory = MemoryInput {
            id: self.id,
            kind: self.kind,
            title: self.title,
            text,
            vector: self.vector.map(|vector| vector.0),
            session: self.session,
            occurred_at: self.occurred_at,
            occurred_until: self.occurred_until,
            place: self.place,
            people: self.people,
            entities: self.entities,
            tags: self.tags,
            metadata: values::metadata(&self.metadata)?,
            source: (source != SourceInput::default()).then_some(source),
            subject: self.subject,
            attribute: self.attribute,
            confidence: self.confidence,
            importance: self.importance,
            valid_from: self.valid_from,
            valid_until: self.valid_until,
            expires_at: self.expires_at,
            decay: self.decay.decay(),
        };
        let wait = self.wait.then_some(WaitName::Links);
        Ok(RememberRequest { memory, idempotency_key: self.idempotency_key, wait })
    }
}
