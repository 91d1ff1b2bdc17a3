//! A tracer beside a server that already runs.

use std::fs;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

const ATTACH_MILLISECONDS_MAX: u64 = 10_000;

/// A tracer attached to a running server. It ends with the server.
pub(super) struct Tracer {
    process: Child,
}

impl Tracer {
    /// Returns once every thread of the process is traced.
    pub(super) fn attach(mut words: Vec<String>, id: u32) -> Result<Tracer, String> {
        words.extend(["-p".to_owned(), id.to_string()]);
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let process = command.spawn().map_err(|error| format!("strace: {error}"))?;
        let mut tracer = Tracer { process };
        for _ in 0..ATTACH_MILLISECONDS_MAX {
            if traced(id) {
                return Ok(tracer);
            }
            if let Ok(Some(status)) = tracer.process.try_wait() {
                return Err(format!("strace does not attach: {status}"));
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        Err("strace does not attach".to_owned())
    }

    /// Waits for its end, which the death of its server brings, and with which everything is written.
    pub(super) fn finish(mut self) {
        let _ = self.process.wait();
    }
}

impl Drop for Tracer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn traced(id: u32) -> bool {
    let Ok(threads) = fs::read_dir(format!("/proc/{id}/task")) else {
        return false;
    };
    threads.flatten().all(|thread| {
        let status = fs::read_to_string(thread.path().join("status")).unwrap_or_default();
        let tracer = status.lines().find_map(|line| line.strip_prefix("TracerPid:"));
        tracer.is_some_and(|tracer| tracer.trim() != "0")
    })
}
