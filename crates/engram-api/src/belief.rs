//! What stands in every answer with a belief.

use serde::{Deserialize, Serialize};

use crate::time::Timestamp;

/// What a belief that consolidation made rests on, in short.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BeliefSummaryView {
    /// Memories that it rests on.
    pub count: u64,
    /// Those of them that speak against it.
    pub dissent: u64,
    /// When the first of what it rests on happened.
    pub from: Timestamp,
    /// When the last of it ended.
    pub until: Timestamp,
    /// Ids of memories that it rests on, first those whose words it is; at most 10. `beliefs` has all.
    pub citations: Vec<String>,
    /// The model that put it into words; absent where they are words of its memories, or a caller's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// A caller has written its text: consolidation leaves that alone.
    #[serde(default)]
    pub held: bool,
}
