//! [`FsBlobs`]: objects as files of one folder, for a disk beside the database or a mounted share.
//!
//! Guarantees: an object has its name only when it is complete and synced. Keys are flattened into names, `/` as `%`, which no key
//! contains, with `.blob` behind; what else stands in the folder is left alone. Changes take the lock of the folder, so that
//! processes that share it keep the promise of `put_new` too. While the lock file is missing the folder is taken for a share that
//! is not mounted: the store is not available, and nobody is told that an object is gone.

use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard};

use super::error::BlobError;
use super::key::{check_blob_key, check_blob_prefix};
use super::store::BlobStore;
use crate::fs::{Fs, FsFile, FsLock, OpenMode, write_atomically};
use crate::sync::guard;

const SUFFIX: &str = ".blob";
const LOCK_FILE: &str = "lock";

/// Waits until it is worth asking again for what another process holds, given how often it did so already; false = give up.
type Pause = dyn Fn(u32) -> bool + Send + Sync;

/// Objects in a folder.
pub struct FsBlobs {
    fs: Arc<dyn Fs>,
    dir: PathBuf,
    /// Threads of this process queue here; only other processes find the file locked.
    changing: Mutex<()>,
    pause: Box<Pause>,
}

impl FsBlobs {
    /// The objects in `dir`, which is created when missing.
    ///
    /// # Errors
    /// What creating the folder and its lock file gave.
    pub fn open(fs: Arc<dyn Fs>, dir: PathBuf) -> Result<FsBlobs, BlobError> {
        let made = fs.create_dir_all(&dir).and_then(|()| match fs.lock(&dir.join(LOCK_FILE)) {
            // Held by somebody else, so it is there.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
            locked => locked.map(drop),
        });
        made.and_then(|()| fs.sync_dir(&dir))
            .map_err(|error| BlobError::from_io(&dir.to_string_lossy(), &error))?;
        Ok(FsBlobs { fs, dir, changing: Mutex::new(()), pause: Box::new(|_| false) })
    }

    /// Waits like this while another process changes the folder, instead of giving up at once.
    #[must_use]
    pub fn with_pause(self, pause: impl Fn(u32) -> bool + Send + Sync + 'static) -> FsBlobs {
        FsBlobs { pause: Box::new(pause), ..self }
    }

    fn path(&self, key: &str) -> Result<PathBuf, BlobError> {
        check_blob_key(key)?;
        Ok(self.dir.join(key.replace('/', "%") + SUFFIX))
    }

    fn open_object(&self, key: &str) -> Result<Box<dyn FsFile>, BlobError> {
        let path = self.path(key)?;
        self.fs.open(&path, OpenMode::Read).or_else(|error| {
            if error.kind() == io::ErrorKind::NotFound {
                self.check_mounted(key)?;
            }
            Err(BlobError::from_io(key, &error))
        })
    }

    /// Held while the folder is changed.
    fn change(&self, key: &str) -> Result<(MutexGuard<'_, ()>, Box<dyn FsLock>), BlobError> {
        // Taking the lock would make the file.
        self.check_mounted(key)?;
        let held = guard(&self.changing);
        let mut waited = 0;
        let lock = loop {
            match self.fs.lock(&self.dir.join(LOCK_FILE)) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock && (self.pause)(waited) => {
                    waited += 1;
                }
                lock => break lock,
            }
        };
        Ok((held, lock.map_err(|error| BlobError::from_io(key, &error))?))
    }

    fn check_mounted(&self, key: &str) -> Result<(), BlobError> {
        match self.fs.open(&self.dir.join(LOCK_FILE), OpenMode::Read) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let what = format!("the folder {} is not mounted", self.dir.display());
                Err(BlobError::Unavailable { key: key.to_owned(), what })
            }
            opened => opened.map(drop).map_err(|error| BlobError::from_io(key, &error)),
        }
    }
}

impl BlobStore for FsBlobs {
    fn put(&self, key: &str, bytes: &[u8]) -> Result<(), BlobError> {
        let path = self.path(key)?;
        let _held = self.change(key)?;
        let written = write_atomically(self.fs.as_ref(), &path, bytes);
        written.map_err(|error| BlobError::from_io(key, &error))
    }

    fn put_new(&self, key: &str, bytes: &[u8]) -> Result<(), BlobError> {
        let path = self.path(key)?;
        let _held = self.change(key)?;
        match self.fs.open(&path, OpenMode::Read) {
            Ok(_) => return Err(BlobError::Exists { key: key.to_owned() }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(BlobError::from_io(key, &error)),
        }
        let written = write_atomically(self.fs.as_ref(), &path, bytes);
        written.map_err(|error| BlobError::from_io(key, &error))
    }

    fn get_range(&self, key: &str, offset: u64, out: &mut [u8]) -> Result<usize, BlobError> {
        let file = self.open_object(key)?;
        // The system refuses offsets beyond all files, which are behind the end of this one too.
        let read = match file.len() {
            Ok(len) if len <= offset => Ok(0),
            Ok(_) => file.read_at(offset, out),
            Err(error) => Err(error),
        };
        read.map_err(|error| BlobError::from_io(key, &error))
    }

    fn len(&self, key: &str) -> Result<u64, BlobError> {
        self.open_object(key)?.len().map_err(|error| BlobError::from_io(key, &error))
    }

    fn list(&self, prefix: &str) -> Result<Vec<String>, BlobError> {
        check_blob_prefix(prefix)?;
        self.check_mounted(prefix)?;
        let names = self.fs.list(&self.dir);
        let names = names.map_err(|error| BlobError::from_io(prefix, &error))?;
        let keys = names.iter().filter_map(|name| name.strip_suffix(SUFFIX));
        let keys = keys.map(|stem| stem.replace('%', "/"));
        let mut keys: Vec<String> =
            keys.filter(|key| check_blob_key(key).is_ok() && key.starts_with(prefix)).collect();
        // `%` sorts before `-` and `.`, `/` behind them.
        keys.sort_unstable();
        Ok(keys)
    }

    fn delete(&self, key: &str) -> Result<(), BlobError> {
        let path = self.path(key)?;
        let _held = self.change(key)?;
        match self.fs.remove(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            removed => removed.map_err(|error| BlobError::from_io(key, &error))?,
        }
        self.fs.sync_dir(&self.dir).map_err(|error| BlobError::from_io(key, &error))
    }
}
