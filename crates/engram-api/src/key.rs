//! Keys of the API, and who a caller is.

use serde::{Deserialize, Serialize};

use crate::time::Timestamp;

/// What a key may do, by one name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RoleName {
    /// Reads.
    Reader,
    /// Reads, writes and trains.
    Writer,
    /// And forgets.
    Curator,
    /// And creates, deletes and imports spaces.
    SpaceAdmin,
    /// Everything, the node included.
    Operator,
}

/// Creates a key.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CreateKeyRequest {
    /// Name of whoever uses it: 1 to 64 of `a-z 0-9 - _ .`; no other key ever had it.
    pub name: String,
    /// What it may do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<RoleName>,
    /// Operations that it may call, beside those of the role.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub operations: Vec<String>,
    /// Spaces that it may touch: names, or what names start with and `*`.
    pub spaces: Vec<String>,
    /// When it ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// Requests that it may make each second; any number when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requests_per_second: Option<u32>,
    /// Most that its memories may claim as trust of their source, confidence and importance; 1 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trust_max: Option<f32>,
}

/// Gives a key another secret.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RotateKeyRequest {
    /// The key.
    pub id: String,
    /// How long the old secret still works; a day when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub overlap_seconds: Option<u32>,
}

/// Ends a key.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RevokeKeyRequest {
    /// The key.
    pub id: String,
}

/// A key, without its secret.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct KeyView {
    /// The part of the key that is no secret.
    pub id: String,
    /// Name of whoever uses it.
    pub name: String,
    /// What it may do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<RoleName>,
    /// Operations that it may call, beside those of the role.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub operations: Vec<String>,
    /// Spaces that it may touch.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub spaces: Vec<String>,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// When it was revoked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked_at: Option<Timestamp>,
    /// When it was last used, to the minute.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_used_at: Option<Timestamp>,
    /// Until when the secret before the last rotation works.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub old_secret_until: Option<Timestamp>,
    /// Requests that it may make each second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requests_per_second: Option<u32>,
    /// Most that its memories may claim as trust of their source, confidence and importance.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trust_max: Option<f32>,
}

/// A key with its secret, which is shown this once.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct IssuedKeyView {
    /// The key.
    pub key: KeyView,
    /// The whole credential, to be sent as `Authorization: Bearer`.
    pub secret: String,
}

impl std::fmt::Debug for IssuedKeyView {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("IssuedKeyView").field("key", &self.key).finish_non_exhaustive()
    }
}

/// All keys.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ListKeysResponse {
    /// By name.
    pub keys: Vec<KeyView>,
}

/// Who the caller is, as the server sees it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CallerView {
    /// Whether requests have to say whose they are.
    pub authentication: bool,
    /// What stands in `source.principal` of memories that this caller writes; absent where nobody has to say who they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub principal: Option<String>,
    /// Operations that it may call.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub operations: Vec<String>,
    /// Spaces that it may touch: names, or what names start with and `*`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub spaces: Vec<String>,
    /// When its credential ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
}
