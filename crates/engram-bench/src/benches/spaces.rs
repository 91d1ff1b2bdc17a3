//! `spaces`: what thousands of spaces cost while nobody asks for them, and how long the first request to one takes.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use engram_api::ModeName;
use serde_json::{Value, json};

use super::corpus::{call, connect, create_space, failed, vector_json};
use super::options::BenchOptions;
use super::report::ReportBuilder;
use crate::failure::BenchError;
use crate::grid::Grid;
use crate::numbers::round;
use crate::stage::{ChildServer, Wire};

const SPACES: usize = 10_000;
const SPACES_QUICK: usize = 200;
/// Memories and dimension of each small space.
const SMALL: (usize, usize) = (10, 8);
/// Memories and dimension of the large one.
const LARGE: (usize, usize) = (10_000, 384);
const LARGE_NAME: &str = "large";
/// Small spaces that are opened.
const OPENED: usize = 100;
/// Times that the large one is opened after a restart.
const LARGE_OPENED: usize = 5;
/// How long it may take until all spaces are closed.
const CLOSING_MAX: Duration = Duration::from_secs(300);

/// What the server holds at one moment.
struct Held {
    open_spaces: u64,
    anonymous_bytes: u64,
    open_files: usize,
}

pub(super) fn run(
    options: &BenchOptions,
    report: &mut ReportBuilder,
    progress: &mut dyn FnMut(&str),
) -> Result<(), BenchError> {
    let default = if options.quick { SPACES_QUICK } else { SPACES };
    let count = options.sizes.first().copied().unwrap_or(default);
    let mut server = ChildServer::start_with(&options.program, &["memory.space_idle=2s"])?;
    let started = Instant::now();
    for number in 0..count {
        fill(&server, &name(number), SMALL)?;
        if number > 0 && number.is_multiple_of(1_000) {
            progress(&format!("{number} of {count} spaces made"));
        }
    }
    let made_seconds = started.elapsed().as_secs_f64();
    fill(&server, LARGE_NAME, LARGE)?;
    progress("waiting until all spaces are closed");
    let idle = wait_until_closed(&server)?;
    progress("starting again");
    let restarted = Instant::now();
    server.restart()?;
    let restart_seconds = restarted.elapsed().as_secs_f64();
    let fresh = held(&server)?;
    let step = (count / OPENED.min(count)).max(1);
    let mut small = Vec::new();
    for number in (0..count).step_by(step).take(OPENED) {
        small.push(first_answer(&server, &name(number), SMALL.1)?);
    }
    let mut large = Vec::new();
    for _ in 0..LARGE_OPENED {
        server.restart()?;
        large.push(first_answer(&server, LARGE_NAME, LARGE.1)?);
    }
    report.set("spaces", count);
    report.set("made_per_second", round(count as f64 / made_seconds, 1));
    report.set("idle", held_json(&idle));
    report.set("restart_seconds", round(restart_seconds, 3));
    report.set("after_restart", held_json(&fresh));
    report.set("open_small_ms", spread(&mut small));
    report.set("open_large_ms", spread(&mut large));
    let mut grid = Grid::new(
        "Spaces: 10 memories each, and one of 10,000 with 384 dimensions; all idle, then a kill and a start, then first answers.",
        &[
            "spaces",
            "made per s",
            "idle RSS MiB",
            "idle files",
            "start s",
            "small opens ms",
            "large opens ms",
        ],
    );
    grid.rows.push(vec![
        count.to_string(),
        format!("{:.0}", count as f64 / made_seconds),
        format!("{:.0}", idle.anonymous_bytes as f64 / f64::from(1 << 20)),
        idle.open_files.to_string(),
        format!("{restart_seconds:.2}"),
        told(&small),
        told(&large),
    ]);
    report.grid(grid);
    Ok(())
}

fn name(number: usize) -> String {
    format!("s{number}")
}

/// Median and largest of sorted times.
fn told(milliseconds: &[f64]) -> String {
    let median = milliseconds.get(milliseconds.len() / 2).copied().unwrap_or(0.0);
    format!("{median:.1} / {:.1}", milliseconds.last().copied().unwrap_or(0.0))
}

fn spread(milliseconds: &mut [f64]) -> Value {
    milliseconds.sort_by(f64::total_cmp);
    let at = |place: usize| round(milliseconds.get(place).copied().unwrap_or(0.0), 3);
    let last = milliseconds.len().saturating_sub(1);
    json!({ "p50": at(milliseconds.len() / 2), "max": at(last), "count": milliseconds.len() })
}

/// Creates a space and stores memories in it, 500 in a request.
pub(super) fn fill(
    server: &ChildServer,
    space: &str,
    (memories, dimension): (usize, usize),
) -> Result<(), BenchError> {
    create_space(server, space, dimension)?;
    let mut wire = connect(server)?;
    for first in (0..memories).step_by(500) {
        let mut body = String::from("{\"memories\":[");
        for number in first..(first + 500).min(memories) {
            let comma = if number == first { "" } else { "," };
            let vector = vector_json(&vector(number, dimension));
            write!(
                body,
                "{comma}{{\"text\":\"note {number} about item {}\",\"vector\":{vector}}}",
                number % 97
            )
            .expect("a string takes all that is written");
        }
        body.push_str("]}");
        let path = format!("/api/v1/spaces/{space}/remember_many");
        call(&mut wire, &Wire::post(&path, &body))?;
    }
    Ok(())
}

/// A vector of its own for each number.
pub(super) fn vector(number: usize, dimension: usize) -> Vec<f32> {
    let component = |place: usize| ((number * 31 + place * 17) as f32 * 0.37).sin();
    (0..dimension).map(component).collect()
}

/// Milliseconds of the first recall in a closed space, and that it finds something.
fn first_answer(server: &ChildServer, space: &str, dimension: usize) -> Result<f64, BenchError> {
    let mut wire = connect(server)?;
    let body = format!(
        "{{\"vector\":{},\"mode\":\"{}\",\"limit\":1,\"observe\":true}}",
        vector_json(&vector(7, dimension)),
        ModeName::Similarity.as_str()
    );
    let request = Wire::post(&format!("/api/v1/spaces/{space}/recall"), &body);
    let started = Instant::now();
    let answer = call(&mut wire, &request)?;
    let milliseconds = started.elapsed().as_secs_f64() * 1e3;
    let answer = String::from_utf8_lossy(&answer);
    if answer.contains("note 7 about") { Ok(milliseconds) } else { Err(failed(&answer)) }
}

fn held(server: &ChildServer) -> Result<Held, BenchError> {
    let status = server.client()?.status()?;
    Ok(Held {
        open_spaces: status.open_spaces,
        anonymous_bytes: server.anonymous_bytes(),
        open_files: server.open_files(),
    })
}

fn held_json(held: &Held) -> Value {
    json!({
        "open_spaces": held.open_spaces,
        "anonymous_bytes": held.anonymous_bytes,
        "open_files": held.open_files,
    })
}

fn wait_until_closed(server: &ChildServer) -> Result<Held, BenchError> {
    let started = Instant::now();
    loop {
        let now = held(server)?;
        if now.open_spaces == 0 {
            return Ok(now);
        }
        if started.elapsed() > CLOSING_MAX {
            return Err(failed(&format!("{} spaces stay open", now.open_spaces)));
        }
        std::thread::sleep(Duration::from_millis(500));
    }
}
