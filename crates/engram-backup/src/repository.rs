//! [`Repository`]: objects that are written once, in a store.
//!
//! Guarantees: what is read was compared with what was written; a second writer of a name with other content is refused; nothing is
//! decrypted with a key that does not fit.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use engram_store::{BlobError, BlobStore, Bug, Entropy};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::envelope::{RepositoryKey, Sealing, TOLD_BYTES, open, seal, told_hash};
use crate::error::BackupError;
use crate::{hex, keys};

/// The newest format of a repository that this version reads and the one that it begins.
const FORMAT: u32 = 1;
const CHECK_CONTEXT: &str = "engram backup 2026 key check";

/// How a repository is used.
#[derive(Clone, Debug)]
pub struct RepositoryOptions {
    /// The key, where it is encrypted.
    pub secret: Option<RepositoryKey>,
    /// Level of compression, 1 (fast) to 19.
    pub zstd_level: i32,
}

/// Bytes that went into a repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct StoredBytes {
    /// As they are.
    pub content: u64,
    /// As they are stored: packed, perhaps encrypted.
    pub stored: u64,
}

/// A place for backups.
pub struct Repository {
    blobs: Arc<dyn BlobStore>,
    entropy: Arc<dyn Entropy>,
    options: RepositoryOptions,
    id: String,
    sent: AtomicU64,
}

/// What a repository says of itself. The one object that is no envelope: it says whether a key is needed.
#[derive(Serialize, Deserialize)]
struct About {
    format: u32,
    id: String,
    encrypted: bool,
    /// Proves that a key is the right one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    key_check: Option<String>,
}

impl Repository {
    /// Opens a repository; none where there is none yet.
    ///
    /// # Errors
    /// `NewerFormat`, `WrongKey`, `Corrupt`, `Store`.
    pub fn open(
        blobs: Arc<dyn BlobStore>,
        entropy: Arc<dyn Entropy>,
        options: RepositoryOptions,
    ) -> Result<Option<Repository>, BackupError> {
        let bytes = match read_whole(&*blobs, keys::REPOSITORY) {
            Err(BackupError::Missing { .. }) => return Ok(None),
            read => read?,
        };
        let about: About = serde_json::from_slice(&bytes)
            .map_err(|error| BackupError::corrupt(keys::REPOSITORY, error.to_string()))?;
        if about.format > FORMAT {
            return Err(BackupError::NewerFormat { found: about.format, supported: FORMAT });
        }
        match (&options.secret, about.encrypted) {
            (None, false) => {}
            (None, true) => {
                return Err(BackupError::WrongKey(
                    "the repository is encrypted, and no key is given",
                ));
            }
            (Some(_), false) => {
                return Err(BackupError::WrongKey(
                    "a key is given, and the repository is not encrypted",
                ));
            }
            (Some(secret), true) => {
                if about.key_check.as_deref() != Some(&key_check(secret, &about.id)) {
                    return Err(BackupError::WrongKey("the repository was begun with another one"));
                }
            }
        }
        let sent = AtomicU64::new(0);
        Ok(Some(Repository { blobs, entropy, options, id: about.id, sent }))
    }

    /// Opens a repository, and begins it where there is none.
    ///
    /// # Errors
    /// As [`Repository::open`].
    pub fn open_or_begin(
        blobs: Arc<dyn BlobStore>,
        entropy: Arc<dyn Entropy>,
        options: RepositoryOptions,
    ) -> Result<Repository, BackupError> {
        let reopened = |blobs: Arc<dyn BlobStore>| {
            Repository::open(blobs, Arc::clone(&entropy), options.clone())
        };
        if let Some(there) = reopened(Arc::clone(&blobs))? {
            return Ok(there);
        }
        let mut id = [0; 16];
        entropy.fill(&mut id);
        let id = hex::encode(&id);
        let about = About {
            format: FORMAT,
            encrypted: options.secret.is_some(),
            key_check: options.secret.as_ref().map(|secret| key_check(secret, &id)),
            id,
        };
        let bytes = json(keys::REPOSITORY, &about)?;
        match blobs.put_new(keys::REPOSITORY, &bytes) {
            // Somebody else may have begun it just now.
            Ok(()) | Err(BlobError::Exists { .. }) => {}
            Err(error) => return Err(error.into()),
        }
        let missing = || BackupError::Missing {
            key: keys::REPOSITORY.to_owned(),
            what: "description of itself",
        };
        reopened(blobs)?.ok_or_else(missing)
    }

    /// Identity of the repository.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Whether its objects are encrypted.
    pub fn is_encrypted(&self) -> bool {
        self.options.secret.is_some()
    }

    /// Bytes that were sent since it was opened.
    pub fn sent_bytes(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    pub(crate) fn secret(&self) -> Option<&RepositoryKey> {
        self.options.secret.as_ref()
    }

    pub(crate) fn entropy(&self) -> &Arc<dyn Entropy> {
        &self.entropy
    }

    /// Stores an object that is never changed. The same content again is fine, as after an answer that was lost.
    pub(crate) fn put_new(&self, key: &str, content: &[u8]) -> Result<StoredBytes, BackupError> {
        let object = self.sealed(key, content)?;
        match self.blobs.put_new(key, &object) {
            Ok(()) => Ok(self.counted(content, &object)),
            Err(BlobError::Exists { .. }) => {
                if !Bug::ConflictBelieved.is_on() && self.get(key)? != content {
                    return Err(BackupError::Conflict { key: key.to_owned() });
                }
                Ok(StoredBytes { content: content.len() as u64, stored: self.stored_len(key)? })
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Stores an object, replacing the one with this key.
    pub(crate) fn put(&self, key: &str, content: &[u8]) -> Result<StoredBytes, BackupError> {
        let object = self.sealed(key, content)?;
        self.blobs.put(key, &object)?;
        Ok(self.counted(content, &object))
    }

    fn sealed(&self, key: &str, content: &[u8]) -> Result<Vec<u8>, BackupError> {
        let sealing = Sealing {
            secret: self.options.secret.as_ref(),
            level: self.options.zstd_level,
            entropy: &*self.entropy,
        };
        seal(key, content, &sealing)
    }

    fn counted(&self, content: &[u8], object: &[u8]) -> StoredBytes {
        self.sent.fetch_add(object.len() as u64, Ordering::Relaxed);
        StoredBytes { content: content.len() as u64, stored: object.len() as u64 }
    }

    /// The content of an object.
    pub(crate) fn get(&self, key: &str) -> Result<Vec<u8>, BackupError> {
        open(key, &read_whole(&*self.blobs, key)?, self.secret())
    }

    /// The same; none where there is no such object.
    pub(crate) fn find(&self, key: &str) -> Result<Option<Vec<u8>>, BackupError> {
        match self.get(key) {
            Err(BackupError::Missing { .. }) => Ok(None),
            found => found.map(Some),
        }
    }

    /// Whether an object says that it has this content, and how long it is as stored. Only its head is read.
    pub(crate) fn has_content(
        &self,
        key: &str,
        hash: &[u8; 32],
    ) -> Result<Option<u64>, BackupError> {
        let stored = match self.blobs.len(key) {
            Err(BlobError::NotFound { .. }) => return Ok(None),
            len => len?,
        };
        let mut head = [0; TOLD_BYTES];
        let read = self.blobs.get_range(key, 0, &mut head)?;
        Ok((told_hash(&head[..read]) == Some(*hash)).then_some(stored))
    }

    /// How long an object is as stored.
    pub(crate) fn stored_len(&self, key: &str) -> Result<u64, BackupError> {
        Ok(self.blobs.len(key)?)
    }

    /// All keys below a prefix, sorted.
    pub(crate) fn list(&self, prefix: &str) -> Result<Vec<String>, BackupError> {
        Ok(self.blobs.list(prefix)?)
    }

    /// Removes an object, if it is there.
    pub(crate) fn delete(&self, key: &str) -> Result<(), BackupError> {
        Ok(self.blobs.delete(key)?)
    }

    /// Stores a record that is never changed.
    pub(crate) fn put_new_record<T: Serialize>(
        &self,
        key: &str,
        record: &T,
    ) -> Result<StoredBytes, BackupError> {
        self.put_new(key, &json(key, record)?)
    }

    /// Stores a record, replacing the one before.
    pub(crate) fn put_record<T: Serialize>(
        &self,
        key: &str,
        record: &T,
    ) -> Result<StoredBytes, BackupError> {
        self.put(key, &json(key, record)?)
    }

    /// A record; none where there is no such object.
    pub(crate) fn record<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>, BackupError> {
        let Some(bytes) = self.find(key)? else { return Ok(None) };
        let record = serde_json::from_slice(&bytes);
        record.map(Some).map_err(|error| BackupError::corrupt(key, error.to_string()))
    }
}

fn key_check(secret: &RepositoryKey, id: &str) -> String {
    hex::encode(&secret.sign(CHECK_CONTEXT, id.as_bytes()))
}

fn json<T: Serialize>(key: &str, record: &T) -> Result<Vec<u8>, BackupError> {
    serde_json::to_vec(record).map_err(|error| BackupError::corrupt(key, error.to_string()))
}

fn read_whole(blobs: &dyn BlobStore, key: &str) -> Result<Vec<u8>, BackupError> {
    let missing = || BackupError::Missing { key: key.to_owned(), what: "such object" };
    let len = match blobs.len(key) {
        Err(BlobError::NotFound { .. }) => return Err(missing()),
        len => len?,
    };
    let mut bytes = vec![0; usize::try_from(len).unwrap_or(usize::MAX)];
    let mut at = 0;
    while at < bytes.len() {
        match blobs.get_range(key, at as u64, &mut bytes[at..])? {
            0 => return Err(BackupError::corrupt(key, "it got shorter while it was read")),
            read => at += read,
        }
    }
    Ok(bytes)
}
