//! The BEIR form of a corpus, with the fields that a memory needs beyond it: `group`, `when`, `who`.

use engram_api::{MemoryInput, Timestamp};
use serde::Deserialize;
use serde_json::{Map, Value};

/// One document of a corpus.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct BeirLine {
    #[serde(rename = "_id")]
    id: String,
    #[serde(default)]
    title: String,
    #[serde(default)]
    text: String,
    group: Option<String>,
    when: Option<Timestamp>,
    #[serde(default)]
    who: Vec<String>,
    #[serde(default)]
    metadata: Map<String, Value>,
}

impl BeirLine {
    /// The memory, and the space that its group names.
    pub(crate) fn split(self) -> (MemoryInput, Option<String>) {
        let mut metadata = self.metadata;
        let session = match metadata.remove("session") {
            Some(Value::String(session)) => Some(session),
            Some(other) => {
                metadata.insert("session".to_owned(), other);
                None
            }
            None => None,
        };
        let memory = MemoryInput {
            id: Some(self.id),
            title: Some(self.title).filter(|title| !title.is_empty()),
            text: Some(self.text),
            session,
            occurred_at: self.when,
            people: self.who,
            metadata,
            ..MemoryInput::default()
        };
        (memory, self.group)
    }
}
