//! Pairs of memories of which one may change or deny the other: marked from their texts, decided by feedback.

use serde::{Deserialize, Serialize};

use crate::time::Timestamp;

/// What the texts of a pair may be to each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MarkKindName {
    /// The later one may tell what became of what the earlier one tells.
    PossibleUpdate,
    /// Only one of the two may be true.
    PossibleContradiction,
}

impl MarkKindName {
    /// Both kinds.
    pub const ALL: [MarkKindName; 2] =
        [MarkKindName::PossibleUpdate, MarkKindName::PossibleContradiction];

    /// The name as it stands in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            MarkKindName::PossibleUpdate => "possible_update",
            MarkKindName::PossibleContradiction => "possible_contradiction",
        }
    }
}

/// What makes two texts differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MarkGroundName {
    /// The later one tells of a change.
    Change,
    /// One denies what the other says.
    Negation,
    /// They hold opposite words.
    Opposite,
    /// One value stands in the place of another.
    Value,
}

impl MarkGroundName {
    /// The name as it stands in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            MarkGroundName::Change => "change",
            MarkGroundName::Negation => "negation",
            MarkGroundName::Opposite => "opposite",
            MarkGroundName::Value => "value",
        }
    }
}

/// How far a pair is decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MarkStateName {
    /// Nobody has decided.
    Open,
    /// One holds in the place of the other.
    Supersedes,
    /// They cannot both be true.
    Contradicts,
    /// Neither says anything against the other.
    Unrelated,
}

impl MarkStateName {
    /// All states.
    pub const ALL: [MarkStateName; 4] = [
        MarkStateName::Open,
        MarkStateName::Supersedes,
        MarkStateName::Contradicts,
        MarkStateName::Unrelated,
    ];

    /// The name as it stands in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            MarkStateName::Open => "open",
            MarkStateName::Supersedes => "supersedes",
            MarkStateName::Contradicts => "contradicts",
            MarkStateName::Unrelated => "unrelated",
        }
    }
}

/// One memory of a pair.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MarkEndView {
    /// Its id.
    pub id: String,
    /// When it happened, else when it was stored.
    pub happened_at: Timestamp,
}

/// A pair of memories that was marked, or decided about.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MarkView {
    /// The memory that happened first.
    pub earlier: MarkEndView,
    /// The other.
    pub later: MarkEndView,
    /// How far it is decided.
    pub state: MarkStateName,
    /// What the texts may be to each other; absent, with all that follows to `cues`, where only a decision is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<MarkKindName>,
    /// What makes them differ.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ground: Option<MarkGroundName>,
    /// Cosine of their vectors.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cosine: Option<f32>,
    /// Words of the earlier one that the later one does not share.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<String>,
    /// Words of the later one that the earlier one does not share.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
    /// Words of the later one that tell of a change.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cues: Vec<String>,
    /// People, things and places that both name, at most 16.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub shared: Vec<String>,
    /// Time of the commit that marked the pair.
    pub since: Timestamp,
    /// Time of the commit that decided it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decided_at: Option<Timestamp>,
}

/// Reads one page of the marked pairs of a space.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MarksRequest {
    /// Only those of this memory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Only those of this kind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<MarkKindName>,
    /// Only those in this state; in any when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<MarkStateName>,
    /// Most pairs in the page, 1 to 1,000; 100 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    /// Where the page starts: `next_cursor` of the page before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}

/// A page of marked pairs.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct MarksResponse {
    /// In the order in which their newer memories were stored.
    pub marks: Vec<MarkView>,
    /// How many there are in all pages.
    pub total: u64,
    /// Where the next page starts; absent at the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
    /// Last commit that the answer saw.
    pub snapshot_lsn: u64,
}
