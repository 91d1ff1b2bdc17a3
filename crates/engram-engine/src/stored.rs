//! The payloads of manifests and segments, as protobuf: fields may be added, their numbers never change meaning.
//!
//! `docs/internals/file-format.md` lists the sections that hold them. What does not decode is damage, never a panic.

use engram_store::{CommitTime, Lsn};
use prost::encoding::{
    DecodeContext, WireType, decode_key, decode_varint, encode_key, encode_varint, skip_field,
};
use prost::{DecodeError, Message};

use crate::model::{Course, Memory, Outline};
use crate::record::{
    ContentRecord, DecayRecord, IdempotencyRecord, MarkRecord, ReconsolidationRecord, SpaceRecord,
};

/// What a file of a manifest holds: its role there. The chunks stand in the order of the log.
pub(crate) const ROLE_STATE: u8 = 1;
/// Role of a chunk.
pub(crate) const ROLE_CHUNK: u8 = 2;
/// Role of what stays of a cold chunk; its object follows.
pub(crate) const ROLE_COLD: u8 = 3;
/// Role of the object of a cold chunk, which is in the cold store.
pub(crate) const ROLE_OBJECT: u8 = 4;

/// What a manifest says beyond its files.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct CheckpointRecord {
    #[prost(message, optional, tag = "1")]
    pub(crate) space: Option<SpaceRecord>,
    #[prost(sint64, tag = "2")]
    pub(crate) created_at: i64,
    #[prost(uint32, tag = "3")]
    pub(crate) next_node: u32,
    /// The associations of all memories with smaller nodes are formed.
    #[prost(uint32, tag = "4")]
    pub(crate) linked: u32,
    /// BLAKE3 of the file of the graph in use; empty = none.
    #[prost(bytes = "vec", tag = "5")]
    pub(crate) graph_hash: Vec<u8>,
    #[prost(uint64, tag = "6")]
    pub(crate) active: u64,
    #[prost(uint64, tag = "7")]
    pub(crate) suppressed: u64,
    #[prost(uint64, tag = "8")]
    pub(crate) vectors: u64,
    #[prost(uint64, tag = "9")]
    pub(crate) terms: u64,
    /// Commit time of the first deletion whose memory a chunk still holds; none = no chunk holds a deleted one.
    #[prost(sint64, optional, tag = "10")]
    pub(crate) deleted_since: Option<i64>,
    /// The last commit that deleted memories of which something may be left somewhere; 0 = there is none.
    #[prost(uint64, tag = "11")]
    pub(crate) unpurged: u64,
    /// Commit time of the first of these.
    #[prost(sint64, tag = "12")]
    pub(crate) unpurged_since: i64,
}

/// A commit that deleted memories.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct ForgottenRecord {
    #[prost(uint64, tag = "1")]
    pub(crate) lsn: u64,
    #[prost(sint64, tag = "2")]
    pub(crate) committed_at: i64,
    #[prost(uint64, tag = "3")]
    pub(crate) count: u64,
    /// When nothing of them was left, ns; none = something may be.
    #[prost(sint64, optional, tag = "4")]
    pub(crate) purged_at: Option<i64>,
}

/// Tags of the content in a [`MemoryRecord`], and of text and metadata in that.
const CONTENT_TAG: u32 = 7;
const TEXT_TAG: u32 = 3;
const METADATA_TAG: u32 = 11;
/// Records from this size on are worth looking through before they are decoded, bytes.
const LONG_BYTES: usize = 512;

/// One version of a memory in a segment; its vectors stand apart.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct MemoryRecord {
    #[prost(string, tag = "1")]
    pub(crate) id: String,
    #[prost(uint32, tag = "2")]
    pub(crate) version: u32,
    #[prost(uint64, tag = "3")]
    pub(crate) lsn: u64,
    #[prost(uint32, tag = "4")]
    pub(crate) position: u32,
    #[prost(sint64, tag = "5")]
    pub(crate) committed_at: i64,
    #[prost(string, tag = "6")]
    pub(crate) principal: String,
    #[prost(message, required, tag = "7")]
    pub(crate) content: ContentRecord,
    #[prost(bytes = "vec", tag = "8")]
    pub(crate) content_hash: Vec<u8>,
    #[prost(string, tag = "9")]
    pub(crate) reason: String,
    /// Commit time of the first version; none = this is it.
    #[prost(sint64, optional, tag = "10")]
    pub(crate) first_committed_at: Option<i64>,
    /// What the update weighed that stored it; none = it was not weighed.
    #[prost(message, optional, tag = "14")]
    pub(crate) reconsolidation: Option<ReconsolidationRecord>,
}

/// What of a [`MemoryRecord`] ranking asks for. All other fields are skipped.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct OutlineRecord {
    #[prost(sint64, tag = "5")]
    committed_at: i64,
    #[prost(message, required, tag = "7")]
    content: OutlinedRecord,
    #[prost(sint64, optional, tag = "10")]
    first_committed_at: Option<i64>,
}

/// The same of a [`ContentRecord`].
#[derive(Clone, PartialEq, Message)]
struct OutlinedRecord {
    #[prost(sint64, optional, tag = "5")]
    occurred_at: Option<i64>,
    #[prost(string, repeated, tag = "8")]
    people: Vec<String>,
    #[prost(float, optional, tag = "18")]
    importance: Option<f32>,
    #[prost(message, optional, tag = "22")]
    decay: Option<DecayRecord>,
}

impl OutlineRecord {
    /// The outline of the memory of these bytes.
    pub(crate) fn read(bytes: &[u8]) -> Result<Outline, String> {
        let record = OutlineRecord::decode(bytes).map_err(|error| error.to_string())?;
        let content = record.content;
        let course = Course {
            committed_at: CommitTime(record.committed_at),
            first_committed_at: CommitTime(
                record.first_committed_at.unwrap_or(record.committed_at),
            ),
            occurred_at: content.occurred_at,
            decay: content.decay.map(DecayRecord::own).transpose()?,
        };
        Ok(Outline { course, people: content.people, importance: content.importance })
    }
}

/// A memory that is in no chunk yet.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct TailRecord {
    #[prost(uint32, tag = "1")]
    pub(crate) node: u32,
    #[prost(bool, tag = "2")]
    pub(crate) suppressed: bool,
    #[prost(message, required, tag = "3")]
    pub(crate) memory: MemoryRecord,
    /// As in the log.
    #[prost(bytes = "vec", tag = "4")]
    pub(crate) vectors: Vec<u8>,
}

/// What became of the documents of a chunk since it was sealed, in the order of the manifest's chunks.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct ChunkRecord {
    /// Set of local ordinals.
    #[prost(bytes = "vec", tag = "1")]
    pub(crate) deleted: Vec<u8>,
    /// Set of local ordinals.
    #[prost(bytes = "vec", tag = "2")]
    pub(crate) suppressed: Vec<u8>,
    /// Commit time of the first deletion; none = nothing is deleted.
    #[prost(sint64, optional, tag = "3")]
    pub(crate) deleted_since: Option<i64>,
    /// How much it was used, as of `used_at`.
    #[prost(float, tag = "4")]
    pub(crate) heat: f32,
    #[prost(sint64, tag = "5")]
    pub(crate) used_at: i64,
}

/// A person, thing or place with its node.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct EntityNodeRecord {
    #[prost(uint32, tag = "1")]
    pub(crate) node: u32,
    #[prost(string, tag = "2")]
    pub(crate) key: String,
    #[prost(string, tag = "3")]
    pub(crate) name: String,
}

/// What was said about an explicit association.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct StatementRecord {
    #[prost(uint32, tag = "1")]
    pub(crate) from: u32,
    #[prost(uint32, tag = "2")]
    pub(crate) to: u32,
    #[prost(string, tag = "3")]
    pub(crate) relation: String,
    #[prost(string, tag = "4")]
    pub(crate) reason: String,
}

/// A node of a memory that has more than one version.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct LineageRecord {
    #[prost(uint32, tag = "1")]
    pub(crate) node: u32,
    /// Node of the first version.
    #[prost(uint32, tag = "2")]
    pub(crate) first: u32,
    /// Commit that put a newer version in its place; 0 = it is the newest.
    #[prost(uint64, tag = "3")]
    pub(crate) replaced: u64,
}

/// A memory whose place another took.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct SuccessionRecord {
    /// Node of the superseded memory.
    #[prost(uint32, tag = "1")]
    pub(crate) older: u32,
    /// Node of the one that supersedes it.
    #[prost(uint32, tag = "2")]
    pub(crate) by: u32,
    /// From when on, ns.
    #[prost(sint64, tag = "3")]
    pub(crate) since: i64,
}

/// What is known of a pair of memories.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct PairRecord {
    /// As in the log; kind 0 = nothing was found between their texts.
    #[prost(message, required, tag = "1")]
    pub(crate) mark: MarkRecord,
    #[prost(sint64, tag = "2")]
    pub(crate) since: i64,
    /// As in the log; 0 = nobody has decided.
    #[prost(uint32, tag = "3")]
    pub(crate) decision: u32,
    #[prost(sint64, tag = "4")]
    pub(crate) decided: i64,
    /// Node of the memory that was judged.
    #[prost(uint32, tag = "5")]
    pub(crate) judged: u32,
}

/// An idempotency key within its lifetime.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct KeyRecord {
    #[prost(message, required, tag = "1")]
    pub(crate) request: IdempotencyRecord,
    #[prost(uint64, tag = "2")]
    pub(crate) lsn: u64,
    #[prost(sint64, tag = "3")]
    pub(crate) committed_at: i64,
}

/// Judgements of the relevance of one mode.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct OutcomesRecord {
    /// As in the log.
    #[prost(uint32, tag = "1")]
    pub(crate) mode: u32,
    /// By bin: how many were useful.
    #[prost(uint64, repeated, tag = "2")]
    pub(crate) hits: Vec<u64>,
    /// By bin: how many were not.
    #[prost(uint64, repeated, tag = "3")]
    pub(crate) misses: Vec<u64>,
}

impl MemoryRecord {
    pub(crate) fn new(memory: &Memory) -> MemoryRecord {
        MemoryRecord {
            id: memory.id.clone(),
            version: memory.version,
            lsn: memory.lsn.0,
            position: memory.position,
            committed_at: memory.committed_at.0,
            principal: memory.principal.clone(),
            content: ContentRecord::from_content(&memory.content),
            content_hash: memory.content_hash.to_vec(),
            reason: memory.reason.clone(),
            first_committed_at: (memory.first_committed_at != memory.committed_at)
                .then_some(memory.first_committed_at.0),
            reconsolidation: memory.reconsolidation.map(ReconsolidationRecord::new),
        }
    }

    /// All but text and metadata.
    pub(crate) fn head(memory: &Memory) -> MemoryRecord {
        let mut record = MemoryRecord::new(memory);
        record.content.text.clear();
        record.content.metadata.clear();
        record
    }

    /// The memory, or what of it this program cannot read.
    pub(crate) fn into_memory(self) -> Result<Memory, String> {
        let content_hash = self.content_hash.try_into();
        Ok(Memory {
            id: self.id,
            version: self.version,
            lsn: Lsn(self.lsn),
            position: self.position,
            committed_at: CommitTime(self.committed_at),
            principal: self.principal,
            content: self.content.into_content()?,
            content_hash: content_hash.map_err(|_| "a content hash has another length")?,
            first_committed_at: CommitTime(self.first_committed_at.unwrap_or(self.committed_at)),
            reason: self.reason,
            reconsolidation: self.reconsolidation.map(|record| record.weighed()).transpose()?,
        })
    }

    /// The memory of these bytes, without text and metadata where decoding these would take long.
    pub(crate) fn read_head(bytes: &[u8]) -> Result<Memory, String> {
        if bytes.len() < LONG_BYTES {
            return MemoryRecord::read(bytes);
        }
        let mut head = Vec::with_capacity(LONG_BYTES);
        let content = copy_fields(bytes, &[CONTENT_TAG], &mut head).and_then(|content| {
            let mut short = Vec::with_capacity(LONG_BYTES);
            copy_fields(content, &[TEXT_TAG, METADATA_TAG], &mut short)?;
            encode_key(CONTENT_TAG, WireType::LengthDelimited, &mut head);
            encode_varint(short.len() as u64, &mut head);
            head.extend_from_slice(&short);
            Ok(())
        });
        content.map_err(|error| error.to_string())?;
        MemoryRecord::read(&head)
    }

    /// The memory of these bytes.
    pub(crate) fn read(bytes: &[u8]) -> Result<Memory, String> {
        let record = MemoryRecord::decode(bytes).map_err(|error| error.to_string())?;
        record.into_memory()
    }
}

/// Copies a message without some of its fields, which are all of those with a length before them; the value of the last of
/// these.
fn copy_fields<'a>(
    mut message: &'a [u8],
    left_out: &[u32],
    copy: &mut Vec<u8>,
) -> Result<&'a [u8], DecodeError> {
    let mut last: &[u8] = &[];
    while !message.is_empty() {
        let field = message;
        let (tag, wire_type) = decode_key(&mut message)?;
        let mut value = message;
        skip_field(wire_type, tag, &mut message, DecodeContext::default())?;
        if !left_out.contains(&tag) {
            copy.extend_from_slice(&field[..field.len() - message.len()]);
        } else if wire_type == WireType::LengthDelimited {
            decode_varint(&mut value)?;
            last = &value[..value.len() - message.len()];
        }
    }
    Ok(last)
}

/// Messages one after the other, each with its length before it.
pub(crate) fn append_message(message: &impl Message, bytes: &mut Vec<u8>) {
    message.encode_length_delimited(bytes).expect("a vector grows");
}

/// The messages of a section.
pub(crate) fn read_messages<M: Message + Default>(mut bytes: &[u8]) -> Result<Vec<M>, String> {
    let mut messages = Vec::new();
    while !bytes.is_empty() {
        let message = M::decode_length_delimited(&mut bytes);
        messages.push(message.map_err(|error| error.to_string())?);
    }
    Ok(messages)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{MetaValue, OwnDecay};
    use engram_index::DecayLaw;

    #[test]
    fn a_head_is_the_memory_without_its_long_parts() {
        let mut memory = Memory { id: "m".to_owned(), version: 3, ..Memory::default() };
        memory.content.title = "a title".to_owned();
        memory.content.people = vec!["Ann".to_owned(), "Bo".to_owned()];
        memory.content.expires_at = Some(-7);
        let short = MemoryRecord::new(&memory).encode_to_vec();
        assert_eq!(MemoryRecord::read_head(&short).unwrap(), memory);
        let mut long = memory.clone();
        long.content.text = "long ".repeat(LONG_BYTES);
        long.content.metadata.insert("key".to_owned(), MetaValue::Int(1));
        let bytes = MemoryRecord::new(&long).encode_to_vec();
        assert_eq!(MemoryRecord::read_head(&bytes).unwrap(), memory);
        assert_eq!(MemoryRecord::read(&bytes).unwrap(), long);
        for cut in LONG_BYTES..bytes.len() {
            assert!(MemoryRecord::read_head(&bytes[..cut]).is_err(), "cut at {cut}");
        }
    }

    #[test]
    fn an_outline_is_what_the_memory_says() {
        let mut memory = Memory { id: "m".to_owned(), version: 2, ..Memory::default() };
        memory.content.text = "a text".to_owned();
        for part in 0..32 {
            memory.committed_at = CommitTime(part - 7);
            memory.first_committed_at = CommitTime(part & 1);
            memory.content.occurred_at = (part & 2 > 0).then_some(part - 9);
            memory.content.importance = (part & 4 > 0).then_some(0.25);
            memory.content.people = vec!["Ann".to_owned(); (part & 3) as usize];
            let own = OwnDecay::Fading { law: Some(DecayLaw::ActR), half_life_days: Some(2.0) };
            memory.content.decay = [None, Some(OwnDecay::Pinned), Some(own)][part as usize % 3];
            let bytes = MemoryRecord::new(&memory).encode_to_vec();
            let outline = OutlineRecord::read(&bytes).unwrap();
            assert_eq!(outline, Outline::of(&memory));
            assert_eq!(outline.course.happened_at(), memory.happened_at());
        }
    }
}
