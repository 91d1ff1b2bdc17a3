//! The file seam: every byte that the database keeps goes through [`Fs`].
//!
//! The trait is small and says for each call what survives a power cut, so that a simulator can stand in for
//! the kernel. Three implementations live here: [`RealFs`] (the operating system), [`MemoryFs`] (tests and
//! throw-away databases) and [`OverlayFs`] (changes in memory over files that stay as they are). Every implementation passes
//! `conformance::check_fs`.

mod memory;
mod overlay;
mod real;

use std::io;
use std::path::Path;

pub use memory::MemoryFs;
pub use overlay::OverlayFs;
pub use real::RealFs;

use crate::bug::Bug;

/// How [`Fs::open`] opens a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OpenMode {
    /// The file must exist; it is only read.
    Read,
    /// The file must exist; it is read and written.
    Write,
    /// The file must not exist; it is created empty, then read and written.
    Create,
}

/// A file system, or something that behaves like one.
///
/// Paths are absolute or relative to the process; directories are flat lists of files to the callers. Errors
/// are those of `std::io`: `NotFound`, `AlreadyExists`, `StorageFull` and `WouldBlock` carry meaning, all others
/// count as a failed device.
pub trait Fs: Send + Sync {
    /// Creates `dir` and every missing level above it; the parent of each created level is synced, so
    /// that the directory survives a power cut. An existing directory is fine. Other accounts get into none that is created.
    fn create_dir_all(&self, dir: &Path) -> io::Result<()>;

    /// The names of the files in `dir`, sorted. `NotFound` when there is no such directory.
    fn list(&self, dir: &Path) -> io::Result<Vec<String>>;

    /// Opens a file. A created file survives a power cut only after [`Fs::sync_dir`] on its directory.
    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Box<dyn FsFile>>;

    /// Renames a file, replacing `to`. Atomic: a power cut leaves the old or the new state. Durable only after
    /// [`Fs::sync_dir`]. Open handles keep following the file.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Removes a file. Durable only after [`Fs::sync_dir`].
    fn remove(&self, path: &Path) -> io::Result<()>;

    /// Makes the creations, renames and removals in `dir` durable.
    fn sync_dir(&self, dir: &Path) -> io::Result<()>;

    /// Takes the exclusive advisory lock on `path`, creating the file when missing. `WouldBlock` when it is held,
    /// by this process or another. Released when the returned guard is dropped or the process ends.
    fn lock(&self, path: &Path) -> io::Result<Box<dyn FsLock>>;

    /// The bytes that may still be written to files in `dir`; `None` where nobody knows.
    fn free_bytes(&self, _dir: &Path) -> io::Result<Option<u64>> {
        Ok(None)
    }
}

/// A held lock; dropping it releases it.
pub trait FsLock: Send + Sync {}

/// An open file with positional access; there is no cursor, so readers and the writer share one handle.
pub trait FsFile: Send + Sync {
    /// Reads at `offset` into `buf` and returns the count of bytes read; it is less than asked only at the end
    /// of the file, 0 behind it.
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<usize>;

    /// Writes all of `data` at `offset`, growing the file when needed. After an error any part of `data` may
    /// have been written. Volatile until [`FsFile::sync_data`].
    fn write_at(&self, offset: u64, data: &[u8]) -> io::Result<()>;

    /// Makes all writes to this file, and the length needed to read them back, durable (`fdatasync`).
    /// After an error nothing is known about what was written since the last success: never retry.
    fn sync_data(&self) -> io::Result<()>;

    /// The length of the file in bytes.
    fn len(&self) -> io::Result<u64>;

    /// True when the file has no bytes.
    fn is_empty(&self) -> io::Result<bool> {
        Ok(self.len()? == 0)
    }

    /// Cuts the file or extends it with zeros. Volatile until [`FsFile::sync_data`].
    fn set_len(&self, len: u64) -> io::Result<()>;
}

/// Replaces the file at `path` by `bytes` so that a power cut leaves the old content or the new, never a mix:
/// temporary file, sync, rename, directory sync. The temporary file is `path` with `.tmp` added; a
/// leftover of an earlier crash is overwritten.
pub fn write_atomically(fs: &dyn Fs, path: &Path, bytes: &[u8]) -> io::Result<()> {
    let parent = path.parent().ok_or(io::ErrorKind::InvalidInput)?;
    let mut name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?.to_owned();
    name.push(".tmp");
    let temporary = parent.join(name);
    match fs.remove(&temporary) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let written = write_new(fs, &temporary, bytes);
    if let Err(error) = written {
        // A full disk must get its bytes back; the first error is the one that matters.
        let _ = fs.remove(&temporary);
        return Err(error);
    }
    fs.rename(&temporary, path)?;
    fs.sync_dir(parent)
}

fn write_new(fs: &dyn Fs, path: &Path, bytes: &[u8]) -> io::Result<()> {
    let file = fs.open(path, OpenMode::Create)?;
    file.write_at(0, bytes)?;
    if Bug::ReplacedUnsynced.is_on() {
        return Ok(());
    }
    file.sync_data()
}

/// Reads the whole file at `path`.
pub fn read_all(fs: &dyn Fs, path: &Path) -> io::Result<Vec<u8>> {
    let file = fs.open(path, OpenMode::Read)?;
    let len = usize::try_from(file.len()?).map_err(|_| io::ErrorKind::FileTooLarge)?;
    let mut bytes = vec![0; len];
    let read = file.read_at(0, &mut bytes)?;
    bytes.truncate(read);
    Ok(bytes)
}
