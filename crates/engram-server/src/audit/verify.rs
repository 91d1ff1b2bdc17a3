//! Whether the audit log is as it was written.

use std::path::Path;

use engram_store::RealFs;

use super::files::{files, read};

/// An audit log that is as it was written, up to its last line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditSummary {
    /// Number of the first line that is there; later than 1 where older files were removed.
    pub first: u64,
    /// Number of the last line; 0 where there is none.
    pub last: u64,
    /// Hash of the last line: noted elsewhere, it tells later whether lines are missing at the end.
    pub head: String,
    /// Files that hold the lines.
    pub files: usize,
    /// Bytes of a line that a crash cut off.
    pub torn_bytes: u64,
}

/// What is wrong with an audit log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditFault {
    /// Name of the file.
    pub file: String,
    /// Number of the line that should stand there.
    pub line: u64,
    /// What is wrong.
    pub what: String,
}

/// Reads all lines and follows their chain; with `noted`, the hash of a line that somebody wrote down, also whether that line is there.
///
/// # Errors
/// The first thing that is wrong.
pub fn verify_audit(dir: &Path, noted: Option<&str>) -> Result<AuditSummary, AuditFault> {
    let fault = |file: &Path, line: u64, what: String| AuditFault {
        file: file.display().to_string(),
        line,
        what,
    };
    let found = files(&RealFs, dir).map_err(|error| fault(dir, 0, error.to_string()))?;
    let first = found.first().map_or(1, |file| file.first);
    let mut summary = AuditSummary {
        first,
        last: first - 1,
        head: String::new(),
        files: found.len(),
        torn_bytes: 0,
    };
    let mut has_noted = noted.is_none();
    for file in &found {
        let next = summary.last + 1;
        if file.first != next {
            return Err(fault(&file.path, next, format!("the file with line {next} is missing")));
        }
        let text = read(&RealFs, &file.path)
            .map_err(|error| fault(&file.path, next, error.to_string()))?;
        for line in text.lines {
            let next = summary.last + 1;
            let line = line.map_err(|why| fault(&file.path, next, why))?;
            if line.seq != next {
                let what = format!("line {} stands in the place of line {next}", line.seq);
                return Err(fault(&file.path, next, what));
            }
            if line.hash != line.computed() {
                return Err(fault(&file.path, next, "the line was changed".to_owned()));
            }
            // Before the first line that is there stands one that was removed, or none.
            if !summary.head.is_empty() && line.previous != summary.head {
                let what = "the line before it is not the one that was there".to_owned();
                return Err(fault(&file.path, next, what));
            }
            has_noted |= noted.is_some_and(|hash| hash == line.hash || hash == line.previous);
            (summary.last, summary.head) = (next, line.hash);
        }
        if text.torn_bytes > 0 && Some(file) != found.last() {
            let what = "the file ends inside of a line".to_owned();
            return Err(fault(&file.path, summary.last + 1, what));
        }
        summary.torn_bytes = text.torn_bytes;
    }
    if !has_noted {
        let what = "no line has the hash that was noted: lines are missing at the end, or all were made anew";
        return Err(fault(dir, summary.last, what.to_owned()));
    }
    Ok(summary)
}
