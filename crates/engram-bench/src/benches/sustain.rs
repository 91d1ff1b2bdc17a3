//! `sustain`: what rate of durable writes a server keeps up while associations and graphs follow behind, and after the burst
//! that an empty space takes.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;

use super::corpus::{SPACE, Source, batch, connect, create_space, path};
use super::options::BenchOptions;
use super::report::ReportBuilder;
use crate::data::{GrownSet, VectorSet};
use crate::failure::BenchError;
use crate::grid::Grid;
use crate::numbers::round;
use crate::stage::{ChildServer, Latencies, Load, Pace, Wire, space_stats};

const CLIENTS: usize = 8;
/// Memories in one request.
const BATCH: usize = 64;
const SECONDS: u64 = 600;
const SECONDS_QUICK: u64 = 5;
/// The share of the time that counts as the burst.
const BURST_SHARE: f64 = 0.05;
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// What the figures of the space said at one time.
#[derive(Clone, Copy)]
struct Look {
    seconds: f64,
    memories: u64,
    /// Without associations yet.
    unlinked: u64,
    /// In no graph yet.
    unindexed: u64,
}

pub(super) fn run(
    options: &BenchOptions,
    report: &mut ReportBuilder,
    progress: &mut dyn FnMut(&str),
) -> Result<(), BenchError> {
    let base = VectorSet::read(options.data()?)?;
    let texts = base.texts()?;
    let grown = GrownSet::new(&base, &texts, options.shape(&base), options.seed)?;
    let source = Source::Grown(&grown);
    let default = if options.quick { SECONDS_QUICK } else { SECONDS };
    let seconds = options.seconds.unwrap_or(default);
    let server = ChildServer::start(&options.program)?;
    create_space(&server, SPACE, source.dimension())?;
    progress(&format!("{CLIENTS} clients for {seconds} s"));
    let all = path("remember_many");
    let request = |n: usize| {
        let (body, _) = batch(&source, n * BATCH..(n + 1) * BATCH);
        Wire::post(&all, &body)
    };
    let load = Load {
        addr: server.addr,
        clients: CLIENTS,
        pace: Pace::Closed,
        requests_max: usize::MAX,
        time_max: Duration::from_secs(seconds),
        request: &request,
    };
    let cpu = server.cpu_seconds();
    let done = AtomicBool::new(false);
    let (seen, looks) = std::thread::scope(|scope| {
        let looking = scope.spawn(|| look(&server, &done));
        let end = End(&done);
        let seen = load.run();
        drop(end);
        let looks = looking.join().expect("looking does not panic");
        Ok::<_, BenchError>((seen?, looks?))
    })?;
    tell(report, (seconds, source.dimension()), &seen, &looks);
    report.set("server_cpu_seconds", round(server.cpu_seconds() - cpu, 1));
    report.set("anonymous_bytes", server.anonymous_bytes());
    Ok(())
}

/// What the clients and the looks saw.
fn tell(
    report: &mut ReportBuilder,
    (seconds, dimension): (u64, usize),
    seen: &Latencies,
    looks: &[Look],
) {
    let rate = |from: Option<&Look>, to: Option<&Look>| {
        let (seconds, memories) = from.map_or((0.0, 0), |look| (look.seconds, look.memories));
        to.map_or(0.0, |to| {
            (to.memories - memories) as f64 / (to.seconds - seconds).max(f64::MIN_POSITIVE)
        })
    };
    let burst_end = looks.iter().find(|look| look.seconds >= seconds as f64 * BURST_SHARE);
    let burst_seconds = burst_end.map_or(0.0, |look| round(look.seconds, 1));
    let (burst, sustained) = (rate(None, burst_end), rate(burst_end, looks.last()));
    let most = |of: fn(&Look) -> u64| looks.iter().map(of).max().unwrap_or(0);
    let (unlinked, unindexed) = (most(|look| look.unlinked), most(|look| look.unindexed));
    report.set("seconds", seconds);
    report.set("burst_seconds", burst_seconds);
    report.set("burst_memories_per_second", round(burst, 1));
    report.set("sustained_memories_per_second", round(sustained, 1));
    report.set("memories", looks.last().map_or(0, |look| look.memories));
    report.set("unlinked_max", unlinked);
    report.set("unindexed_max", unindexed);
    report.set("requests", json!(seen));
    let title = format!(
        "Durable writes for {seconds} s: {CLIENTS} clients, {BATCH} memories in a request, {dimension}-d vectors given. \
         Burst: the first {burst_seconds} s; sustained: after it."
    );
    let header = [
        "burst: memories per s",
        "sustained",
        "p50 ms",
        "p99 ms",
        "max ms",
        "refused",
        "most without associations",
        "most in no graph",
    ];
    let mut grid = Grid::new(title, &header);
    grid.rows.push(vec![
        format!("{burst:.0}"),
        format!("{sustained:.0}"),
        format!("{:.2}", seen.p50_ms),
        format!("{:.2}", seen.p99_ms),
        format!("{:.2}", seen.max_ms),
        seen.refused.to_string(),
        unlinked.to_string(),
        unindexed.to_string(),
    ]);
    report.grid(grid);
}

/// Says so when the load ends, however it does.
struct End<'a>(&'a AtomicBool);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

/// Reads the figures of the space every second until `done`.
fn look(server: &ChildServer, done: &AtomicBool) -> Result<Vec<Look>, BenchError> {
    let mut wire = connect(server)?;
    let started = Instant::now();
    let mut looks = Vec::new();
    while !done.load(Ordering::Acquire) {
        std::thread::sleep(LOOK_EVERY);
        let stats = space_stats(&mut wire, SPACE)?;
        let number = |name: &str| stats[name].as_u64().unwrap_or(0);
        looks.push(Look {
            seconds: started.elapsed().as_secs_f64(),
            memories: number("memories"),
            unlinked: number("unlinked"),
            unindexed: number("vectors").saturating_sub(number("indexed_vectors")),
        });
    }
    Ok(looks)
}
