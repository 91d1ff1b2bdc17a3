//! The files of the audit log: named by the number of their first line, appended to, removed from the front.

use std::io;
use std::path::{Path, PathBuf};

use engram_store::{Fs, read_all};

use super::line::AuditLine;

const PREFIX: &str = "audit-";
const SUFFIX: &str = ".jsonl";

/// A file of the audit log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct AuditFile {
    pub(super) first: u64,
    pub(super) path: PathBuf,
}

/// Path of the file that begins with a line.
pub(super) fn path_of(dir: &Path, first: u64) -> PathBuf {
    dir.join(format!("{PREFIX}{first:016}{SUFFIX}"))
}

/// The files of a folder, in the order of their lines.
pub(super) fn files(fs: &dyn Fs, dir: &Path) -> io::Result<Vec<AuditFile>> {
    let names = match fs.list(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        listed => listed?,
    };
    let first = |name: &str| name.strip_prefix(PREFIX)?.strip_suffix(SUFFIX)?.parse::<u64>().ok();
    let mut files: Vec<AuditFile> = names
        .iter()
        .filter_map(|name| first(name))
        .map(|first| AuditFile { first, path: path_of(dir, first) })
        .collect();
    files.sort_by_key(|file| file.first);
    Ok(files)
}

/// What stands in a file: its lines as far as they are whole, and the bytes that they take.
pub(super) struct AuditText {
    pub(super) lines: Vec<Result<AuditLine, String>>,
    pub(super) whole_bytes: u64,
    /// Bytes behind the last line break.
    pub(super) torn_bytes: u64,
}

pub(super) fn read(fs: &dyn Fs, path: &Path) -> io::Result<AuditText> {
    let bytes = read_all(fs, path)?;
    let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    let lines = bytes[..whole].split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    let lines = lines
        .map(|line| serde_json::from_slice::<AuditLine>(line).map_err(|error| error.to_string()));
    Ok(AuditText {
        lines: lines.collect(),
        whole_bytes: whole as u64,
        torn_bytes: (bytes.len() - whole) as u64,
    })
}
