//! `connections`: what many open connections cost that each ask now and then. Requests arrive at random at a fixed rate, whatever
//! the answers do.

use std::time::Duration;

use serde_json::json;

use super::options::BenchOptions;
use super::report::ReportBuilder;
use super::spaces::{fill, vector};
use crate::failure::BenchError;
use crate::grid::Grid;
use crate::stage::{ChildServer, Latencies, Load, Pace, Wire};

const CONNECTIONS: usize = 1_000;
const PER_SECOND: f64 = 500.0;
/// Of so many requests one stores a memory, in the second load.
const WRITES_ONE_IN: usize = 10;
const SECONDS: u64 = 30;
const SECONDS_QUICK: u64 = 3;
const SPACE: &str = "asked";
const MEMORIES: usize = 10_000;
const MEMORIES_QUICK: usize = 1_000;
const DIMENSION: usize = 64;

pub(super) fn run(
    options: &BenchOptions,
    report: &mut ReportBuilder,
    progress: &mut dyn FnMut(&str),
) -> Result<(), BenchError> {
    let connections = options.size(CONNECTIONS, CONNECTIONS);
    let seconds = options.seconds.unwrap_or(if options.quick { SECONDS_QUICK } else { SECONDS });
    let memories = if options.quick { MEMORIES_QUICK } else { MEMORIES };
    let setting = format!("limits.connections={}", connections + 8);
    let server = ChildServer::start_with(&options.program, &[&setting])?;
    progress("storing the memories");
    fill(&server, SPACE, (memories, DIMENSION))?;
    server.settle(SPACE)?;
    let load = |request: &(dyn Fn(usize) -> Vec<u8> + Sync)| {
        let pace = Pace::Open { per_second: PER_SECOND };
        let time_max = Duration::from_secs(seconds);
        let (addr, clients) = (server.addr, connections);
        Load { addr, clients, pace, requests_max: usize::MAX, time_max, request }.run()
    };
    progress("asking over all connections");
    let reads = load(&recall)?;
    progress("asking and storing");
    let mixed = load(&|n| if n.is_multiple_of(WRITES_ONE_IN) { remember(n) } else { recall(n) })?;
    report.set("connections", connections);
    report.set("arrivals_per_second", PER_SECOND);
    report.set("memories", memories);
    report.set("reads", json!(reads));
    report.set("mixed", json!(mixed));
    let title = format!(
        "{connections} open connections, {PER_SECOND} requests a second in all, open loop: recall (similarity) among {memories} memories."
    );
    let mut grid =
        Grid::new(title, &["load", "answers per s", "refused", "p50 ms", "p99 ms", "max ms"]);
    grid.rows.push(row("recall", &reads));
    grid.rows.push(row("recall, one in ten a remember", &mixed));
    report.grid(grid);
    Ok(())
}

fn recall(n: usize) -> Vec<u8> {
    let vector = vector(n, DIMENSION);
    let body = json!({ "vector": vector, "mode": "similarity", "limit": 10, "observe": true });
    Wire::post(&format!("/api/v1/spaces/{SPACE}/recall"), &body.to_string())
}

fn remember(n: usize) -> Vec<u8> {
    let body = json!({ "text": format!("note {n} of a visitor"), "vector": vector(n, DIMENSION) });
    Wire::post(&format!("/api/v1/spaces/{SPACE}/remember"), &body.to_string())
}

fn row(name: &str, seen: &Latencies) -> Vec<String> {
    let ms = |number: f64| format!("{number:.2}");
    vec![
        name.to_owned(),
        format!("{:.0}", seen.per_second),
        seen.refused.to_string(),
        ms(seen.p50_ms),
        ms(seen.p99_ms),
        ms(seen.max_ms),
    ]
}
