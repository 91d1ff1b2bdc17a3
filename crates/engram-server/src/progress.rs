//! How far the engine has come with opening: the bytes it read, seen at the file seam.
//!
//! The wrapper adds nothing but two counters; every promise of the wrapped file system holds unchanged.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use engram_store::{Fs, FsFile, FsLock, OpenMode};

/// Bytes that went through the file seam since the start.
#[derive(Debug, Default)]
pub(crate) struct FsTraffic {
    read_bytes: AtomicU64,
    written_bytes: AtomicU64,
}

impl FsTraffic {
    pub(crate) fn read_bytes(&self) -> u64 {
        self.read_bytes.load(Ordering::Relaxed)
    }

    pub(crate) fn written_bytes(&self) -> u64 {
        self.written_bytes.load(Ordering::Relaxed)
    }
}

/// A file system whose traffic is counted.
pub(crate) struct CountedFs {
    inner: Arc<dyn Fs>,
    traffic: Arc<FsTraffic>,
}

impl CountedFs {
    pub(crate) fn new(inner: Arc<dyn Fs>, traffic: Arc<FsTraffic>) -> CountedFs {
        CountedFs { inner, traffic }
    }
}

impl Fs for CountedFs {
    fn create_dir_all(&self, dir: &Path) -> io::Result<()> {
        self.inner.create_dir_all(dir)
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        self.inner.list(dir)
    }

    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Box<dyn FsFile>> {
        let file = self.inner.open(path, mode)?;
        Ok(Box::new(CountedFile { file, traffic: Arc::clone(&self.traffic) }))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.inner.rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.inner.remove(path)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        self.inner.sync_dir(dir)
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn FsLock>> {
        self.inner.lock(path)
    }
}

struct CountedFile {
    file: Box<dyn FsFile>,
    traffic: Arc<FsTraffic>,
}

impl FsFile for CountedFile {
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read_at(offset, buf)?;
        self.traffic.read_bytes.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }

    fn write_at(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.file.write_at(offset, data)?;
        self.traffic.written_bytes.fetch_add(data.len() as u64, Ordering::Relaxed);
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        self.file.sync_data()
    }

    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.file.set_len(len)
    }
}
