//! Reading what `strace` wrote: which calls a server makes on its data, and which of them were made to fail.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, SystemTime};

/// One call as it began.
pub(super) struct Call<'a> {
    pub(super) name: &'a str,
    /// Which call of this name it is in its thread, from 1: how `when=` counts.
    pub(super) number: u64,
    pub(super) arguments: &'a str,
    pub(super) at: SystemTime,
    pub(super) injected: bool,
}

/// The calls of a trace made with `-f -y -ttt`, in the order in which they began.
pub(super) fn calls(trace: &str) -> Vec<Call<'_>> {
    let mut counts: BTreeMap<(&str, &str), u64> = BTreeMap::new();
    let mut open: BTreeMap<&str, usize> = BTreeMap::new();
    let mut calls: Vec<Call<'_>> = Vec::new();
    for line in trace.lines() {
        let Some((thread, time, text)) = split(line) else {
            continue;
        };
        let injected = text.ends_with("(INJECTED)");
        if text.starts_with("<...") {
            if let Some(begun) = open.remove(thread) {
                calls[begun].injected |= injected;
            }
            continue;
        }
        let Some((name, arguments)) = text.split_once('(') else {
            continue;
        };
        if text.ends_with("<unfinished ...>") {
            open.insert(thread, calls.len());
        }
        let count = counts.entry((thread, name)).or_default();
        *count += 1;
        calls.push(Call { name, number: *count, arguments, at: time, injected });
    }
    calls
}

/// Thread, time and the rest of a line.
fn split(line: &str) -> Option<(&str, SystemTime, &str)> {
    let (thread, rest) = line.split_once(' ')?;
    let (time, text) = rest.trim_start().split_once(' ')?;
    let time = time.parse().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())?;
    Some((thread, SystemTime::UNIX_EPOCH + time, text))
}

impl Call<'_> {
    /// Whether it touches something in this folder.
    pub(super) fn within(&self, folder: &Path) -> bool {
        self.arguments.contains(&*folder.to_string_lossy())
    }

    /// What in this folder it touches.
    pub(super) fn files(&self, folder: &Path) -> Vec<String> {
        let folder = folder.to_string_lossy();
        let found = self.arguments.match_indices(&*folder);
        found
            .map(|(at, _)| {
                let rest = &self.arguments[at..];
                rest[..rest.find(['"', '>']).unwrap_or(rest.len())].to_owned()
            })
            .collect()
    }

    /// Whether it touches a file of the log that is in use: its name is a number, not that of a spare.
    pub(super) fn on_the_log(&self) -> bool {
        let names = self.arguments.split("/wal/").skip(1);
        names
            .filter_map(|rest| rest.split_once(".wal"))
            .any(|(name, _)| name.len() == 16 && name.bytes().all(|byte| byte.is_ascii_hexdigit()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_counted_in_their_threads_and_joined() {
        let trace = "\
7 100.5 openat(AT_FDCWD</>, \"/d/wal/spare-0000000000000002.wal\", O_RDWR) = 3</d/x>
8 100.6 fdatasync(3</d/wal/0000000000000001.wal> <unfinished ...>
7 100.7 fdatasync(4</e>) = 0
8 100.8 <... fdatasync resumed>) = -1 EIO (Input/output error) (INJECTED)
8 100.9 fdatasync(3</d/wal/0000000000000001.wal>) = 0
8 101.0 +++ exited with 0 +++
";
        let calls = calls(trace);
        let shown: Vec<_> = calls
            .iter()
            .map(|call| {
                (
                    call.name,
                    call.number,
                    call.within(Path::new("/d")),
                    call.on_the_log(),
                    call.injected,
                )
            })
            .collect();
        assert_eq!(
            shown,
            [
                ("openat", 1, true, false, false),
                ("fdatasync", 1, true, true, true),
                ("fdatasync", 1, false, false, false),
                ("fdatasync", 2, true, true, false),
            ]
        );
        assert_eq!(calls[1].files(Path::new("/d")), ["/d/wal/0000000000000001.wal"]);
        assert_eq!(calls[1].at, SystemTime::UNIX_EPOCH + Duration::from_secs_f64(100.6));
    }
}
