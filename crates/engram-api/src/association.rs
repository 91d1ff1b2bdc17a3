//! Associations: typed, weighted, directed edges between memories, and what walks along them.

use serde::{Deserialize, Serialize};

use crate::filter::FilterInput;
use crate::memory::MemoryView;
use crate::time::Timestamp;

/// Why two memories are associated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EdgeKindName {
    /// A caller said so.
    Explicit,
    /// Both are about the same entity.
    Entity,
    /// One names the other.
    Mention,
    /// One follows the other in the same session.
    Next,
    /// They are near in meaning.
    Near,
    /// It states an attribute anew that the other stated: the other no longer holds.
    Supersedes,
    /// Feedback says that they cannot both be true.
    Contradicts,
}

impl EdgeKindName {
    /// All kinds.
    pub const ALL: [EdgeKindName; 7] = [
        EdgeKindName::Explicit,
        EdgeKindName::Entity,
        EdgeKindName::Mention,
        EdgeKindName::Next,
        EdgeKindName::Near,
        EdgeKindName::Supersedes,
        EdgeKindName::Contradicts,
    ];

    /// The name as it stands in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            EdgeKindName::Explicit => "explicit",
            EdgeKindName::Entity => "entity",
            EdgeKindName::Mention => "mention",
            EdgeKindName::Next => "next",
            EdgeKindName::Near => "near",
            EdgeKindName::Supersedes => "supersedes",
            EdgeKindName::Contradicts => "contradicts",
        }
    }
}

/// Which ends of associations a memory is asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DirectionName {
    /// Those that start at it.
    Out,
    /// Those that end at it.
    In,
    /// Both.
    #[default]
    Both,
}

/// Associates one memory with another. The same pair again takes the new relation, weight and reason.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AssociateRequest {
    /// Id of the memory where the association starts.
    pub from: String,
    /// Id of the memory where it ends.
    pub to: String,
    /// What the association says, up to 128 bytes, for example `caused`; `related` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub relation: Option<String>,
    /// How strong it is, above 0 and up to 1; 0.8 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weight: Option<f32>,
    /// Why it is there, up to 1 KiB.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// What became of an association.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct AssociateResponse {
    /// True when the pair had no explicit association before.
    pub created: bool,
    /// How many associations were made or changed.
    pub count: u64,
    /// Log sequence number of the commit; absent when nothing changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lsn: Option<u64>,
    /// Time of that commit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub committed_at: Option<Timestamp>,
}

/// Takes associations from one memory to another away.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DissociateRequest {
    /// Id of the memory where they start.
    pub from: String,
    /// Id of the memory where they end.
    pub to: String,
    /// Of these kinds; of all when absent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kinds: Vec<EdgeKindName>,
}

/// What was taken away.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct DissociateResponse {
    /// How many associations; 0 when there were none.
    pub count: u64,
    /// Log sequence number of the commit; absent when there was none to take away.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lsn: Option<u64>,
    /// Time of that commit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub committed_at: Option<Timestamp>,
}

/// Reads one page of the associations of a memory, strongest first.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AssociationsRequest {
    /// Id of the memory.
    pub id: String,
    /// Which ends; `both` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub direction: Option<DirectionName>,
    /// Of these kinds; of all when absent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kinds: Vec<EdgeKindName>,
    /// Most associations in the page, 1 to 1,000; 100 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    /// Where the page starts: `next_cursor` of the page before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}

/// A page of associations.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct AssociationsResponse {
    /// The associations.
    pub associations: Vec<AssociationView>,
    /// How many there are in all pages.
    pub total: u64,
    /// Where the next page starts; absent at the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
    /// Last commit that the answer saw.
    pub snapshot_lsn: u64,
}

/// One association.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AssociationView {
    /// Id of the memory where it starts.
    pub from: String,
    /// Id of the memory where it ends.
    pub to: String,
    /// Why the two are associated.
    pub kind: EdgeKindName,
    /// The relation that a caller gave, or the name of the entity that the two share.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// Why it is there, as its caller said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// How strong it is, in \[0, 1\].
    pub weight: f32,
}

/// One step of activation from memory to memory.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PathStepView {
    /// Id of the memory that the step leaves.
    pub from: String,
    /// Id of the memory that it reaches.
    pub to: String,
    /// Along which kind of association.
    pub kind: EdgeKindName,
    /// The relation that a caller gave, or the name of the entity that the two share.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// Weight of the association, in \[0, 1\].
    pub weight: f32,
}

/// Lets activation spread from memories over their associations.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SpreadRequest {
    /// Where it starts: 1 to 64 memories.
    pub seeds: Vec<SeedInput>,
    /// How many associations it may follow in a row, 1 to 8; 2 when absent. An entity between two memories takes one of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hops: Option<u32>,
    /// Along associations of these kinds; of all when absent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kinds: Vec<EdgeKindName>,
    /// Which memories the answer may hold. Activation passes through the others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filter: Option<FilterInput>,
    /// Most memories in the answer, 1 to 1,000; 10 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    /// Most associations to follow in all, 1 to 1,000,000; 20,000 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub edges_max: Option<u32>,
}

/// A memory from which activation spreads.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SeedInput {
    /// Its id.
    pub id: String,
    /// How active it is at the start, above 0 and up to 1; 1 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub activation: Option<f32>,
}

/// What activation reached.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SpreadResponse {
    /// The memories, most active first.
    pub items: Vec<ActivatedView>,
    /// How many associations were followed.
    pub edges_followed: u64,
    /// Whether the bound on associations cut it short.
    pub cut: bool,
    /// Last commit that the answer saw.
    pub snapshot_lsn: u64,
}

/// A memory that activation reached.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ActivatedView {
    /// The memory.
    pub memory: MemoryView,
    /// Share of the activation of all seeds that reached it, in \[0, 1\].
    pub activation: f32,
    /// The way on which most of it came, from a seed on; empty for a seed.
    pub path: Vec<PathStepView>,
}
