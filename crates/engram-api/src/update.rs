//! Newer versions of memories, their history, and places in it.

use serde::de::{Error, IntoDeserializer, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};

use crate::decay::MemoryDecay;
use crate::memory::{KindName, MemoryInput, SourceInput};
use crate::time::Timestamp;

/// A place in the history of a space: after a commit, or at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AsOfInput {
    /// A number: after the commit with this log sequence number.
    Lsn(u64),
    /// A string: at this time.
    Time(Timestamp),
}

impl Serialize for AsOfInput {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            AsOfInput::Lsn(lsn) => serializer.serialize_u64(*lsn),
            AsOfInput::Time(time) => time.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for AsOfInput {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<AsOfInput, D::Error> {
        struct Place;
        impl Visitor<'_> for Place {
            type Value = AsOfInput;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a log sequence number, or an RFC 3339 time as a string")
            }

            fn visit_u64<E: Error>(self, lsn: u64) -> Result<AsOfInput, E> {
                Ok(AsOfInput::Lsn(lsn))
            }

            fn visit_str<E: Error>(self, time: &str) -> Result<AsOfInput, E> {
                Timestamp::deserialize(time.into_deserializer()).map(AsOfInput::Time)
            }
        }
        deserializer.deserialize_any(Place)
    }
}

/// Keeps `null`, which clears a field, apart from an absent field, which stays as it is.
fn given<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Option<T>>, D::Error> {
    Option::<T>::deserialize(deserializer).map(Some)
}

/// Fields of a memory to change: one that is given takes the place of what was there, `null` clears it, all others stay.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MemoryPatch {
    /// What sort of memory it is; cleared: `episode`.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "given")]
    pub kind: Option<Option<KindName>>,
    /// A heading.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "given")]
    pub title: Option<Option<String>>,
    /// The content.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "given")]
    pub text: Option<Option<String>>,
    /// The caller's own vector; cleared: the text is embedded from now on.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "given")]
    pub vector: Option<Option<Vec<f32>>>,
    /// The conversation or run that it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "given")]
    pub session: Option<Option<String>>,
    /// When it happened.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "given")]
    pub occurred_at: Option<Option<Timestamp>>,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "given")]
    pub occurred_until: Option<Option<Timestamp>>,
    /// Where it happened.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "given")]
    pub place: Option<Option<String>>,
    /// Who took part: all of them.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "given")]
    pub people: Option<Option<Vec<String>>>,
    /// Other things that it is about: all of them.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "given")]
    pub entities: Option<Option<Vec<String>>>,
    /// Labels: all of them.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "given")]
    pub tags: Option<Option<Vec<String>>>,
    /// The JSON object as a whole.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "given")]
    pub metadata: Option<Option<Map<String, Value>>>,
    /// Where it comes from, as a whole.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "given")]
    pub source: Option<Option<SourceInput>>,
    /// What it is a statement about.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "given")]
    pub subject: Option<Option<String>>,
    /// Which property of the subject it states.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "given")]
    pub attribute: Option<Option<String>>,
    /// How sure the caller is that it is true, in \[0, 1\].
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "given")]
    pub confidence: Option<Option<f32>>,
    /// How much it matters, in \[0, 1\].
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "given")]
    pub importance: Option<Option<f32>>,
    /// From when it is true (inclusive).
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "given")]
    pub valid_from: Option<Option<Timestamp>>,
    /// Until when it is true (exclusive).
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "given")]
    pub valid_until: Option<Option<Timestamp>>,
    /// From when it is no longer shown.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "given")]
    pub expires_at: Option<Option<Timestamp>>,
    /// How it fades, where that is not as the space says.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "given")]
    pub decay: Option<Option<MemoryDecay>>,
}

/// Stores a newer version of a memory: exactly one of `set` and `memory`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UpdateRequest {
    /// Its id.
    pub id: String,
    /// The fields that change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub set: Option<MemoryPatch>,
    /// The whole content: what it does not say is cleared. Its `id` may be left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory: Option<MemoryInput>,
    /// The version that the memory must have; any when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub if_version: Option<u32>,
    /// Why it changes, up to 1 KiB; kept with the version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The recall that this update followed: it weighs less against what is well established, more while the recall leaves the
    /// memory open to change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after_recall: Option<AfterRecallInput>,
    /// Makes a retry safe for 24 hours: the same key with the same body gives the first answer again. The header
    /// `Idempotency-Key` says the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency_key: Option<String>,
}

/// A recall, as an update cites it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AfterRecallInput {
    /// `recalled_at` of its answer.
    pub recalled_at: Timestamp,
}

/// What an update weighed that followed a recall and said something else.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReconsolidationView {
    /// When the recall was answered.
    pub recalled_at: Timestamp,
    /// Whether it left a use of the memory in the log: only then it opened the memory to change.
    pub confirmed: bool,
    /// How established the memory was, 0 (just stated) to below 1.
    pub established: f32,
    /// How open the recall left it, in \[0, 1\]: 1 at once, 0 after six hours.
    pub labile: f32,
    /// What the update counts of a statement, in (0, 1\].
    pub weight: f32,
}

/// What became of an update.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct UpdateResponse {
    /// Id of the memory.
    pub id: String,
    /// The version that it has now.
    pub version: u32,
    /// Log sequence number of the commit that stored this version.
    pub lsn: u64,
    /// Time of that commit.
    pub committed_at: Timestamp,
    /// False when the memory said so already: no version was added.
    pub updated: bool,
    /// Number of vectors it has.
    pub vectors: u32,
    /// What the update weighed; absent where it cited no recall, or said nothing otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reconsolidated: Option<ReconsolidationView>,
}

/// Asks for the versions of a memory.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HistoryRequest {
    /// Its id.
    pub id: String,
    /// Where the page starts: `next_cursor` of the page before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
    /// Most versions in the page, 1 to 1,000; 100 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
}

/// The versions of a memory.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HistoryResponse {
    /// Newest first.
    pub versions: Vec<MemoryVersionView>,
    /// Where the next page starts; absent at the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
    /// Log sequence number of the last commit that the answer saw.
    pub snapshot_lsn: u64,
}

/// One version of a memory.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MemoryVersionView {
    /// 1, 2, …
    pub version: u32,
    /// Log sequence number of the commit that stored it.
    pub lsn: u64,
    /// Time of that commit.
    pub committed_at: Timestamp,
    /// When a newer version took its place; absent in the newest one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replaced_at: Option<Timestamp>,
    /// Why it took the place of the version before, as the caller said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Who stored it, where the server knows that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub principal: Option<String>,
    /// What the update weighed that stored it; absent where it was not weighed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reconsolidated: Option<ReconsolidationView>,
    /// What it says, without vectors.
    pub memory: MemoryInput,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn null_clears_and_absence_keeps() {
        let json = r#"{"title":null,"tags":["a"],"occurred_at":null}"#;
        let patch: MemoryPatch = serde_json::from_str(json).unwrap();
        assert_eq!(patch.title, Some(None));
        assert_eq!(patch.tags, Some(Some(vec!["a".to_owned()])));
        assert_eq!((patch.occurred_at, patch.text.clone()), (Some(None), None));
        let again = serde_json::to_string(&patch).unwrap();
        assert_eq!(again, r#"{"title":null,"occurred_at":null,"tags":["a"]}"#);
    }

    #[test]
    fn a_number_is_a_commit_and_a_string_a_time() {
        let read = |json: &str| serde_json::from_str::<AsOfInput>(json);
        assert_eq!(read("17").unwrap(), AsOfInput::Lsn(17));
        let time = read(r#""2026-01-05T11:00:00Z""#).unwrap();
        assert!(matches!(time, AsOfInput::Time(_)));
        assert_eq!(serde_json::to_string(&time).unwrap(), r#""2026-01-05T11:00:00Z""#);
        for wrong in ["-1", "1.5", r#""soon""#, "null"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
