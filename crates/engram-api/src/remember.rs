//! Storing memories: one, or up to 1,000 in one commit.

use std::borrow::Cow;

use serde::de::{DeserializeSeed, Error as _, IntoDeserializer, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, forward_to_deserialize_any};
use serde_json::Value;

use crate::memory::{MemoryInput, StateName};
use crate::problem::{Problem, decode, decode_value};
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
                let (key, wait_for) = (&mut idempotency_key, &mut wait);
                let picked = PickFields { map, fields: &[], key, wait: wait_for };
                let memory = MemoryInput::deserialize(picked)?;
                Ok(RememberRequest { memory, idempotency_key, wait })
            }
        }
        deserializer.deserialize_map(Body)
    }
}

struct PickFields<'a, A> {
    map: A,
    /// Fields of the memory.
    fields: &'static [&'static str],
    key: &'a mut Option<String>,
    wait: &'a mut Option<WaitName>,
}

impl<'de, A: MapAccess<'de>> Deserializer<'de> for PickFields<'_, A> {
    type Error = A::Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, A::Error> {
        visitor.visit_map(self)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, A::Error> {
        visitor.visit_map(PickFields { fields, ..self })
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 char str string bytes byte_buf option unit unit_struct newtype_struct seq
        tuple tuple_struct map enum identifier ignored_any
    }
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
                name if !self.fields.contains(&name) => {
                    let all = self.fields.iter().copied().chain([IDEMPOTENCY_KEY, WAIT]);
                    let all: Vec<String> = all.map(|field| format!("`{field}`")).collect();
                    let expected = all.join(", ");
                    let message = format!("unknown field `{name}`, expected one of {expected}");
                    return Err(A::Error::custom(message));
                }
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
    /// place of each refused one, also of one that could not be read.
    #[serde(default)]
    pub partial: bool,
    /// Makes a retry safe for 24 hours.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency_key: Option<String>,
    /// What the answer waits for; when absent it comes as soon as the memories are durable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wait: Option<WaitName>,
}

/// Problems of parts of a request that cannot be read, by place.
pub type Unread = Vec<(usize, Box<Problem>)>;

/// What a batch in JSON says, and the problems of the memories in it that cannot be read, by place. With `partial` these refuse
/// nothing but themselves; an empty memory, which no space stores, stands in the place of each.
///
/// # Errors
/// As [`decode`].
pub fn decode_many(body: &[u8]) -> Result<(RememberManyRequest, Unread), Box<Problem>> {
    let first = match decode::<RememberManyRequest>(body) {
        Ok(request) => return Ok((request, Vec::new())),
        Err(problem) => problem,
    };
    let is_of_one = first.field.as_deref().is_some_and(|field| field.starts_with("memories["));
    let Some(loose) = decode::<LooseMany>(body).ok().filter(|loose| is_of_one && loose.partial)
    else {
        return Err(first);
    };
    let mut unread = Vec::new();
    let mut read = |(place, memory): (usize, Value)| {
        decode_value(memory, &format!("memories[{place}]")).unwrap_or_else(|problem| {
            unread.push((place, problem));
            MemoryInput::default()
        })
    };
    let memories = loose.memories.into_iter().enumerate().map(&mut read).collect();
    let LooseMany { partial, idempotency_key, wait, .. } = loose;
    Ok((RememberManyRequest { memories, partial, idempotency_key, wait }, unread))
}

/// [`RememberManyRequest`] with memories of which each is looked at alone.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LooseMany {
    memories: Vec<Value>,
    #[serde(default)]
    partial: bool,
    #[serde(default)]
    idempotency_key: Option<String>,
    #[serde(default)]
    wait: Option<WaitName>,
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

    #[test]
    fn what_cannot_be_read_refuses_only_itself_with_partial() {
        let many = |partial: bool| {
            let body = format!(
                r#"{{"memories":[{{"text":"a"}},{{"text":"b","occurred_at":"soon"}},7],"partial":{partial}}}"#
            );
            decode_many(body.as_bytes())
        };
        let (request, unread) = many(true).unwrap();
        assert_eq!(request.memories.len(), 3);
        assert_eq!(request.memories[0].text.as_deref(), Some("a"));
        assert_eq!(request.memories[1], MemoryInput::default());
        let told = |(place, problem): &(usize, Box<Problem>)| {
            (*place, problem.code.clone(), problem.field.clone().unwrap())
        };
        let told: Vec<_> = unread.iter().map(told).collect();
        let expected =
            [(1, "bad_time", "memories[1].occurred_at"), (2, "invalid_value", "memories[2]")];
        assert_eq!(told, expected.map(|(place, code, at)| (place, code.to_owned(), at.to_owned())));
        assert_eq!(many(false).unwrap_err().code, "bad_time");
        // What is wrong with the batch itself refuses all.
        let body = br#"{"memories":[7],"partial":true,"wait":"no"}"#;
        assert_eq!(decode_many(body).unwrap_err().field.as_deref(), Some("memories[0]"));
    }
}
