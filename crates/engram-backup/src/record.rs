//! What stands in the records of a repository: JSON, fields may be added.

use engram_store::{CommitTime, Lsn, Manifest, SpaceId, SpaceTip};
use serde::{Deserialize, Serialize};

use crate::envelope::RepositoryKey;
use crate::error::BackupError;
use crate::repository::StoredBytes;
use crate::{hex, keys};

const SIGN_CONTEXT: &str = "engram backup 2026 verification";

/// How much of what a backup needs stands in its own record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BackupKind {
    /// All spaces, from files as new as possible.
    Full,
    /// What changed since the last full one.
    Differential,
    /// What changed since the last one of any kind.
    Incremental,
}

impl BackupKind {
    /// All kinds.
    pub const ALL: [BackupKind; 3] =
        [BackupKind::Full, BackupKind::Differential, BackupKind::Incremental];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            BackupKind::Full => "full",
            BackupKind::Differential => "differential",
            BackupKind::Incremental => "incremental",
        }
    }
}

/// One backup.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BackupRecord {
    /// Its name, which sorts by time.
    pub id: String,
    /// How much of it stands here.
    pub kind: BackupKind,
    /// Only some spaces were asked for: no other backup builds on it.
    #[serde(default)]
    pub partial: bool,
    /// The backup that it builds on; none = a full one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<String>,
    /// The directory that it is of.
    pub directory: String,
    /// The timeline that this was on.
    pub timeline: u32,
    /// Version of the program.
    pub version: String,
    /// When it was begun, ns.
    pub started_at: i64,
    /// When it was whole, ns.
    pub ended_at: i64,
    /// The spaces that changed since its parent; of a full one, all of them.
    pub spaces: Vec<SpaceRecord>,
    /// UUIDs of spaces of its parent that are gone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gone: Vec<String>,
    /// What it needs, shared with other backups or not.
    pub bytes: StoredBytes,
    /// What of that was sent for it.
    pub sent: StoredBytes,
    /// Spaces that were left out, quarantined by then or with a damaged file.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<String>,
}

/// A space in a backup.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SpaceRecord {
    /// UUID.
    pub id: String,
    /// Name by then.
    pub name: String,
    /// What its files hold; none = all of it is in the log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manifest: Option<ManifestRecord>,
    /// The files and objects that the manifest names, and its graph.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<FileRecord>,
    /// Its last commit that belongs to the backup; those behind the manifest are in the archived log.
    pub through: TipRecord,
}

/// A manifest, byte for byte.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ManifestRecord {
    /// The bytes, as hexadecimal digits.
    #[serde(with = "hex::bytes")]
    pub bytes: Vec<u8>,
    /// The last commit that it covers.
    pub lsn: u64,
    /// Time of that, ns.
    pub committed_at: i64,
}

/// A file of a backup.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FileRecord {
    /// What it is.
    pub role: FileRole,
    /// BLAKE3 of its bytes.
    #[serde(with = "hex")]
    pub hash: [u8; 32],
    /// Its length, and that of its object.
    pub bytes: StoredBytes,
}

/// What a file of a backup is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FileRole {
    /// A file, or an object of the cold store, that a manifest names.
    Segment,
    /// The file of a graph.
    Graph,
}

/// A commit of a space.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct TipRecord {
    /// LSN.
    pub lsn: u64,
    /// Commit time, ns.
    pub committed_at: i64,
    /// Hash over the history of the space up to and with it.
    #[serde(with = "hex")]
    pub chain: [u8; 16],
    /// Checksum of the state of the space after it.
    pub state_sum: u64,
}

impl BackupRecord {
    /// Whether it is of all spaces that there were.
    pub fn is_whole(&self) -> bool {
        !self.partial && self.left_out.is_empty()
    }
}

impl TipRecord {
    pub(crate) fn new(tip: &SpaceTip) -> TipRecord {
        let SpaceTip { lsn, time, chain, state_sum } = *tip;
        TipRecord { lsn: lsn.0, committed_at: time.0, chain, state_sum }
    }

    pub(crate) fn tip(&self) -> SpaceTip {
        let TipRecord { lsn, committed_at, chain, state_sum } = *self;
        SpaceTip { lsn: Lsn(lsn), time: CommitTime(committed_at), chain, state_sum }
    }
}

impl SpaceRecord {
    pub(crate) fn space(&self) -> Option<SpaceId> {
        SpaceId::parse(&self.id)
    }

    /// Its manifest.
    pub(crate) fn decoded(&self, key: &str) -> Result<Option<Manifest>, BackupError> {
        let Some(record) = &self.manifest else { return Ok(None) };
        let manifest = Manifest::decode(&record.bytes)
            .map_err(|error| BackupError::corrupt(key, error.to_string()))?;
        let fits = Some(manifest.space) == self.space() && manifest.lsn.0 == record.lsn;
        if !fits {
            return Err(BackupError::corrupt(key, "a manifest is that of another space"));
        }
        Ok(Some(manifest))
    }

    /// The last commit that its files hold; 0 without any.
    pub fn covered(&self) -> u64 {
        self.manifest.as_ref().map_or(0, |manifest| manifest.lsn)
    }
}

/// Where a space stands that a manifest is of.
pub(crate) fn tip_of(manifest: &Manifest) -> SpaceTip {
    SpaceTip {
        lsn: manifest.lsn,
        time: manifest.committed_at,
        chain: manifest.chain,
        state_sum: manifest.state_sum,
    }
}

/// Whose log is archived.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OwnerRecord {
    /// UUID of the data directory.
    pub directory: String,
    /// The timeline that it was on by then.
    pub timeline: u32,
    /// Since when, ns.
    pub since: i64,
}

/// How far the log of a timeline is archived.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HeartbeatRecord {
    /// The directory that it is of.
    pub directory: String,
    /// All commits up to this time are in the archive, ns.
    pub through: i64,
}

/// A timeline that a restore began.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TimelineRecord {
    /// Its number.
    pub timeline: u32,
    /// The one that it goes on from.
    pub parent: u32,
    /// When it was begun, ns.
    pub at: i64,
    /// What was asked for.
    pub target: String,
    /// Where each space left its parent.
    pub forks: Vec<ForkRecord>,
}

/// Where a space left a timeline.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ForkRecord {
    /// UUID of the space.
    pub space: String,
    /// The last commit that both have.
    pub lsn: u64,
}

/// A named moment to go back to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PointRecord {
    /// Its name.
    pub name: String,
    /// The timeline that it is on.
    pub timeline: u32,
    /// When it was set, ns.
    pub at: i64,
    /// Where each space stood.
    pub spaces: Vec<ForkRecord>,
}

/// What a check of a backup found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct VerificationRecord {
    /// The backup.
    pub backup: String,
    /// How deep it went, 1 to 4.
    pub level: u8,
    /// When it ended, ns.
    pub at: i64,
    /// How long it took, ns.
    pub took: i64,
    /// Objects that were looked at.
    pub objects: u64,
    /// Bytes of content that were compared.
    pub bytes: u64,
    /// What is wrong, none of it in a good backup.
    pub findings: Vec<String>,
    /// Sum over all of the above that only who has the key of the repository can make; empty where it is not encrypted.
    #[serde(default)]
    pub signature: String,
}

impl VerificationRecord {
    /// The same, signed by who has the key; without one, as nobody signed it.
    ///
    /// # Errors
    /// It cannot be written down.
    pub(crate) fn signed(
        mut self,
        secret: Option<&RepositoryKey>,
    ) -> Result<VerificationRecord, BackupError> {
        self.signature = self.due_signature(secret)?;
        Ok(self)
    }

    fn due_signature(&self, secret: Option<&RepositoryKey>) -> Result<String, BackupError> {
        let Some(secret) = secret else { return Ok(String::new()) };
        let unsigned = VerificationRecord { signature: String::new(), ..self.clone() };
        let bytes = serde_json::to_vec(&unsigned)
            .map_err(|error| BackupError::corrupt(keys::CHECKS, error.to_string()))?;
        Ok(hex::encode(&secret.sign(SIGN_CONTEXT, &bytes)))
    }

    /// What shows that the report under `key` is not one that a check wrote there; none = nothing does.
    pub(crate) fn doubt(&self, key: &str, secret: Option<&RepositoryKey>) -> Option<&'static str> {
        let due = self.due_signature(secret).ok();
        if due.as_ref() != Some(&self.signature) {
            return Some(match (self.signature.is_empty(), secret) {
                (true, _) => "it is not signed",
                (false, Some(_)) => "its signature does not fit",
                (false, None) => "it is signed, and the repository has no key",
            });
        }
        let is_in_place = key.starts_with(&keys::checks_of(&self.backup));
        (!is_in_place).then_some("it is about another backup")
    }
}
