//! `remember`: durable writes beside the fastest that the disk allows.
//!
//! The raw figures are of 4 KiB written over zeros and `fdatasync`, on the same disk in the same run: by one thread, and
//! by many that share each sync (group commit).

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::sync::{Condvar, Mutex};
use std::time::{Duration, Instant};

use serde::Serialize;
use serde_json::{Value, json};

use super::corpus::{SPACE, create_space, path, unlinked, vector_json};
use super::options::BenchOptions;
use super::report::ReportBuilder;
use crate::failure::BenchError;
use crate::grid::Grid;
use crate::numbers::{SplitMix, round};
use crate::stage::{ChildServer, Latencies, Load, Pace, Wire};

const DIMENSION: usize = 384;
const TEXT_BYTES: usize = 1_024;
const CLIENTS: [usize; 3] = [1, 8, 64];
/// Memories in one request of `remember_many`.
const BATCH: usize = 64;
/// Bytes of one raw write, and of the file that takes them in turn.
const RAW_WRITE: usize = 4 << 10;
const RAW_FILE: u64 = 64 << 20;

#[derive(Clone, Copy, Debug, Serialize)]
struct Cell {
    /// Before ours and after it: other users of the disk come and go.
    raw_before: Latencies,
    raw_after: Latencies,
    single: Latencies,
    single_server_cpu_seconds: f64,
    /// Memories without their associations right after: how far what follows the acknowledgement lags behind.
    single_unlinked_after: u64,
    many: Latencies,
    many_memories_per_second: f64,
    many_server_cpu_seconds: f64,
    many_unlinked_after: u64,
}

pub(super) fn run(
    options: &BenchOptions,
    report: &mut ReportBuilder,
    progress: &mut dyn FnMut(&str),
) -> Result<(), BenchError> {
    let seconds = options.seconds.unwrap_or(if options.quick { 1 } else { 10 });
    let time = Duration::from_secs(seconds);
    let mut cells = serde_json::Map::new();
    let title = "Durable writes (384-d vector given, 1 KiB text, sync) beside raw 4 KiB writes with fdatasync in the \
                 same run.";
    let header = [
        "clients",
        "raw per s",
        "raw p50 ms",
        "remember per s",
        "p50 ms",
        "p99 ms",
        "of raw",
        "remember_many memories per s",
        "of raw",
    ];
    let mut grid = Grid::new(title, &header);
    for clients in CLIENTS {
        progress(&format!("{clients} clients"));
        let cell = measure(options, clients, time)?;
        grid.rows.push(row(clients, &cell));
        cells.insert(clients.to_string(), json!(cell));
    }
    report.set("clients", Value::Object(cells));
    report.set("seconds", seconds);
    report.set("text_bytes", TEXT_BYTES);
    report.set("dimension", DIMENSION);
    report.set("grpc", "absent");
    report.grid(grid);
    Ok(())
}

fn row(clients: usize, cell: &Cell) -> Vec<String> {
    // The better of the two is the harder to reach.
    let raw = match cell.raw_before.per_second > cell.raw_after.per_second {
        true => cell.raw_before,
        false => cell.raw_after,
    };
    let of_raw = |rate: f64| format!("{:.2}", rate / raw.per_second.max(1e-9));
    vec![
        clients.to_string(),
        format!("{:.0}", raw.per_second),
        format!("{:.3}", raw.p50_ms),
        format!("{:.0}", cell.single.per_second),
        format!("{:.3}", cell.single.p50_ms),
        format!("{:.3}", cell.single.p99_ms),
        of_raw(cell.single.per_second),
        format!("{:.0}", cell.many_memories_per_second),
        of_raw(cell.many_memories_per_second),
    ]
}

fn measure(options: &BenchOptions, clients: usize, time: Duration) -> Result<Cell, BenchError> {
    let server = ChildServer::start(&options.program)?;
    create_space(&server, SPACE, DIMENSION)?;
    let raw = || raw(server.scratch(), clients, time).map_err(BenchError::file(server.scratch()));
    let raw_before = raw()?;
    let bodies = Bodies::new();
    let run =
        |request: &(dyn Fn(usize) -> Vec<u8> + Sync)| -> Result<(Latencies, f64), BenchError> {
            let before = server.cpu_seconds();
            let (addr, pace) = (server.addr, Pace::Closed);
            let seen =
                Load { addr, clients, pace, requests_max: usize::MAX, time_max: time, request }
                    .run()?;
            Ok((seen, round(server.cpu_seconds() - before, 2)))
        };
    let one = path("remember");
    let (single, single_cpu) = run(&|n| Wire::post(&one, &bodies.memory(n)))?;
    let single_unlinked_after = unlinked(&server)?;
    let all = path("remember_many");
    let (many, many_cpu) = run(&|n| {
        // Numbers of their own: what is stored already would be cheaper.
        let start = (1 << 40) + n * BATCH;
        let memories: Vec<String> = (start..start + BATCH).map(|n| bodies.memory(n)).collect();
        Wire::post(&all, &format!("{{\"memories\":[{}]}}", memories.join(",")))
    })?;
    Ok(Cell {
        raw_before,
        raw_after: raw()?,
        single,
        single_server_cpu_seconds: single_cpu,
        single_unlinked_after,
        many,
        many_memories_per_second: round(many.per_second * BATCH as f64, 1),
        many_server_cpu_seconds: many_cpu,
        many_unlinked_after: unlinked(&server)?,
    })
}

/// Memories made beforehand but for a number in their text.
struct Bodies {
    vectors: Vec<String>,
    text: String,
}

impl Bodies {
    fn new() -> Bodies {
        let mut rng = SplitMix::new(1);
        let mut vector = || -> Vec<f32> {
            (0..DIMENSION).map(|_| rng.normal_pair().0 as f32 / (DIMENSION as f32).sqrt()).collect()
        };
        let vectors = (0..64).map(|_| vector_json(&vector())).collect();
        let words = ["river", "lantern", "orchard", "pebble", "compass", "meadow", "harbour"];
        let mut text = String::new();
        while text.len() < TEXT_BYTES {
            text.push_str(words[rng.below(words.len())]);
            text.push(' ');
        }
        text.truncate(TEXT_BYTES - 16);
        Bodies { vectors, text }
    }

    fn memory(&self, n: usize) -> String {
        let vector = &self.vectors[n % self.vectors.len()];
        format!("{{\"text\":\"{n:015} {}\",\"vector\":{vector}}}", self.text)
    }
}

/// Threads that each need 4 KiB to be durable, again and again; one syncs for all that wait.
fn raw(dir: &Path, threads: usize, time: Duration) -> std::io::Result<Latencies> {
    let path = dir.join("raw");
    let file = File::create(&path)?;
    let zeros = vec![0; 1 << 20];
    for at in (0..RAW_FILE).step_by(zeros.len()) {
        file.write_all_at(&zeros, at)?;
    }
    file.sync_all()?;
    let group = Group { file, state: Mutex::new(GroupState::default()), synced: Condvar::new() };
    let started = Instant::now();
    let seen: Vec<std::io::Result<Vec<f64>>> = std::thread::scope(|scope| {
        let writer = || {
            let mut milliseconds = Vec::new();
            while started.elapsed() < time {
                let begin = Instant::now();
                group.write()?;
                milliseconds.push(begin.elapsed().as_secs_f64() * 1e3);
            }
            Ok(milliseconds)
        };
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(writer)).collect();
        threads.into_iter().map(|one| one.join().expect("a writer does not panic")).collect()
    });
    let seconds = started.elapsed().as_secs_f64();
    std::fs::remove_file(&path)?;
    let mut milliseconds = Vec::new();
    for one in seen {
        milliseconds.extend(one?);
    }
    Ok(Latencies { clients: threads, ..Latencies::of(milliseconds, seconds) })
}

#[derive(Default)]
struct GroupState {
    asked: u64,
    done: u64,
    syncing: bool,
}

struct Group {
    file: File,
    state: Mutex<GroupState>,
    synced: Condvar,
}

impl Group {
    /// Returns when 4 KiB more are durable.
    fn write(&self) -> std::io::Result<()> {
        let mut state = self.state.lock().expect("no writer panics");
        state.asked += 1;
        let mine = state.asked;
        while state.done < mine {
            if state.syncing {
                state = self.synced.wait(state).expect("no writer panics");
                continue;
            }
            state.syncing = true;
            let (from, to) = (state.done, state.asked);
            drop(state);
            let outcome = self.write_range(from, to);
            state = self.state.lock().expect("no writer panics");
            state.syncing = false;
            state.done = to;
            self.synced.notify_all();
            outcome?;
        }
        Ok(())
    }

    fn write_range(&self, from: u64, to: u64) -> std::io::Result<()> {
        let slots = RAW_FILE / RAW_WRITE as u64;
        for write in from..to {
            let page = [write as u8; RAW_WRITE];
            self.file.write_all_at(&page, write % slots * RAW_WRITE as u64)?;
        }
        self.file.sync_data()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn raw_writers_share_their_syncs() {
        let dir = tempfile::tempdir().unwrap();
        let seen = raw(dir.path(), 4, Duration::from_millis(50)).unwrap();
        assert!(seen.requests > 0 && seen.clients == 4, "{seen:?}");
    }

    #[test]
    fn bodies_are_memories_of_their_size() {
        let body: Value = serde_json::from_str(&Bodies::new().memory(12)).unwrap();
        assert_eq!(body["text"].as_str().unwrap().len(), TEXT_BYTES);
        assert_eq!(body["vector"].as_array().unwrap().len(), DIMENSION);
    }
}
