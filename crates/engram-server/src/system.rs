//! What the operating system tells about memory, on Linux; elsewhere nothing is known.

use std::fs::read_to_string;

/// Bytes of state to keep where nobody says how many and the system tells nothing.
const STATE_BYTES_DEFAULT: u64 = 2 << 30;

/// Bytes of the process in RAM; 0 where nothing is known. `VmRSS` counts in KiB whatever the page size is.
pub(crate) fn resident_bytes() -> u64 {
    kib_of("/proc/self/status", "VmRSS:").unwrap_or(0)
}

/// Half of the memory of the machine, or of what its control group may use, whichever is less.
pub(crate) fn memory_for_state() -> u64 {
    let machine = kib_of("/proc/meminfo", "MemTotal:");
    let group = read_to_string("/sys/fs/cgroup/memory.max").ok();
    let group = group.and_then(|text| text.trim().parse::<u64>().ok());
    machine.into_iter().chain(group).min().map_or(STATE_BYTES_DEFAULT, |bytes| bytes / 2)
}

fn kib_of(file: &str, name: &str) -> Option<u64> {
    let text = read_to_string(file).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    Some(line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? * 1_024)
}
