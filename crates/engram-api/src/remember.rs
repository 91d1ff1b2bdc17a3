//! Storing memories: one, or up to 1,000 in one commit.

use std::borrow::Cow;

use serde::de::value::MapAccessDeserializer;
use serde::de::{DeserializeSeed, IntoDeserializer, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use crate::memory::{MemoryInput, StateName};
use crate::problem::Problem;
use crate::time::Timestamp;

/// What an answer waits for beyond durability.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WaitName {
    /// The associations of the memories are formed.
    Links,
}

/// Stores one memory. The body is the memory itself, with an optional `idempotency_key` and `wait` beside its fields.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct RememberRequest {
    /// The memory.
    #[serde(flatten)]
    pub memory: MemoryInput,
    /// Makes a retry safe for 24 hours: the same key with the same body gives the first answer again. The header
    /// `Idempotency-Key` says the same.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub idempotency_key: Option<String>,
    /// What the answer waits for; when absent it comes as soon as the memory is durable.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wait: Option<WaitName>,
}

const IDEMPOTENCY_KEY: &str = "idempotency_key";
const WAIT: &str = "wait";

impl<'de> Deserialize<'de> for RememberRequest {
    /// Serde's `flatten` would accept unknown fields and lose the path of a wrong one; here the two fields beside
    /// the memory are picked out of the map and all else goes to the strict [`MemoryInput`].
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<RememberRequest, D::Error> {
        struct Body;
        impl<'de> Visitor<'de> for Body {
            type Value = RememberRequest;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a memory as a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<RememberRequest, A::Error> {
                let (mut idempotency_key, mut wait) = (None, None);
                let picked = PickFields { map, key: &mut idempotency_key, wait: &mut wait };
                let memory = MemoryInput::deserialize(MapAccessDeserializer::new(picked))?;
                Ok(RememberRequest { memory, idempotency_key, wait })
            }
        }
        deserializer.deserialize_map(Body)
    }
}

struct PickFields<'a, A> {
    map: A,
    key: &'a mut Option<String>,
    wait: &'a mut Option<WaitName>,
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for PickFields<'_, A> {
    type Error = A::Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, A::Error> {
        while let Some(name) = self.map.next_key::<Cow<'de, str>>()? {
            match name.as_ref() {
                IDEMPOTENCY_KEY => *self.key = self.map.next_value()?,
                WAIT => *self.wait = self.map.next_value()?,
                _ => return seed.deserialize(name.into_deserializer()).map(Some),
            }
        }
        Ok(None)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, A::Error> {
        self.map.next_value_seed(seed)
    }
}

/// What became of a memory that was sent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RememberResponse {
    /// Its id: the caller's, or the one made for it. Of one that was merged, that of the memory that it repeats; so is what
    /// follows.
    pub id: String,
    /// Log sequence number of the commit that stored it.
    pub lsn: u64,
    /// Time of that commit.
    pub committed_at: Timestamp,
    /// Its version.
    pub version: u32,
    /// False when the same id with the same content was there already, and when it was merged: nothing was stored.
    pub created: bool,
    /// True when it says what another memory says and counts as a repetition of that one, in a space with `duplicates: merge`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub merged: bool,
    /// Whether recall shows it: one that was there already may be suppressed.
    pub state: StateName,
    /// Ids of other memories with exactly the same content, at most 10.
    pub duplicates: Vec<String>,
    /// Ids of earlier memories that say the same in other content, at most 10. Absent where nobody looked for them: the space
    /// has `duplicates: keep`, and the request did not wait for links.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub near_duplicates: Option<Vec<String>>,
    /// Number of vectors it has.
    pub vectors: u32,
}

/// Stores up to 1,000 memories in one commit.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RememberManyRequest {
    /// The memories.
    pub memories: Vec<MemoryInput>,
    /// False: one refused memory refuses all. True: the others are stored and the answer has a problem in the
    /// place of each refused one.
    #[serde(default)]
    pub partial: bool,
    /// Makes a retry safe for 24 hours.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency_key: Option<String>,
    /// What the answer waits for; when absent it comes as soon as the memories are durable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wait: Option<WaitName>,
}

/// What became of the memories of a batch.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RememberManyResponse {
    /// Log sequence number of the commit; when nothing new was stored, the last commit that the answer rests on.
    pub lsn: u64,
    /// Time of that commit.
    pub committed_at: Timestamp,
    /// How many memories this request stored.
    pub created: u64,
    /// One result for each memory, in the order of the request.
    pub results: Vec<RememberResult>,
}

/// One result of a batch: stored, or refused.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RememberResult {
    /// It is stored (now, or before).
    Stored(RememberResponse),
    /// It was refused; only in an answer to `partial: true`.
    Refused(Box<Problem>),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn key_and_wait_stand_beside_the_fields_of_the_memory() {
        let json = r#"{"id":"a","text":"b","idempotency_key":"k","wait":"links"}"#;
        let request: RememberRequest = serde_json::from_str(json).unwrap();
        assert_eq!(request.idempotency_key.as_deref(), Some("k"));
        assert_eq!(request.wait, Some(WaitName::Links));
        assert_eq!(request.memory.text.as_deref(), Some("b"));
        assert_eq!(serde_json::to_string(&request).unwrap(), json);
    }

    #[test]
    fn unknown_fields_are_refused() {
        let error = serde_json::from_str::<RememberRequest>(r#"{"txt":"b"}"#).unwrap_err();
        assert!(error.to_string().contains("unknown field `txt`"), "{error}");
    }
}
