//! [`OverlayBlobs`]: another store, seen through changes that go elsewhere.
//!
//! Code that writes to a store, a restore or a check of backups above all, can be run on one that must not be touched: it sees its own
//! changes, the store below is only read. What is changed takes room in the other store, and nothing is copied for it.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use super::error::BlobError;
use super::store::BlobStore;
use crate::sync::guard;

/// A store over another one, which is only read. Which of its objects are deleted is known to this value alone.
pub struct OverlayBlobs {
    below: Arc<dyn BlobStore>,
    changes: Arc<dyn BlobStore>,
    /// Objects of the store below that do not show.
    gone: Mutex<BTreeSet<String>>,
}

impl OverlayBlobs {
    /// Over `below`; what is put goes to `changes`, which nobody else uses.
    pub fn new(below: Arc<dyn BlobStore>, changes: Arc<dyn BlobStore>) -> OverlayBlobs {
        OverlayBlobs { below, changes, gone: Mutex::default() }
    }

    /// Asks the store that has the object, if any has it.
    fn ask<T>(
        &self,
        key: &str,
        read: &mut dyn FnMut(&dyn BlobStore) -> Result<T, BlobError>,
    ) -> Result<T, BlobError> {
        match read(&*self.changes) {
            Err(BlobError::NotFound { .. }) if !guard(&self.gone).contains(key) => {
                read(&*self.below)
            }
            answer => answer,
        }
    }
}

impl BlobStore for OverlayBlobs {
    fn put(&self, key: &str, bytes: &[u8]) -> Result<(), BlobError> {
        self.changes.put(key, bytes)
    }

    fn put_new(&self, key: &str, bytes: &[u8]) -> Result<(), BlobError> {
        if !guard(&self.gone).contains(key) {
            match self.below.len(key) {
                Ok(_) => return Err(BlobError::Exists { key: key.to_owned() }),
                Err(BlobError::NotFound { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        self.changes.put_new(key, bytes)
    }

    fn get_range(&self, key: &str, offset: u64, out: &mut [u8]) -> Result<usize, BlobError> {
        self.ask(key, &mut |store| store.get_range(key, offset, out))
    }

    fn len(&self, key: &str) -> Result<u64, BlobError> {
        self.ask(key, &mut |store| store.len(key))
    }

    fn list(&self, prefix: &str) -> Result<Vec<String>, BlobError> {
        let mut keys: BTreeSet<String> = self.below.list(prefix)?.into_iter().collect();
        keys.retain(|key| !guard(&self.gone).contains(key));
        keys.extend(self.changes.list(prefix)?);
        Ok(keys.into_iter().collect())
    }

    fn delete(&self, key: &str) -> Result<(), BlobError> {
        self.changes.delete(key)?;
        guard(&self.gone).insert(key.to_owned());
        Ok(())
    }
}
