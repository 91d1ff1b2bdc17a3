//! The change feed of a space: which memories changed, and how.

use serde::{Deserialize, Serialize};

use crate::feedback::{DecisionName, VerdictName};
use crate::time::Timestamp;

/// Reads what changed in a space behind a commit.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChangesRequest {
    /// Log sequence number of the last commit that was seen; when absent, the last commit of the space.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<u64>,
    /// Most commits of a page; 100 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    /// How long to wait for a change where there is none yet, seconds; 0 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wait_seconds: Option<u32>,
}

/// What changed behind a commit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ChangesResponse {
    /// Commits that changed something, in order.
    pub commits: Vec<CommitView>,
    /// Where to go on: everything up to this commit was looked at.
    pub lsn: u64,
    /// Changes that are not kept any more; absent when there are none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub missed: Option<MissedView>,
}

/// The changes of one commit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CommitView {
    /// Its log sequence number.
    pub lsn: u64,
    /// Its time.
    pub committed_at: Timestamp,
    /// What changed, in order.
    pub changes: Vec<ChangeView>,
}

/// What became of a memory, or between two.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ChangeView {
    /// What happened.
    pub change: ChangeName,
    /// Id of the memory.
    pub id: String,
    /// Its new version, where it was updated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<u32>,
    /// Id of the other memory, where it is about two.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub other: Option<String>,
    /// What was said of it, where it was judged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict: Option<VerdictName>,
    /// What was decided about the two.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decision: Option<DecisionName>,
}

/// Sorts of changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChangeName {
    /// Stored for the first time.
    Remembered,
    /// A newer version was stored.
    Updated,
    /// Said again, and not stored again.
    Merged,
    /// Hidden.
    Suppressed,
    /// No longer hidden.
    Restored,
    /// Gone for good.
    Deleted,
    /// Associated with the other by somebody.
    Associated,
    /// Associations to the other were taken away.
    Dissociated,
    /// Says what the other, an earlier one, says.
    Repeated,
    /// May change or deny the other, an earlier one.
    Marked,
    /// Judged.
    Judged,
    /// Decided about, with the other.
    Decided,
    /// A belief: made, or what it rests on changed.
    Believed,
    /// A belief: taken apart.
    Dissolved,
}

/// Changes that are not kept any more.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct MissedView {
    /// Log sequence number of the last commit that was seen.
    pub after: u64,
    /// The first commit behind it whose changes are known.
    pub before: u64,
}
