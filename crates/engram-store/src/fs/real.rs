//! [`RealFs`]: the operating system's files, by `std` alone.
//!
//! Positional reads and writes (no shared cursor), `fdatasync` for data, `fsync` for directories, and the
//! advisory lock of `std::fs::File`. This is the one place of the workspace below the binary that opens files.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, FileExt};
use std::path::Path;

use super::{Fs, FsFile, FsLock, OpenMode};

/// Directories that are created let nobody in but their account: memories lie in them.
const DIRECTORY_MODE: u32 = 0o700;

/// The file system of the operating system.
#[derive(Clone, Copy, Debug, Default)]
pub struct RealFs;

impl Fs for RealFs {
    fn create_dir_all(&self, dir: &Path) -> io::Result<()> {
        let mut missing = Vec::new();
        let mut level = dir;
        while !level.as_os_str().is_empty() && !level.is_dir() {
            missing.push(level);
            match level.parent() {
                Some(parent) => level = parent,
                None => break,
            }
        }
        for level in missing.into_iter().rev() {
            match DirBuilder::new().mode(DIRECTORY_MODE).create(level) {
                // Somebody else may create the same level at the same time.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists && level.is_dir() => {}
                result => result?,
            }
            match level.parent() {
                Some(parent) if !parent.as_os_str().is_empty() => self.sync_dir(parent)?,
                _ => self.sync_dir(Path::new("."))?,
            }
        }
        Ok(())
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in std::fs::read_dir(dir)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                continue;
            }
            // Engram writes ASCII names only, so a name that is no UTF-8 is none of its files.
            if let Ok(name) = entry.file_name().into_string() {
                names.push(name);
            }
        }
        names.sort_unstable();
        Ok(names)
    }

    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Box<dyn FsFile>> {
        let mut options = OpenOptions::new();
        match mode {
            OpenMode::Read => options.read(true),
            OpenMode::Write => options.read(true).write(true),
            OpenMode::Create => options.read(true).write(true).create_new(true),
        };
        Ok(Box::new(RealFile(open(&options, path)?)))
    }

    #[expect(clippy::disallowed_methods, reason = "this is the seam itself")]
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        std::fs::rename(from, to)
    }

    #[expect(clippy::disallowed_methods, reason = "this is the seam itself")]
    fn remove(&self, path: &Path) -> io::Result<()> {
        std::fs::remove_file(path)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        open(OpenOptions::new().read(true), dir)?.sync_all()
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn FsLock>> {
        let file =
            open(OpenOptions::new().read(true).write(true).create(true).truncate(false), path)?;
        match file.try_lock() {
            Ok(()) => Ok(Box::new(RealLock { _file: file })),
            Err(TryLockError::WouldBlock) => Err(io::ErrorKind::WouldBlock.into()),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    fn free_bytes(&self, dir: &Path) -> io::Result<Option<u64>> {
        let volume = rustix::fs::statvfs(dir)?;
        Ok(Some(volume.f_bavail.saturating_mul(volume.f_frsize)))
    }
}

#[expect(clippy::disallowed_methods, reason = "this is the seam itself")]
fn open(options: &OpenOptions, path: &Path) -> io::Result<File> {
    options.open(path)
}

/// Closing the file releases the lock.
struct RealLock {
    _file: File,
}

impl FsLock for RealLock {}

struct RealFile(File);

impl FsFile for RealFile {
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
        let mut read = 0;
        while read < buf.len() {
            match self.0.read_at(&mut buf[read..], offset + read as u64) {
                Ok(0) => break,
                Ok(count) => read += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(read)
    }

    fn write_at(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.0.write_all_at(data, offset)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.0.sync_data()
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.0.metadata()?.len())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.0.set_len(len)
    }
}
