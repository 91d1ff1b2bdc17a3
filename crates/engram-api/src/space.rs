//! Spaces and the node.

use serde::{Deserialize, Serialize};

use crate::consolidation::ConsolidationName;
use crate::decay::SpaceDecay;
use crate::recall::ModeName;
use crate::time::Timestamp;

/// Creates a space. Its settings are fixed with it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CreateSpaceRequest {
    /// 1 to 64 of `a-z 0-9 - _`, starting with a letter or digit.
    pub name: String,
    /// Length of its vectors, 1 to 4,096; the embedder's when absent. Needed with embedder `none`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dimension: Option<u32>,
    /// `builtin` (when absent), `none` (callers bring vectors), or the name of a configured embedder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub embedder: Option<String>,
    /// Language of the text analysis as a two-letter code, or `none`; `en` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// How its memories fade.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decay: Option<SpaceDecay>,
    /// Whether being recalled strengthens a memory; true when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recall_trains: Option<bool>,
    /// When beliefs are made; `on_demand` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub consolidation: Option<ConsolidationName>,
    /// What becomes of a memory that says what another one says; `keep` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duplicates: Option<DuplicatesName>,
    /// Field of the metadata whose value names what a memory states: a newer one with the same value and another text
    /// supersedes an older one, as with `subject` and `attribute`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub supersede_key: Option<String>,
}

/// What becomes of a new memory that has the content of one that is there, or says the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DuplicatesName {
    /// It is stored, reported and linked.
    #[default]
    Keep,
    /// It counts as a repetition of the earlier one, unless it states something that that one does not.
    Merge,
    /// It is refused.
    Reject,
}

impl DuplicatesName {
    /// All of them.
    pub const ALL: [DuplicatesName; 3] =
        [DuplicatesName::Keep, DuplicatesName::Merge, DuplicatesName::Reject];

    /// The name as it stands in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            DuplicatesName::Keep => "keep",
            DuplicatesName::Merge => "merge",
            DuplicatesName::Reject => "reject",
        }
    }
}

/// What computes a space's vectors. Vectors of two embedders are never mixed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EmbedderView {
    /// Name in the configuration, or `none`.
    pub name: String,
    /// `builtin`, `local`, `openai`, `ollama`, `tei` or `none`.
    pub provider: String,
    /// Name of the model.
    pub model: String,
    /// Length of its vectors.
    pub dimension: u32,
    /// BLAKE3 of the weights, hexadecimal; empty for a remote model.
    pub weights_hash: String,
}

/// A space.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SpaceView {
    /// Its name.
    pub name: String,
    /// Its identity in the log.
    pub uuid: String,
    /// Length of its vectors.
    pub dimension: u32,
    /// What computes its vectors.
    pub embedder: EmbedderView,
    /// Language of the text analysis.
    pub language: String,
    /// How its memories fade.
    #[serde(default)]
    pub decay: SpaceDecay,
    /// Whether being recalled strengthens a memory.
    pub recall_trains: bool,
    /// What becomes of a memory that says what another one says.
    #[serde(default)]
    pub duplicates: DuplicatesName,
    /// When beliefs are made.
    #[serde(default)]
    pub consolidation: ConsolidationName,
    /// Field of the metadata that names what a memory states; absent where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub supersede_key: Option<String>,
    /// When it was created.
    pub created_at: Timestamp,
    /// Why it refuses writes, where a part of its log is damaged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quarantined: Option<String>,
}

/// All spaces, by name.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ListSpacesResponse {
    /// The spaces.
    pub spaces: Vec<SpaceView>,
}

/// A space that was deleted with all its memories.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeleteSpaceResponse {
    /// Its name.
    pub name: String,
    /// Its identity in the log.
    pub uuid: String,
    /// How many memories it had.
    pub memories: u64,
}

/// Figures of a space.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SpaceStatsView {
    /// Its name.
    pub name: String,
    /// Memories that recall can find.
    pub memories: u64,
    /// Suppressed memories.
    pub suppressed: u64,
    /// Vectors of both.
    pub vectors: u64,
    /// Vectors in the graph of neighbours; the others are compared one by one.
    pub indexed_vectors: u64,
    /// Associations between its memories.
    pub associations: u64,
    /// Entities that its memories are about.
    pub entities: u64,
    /// Memories whose associations are not formed yet.
    pub unlinked: u64,
    /// Memories that were used or judged since they were stored.
    pub learned: u64,
    /// Beliefs that consolidation made.
    pub beliefs: u64,
    /// Memories that they rest on.
    pub consolidated: u64,
    /// Memories and beliefs that consolidation has still to look at.
    pub unconsolidated: u64,
    /// Bytes of its state in RAM, estimated.
    pub bytes: u64,
    /// Where its memories reside.
    pub tiers: TiersView,
    /// What the operator allows it; absent where nothing is bounded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quota: Option<QuotaView>,
    /// Last commit; 0 before the first.
    pub lsn: u64,
    /// Time of the last commit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub committed_at: Option<Timestamp>,
    /// What judgements taught of the relevance of its recalls, by mode; absent where nothing was judged.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub calibration: Vec<CalibrationView>,
}

/// How much a space may hold and ask for; what is absent is not bounded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuotaView {
    /// Memories, suppressed ones and beliefs among them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memories: Option<u64>,
    /// Bytes in RAM, in segments and in the cold store together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
    /// Requests a second that may change it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub writes_per_second: Option<u32>,
    /// Requests a second that may read it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reads_per_second: Option<u32>,
    /// Requests that may be worked on at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calls: Option<u32>,
}

/// What judgements taught of the relevance of one mode.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CalibrationView {
    /// The mode.
    pub mode: ModeName,
    /// Judged items.
    pub judgements: u64,
    /// Those of them that were useful.
    pub useful: u64,
    /// Slope of the map on the logit of relevance; 1 = none.
    pub slope: f64,
    /// Its shift; 0 = none.
    pub shift: f64,
    /// Expected calibration error of what was judged, before the map, in \[0, 1\].
    pub error_before: f32,
    /// The same after it.
    pub error_after: f32,
}

/// Where the memories of a space reside, and how many moved since the server started.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TiersView {
    /// Memories in RAM with text and vectors.
    pub hot_memories: u64,
    /// Memories in local segments, read when needed.
    pub warm_memories: u64,
    /// Memories in objects of the cold store, fetched when needed.
    pub cold_memories: u64,
    /// Segments of memories.
    pub segments: u64,
    /// Their bytes on disk.
    pub segment_bytes: u64,
    /// Bytes of objects in the cold store.
    pub cold_bytes: u64,
    /// Memories that became hot because they were in an answer.
    pub moved_by_use: u64,
    /// Memories that became hot because their segment is used and there was room.
    pub moved_by_room: u64,
    /// Memories that became warm because the node was above its budget.
    pub moved_by_pressure: u64,
    /// Memories that became warm because the space was above its quota.
    pub moved_by_quota: u64,
    /// Memories that became cold because nobody used them for long.
    pub moved_by_disuse: u64,
}

/// Whether the node can serve.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NodeState {
    /// Reading the log.
    Starting,
    /// Serving reads and writes.
    Ready,
    /// Serving reads; writes are refused until the fault is repaired and the server restarted.
    ReadOnly,
    /// Finishing what it began.
    ShuttingDown,
}

/// The node as it stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatusView {
    /// Version of the server.
    pub version: String,
    /// Whether it can serve.
    pub state: NodeState,
    /// When it started.
    pub started_at: Timestamp,
    /// Number of spaces.
    pub spaces: u64,
    /// Spaces whose state is in RAM; the others are opened by the first request to them.
    pub open_spaces: u64,
    /// Memories that recall can find, in the open spaces.
    pub memories: u64,
    /// Names of spaces that refuse writes because a part of their log is damaged.
    pub quarantined: Vec<String>,
    /// Why writes are refused; absent when they are not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// What the server is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VersionView {
    /// `engram`.
    pub name: String,
    /// Version of the server.
    pub version: String,
    /// Version of the interface: `v1`.
    pub api: String,
}
