//! `consolidate`: recall while beliefs are made behind it and after, and what share of a core that takes.
//!
//! The memories say a number of things again and again, so that nearly all of them come to be in beliefs. The space makes
//! beliefs by schedule from the start; what is asked while memories are left, and again when none is, differs in nothing else.

use std::time::{Duration, Instant};

use engram_api::{ConsolidationName, CreateSpaceRequest, ModeName};
use serde_json::json;

use super::asked::{Asked, Effort, median};
use super::corpus::{SPACE, Source, connect, failed, fill, space_request};
use super::options::BenchOptions;
use super::recall::stored_json;
use super::report::ReportBuilder;
use crate::data::{GrownSet, Shape, VectorSet};
use crate::failure::BenchError;
use crate::grid::Grid;
use crate::numbers::round;
use crate::stage::{ChildServer, Latencies, space_stats};

/// How often each thing is said.
const REPEATED: usize = 20;
/// Length of the noise that tells two vectors of one thing apart: their cosine is about 0.9.
const NOISE: f64 = 0.35;
/// Rounds of each mode; the median counts.
const ROUNDS: usize = 5;
const MODES: [ModeName; 2] = [ModeName::Hybrid, ModeName::Associative];
/// How long nobody asks, to see what consolidation takes by itself.
const ALONE: Duration = Duration::from_secs(20);
const ALONE_QUICK: Duration = Duration::from_secs(2);
const POLL: Duration = Duration::from_millis(500);
const TIME_MAX: Duration = Duration::from_secs(7_200);

/// What was seen in one of the two states.
struct Seen {
    /// Memories that consolidation had still to look at, at the end.
    left: u64,
    /// Median of the rounds of each mode: p50 and p99, milliseconds.
    speed: Vec<(f64, f64)>,
    /// CPU time of the server while nobody asks, as a share of a core.
    alone: f64,
}

pub(super) fn run(
    options: &BenchOptions,
    report: &mut ReportBuilder,
    progress: &mut dyn FnMut(&str),
) -> Result<(), BenchError> {
    let base = VectorSet::read(options.data()?)?;
    let texts = base.texts()?;
    let shape = Shape { noise: NOISE, ..options.shape(&base) };
    let grown = GrownSet::new(&base, &texts, shape, options.seed)?;
    let count = options.size(100_000, 10_000);
    let kinds = (count / REPEATED).clamp(1, base.len());
    let source = Source::Repeated(&grown, kinds);
    let server = ChildServer::start(&options.program)?;
    server.client()?.create_space(&CreateSpaceRequest {
        consolidation: Some(ConsolidationName::Scheduled),
        ..space_request(SPACE, source.dimension())
    })?;
    let stored = fill(&server, &source, 0..count, progress)?;
    let asked = Asked::new(&base, &source);
    progress("asking while beliefs are made");
    let during = look(&server, &asked, options)?;
    let started = Instant::now();
    let stats = done(&server, progress)?;
    let waited = started.elapsed().as_secs_f64();
    progress("asking when all are made");
    let after = look(&server, &asked, options)?;
    report.set("memories", count);
    report.set("things", kinds);
    report.set("stored", stored_json(&stored));
    report.set("beliefs", stats.0);
    report.set("in_beliefs", stats.1);
    report.set("waited_seconds", round(waited, 1));
    tell(report, (count, stats), &during, &after);
    Ok(())
}

/// Asks in each mode, and then not at all for a while.
fn look(
    server: &ChildServer,
    asked: &Asked<'_>,
    options: &BenchOptions,
) -> Result<Seen, BenchError> {
    let effort = Effort::of(options);
    let effort = Effort { requests: effort.requests / ROUNDS, ..effort };
    let mut rounds: Vec<Vec<Latencies>> = vec![Vec::new(); MODES.len()];
    for _ in 0..ROUNDS {
        for (mode, rounds) in MODES.iter().zip(&mut rounds) {
            rounds.push(asked.one_client(server, *mode, effort)?);
        }
    }
    let before = server.cpu_seconds();
    let started = Instant::now();
    std::thread::sleep(if options.quick { ALONE_QUICK } else { ALONE });
    let alone = (server.cpu_seconds() - before) / started.elapsed().as_secs_f64();
    let (left, _) = figures(server)?;
    let speed = rounds.iter().map(|all| (median(&|l| l.p50_ms, all), median(&|l| l.p99_ms, all)));
    Ok(Seen { left, speed: speed.collect(), alone })
}

/// Memories that are still to be looked at; beliefs, and memories in beliefs.
fn figures(server: &ChildServer) -> Result<(u64, (u64, u64)), BenchError> {
    let stats = space_stats(&mut connect(server)?, SPACE)?;
    let number = |name: &str| stats[name].as_u64().unwrap_or(0);
    Ok((number("unconsolidated"), (number("beliefs"), number("consolidated"))))
}

/// Returns when no memory is left to look at.
fn done(server: &ChildServer, progress: &mut dyn FnMut(&str)) -> Result<(u64, u64), BenchError> {
    let started = Instant::now();
    let mut told = Instant::now();
    while started.elapsed() < TIME_MAX {
        let (left, made) = figures(server)?;
        if left == 0 {
            server.settle(SPACE)?;
            return Ok(made);
        }
        if told.elapsed() > Duration::from_secs(30) {
            told = Instant::now();
            progress(&format!("{left} memories are left"));
        }
        std::thread::sleep(POLL);
    }
    Err(failed(&"consolidation did not end within two hours"))
}

fn tell(
    report: &mut ReportBuilder,
    (count, (beliefs, members)): (usize, (u64, u64)),
    during: &Seen,
    after: &Seen,
) {
    let title = format!(
        "Recall by one client beside scheduled consolidation of {count} memories: {beliefs} beliefs rest on {members} in the end. \
         CPU of the server while nobody asks: {:.3} of a core during it, {:.3} after it.",
        during.alone, after.alone
    );
    let header =
        ["mode", "during: p50 ms", "p99 ms", "after: p50 ms", "p99 ms", "p99 over p99 after"];
    let mut grid = Grid::new(title, &header);
    let mut modes = serde_json::Map::new();
    for (place, mode) in MODES.iter().enumerate() {
        let ((p50, p99), (p50_after, p99_after)) = (during.speed[place], after.speed[place]);
        let over = p99 / p99_after;
        let figures = [p50, p99, p50_after, p99_after, over].map(|ms| format!("{ms:.3}"));
        grid.rows.push(std::iter::once(mode.as_str().to_owned()).chain(figures).collect());
        let told = json!({
            "during_p50_ms": round(p50, 4), "during_p99_ms": round(p99, 4),
            "after_p50_ms": round(p50_after, 4), "after_p99_ms": round(p99_after, 4),
            "p99_over_after": round(over, 4),
        });
        modes.insert(mode.as_str().to_owned(), told);
    }
    report.set("modes", json!(modes));
    report.set("left_during", during.left);
    report.set("cpu_share_during", round(during.alone, 4));
    report.set("cpu_share_after", round(after.alone, 4));
    report.grid(grid);
}
