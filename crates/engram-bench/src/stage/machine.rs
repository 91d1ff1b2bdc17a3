//! What the system tells about itself and its processes; nothing where it does not tell.

use std::time::Instant;

use engram_index::Kernels;
use serde::Serialize;

/// Clock ticks a second in `/proc/PID/stat`: fixed for all Linux programs.
const TICKS_PER_SECOND: f64 = 100.0;

/// What figures depend on beside the program.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct MachineFacts {
    /// Name of the processor.
    pub(crate) processor: String,
    /// Cores that this process may use.
    pub(crate) cores: usize,
    /// Kernels that the index chose.
    pub(crate) kernels: &'static str,
    /// Load of the last minute when the benchmark began.
    pub(crate) load_average: f64,
}

impl MachineFacts {
    pub(crate) fn now() -> MachineFacts {
        let text = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let name = text.lines().find_map(|line| line.strip_prefix("model name"));
        MachineFacts {
            processor: name.unwrap_or("unknown").trim_start_matches([':', ' ', '\t']).to_owned(),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            kernels: Kernels::best().name,
            load_average: load_average(),
        }
    }
}

/// Load of the last minute; 0 where the system does not tell.
pub(crate) fn load_average() -> f64 {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split_whitespace().next().and_then(|number| number.parse().ok()).unwrap_or(0.0)
}

/// CPU seconds of a process so far, user and system.
pub(super) fn process_cpu_seconds(pid: u32) -> f64 {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // The name of the program stands in brackets and may hold blanks.
    let Some((_, fields)) = text.rsplit_once(')') else { return 0.0 };
    let ticks = |place: usize| -> f64 {
        fields.split_whitespace().nth(place).and_then(|number| number.parse().ok()).unwrap_or(0.0)
    };
    (ticks(11) + ticks(12)) / TICKS_PER_SECOND
}

/// Anonymous memory of a process, bytes: what it holds beside mapped files.
pub(super) fn anonymous_bytes(pid: u32) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("RssAnon:"));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    kib.unwrap_or(0) * 1_024
}

/// CPU time of the calling thread; wall time where the system does not tell.
#[derive(Debug)]
pub(crate) struct ThreadCpu {
    origin: Instant,
    start: Option<f64>,
}

impl ThreadCpu {
    pub(crate) fn start() -> ThreadCpu {
        ThreadCpu { origin: Instant::now(), start: thread_cpu_seconds() }
    }

    /// Seconds since the start.
    pub(crate) fn seconds(&self) -> f64 {
        match (self.start, thread_cpu_seconds()) {
            (Some(start), Some(now)) => now - start,
            _ => self.origin.elapsed().as_secs_f64(),
        }
    }
}

fn thread_cpu_seconds() -> Option<f64> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    let nanoseconds: f64 = text.split_whitespace().next()?.parse().ok()?;
    Some(nanoseconds / 1e9)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_machine_is_known() {
        let facts = MachineFacts::now();
        assert!(facts.cores >= 1 && !facts.processor.is_empty());
        assert!(process_cpu_seconds(std::process::id()) >= 0.0);
        assert_eq!(anonymous_bytes(u32::MAX), 0);
        assert!(ThreadCpu::start().seconds() >= 0.0);
    }
}
