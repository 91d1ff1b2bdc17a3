//! Feedback: what somebody thinks of a memory.

use serde::{Deserialize, Serialize};

use crate::memory::{ConfidenceView, StrengthView};
use crate::time::Timestamp;

/// A judgement of a memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VerdictName {
    /// It served: it grows stable, and this is evidence for it.
    Useful,
    /// It did not serve: it fades sooner. That says nothing of whether it is true.
    NotUseful,
    /// It is not true: it fades sooner, and this is evidence against it.
    Wrong,
}

impl VerdictName {
    /// All verdicts.
    pub const ALL: [VerdictName; 3] =
        [VerdictName::Useful, VerdictName::NotUseful, VerdictName::Wrong];

    /// The name as it stands in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            VerdictName::Useful => "useful",
            VerdictName::NotUseful => "not_useful",
            VerdictName::Wrong => "wrong",
        }
    }
}

/// Says what somebody thinks of a memory.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FeedbackRequest {
    /// Id of the memory.
    pub id: String,
    /// What they think.
    pub verdict: VerdictName,
    /// Why, up to 1 KiB.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Whose judgement it is, where one caller speaks for several: each counts as a source of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
}

/// A judgement is durable, and what came of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FeedbackResponse {
    /// Id of the memory.
    pub id: String,
    /// Log sequence number of the commit.
    pub lsn: u64,
    /// Time of that commit.
    pub committed_at: Timestamp,
    /// How retrievable the memory is now; absent where it was forgotten in between.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub strength: Option<StrengthView>,
    /// How sure the store is of it now; absent where it was forgotten in between.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confidence: Option<ConfidenceView>,
}
