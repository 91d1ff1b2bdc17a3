//! The payloads of the log, as protobuf: fields may be added, their numbers never change meaning.
//!
//! `docs/internals/log-payloads.md` lists the numbers. A payload that does not decode is damage, never a panic.

mod believed;
mod learned;
mod traces;

use engram_embed::EmbedderIdentity;
use engram_index::Language;
use prost::Message;

pub(crate) use self::believed::{BeliefRecord, BroughtRecord, ConsolidateRecord};
pub(crate) use self::learned::{
    DecayRecord, FeedbackRecord, MarkRecord, MergeRecord, ReconsolidationRecord, RepeatRecord,
    UseRecord, UsedRecord,
};
pub(crate) use self::traces::{LearnedRecord, TraceRecord, WitnessRecord};

use self::learned::{days, law_code, law_of_code};

use crate::model::{Kind, MemoryContent, MetaValue, Metadata, Source};
use crate::settings::{Consolidation, DecaySettings, DuplicatePolicy, SpaceSettings, Training};

/// Entry kind of a [`SpaceRecord`]: always LSN 1 of its space.
pub(crate) const KIND_SPACE_CREATED: u8 = 1;
/// Entry kind without payload: the space and all it holds are gone.
pub(crate) const KIND_SPACE_DELETED: u8 = 2;
/// Entry kind of a [`CommitRecord`].
pub(crate) const KIND_COMMIT: u8 = 3;

/// Birth of a space.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct SpaceRecord {
    #[prost(string, tag = "1")]
    pub(crate) name: String,
    #[prost(uint32, tag = "2")]
    pub(crate) dimension: u32,
    #[prost(string, tag = "3")]
    pub(crate) embedder: String,
    #[prost(message, optional, tag = "4")]
    pub(crate) identity: Option<IdentityRecord>,
    #[prost(string, tag = "5")]
    pub(crate) language: String,
    /// Place in [`DecayLaw::ALL`].
    #[prost(uint32, tag = "6")]
    pub(crate) decay_law: u32,
    /// None = what the law begins with.
    #[prost(double, optional, tag = "7")]
    pub(crate) stability_days: Option<f64>,
    /// Recall does not strengthen its memories.
    #[prost(bool, tag = "8")]
    pub(crate) untrained: bool,
    /// Place in [`DuplicatePolicy::ALL`].
    #[prost(uint32, tag = "9")]
    pub(crate) duplicates: u32,
    /// Beliefs are made without being asked for.
    #[prost(bool, tag = "10")]
    pub(crate) consolidates: bool,
    /// Field of the metadata that names what a memory states; empty = none.
    #[prost(string, tag = "11")]
    pub(crate) supersede_key: String,
}

/// What an embedder was.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct IdentityRecord {
    #[prost(string, tag = "1")]
    pub(crate) provider: String,
    #[prost(string, tag = "2")]
    pub(crate) model: String,
    #[prost(uint32, tag = "3")]
    pub(crate) dimension: u32,
    #[prost(string, tag = "4")]
    pub(crate) weights_hash: String,
}

/// One commit: its operations in order.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct CommitRecord {
    #[prost(message, repeated, tag = "1")]
    pub(crate) ops: Vec<OpRecord>,
    #[prost(message, optional, tag = "2")]
    pub(crate) idempotency: Option<IdempotencyRecord>,
    #[prost(string, tag = "3")]
    pub(crate) principal: String,
}

/// Wrapper that protobuf needs around a repeated choice.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct OpRecord {
    #[prost(oneof = "Op", tags = "1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 13")]
    pub(crate) op: Option<Op>,
}

/// One operation of a commit; suppress, delete and restore name a memory by id.
#[derive(Clone, PartialEq, prost::Oneof)]
#[expect(
    clippy::large_enum_variant,
    reason = "puts are the common case; a box would cost each of them"
)]
pub(crate) enum Op {
    #[prost(message, tag = "1")]
    Put(PutRecord),
    #[prost(string, tag = "2")]
    Suppress(String),
    #[prost(string, tag = "3")]
    Delete(String),
    #[prost(string, tag = "4")]
    Restore(String),
    #[prost(message, tag = "5")]
    Associate(AssociateRecord),
    #[prost(message, tag = "6")]
    Dissociate(DissociateRecord),
    #[prost(message, tag = "7")]
    Link(LinkRecord),
    #[prost(message, tag = "8")]
    Graph(GraphRecord),
    #[prost(message, tag = "9")]
    Use(UseRecord),
    #[prost(message, tag = "10")]
    Feedback(FeedbackRecord),
    #[prost(message, tag = "11")]
    Consolidate(ConsolidateRecord),
    #[prost(message, tag = "13")]
    Merge(MergeRecord),
}

/// From here on the vectors below a node are searched over a graph.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct GraphRecord {
    /// BLAKE3 of the graph's file, 32 bytes.
    #[prost(bytes = "vec", tag = "1")]
    pub(crate) hash: Vec<u8>,
    #[prost(uint32, tag = "2")]
    pub(crate) through: u32,
}

/// An explicit association; the same pair again replaces it.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct AssociateRecord {
    #[prost(string, tag = "1")]
    pub(crate) from: String,
    #[prost(string, tag = "2")]
    pub(crate) to: String,
    #[prost(string, tag = "3")]
    pub(crate) relation: String,
    #[prost(float, tag = "4")]
    pub(crate) weight: f32,
    #[prost(string, tag = "5")]
    pub(crate) reason: String,
}

/// Associations that are gone: those of these kinds from one memory to another.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct DissociateRecord {
    #[prost(string, tag = "1")]
    pub(crate) from: String,
    #[prost(string, tag = "2")]
    pub(crate) to: String,
    #[prost(uint32, repeated, tag = "3")]
    pub(crate) kinds: Vec<u32>,
}

/// Associations formed from what memories say. Nodes are the numbers of memories in the order of the log, from 0, and
/// of entities in the order in which they first appear, in one sequence. What names a node that is gone is skipped.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct LinkRecord {
    /// All nodes below were looked at.
    #[prost(uint32, tag = "1")]
    pub(crate) through: u32,
    /// Entities named by `entity_edges`; one that is not there yet gets the next node.
    #[prost(message, repeated, tag = "2")]
    pub(crate) entities: Vec<EntityRecord>,
    #[prost(message, repeated, tag = "3")]
    pub(crate) entity_edges: Vec<EntityEdgeRecord>,
    #[prost(message, repeated, tag = "4")]
    pub(crate) edges: Vec<EdgeRecord>,
    /// Edges that no longer hold; applied before `edges`.
    #[prost(message, repeated, tag = "5")]
    pub(crate) removed: Vec<EdgeRecord>,
    #[prost(message, repeated, tag = "6")]
    pub(crate) repeats: Vec<RepeatRecord>,
    #[prost(message, repeated, tag = "7")]
    pub(crate) marks: Vec<MarkRecord>,
}

/// A person, thing or place.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct EntityRecord {
    /// Folded: what makes it the same entity.
    #[prost(string, tag = "1")]
    pub(crate) key: String,
    /// As it was first written.
    #[prost(string, tag = "2")]
    pub(crate) name: String,
}

/// A memory names an entity.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct EntityEdgeRecord {
    #[prost(uint32, tag = "1")]
    pub(crate) memory: u32,
    /// Place in `entities`.
    #[prost(uint32, tag = "2")]
    pub(crate) entity: u32,
    #[prost(float, tag = "3")]
    pub(crate) weight: f32,
}

/// An edge between two memories.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct EdgeRecord {
    #[prost(uint32, tag = "1")]
    pub(crate) from: u32,
    #[prost(uint32, tag = "2")]
    pub(crate) to: u32,
    #[prost(uint32, tag = "3")]
    pub(crate) kind: u32,
    #[prost(float, tag = "4")]
    pub(crate) weight: f32,
}

/// One version of a memory with its vectors.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct PutRecord {
    #[prost(string, tag = "1")]
    pub(crate) id: String,
    #[prost(uint32, tag = "2")]
    pub(crate) version: u32,
    #[prost(message, required, tag = "3")]
    pub(crate) content: ContentRecord,
    #[prost(bytes = "vec", tag = "4")]
    pub(crate) content_hash: Vec<u8>,
    /// Unit vectors one after the other, f32 little endian; their number follows from the space's dimension.
    #[prost(bytes = "vec", tag = "5")]
    pub(crate) vectors: Vec<u8>,
    /// The caller gave the vector: a change of the embedder must not replace it.
    #[prost(bool, tag = "6")]
    pub(crate) vector_given: bool,
    /// Why it takes the place of the version before; empty in a first version.
    #[prost(string, tag = "10")]
    pub(crate) reason: String,
    /// Commit time of the first version; none = this is it.
    #[prost(sint64, optional, tag = "11")]
    pub(crate) first_committed_at: Option<i64>,
    /// What happened to it where it comes from, only in a first version; none = it comes from nowhere else, or that is not
    /// known.
    #[prost(message, optional, tag = "12")]
    pub(crate) learned: Option<LearnedRecord>,
    /// What the update weighed; none = it was not weighed.
    #[prost(message, optional, tag = "14")]
    pub(crate) reconsolidation: Option<ReconsolidationRecord>,
}

/// What a caller stated about a memory.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct ContentRecord {
    #[prost(uint32, tag = "1")]
    pub(crate) kind: u32,
    #[prost(string, tag = "2")]
    pub(crate) title: String,
    #[prost(string, tag = "3")]
    pub(crate) text: String,
    #[prost(string, tag = "4")]
    pub(crate) session: String,
    #[prost(sint64, optional, tag = "5")]
    pub(crate) occurred_at: Option<i64>,
    #[prost(sint64, optional, tag = "6")]
    pub(crate) occurred_until: Option<i64>,
    #[prost(string, tag = "7")]
    pub(crate) place: String,
    #[prost(string, repeated, tag = "8")]
    pub(crate) people: Vec<String>,
    #[prost(string, repeated, tag = "9")]
    pub(crate) entities: Vec<String>,
    #[prost(string, repeated, tag = "10")]
    pub(crate) tags: Vec<String>,
    #[prost(message, repeated, tag = "11")]
    pub(crate) metadata: Vec<MetaEntryRecord>,
    #[prost(string, tag = "12")]
    pub(crate) source_kind: String,
    #[prost(string, tag = "13")]
    pub(crate) source_reference: String,
    #[prost(float, optional, tag = "14")]
    pub(crate) source_trust: Option<f32>,
    #[prost(string, tag = "15")]
    pub(crate) subject: String,
    #[prost(string, tag = "16")]
    pub(crate) attribute: String,
    #[prost(float, optional, tag = "17")]
    pub(crate) confidence: Option<f32>,
    #[prost(float, optional, tag = "18")]
    pub(crate) importance: Option<f32>,
    #[prost(sint64, optional, tag = "19")]
    pub(crate) valid_from: Option<i64>,
    #[prost(sint64, optional, tag = "20")]
    pub(crate) valid_until: Option<i64>,
    #[prost(sint64, optional, tag = "21")]
    pub(crate) expires_at: Option<i64>,
    #[prost(message, optional, tag = "22")]
    pub(crate) decay: Option<DecayRecord>,
}

/// A name and its value; entries stand in byte order of the names.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct MetaEntryRecord {
    #[prost(string, tag = "1")]
    pub(crate) name: String,
    #[prost(message, required, tag = "2")]
    pub(crate) value: MetaRecord,
}

/// A metadata value; no choice set = null.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct MetaRecord {
    #[prost(oneof = "Meta", tags = "1, 2, 3, 4, 5, 6")]
    pub(crate) value: Option<Meta>,
}

/// The sorts of metadata values.
#[derive(Clone, PartialEq, prost::Oneof)]
pub(crate) enum Meta {
    #[prost(bool, tag = "1")]
    Bool(bool),
    #[prost(sint64, tag = "2")]
    Int(i64),
    #[prost(double, tag = "3")]
    Float(f64),
    #[prost(string, tag = "4")]
    Text(String),
    #[prost(message, tag = "5")]
    List(MetaListRecord),
    #[prost(message, tag = "6")]
    Map(MetaMapRecord),
}

/// Wrapper that protobuf needs around a repeated value in a choice.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct MetaListRecord {
    #[prost(message, repeated, tag = "1")]
    pub(crate) values: Vec<MetaRecord>,
}

/// Wrapper that protobuf needs around repeated entries in a choice.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct MetaMapRecord {
    #[prost(message, repeated, tag = "1")]
    pub(crate) entries: Vec<MetaEntryRecord>,
}

/// A request that may come again, and what it was answered.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct IdempotencyRecord {
    #[prost(string, tag = "1")]
    pub(crate) key: String,
    #[prost(bytes = "vec", tag = "2")]
    pub(crate) request_hash: Vec<u8>,
    #[prost(message, repeated, tag = "3")]
    pub(crate) items: Vec<ItemRecord>,
}

/// Result of one item of such a request. An item without id was refused.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct ItemRecord {
    #[prost(string, tag = "1")]
    pub(crate) id: String,
    #[prost(uint32, tag = "2")]
    pub(crate) version: u32,
    /// 0 = the commit that carries this record.
    #[prost(uint64, tag = "3")]
    pub(crate) lsn: u64,
    #[prost(sint64, tag = "4")]
    pub(crate) committed_at: i64,
    #[prost(bool, tag = "5")]
    pub(crate) created: bool,
    #[prost(string, repeated, tag = "6")]
    pub(crate) duplicates: Vec<String>,
    #[prost(uint32, tag = "7")]
    pub(crate) vectors: u32,
    /// Refused because this id was taken; empty otherwise.
    #[prost(string, tag = "8")]
    pub(crate) conflicting_id: String,
    /// Was there before and suppressed.
    #[prost(bool, tag = "9")]
    pub(crate) suppressed: bool,
    /// Counted as a repetition of the memory of this id.
    #[prost(bool, tag = "10")]
    pub(crate) merged: bool,
    /// Refused because the memory of this id says the same; empty otherwise.
    #[prost(string, tag = "11")]
    pub(crate) repeated_id: String,
    /// Memories that say the same in another content.
    #[prost(string, repeated, tag = "12")]
    pub(crate) near: Vec<String>,
    /// What the update weighed; none = it was not weighed.
    #[prost(message, optional, tag = "14")]
    pub(crate) reconsolidation: Option<ReconsolidationRecord>,
}

impl SpaceRecord {
    pub(crate) fn new(name: &str, settings: &SpaceSettings) -> SpaceRecord {
        SpaceRecord {
            name: name.to_owned(),
            dimension: settings.dimension,
            embedder: settings.embedder.clone(),
            identity: settings.identity.as_ref().map(|identity| IdentityRecord {
                provider: identity.provider.clone(),
                model: identity.model.clone(),
                dimension: identity.dimension,
                weights_hash: identity.weights_hash.clone(),
            }),
            language: settings.language.code().to_owned(),
            decay_law: law_code(settings.decay.law),
            stability_days: Some(settings.decay.stability_days),
            untrained: settings.training == Training::Never,
            duplicates: settings.duplicates as u32,
            consolidates: settings.consolidation == Consolidation::Scheduled,
            supersede_key: settings.supersede_key.clone(),
        }
    }

    /// The settings, or what of them this program does not know.
    pub(crate) fn settings(&self) -> Result<SpaceSettings, String> {
        let language = Language::from_code(&self.language)
            .ok_or_else(|| format!("unknown language {:?}", self.language))?;
        let mut decay = DecaySettings::of(law_of_code(self.decay_law)?);
        if let Some(stability_days) = self.stability_days {
            decay.stability_days = days(stability_days)?;
        }
        Ok(SpaceSettings {
            dimension: self.dimension,
            embedder: self.embedder.clone(),
            identity: self.identity.as_ref().map(|record| EmbedderIdentity {
                provider: record.provider.clone(),
                model: record.model.clone(),
                dimension: record.dimension,
                weights_hash: record.weights_hash.clone(),
            }),
            language,
            decay,
            training: if self.untrained { Training::Never } else { Training::Recalled },
            duplicates: DuplicatePolicy::ALL
                .get(self.duplicates as usize)
                .copied()
                .ok_or_else(|| format!("unknown policy for duplicates {}", self.duplicates))?,
            supersede_key: self.supersede_key.clone(),
            consolidation: if self.consolidates {
                Consolidation::Scheduled
            } else {
                Consolidation::OnDemand
            },
        })
    }
}

impl ContentRecord {
    pub(crate) fn from_content(content: &MemoryContent) -> ContentRecord {
        ContentRecord {
            kind: content.kind as u32,
            title: content.title.clone(),
            text: content.text.clone(),
            session: content.session.clone(),
            occurred_at: content.occurred_at,
            occurred_until: content.occurred_until,
            place: content.place.clone(),
            people: content.people.clone(),
            entities: content.entities.clone(),
            tags: content.tags.clone(),
            metadata: entries(&content.metadata),
            source_kind: content.source.kind.clone(),
            source_reference: content.source.reference.clone(),
            source_trust: content.source.trust,
            subject: content.subject.clone(),
            attribute: content.attribute.clone(),
            confidence: content.confidence,
            importance: content.importance,
            valid_from: content.valid_from,
            valid_until: content.valid_until,
            expires_at: content.expires_at,
            decay: content.decay.map(DecayRecord::new),
        }
    }

    pub(crate) fn into_content(self) -> Result<MemoryContent, String> {
        let kind = Kind::ALL
            .get(self.kind as usize)
            .copied()
            .ok_or_else(|| format!("unknown memory kind {}", self.kind))?;
        Ok(MemoryContent {
            kind,
            title: self.title,
            text: self.text,
            session: self.session,
            occurred_at: self.occurred_at,
            occurred_until: self.occurred_until,
            place: self.place,
            people: self.people,
            entities: self.entities,
            tags: self.tags,
            metadata: metadata(self.metadata),
            source: Source {
                kind: self.source_kind,
                reference: self.source_reference,
                trust: self.source_trust,
            },
            subject: self.subject,
            attribute: self.attribute,
            confidence: self.confidence,
            importance: self.importance,
            valid_from: self.valid_from,
            valid_until: self.valid_until,
            expires_at: self.expires_at,
            decay: self.decay.map(DecayRecord::own).transpose()?,
        })
    }
}

fn entries(metadata: &Metadata) -> Vec<MetaEntryRecord> {
    metadata
        .iter()
        .map(|(name, inner)| MetaEntryRecord { name: name.clone(), value: value(inner) })
        .collect()
}

fn value(inner: &MetaValue) -> MetaRecord {
    let choice = match inner {
        MetaValue::Null => None,
        MetaValue::Bool(flag) => Some(Meta::Bool(*flag)),
        MetaValue::Int(number) => Some(Meta::Int(*number)),
        MetaValue::Float(number) => Some(Meta::Float(*number)),
        MetaValue::Text(text) => Some(Meta::Text(text.clone())),
        MetaValue::List(elements) => {
            Some(Meta::List(MetaListRecord { values: elements.iter().map(value).collect() }))
        }
        MetaValue::Map(nested) => Some(Meta::Map(MetaMapRecord { entries: entries(nested) })),
    };
    MetaRecord { value: choice }
}

fn metadata(records: Vec<MetaEntryRecord>) -> Metadata {
    records.into_iter().map(|entry| (entry.name, meta_value(entry.value))).collect()
}

fn meta_value(record: MetaRecord) -> MetaValue {
    match record.value {
        None => MetaValue::Null,
        Some(Meta::Bool(flag)) => MetaValue::Bool(flag),
        Some(Meta::Int(number)) => MetaValue::Int(number),
        Some(Meta::Float(number)) => MetaValue::Float(number),
        Some(Meta::Text(text)) => MetaValue::Text(text),
        Some(Meta::List(list)) => {
            MetaValue::List(list.values.into_iter().map(meta_value).collect())
        }
        Some(Meta::Map(map)) => MetaValue::Map(metadata(map.entries)),
    }
}

/// Unit vectors as the bytes of the log.
pub(crate) fn encode_vectors(vectors: &[Vec<f32>]) -> Vec<u8> {
    vectors.iter().flatten().flat_map(|component| component.to_le_bytes()).collect()
}

/// The vectors of `bytes`, or nothing where their length does not fit the dimension or a component is not finite.
pub(crate) fn decode_vectors(bytes: &[u8], dimension: u32) -> Option<Vec<Vec<f32>>> {
    let size = dimension as usize * 4;
    if size == 0 || !bytes.len().is_multiple_of(size) {
        return bytes.is_empty().then(Vec::new);
    }
    let component = |b: &[u8]| f32::from_le_bytes([b[0], b[1], b[2], b[3]]);
    if !bytes.chunks_exact(4).map(component).all(f32::is_finite) {
        return None;
    }
    Some(bytes.chunks_exact(size).map(|v| v.chunks_exact(4).map(component).collect()).collect())
}

#[cfg(test)]
mod tests {
    use engram_index::DecayLaw;

    use super::*;
    use crate::model::OwnDecay;

    #[test]
    fn every_field_of_the_content_survives_the_log() {
        let nested = Metadata::from([("deep".to_owned(), MetaValue::Bool(true))]);
        let content = MemoryContent {
            kind: Kind::Procedure,
            title: "a".into(),
            text: "b".into(),
            session: "c".into(),
            occurred_at: Some(-1),
            occurred_until: Some(i64::MAX),
            place: "d".into(),
            people: vec!["e".into()],
            entities: vec!["f".into()],
            tags: vec!["g".into(), "h".into()],
            metadata: Metadata::from([
                ("null".to_owned(), MetaValue::Null),
                ("int".to_owned(), MetaValue::Int(i64::MIN)),
                ("float".to_owned(), MetaValue::Float(0.5)),
                ("text".to_owned(), MetaValue::Text("i".into())),
                ("list".to_owned(), MetaValue::List(vec![MetaValue::Null, MetaValue::Int(0)])),
                ("map".to_owned(), MetaValue::Map(nested)),
            ]),
            source: Source { kind: "j".into(), reference: "k".into(), trust: Some(0.0) },
            subject: "l".into(),
            attribute: "m".into(),
            confidence: Some(0.0),
            importance: Some(1.0),
            valid_from: Some(0),
            valid_until: Some(1),
            expires_at: Some(2),
            decay: Some(OwnDecay::Fading { law: Some(DecayLaw::ActR), half_life_days: Some(3.0) }),
        };
        let bytes = ContentRecord::from_content(&content).encode_to_vec();
        let back = ContentRecord::decode(bytes.as_slice()).unwrap().into_content().unwrap();
        assert_eq!(back, content);
    }

    #[test]
    fn vectors_of_another_length_or_not_finite_are_damage() {
        let bytes = encode_vectors(&[vec![1.0, 0.0], vec![0.0, 1.0]]);
        assert_eq!(decode_vectors(&bytes, 2).unwrap().len(), 2);
        assert_eq!(decode_vectors(&bytes, 3), None);
        assert_eq!(decode_vectors(&[], 3), Some(Vec::new()));
        for component in [f32::NAN, f32::INFINITY] {
            assert_eq!(decode_vectors(&encode_vectors(&[vec![0.0, component]]), 2), None);
        }
    }
}
