//! Reading memories: by id, page by page, and by cue.

use serde::{Deserialize, Serialize};

use crate::filter::FilterInput;
use crate::memory::MemoryView;

/// Reads one memory.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GetRequest {
    /// Its id.
    pub id: String,
    /// Whether the answer holds its vectors.
    #[serde(default)]
    pub include_vectors: bool,
}

/// Which states a listing shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ListStateName {
    /// What recall shows.
    #[default]
    Active,
    /// What forget in mode `suppress` has hidden.
    Suppressed,
    /// Both.
    All,
}

/// Reads one page of memories, in the order of the log.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListRequest {
    /// Where the page starts: `next_cursor` of the page before. Stays valid whatever is stored or forgotten.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
    /// Most memories in the page, 1 to 1,000; 100 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    /// Which memories.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filter: Option<FilterInput>,
    /// In which state; `active` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<ListStateName>,
    /// Whether the answer holds their vectors.
    #[serde(default)]
    pub include_vectors: bool,
}

/// A page of memories.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ListResponse {
    /// The memories, in the order of the log.
    pub memories: Vec<MemoryView>,
    /// Where the next page starts; absent at the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

/// How recall searches.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ModeName {
    /// Words only (BM25).
    Keyword,
    /// Vectors only.
    Similarity,
    /// Both, fused.
    #[default]
    Hybrid,
}

impl ModeName {
    /// All modes.
    pub const ALL: [ModeName; 3] = [ModeName::Keyword, ModeName::Similarity, ModeName::Hybrid];

    /// The name as it stands in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            ModeName::Keyword => "keyword",
            ModeName::Similarity => "similarity",
            ModeName::Hybrid => "hybrid",
        }
    }
}

/// Recalls memories by a cue: a text, a vector, or both.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecallRequest {
    /// Words and meaning to look for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// A vector in the dimension of the space; it takes the place of embedding the text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vector: Option<Vec<f32>>,
    /// How to search; `hybrid` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<ModeName>,
    /// Most items in the answer, 1 to 1,000; 10 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    /// Which memories may be found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filter: Option<FilterInput>,
    /// Items below this relevance are left out, in \[0, 1\].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_relevance: Option<f32>,
    /// Whether the answer says which terms matched and how it was searched.
    #[serde(default)]
    pub explain: bool,
    /// Whether the items hold their vectors.
    #[serde(default)]
    pub include_vectors: bool,
    /// True: this recall changes nothing. Recall does not train yet, so the answer is `trained: false` either way.
    #[serde(default)]
    pub observe: bool,
}

/// Whether anything matched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MatchOutcome {
    /// At least one memory matches.
    Match,
    /// Nothing matches.
    Nothing,
}

/// The answer to a cue.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RecallResponse {
    /// Whether anything matched.
    pub outcome: MatchOutcome,
    /// The memories, best first; equal ones in the order of the log.
    pub items: Vec<RecalledView>,
    /// The mode that ran.
    pub mode: ModeName,
    /// How much was searched.
    pub searched: SearchedView,
    /// Terms of the cue after analysis; only with `explain`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub terms: Option<Vec<String>>,
    /// Last commit that the answer saw.
    pub snapshot_lsn: u64,
    /// Whether this recall strengthened what it found.
    pub trained: bool,
}

/// How much a recall searched.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SearchedView {
    /// Memories that were visible and passed the filter.
    pub eligible: u64,
    /// Memories that at least one route found.
    pub candidates: u64,
    /// Vectors compared with the cue's; 0 where the vector route did not run.
    pub vectors_scanned: u64,
}

/// A recalled memory with its three numbers and the reason why it is here.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RecalledView {
    /// The memory.
    pub memory: MemoryView,
    /// How well it matches this cue, in \[0, 1\]; comparable within one answer.
    pub relevance: f32,
    /// How retrievable it is now, in \[0, 1\]: `memory.strength.retrievability`.
    pub strength: f32,
    /// How sure the store is that it is true, in \[0, 1\]: `memory.confidence.mean`.
    pub confidence: f32,
    /// Which routes found it, and what each added to the relevance.
    pub routes: RoutesView,
    /// Terms of the cue that it holds; only with `explain`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub matched_terms: Option<Vec<String>>,
}

/// What each route says of a memory; absent = the route did not find it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RoutesView {
    /// By vector.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vector: Option<RouteView>,
    /// By words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<RouteView>,
}

/// The part of one route in a relevance.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct RouteView {
    /// Score of the route: cosine, or BM25.
    pub raw: f32,
    /// The same brought to \[0, 1\].
    pub normalised: f32,
    /// Weight of the route in this mode.
    pub weight: f32,
    /// `normalised` times `weight`: what it adds to the relevance.
    pub contribution: f32,
}
