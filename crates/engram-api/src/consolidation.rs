//! Consolidation: beliefs, why they exist, and how they are made and taken back.

use serde::{Deserialize, Serialize};

use crate::memory::MemoryView;
use crate::time::Timestamp;

/// When what memories have in common becomes beliefs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConsolidationName {
    /// When somebody asks for it.
    #[default]
    OnDemand,
    /// Behind what is stored, within a budget of the server.
    Scheduled,
}

/// Makes beliefs of what memories have in common.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConsolidateRequest {
    /// The answer comes when about so many memories were looked at, 1 to 100,000; 4,096 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget_memories: Option<u32>,
}

/// What came of looking at memories.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConsolidateResponse {
    /// Memories that were looked at.
    pub memories: u64,
    /// Ids of beliefs that are new.
    pub formed: Vec<String>,
    /// Ids of beliefs that rest on more or on less than before, or say something else.
    pub changed: Vec<String>,
    /// Ids of beliefs that rest on too little now and are gone.
    pub withdrawn: Vec<String>,
    /// Memories and beliefs that are still to be looked at.
    pub remaining: u64,
    /// Log sequence number of the first commit that carries it; absent where there was nothing to do. `undo_consolidation` takes
    /// it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_lsn: Option<u64>,
    /// Log sequence number of the last such commit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lsn: Option<u64>,
}

impl ConsolidateResponse {
    /// Adds what came of looking at more memories.
    pub fn add(&mut self, later: ConsolidateResponse) {
        self.memories += later.memories;
        self.formed.extend(later.formed);
        let news: Vec<String> =
            later.changed.into_iter().filter(|id| !self.changed.contains(id)).collect();
        self.changed.extend(news);
        self.withdrawn.extend(later.withdrawn);
        self.remaining = later.remaining;
        self.first_lsn = self.first_lsn.or(later.first_lsn);
        self.lsn = later.lsn.or(self.lsn);
    }
}

/// Takes back what consolidation made: exactly one of `ids` and `since_lsn` is given.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UndoConsolidationRequest {
    /// These beliefs, at most 1,000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ids: Option<Vec<String>>,
    /// All that came of commits from this log sequence number on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since_lsn: Option<u64>,
}

/// What was taken back.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct UndoConsolidationResponse {
    /// Ids of beliefs that rest on less than before.
    pub changed: Vec<String>,
    /// Ids of beliefs that are gone.
    pub withdrawn: Vec<String>,
    /// Log sequence number of the commit; absent where there was nothing to take back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lsn: Option<u64>,
}

/// Reads beliefs and why they exist: one by its id, or page by page.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BeliefsRequest {
    /// This belief only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Where the page starts: `next_cursor` of the page before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
    /// Beliefs of a page, 1 to 1,000; 20 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
}

/// Beliefs, in the order in which their texts were stored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BeliefsResponse {
    /// The beliefs.
    pub beliefs: Vec<BeliefView>,
    /// Where the next page starts; absent at the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

/// A belief with all that it rests on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BeliefView {
    /// The belief.
    pub memory: MemoryView,
    /// The memories that it rests on, at most 256, in the order of the log.
    pub citations: Vec<CitationView>,
    /// Something that it rested on is gone or says something else: the next consolidation makes it anew.
    pub outdated: bool,
}

/// How a belief rests on a memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CitationRoleName {
    /// The text of the belief is words of it.
    Quoted,
    /// It says the same.
    Supports,
    /// It speaks against it.
    Dissents,
}

/// A memory that a belief rests on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CitationView {
    /// Its id.
    pub id: String,
    /// How the belief rests on it.
    pub role: CitationRoleName,
    /// Log sequence number of the commit by which the belief came to rest on it.
    pub since_lsn: u64,
    /// When it happened.
    pub happened_at: Timestamp,
}
