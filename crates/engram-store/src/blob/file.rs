//! [`BlobFile`]: one object as a file that is only read.

use std::io;
use std::sync::Arc;

use super::error::BlobError;
use super::store::BlobStore;
use crate::fs::FsFile;

/// An object that is not replaced while it is read. Each read is one request, so readers ask for much at once. A failed read holds
/// a [`BlobError`] inside its `io::Error`.
pub struct BlobFile {
    blobs: Arc<dyn BlobStore>,
    key: String,
    len: u64,
}

impl BlobFile {
    /// Asks for the length of the object and keeps it.
    ///
    /// # Errors
    /// As [`BlobStore::len`].
    pub fn open(blobs: Arc<dyn BlobStore>, key: &str) -> Result<BlobFile, BlobError> {
        let len = blobs.len(key)?;
        Ok(BlobFile { blobs, key: key.to_owned(), len })
    }
}

fn read_only() -> io::Error {
    io::Error::new(io::ErrorKind::PermissionDenied, "an object is only read")
}

impl FsFile for BlobFile {
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.len.saturating_sub(offset)).unwrap_or(usize::MAX);
        let wanted = left.min(buf.len());
        if wanted == 0 {
            return Ok(0);
        }
        Ok(self.blobs.get_range(&self.key, offset, &mut buf[..wanted])?)
    }

    fn write_at(&self, _offset: u64, _data: &[u8]) -> io::Result<()> {
        Err(read_only())
    }

    fn sync_data(&self) -> io::Result<()> {
        Err(read_only())
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.len)
    }

    fn set_len(&self, _len: u64) -> io::Result<()> {
        Err(read_only())
    }
}
