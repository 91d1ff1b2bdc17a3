//! Forgetting and its reversal.

use serde::{Deserialize, Serialize};

use crate::filter::FilterInput;
use crate::time::Timestamp;

/// Ids that a forget or restore answer lists at most; `count` is exact.
pub const FORGET_IDS_MAX: usize = 1_000;

/// How a memory is forgotten.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ForgetModeName {
    /// Hidden from recall, get and list; `restore` brings it back.
    #[default]
    Suppress,
    /// Gone from every route at once; nothing brings it back.
    Delete,
}

/// Forgets memories: exactly one of `ids` and `filter` is given.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ForgetRequest {
    /// These memories; an unknown id is an error and nothing is forgotten.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ids: Option<Vec<String>>,
    /// All memories that pass; a filter without any condition is refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filter: Option<FilterInput>,
    /// How; `suppress` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<ForgetModeName>,
    /// True: only say what would be forgotten.
    #[serde(default)]
    pub dry_run: bool,
    /// True, with mode `delete`: the bytes leave the disk with the next steps of maintenance, not only after
    /// `checkpoint.deleted_kept`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub purge: bool,
}

/// What was forgotten, or would be.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ForgetResponse {
    /// Whether it was only tried.
    pub dry_run: bool,
    /// How.
    pub mode: ForgetModeName,
    /// How many memories.
    pub count: u64,
    /// Their ids in the order of the log, at most 1,000.
    pub ids: Vec<String>,
    /// Ids of beliefs in words of these memories, which went with them, at most 1,000. They may come back in other words.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub beliefs: Vec<String>,
    /// The receipt; absent after a dry run and when nothing was there to forget.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub receipt: Option<ReceiptView>,
}

/// Proof of a forgetting.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReceiptView {
    /// Log sequence number of the commit that did it.
    pub lsn: u64,
    /// Time of that commit.
    pub committed_at: Timestamp,
    /// How.
    pub mode: ForgetModeName,
    /// How many memories.
    pub count: u64,
    /// What remains of them, and where.
    pub remains: String,
}

/// Asks what is left of what a forget with mode `delete` deleted.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ForgetReceiptRequest {
    /// Log sequence number of the forget: `receipt.lsn` of its answer.
    pub lsn: u64,
}

/// How far a deletion is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PurgeStateName {
    /// No answer has the memories; bytes of them may be on the disk or in the cold store.
    Pending,
    /// No file of the server's has them any more.
    Purged,
}

/// Where bytes of deleted memories may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PlaceName {
    /// Files of the space.
    Files,
    /// Objects of the cold store.
    ColdStore,
    /// Files of the log.
    Log,
}

/// What is left of deleted memories.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ForgetReceiptResponse {
    /// Log sequence number of the commit that deleted them.
    pub lsn: u64,
    /// Time of that commit.
    pub committed_at: Timestamp,
    /// How many memories.
    pub count: u64,
    /// How far it is.
    pub state: PurgeStateName,
    /// Where bytes of them may be; empty when they are purged.
    pub held_in: Vec<PlaceName>,
    /// From when on maintenance purges them; absent when it does already, and when they are purged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due_at: Option<Timestamp>,
    /// When maintenance found nothing left of them; absent while they are pending.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub purged_at: Option<Timestamp>,
    /// What is known of copies.
    pub backups: String,
}

/// Brings suppressed memories back: exactly one of `ids` and `filter` is given.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RestoreRequest {
    /// These memories; an id that is not suppressed is an error.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ids: Option<Vec<String>>,
    /// All suppressed memories that pass; an empty filter restores all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filter: Option<FilterInput>,
}

/// What was restored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RestoreResponse {
    /// How many memories.
    pub count: u64,
    /// Their ids in the order of the log, at most 1,000.
    pub ids: Vec<String>,
    /// Log sequence number of the commit; absent when nothing was suppressed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lsn: Option<u64>,
    /// Time of that commit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub committed_at: Option<Timestamp>,
}
