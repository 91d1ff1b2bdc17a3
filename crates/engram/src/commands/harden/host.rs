//! The machine and the process that serves: read from `/proc`, where there is one.
//!
//! The server is found by the lock that it holds on its data directory, so that its own limits are read and not those of whoever asks.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use engram_server::Settings;

use super::checks::{Check, Findings};

/// Files that a server has open beside its connections.
const FILES_BESIDE: u64 = 256;

/// The process that is looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Process {
    /// What a finding says of it.
    pub(super) place: String,
    /// Whose it is.
    pub(super) uid: u32,
    pub(super) is_server: bool,
    limits: String,
}

/// The server of a data directory where one runs, else this process, whose limits a server that it starts has too.
pub(super) fn process(data_dir: &Path) -> Option<Process> {
    let server = server(data_dir);
    match server.and_then(|pid| read(&pid.to_string())) {
        Some((uid, limits)) => {
            let place = format!("the server, process {}", server.unwrap_or_default());
            Some(Process { place, uid, is_server: true, limits })
        }
        None => {
            let (uid, limits) = read("self")?;
            let place = "this process; no server has the data directory".to_owned();
            Some(Process { place, uid, is_server: false, limits })
        }
    }
}

fn server(data_dir: &Path) -> Option<u32> {
    let lock = fs::canonicalize(data_dir.join("LOCK")).ok()?;
    let inode = fs::metadata(&lock).ok()?.ino();
    // Numbers of files are those of one file system. Whose files cannot be listed is believed.
    let has_it = |pid: &u32| {
        let files = fs::read_dir(format!("/proc/{pid}/fd"));
        files.map_or(true, |files| {
            files.flatten().any(|file| fs::read_link(file.path()).is_ok_and(|path| path == lock))
        })
    };
    let locks = fs::read_to_string("/proc/locks").ok()?;
    holders(&locks, inode).find(has_it)
}

/// The processes that hold a lock on a file of that number, as `/proc/locks` tells (proc_locks(5)).
fn holders(locks: &str, inode: u64) -> impl Iterator<Item = u32> {
    locks.lines().filter_map(move |line| {
        let mut fields = line.split_whitespace().skip(1);
        // A process that waits for a lock has an arrow here.
        if fields.next()? != "FLOCK" {
            return None;
        }
        let pid = fields.nth(2)?.parse::<u32>().ok()?;
        let file = fields.next()?.rsplit(':').next()?.parse::<u64>().ok()?;
        (file == inode && pid > 0).then_some(pid)
    })
}

/// Whose a process is, and its limits.
fn read(pid: &str) -> Option<(u32, String)> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let uids = status.lines().find_map(|line| line.strip_prefix("Uid:"))?;
    // Real, effective, saved, of the file system.
    let uid = uids.split_whitespace().nth(1)?.parse().ok()?;
    Some((uid, fs::read_to_string(format!("/proc/{pid}/limits")).ok()?))
}

/// The soft limit of a name; none = unlimited.
fn soft_limit(limits: &str, name: &str) -> Option<Option<u64>> {
    let value = limits.lines().find_map(|line| line.strip_prefix(name))?;
    let soft = value.split_whitespace().next()?;
    if soft == "unlimited" { Some(None) } else { soft.parse().ok().map(Some) }
}

pub(super) fn look(
    settings: &Settings,
    process: Option<&Process>,
    data_owner: Option<u32>,
    found: &mut Findings,
) {
    match process {
        Some(process) => look_at_process(settings, process, data_owner, found),
        None => {
            found.unseen("account and limits of the server: this system has no /proc/self/status");
        }
    }
    match fs::read_to_string("/proc/swaps") {
        Ok(text) => {
            for device in swaps(&text) {
                found.add(Check::SwapOn, device, "swap space is in use by the machine");
            }
        }
        Err(error) => found.unseen(format!("swap space: /proc/swaps: {error}")),
    }
}

fn look_at_process(
    settings: &Settings,
    process: &Process,
    data_owner: Option<u32>,
    found: &mut Findings,
) {
    if process.is_server && process.uid == 0 {
        found.add(Check::RunsAsRoot, &process.place, "it runs as root");
    } else if !process.is_server && data_owner == Some(0) {
        let place = settings.data_dir.display().to_string();
        found.add(
            Check::RunsAsRoot,
            place,
            "it belongs to root, and so does a server that uses it",
        );
    }
    match soft_limit(&process.limits, "Max core file size") {
        Some(Some(0)) => {}
        Some(limit) => {
            let bytes = limit.map_or("any number of".to_owned(), |bytes| bytes.to_string());
            let what = format!("a core file may have {bytes} bytes");
            found.add(Check::CoreDumps, &process.place, what);
        }
        None => found.unseen("the limit of core files"),
    }
    let needed = settings.limits.connections as u64 + FILES_BESIDE;
    match soft_limit(&process.limits, "Max open files") {
        Some(Some(files)) if files < needed => {
            let connections = settings.limits.connections;
            let what = format!(
                "{files} files may be open; limits.connections = {connections} wants {needed}"
            );
            found.add(Check::OpenFilesFew, &process.place, what);
        }
        Some(_) => {}
        None => found.unseen("the limit of open files"),
    }
}

/// Places of the swap space that is on disk: zram is memory.
fn swaps(text: &str) -> impl Iterator<Item = String> + '_ {
    let names = text.lines().skip(1).filter_map(|line| line.split_whitespace().next());
    names.filter(|name| !name.starts_with("/dev/zram")).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use engram_server::ConfigSources;

    use super::*;

    const LOCKS: &str = "1: POSIX  ADVISORY  WRITE 700 00:2f:555 0 EOF\n\
                         2: FLOCK  ADVISORY  WRITE 4711 fd:01:12345 0 EOF\n\
                         2: -> FLOCK  ADVISORY  WRITE 4712 fd:01:12345 0 EOF\n\
                         3: FLOCK  ADVISORY  WRITE 0 fd:01:9 0 EOF\n";

    #[test]
    fn the_server_is_who_holds_the_lock() {
        let holder = |inode| holders(LOCKS, inode).next();
        assert_eq!(holder(12345), Some(4711));
        assert_eq!(holder(555), None, "not a lock of the kind that servers take");
        assert_eq!(holder(9), None, "a process of another namespace");
        assert_eq!(holder(1), None);
    }

    fn found(uid: u32, core: &str, files: &str, owner: u32, is_server: bool) -> Vec<Check> {
        let flags = vec![("data_dir".to_owned(), "d".to_owned())];
        let settings = Settings::load(&ConfigSources { flags, ..ConfigSources::default() });
        let limits = format!(
            "Limit                     Soft Limit           Hard Limit           Units\n\
             Max core file size        {core}                    unlimited            bytes\n\
             Max open files            {files}                 524288               files\n"
        );
        let process = Process { place: String::new(), uid, is_server, limits };
        let mut findings = Findings::default();
        look_at_process(&settings.unwrap(), &process, Some(owner), &mut findings);
        assert!(findings.unseen.is_empty());
        findings.found.iter().map(|one| one.check).collect()
    }

    #[test]
    fn root_core_files_and_few_open_files_are_found() {
        assert_eq!(found(1000, "0", "65536", 1000, true), []);
        assert_eq!(found(1000, "0", "unlimited", 0, true), []);
        assert_eq!(found(0, "0", "65536", 1000, true), [Check::RunsAsRoot]);
        assert_eq!(found(0, "0", "65536", 1000, false), []);
        assert_eq!(found(1000, "0", "65536", 0, false), [Check::RunsAsRoot]);
        assert_eq!(found(1000, "unlimited", "65536", 1000, true), [Check::CoreDumps]);
        assert_eq!(found(1000, "1024", "1024", 1, true), [Check::CoreDumps, Check::OpenFilesFew]);
    }

    #[test]
    fn swap_in_memory_is_none() {
        let text =
            "Filename Type Size Used Priority\n/dev/zram0 partition 1 0 5\n/swapfile file 1 0 -2\n";
        assert_eq!(swaps(text).collect::<Vec<_>>(), ["/swapfile"]);
        assert_eq!(swaps("Filename\n").count(), 0);
    }
}
