//! The data directory: who holds it and which format it has.

use std::io::ErrorKind;
use std::path::Path;

use engram_store::{FileMoves, Fs, FsLock, read_all, write_atomically};

use crate::error::{EngineError, LogFailure};

/// Folder of the shard log.
pub(crate) const WAL_DIR: &str = "wal";
/// Folder of the manifests and segments of spaces.
pub(crate) const SPACES_DIR: &str = "spaces";
/// Folder of the proximity graphs.
pub(crate) const INDEX_DIR: &str = "index";
pub(crate) const LOCK_FILE: &str = "LOCK";
pub(crate) const FORMAT_FILE: &str = "FORMAT";
const FORMAT_PREFIX: &str = "engram data directory, format ";
const FORMAT_VERSION: u32 = 1;

/// Whether a directory was ever opened to the end.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Age {
    New,
    Old,
}

/// Creates the directory where it is missing, locks it, and refuses a newer format.
pub(crate) fn claim(fs: &dyn Fs, dir: &Path) -> Result<(Box<dyn FsLock>, Age), EngineError> {
    fs.create_dir_all(&dir.join(WAL_DIR)).map_err(|error| io_failure(dir, &error))?;
    let lock = lock_directory(fs, dir)?;
    // A repair that was interrupted is completed before anything is looked at.
    FileMoves::finish(fs, dir)?;
    let path = dir.join(FORMAT_FILE);
    match read_all(fs, &path) {
        Ok(bytes) => check_format(&bytes, &path).map(|()| (lock, Age::Old)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok((lock, Age::New)),
        Err(error) => Err(io_failure(&path, &error)),
    }
}

/// Takes the lock of a data directory, which is held until the guard is dropped.
///
/// # Errors
/// Somebody else holds it, or it cannot be taken.
pub fn lock_directory(fs: &dyn Fs, dir: &Path) -> Result<Box<dyn FsLock>, EngineError> {
    fs.lock(&dir.join(LOCK_FILE)).map_err(|error| match error.kind() {
        ErrorKind::WouldBlock => EngineError::DataDirLocked { dir: dir.display().to_string() },
        _ => io_failure(dir, &error),
    })
}

/// Writes down the format of a new directory. Done last: until then the next open takes it for new.
pub(crate) fn mark(fs: &dyn Fs, dir: &Path) -> Result<(), EngineError> {
    let path = dir.join(FORMAT_FILE);
    write_atomically(fs, &path, format_line().as_bytes()).map_err(|error| io_failure(&path, &error))
}

/// What the file of the format says.
pub(crate) fn format_line() -> String {
    format!("{FORMAT_PREFIX}{FORMAT_VERSION}\n")
}

/// # Errors
/// A newer format, or none.
pub(crate) fn check_format(bytes: &[u8], path: &Path) -> Result<(), EngineError> {
    let found = std::str::from_utf8(bytes)
        .ok()
        .and_then(|text| text.strip_prefix(FORMAT_PREFIX))
        .and_then(|rest| rest.trim_end().parse::<u32>().ok());
    match found {
        Some(found) if found <= FORMAT_VERSION && found > 0 => Ok(()),
        Some(found) if found > 0 => {
            Err(EngineError::NewerFormat { found, supported: FORMAT_VERSION })
        }
        _ => {
            let what = format!("{} does not name a format", path.display());
            Err(EngineError::Log(LogFailure::Corrupt(what)))
        }
    }
}

/// What an input/output error means to a caller.
pub(crate) fn io_failure(path: &Path, error: &std::io::Error) -> EngineError {
    let text = format!("{}: {error}", path.display());
    EngineError::Log(match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => LogFailure::DiskFull(text),
        _ => LogFailure::Io(text),
    })
}
