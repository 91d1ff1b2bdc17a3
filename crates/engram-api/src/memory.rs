//! A memory as callers write it and as answers show it.
//!
//! [`MemoryInput`] holds what a caller may say, [`MemoryView`] adds what only the engine knows: LSN,
//! commit time, state, strength, evidence. Three numbers stay apart: confidence (is it true),
//! strength (how retrievable is it now) and relevance (how well does it match a cue, in answers of
//! recall only).

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::belief::BeliefSummaryView;
use crate::decay::MemoryDecay;
use crate::mark::MarkView;
use crate::time::Timestamp;

/// What sort of memory it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KindName {
    /// Something that happened.
    #[default]
    Episode,
    /// Something that is so.
    Fact,
    /// How something is done.
    Procedure,
    /// A conclusion from other memories.
    Belief,
}

/// Whether recall shows a memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StateName {
    /// Found by recall and list.
    Active,
    /// Hidden by forget in mode `suppress`; restore brings it back.
    Suppressed,
}

/// Where a memory comes from, as the caller says it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SourceInput {
    /// What the source is, for example `user`, `tool`, `document`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// Where it can be found again, for example a URL.
    #[serde(default, rename = "ref", skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// How far the source is trusted, in \[0, 1\].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trust: Option<f32>,
}

/// Where a memory comes from, with what the server knows of it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SourceView {
    /// What the source is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// Where it can be found again.
    #[serde(default, rename = "ref", skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// How far the source is trusted, in \[0, 1\].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trust: Option<f32>,
    /// Who stored the memory; absent while the server knows no principals.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub principal: Option<String>,
}

/// A memory to store. It needs a text, a vector, or both.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MemoryInput {
    /// The caller's own id, 1 to 256 bytes of printable UTF-8; else the server makes a UUIDv7.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// What sort of memory it is; `episode` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<KindName>,
    /// A heading. It is searched and embedded with the text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// The content, up to 64 KiB.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// The caller's own vector, in the dimension of the space; it takes the place of embedding.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vector: Option<Vec<f32>>,
    /// The conversation or run that it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
    /// When it happened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub occurred_at: Option<Timestamp>,
    /// When it ended, if it lasted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub occurred_until: Option<Timestamp>,
    /// Where it happened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
    /// Who took part. Names are embedded with the text.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub people: Vec<String>,
    /// Other things that it is about.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub entities: Vec<String>,
    /// Labels, up to 64 of up to 128 bytes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// Any JSON object, up to 16 KiB and 8 levels.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub metadata: Map<String, Value>,
    /// Where it comes from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<SourceInput>,
    /// What the memory is a statement about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// Which property of the subject it states.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attribute: Option<String>,
    /// How sure the caller is that it is true, in \[0, 1\].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confidence: Option<f32>,
    /// How much it matters, in \[0, 1\].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub importance: Option<f32>,
    /// From when it is true (inclusive).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_from: Option<Timestamp>,
    /// Until when it is true (exclusive).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_until: Option<Timestamp>,
    /// From when it is no longer shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// How it fades, where that is not as the space says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decay: Option<MemoryDecay>,
}

/// How retrievable a memory is now. It decays with time and grows with use.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StrengthView {
    /// Probability of retrieval now, in \[0, 1\].
    pub retrievability: f32,
    /// Days from the last use until retrievability falls to 0.9; absent for a pinned memory, which does not fade.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stability_days: Option<f32>,
    /// The forgetting law, for example `fsrs`, or `pinned`.
    pub law: String,
    /// How often it was used: recalled, called useful, or said again.
    #[serde(default)]
    pub uses: u32,
    /// When that was last; absent where it never was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub used_at: Option<Timestamp>,
}

/// How sure the store is that a memory is true: a Beta distribution over the evidence.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ConfidenceView {
    /// Mean, in \[0, 1\].
    pub mean: f32,
    /// Lower end of the 90 % interval.
    pub low: f32,
    /// Upper end of the 90 % interval.
    pub high: f32,
    /// Pieces of evidence behind the mean: the statement of who stored it, and what came since.
    pub evidence: f32,
    /// What the caller gave as `confidence`, in \[0, 1\]; absent where none was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stated: Option<f32>,
}

/// A stored memory.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MemoryView {
    /// Its id, unique in the space.
    pub id: String,
    /// 1, 2, ...: a new version takes the place of the one before.
    pub version: u32,
    /// What sort of memory it is.
    pub kind: KindName,
    /// Whether recall shows it.
    pub state: StateName,
    /// A heading.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// The content; absent in a memory that is only a vector.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Its vectors, unit length, only when asked for: the caller's one, or one for each chunk.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vectors: Option<Vec<Vec<f32>>>,
    /// The conversation or run that it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
    /// When it happened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub occurred_at: Option<Timestamp>,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub occurred_until: Option<Timestamp>,
    /// Where it happened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
    /// Who took part.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub people: Vec<String>,
    /// Other things that it is about.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub entities: Vec<String>,
    /// Labels.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// The caller's JSON object.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub metadata: Map<String, Value>,
    /// Where it comes from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<SourceView>,
    /// What it is a statement about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// Which property of the subject it states.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attribute: Option<String>,
    /// How sure the store is that it is true.
    pub confidence: ConfidenceView,
    /// How retrievable it is now.
    pub strength: StrengthView,
    /// How much it matters, in \[0, 1\].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub importance: Option<f32>,
    /// From when it is true (inclusive).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_from: Option<Timestamp>,
    /// Until when it is true (exclusive).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_until: Option<Timestamp>,
    /// From when it is no longer shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// How it fades, where that is not as the space says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decay: Option<MemoryDecay>,
    /// What it rests on, where consolidation made it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub belief: Option<BeliefSummaryView>,
    /// Id of the memory that holds in its place; absent where it is not superseded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub superseded_by: Option<String>,
    /// Ids of the memories in whose place it holds, at most 64.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub supersedes: Vec<String>,
    /// Pairs with other memories of which one may change or deny the other, undecided ones and contradictions, at most 16.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub marks: Vec<MarkView>,
    /// Log sequence number of the commit that stored this version.
    pub lsn: u64,
    /// Time of that commit: unique and increasing in the space.
    pub committed_at: Timestamp,
}
