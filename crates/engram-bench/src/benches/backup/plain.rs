//! The baseline: every file of a folder copied and synced, one after the other.

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::path::Path;
use std::time::Instant;

use super::line::Rate;
use crate::failure::BenchError;

/// Bytes that are read and written at once.
const BUFFER: usize = 1 << 20;

/// Copies what is below `from` to `to`, which is made: like `cp -r` and a sync of every file and folder.
pub(super) fn copy(from: &Path, to: &Path) -> Result<Rate, BenchError> {
    let started = Instant::now();
    let bytes = folder(from, to, &mut vec![0; BUFFER]).map_err(BenchError::file(to))?;
    Ok(Rate { bytes, seconds: started.elapsed().as_secs_f64() })
}

/// Bytes of all files below a folder; 0 where there is none.
pub(super) fn bytes_below(folder: &Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(folder) else { return 0 };
    let bytes = |entry: std::fs::DirEntry| match entry.metadata() {
        Ok(found) if found.is_dir() => bytes_below(&entry.path()),
        Ok(found) => found.len(),
        // It went away in this moment.
        Err(_) => 0,
    };
    entries.flatten().map(bytes).sum()
}

fn folder(from: &Path, to: &Path, buffer: &mut [u8]) -> io::Result<u64> {
    std::fs::create_dir_all(to)?;
    let mut bytes = 0;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        bytes += if entry.file_type()?.is_dir() {
            folder(&source, &target, buffer)?
        } else {
            file(&source, &target, buffer)?
        };
    }
    File::open(to)?.sync_all()?;
    Ok(bytes)
}

/// By hand: the copy of the standard library may let the file system share the blocks.
fn file(from: &Path, to: &Path, buffer: &mut [u8]) -> io::Result<u64> {
    let (mut source, mut target) = (File::open(from)?, File::create(to)?);
    let mut bytes = 0;
    loop {
        let read = source.read(buffer)?;
        if read == 0 {
            target.sync_all()?;
            return Ok(bytes);
        }
        target.write_all(&buffer[..read])?;
        bytes += read as u64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_below_is_copied() {
        let scratch = tempfile::tempdir().unwrap();
        let from = scratch.path().join("from");
        std::fs::create_dir_all(from.join("deep/deeper")).unwrap();
        let long = vec![7; BUFFER + 5];
        std::fs::write(from.join("deep/deeper/a"), &long).unwrap();
        std::fs::write(from.join("b"), "xyz").unwrap();
        let to = scratch.path().join("to");
        let rate = copy(&from, &to).unwrap();
        assert_eq!(rate.bytes, long.len() as u64 + 3);
        assert_eq!(bytes_below(&to), rate.bytes);
        assert_eq!(bytes_below(&to.join("nowhere")), 0);
        assert_eq!(std::fs::read(to.join("deep/deeper/a")).unwrap(), long);
        assert_eq!(std::fs::read(to.join("b")).unwrap(), b"xyz");
    }
}
