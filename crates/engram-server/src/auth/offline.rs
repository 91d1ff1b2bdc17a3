//! Keys of a data directory that no server uses: the first key has to come from somewhere.

use std::path::Path;
use std::sync::Arc;

use engram_api::{
    CreateKeyRequest, ErrorCode, IssuedKeyView, KeyView, Problem, RevokeKeyRequest,
    RotateKeyRequest,
};
use engram_engine::lock_directory;
use engram_store::{Fs as _, FsLock, OsEntropy, RealFs, SystemClock};

use crate::auth::grant::Grant;
use crate::auth::record::{KeyRecord, read_keys};
use crate::auth::ring::{KeyRing, NewKey, RingParts};
use crate::refusal::Refusal;

/// The keys of a data directory, held against servers.
pub struct OfflineKeys {
    ring: KeyRing,
    _lock: Box<dyn FsLock>,
}

impl std::fmt::Debug for OfflineKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OfflineKeys").finish_non_exhaustive()
    }
}

impl OfflineKeys {
    /// Locks the directory, which is created where it is missing, and reads its keys.
    ///
    /// # Errors
    /// A server uses the directory, or the keys are damaged.
    pub fn open(dir: &Path) -> Result<OfflineKeys, Box<Problem>> {
        let created = RealFs.create_dir_all(dir);
        created.map_err(|error| {
            Problem::new(ErrorCode::IoFailed, format!("{}: {error}", dir.display()))
        })?;
        let lock = lock_directory(&RealFs, dir).map_err(|error| Refusal::from(error).0)?;
        let parts = RingParts {
            fs: Arc::new(RealFs),
            clock: Arc::new(SystemClock),
            entropy: Arc::new(OsEntropy),
        };
        let ring = KeyRing::open(parts, dir.to_owned()).map_err(|refusal| refusal.0)?;
        ring.own().map_err(|refusal| refusal.0)?;
        Ok(OfflineKeys { ring, _lock: lock })
    }

    /// As the operation `create_key`.
    ///
    /// # Errors
    /// As the operation.
    pub fn create(&self, request: CreateKeyRequest) -> Result<IssuedKeyView, Box<Problem>> {
        let new = new_key(request).map_err(|refusal| refusal.0)?;
        self.ring.create(new).map_err(|refusal| refusal.0)
    }

    /// As the operation `list_keys`.
    pub fn list(&self) -> Vec<KeyView> {
        self.ring.list()
    }

    /// As the operation `rotate_key`.
    ///
    /// # Errors
    /// As the operation.
    pub fn rotate(&self, request: &RotateKeyRequest) -> Result<IssuedKeyView, Box<Problem>> {
        self.ring.rotate(&request.id, request.overlap_seconds).map_err(|refusal| refusal.0)
    }

    /// As the operation `revoke_key`.
    ///
    /// # Errors
    /// As the operation.
    pub fn revoke(&self, request: &RevokeKeyRequest) -> Result<KeyView, Box<Problem>> {
        self.ring.revoke(&request.id).map_err(|refusal| refusal.0)
    }
}

/// The keys of a data directory, which a server may have open: they are looked at and nothing is locked or written. A use of the last
/// ten minutes may be missing.
///
/// # Errors
/// The keys are damaged or cannot be read.
pub fn look_at_keys(dir: &Path) -> Result<Vec<KeyView>, Box<Problem>> {
    let records = read_keys(&RealFs, dir).map_err(|refusal| refusal.0)?;
    Ok(records.iter().map(KeyRecord::view).collect())
}

/// What a request to create a key asks for.
pub(crate) fn new_key(request: CreateKeyRequest) -> Result<NewKey, Refusal> {
    let CreateKeyRequest {
        name,
        role,
        operations,
        spaces,
        expires_at,
        requests_per_second,
        trust_max,
    } = request;
    let grant = Grant::read(role, &operations, spaces, trust_max)?;
    let expires_at = expires_at.map(|at| at.nanoseconds());
    Ok(NewKey { name, grant, expires_at, requests_per_second })
}
