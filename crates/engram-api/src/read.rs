//! Reading memories without a cue: by id, and page by page.

use serde::{Deserialize, Serialize};

use crate::filter::FilterInput;
use crate::memory::MemoryView;
use crate::update::AsOfInput;

/// Reads one memory.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GetRequest {
    /// Its id.
    pub id: String,
    /// Whether the answer holds its vectors.
    #[serde(default)]
    pub include_vectors: bool,
    /// The version that was known after this LSN, or at this time; the newest when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub as_of: Option<AsOfInput>,
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
    /// What was known after this LSN, or at this time, of what is active today; now when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub as_of: Option<AsOfInput>,
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
