//! [`MemoryBlobs`]: objects in memory, for tests and throw-away databases.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::{Arc, Mutex};

use super::error::BlobError;
use super::key::{check_blob_key, check_blob_prefix};
use super::store::BlobStore;
use crate::sync::guard;

/// Objects in memory; clones share the same objects.
#[derive(Clone, Debug, Default)]
pub struct MemoryBlobs {
    objects: Arc<Mutex<BTreeMap<String, Vec<u8>>>>,
}

impl MemoryBlobs {
    /// A store without objects.
    pub fn new() -> MemoryBlobs {
        MemoryBlobs::default()
    }
}

/// What is at `offset`, copied into `out`.
fn copy_range(bytes: &[u8], offset: u64, out: &mut [u8]) -> usize {
    let start = usize::try_from(offset).map_or(bytes.len(), |start| start.min(bytes.len()));
    let count = out.len().min(bytes.len() - start);
    out[..count].copy_from_slice(&bytes[start..start + count]);
    count
}

impl BlobStore for MemoryBlobs {
    fn put(&self, key: &str, bytes: &[u8]) -> Result<(), BlobError> {
        check_blob_key(key)?;
        guard(&self.objects).insert(key.to_owned(), bytes.to_vec());
        Ok(())
    }

    fn put_new(&self, key: &str, bytes: &[u8]) -> Result<(), BlobError> {
        check_blob_key(key)?;
        match guard(&self.objects).entry(key.to_owned()) {
            Entry::Occupied(_) => Err(BlobError::Exists { key: key.to_owned() }),
            Entry::Vacant(free) => {
                free.insert(bytes.to_vec());
                Ok(())
            }
        }
    }

    fn get_range(&self, key: &str, offset: u64, out: &mut [u8]) -> Result<usize, BlobError> {
        check_blob_key(key)?;
        let objects = guard(&self.objects);
        let bytes = objects.get(key).ok_or_else(|| BlobError::NotFound { key: key.to_owned() })?;
        Ok(copy_range(bytes, offset, out))
    }

    fn len(&self, key: &str) -> Result<u64, BlobError> {
        check_blob_key(key)?;
        let len = guard(&self.objects).get(key).map(|bytes| bytes.len() as u64);
        len.ok_or_else(|| BlobError::NotFound { key: key.to_owned() })
    }

    fn list(&self, prefix: &str) -> Result<Vec<String>, BlobError> {
        check_blob_prefix(prefix)?;
        let objects = guard(&self.objects);
        let keys = objects.range(prefix.to_owned()..).map(|(key, _)| key);
        Ok(keys.take_while(|key| key.starts_with(prefix)).cloned().collect())
    }

    fn delete(&self, key: &str) -> Result<(), BlobError> {
        check_blob_key(key)?;
        guard(&self.objects).remove(key);
        Ok(())
    }
}
