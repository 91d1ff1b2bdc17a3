//! What strength and learning cost: the same recalls with strength in the ranking and without, observed and trained.

use engram_api::ModeName;
use serde_json::{Map, Value, json};

use super::asked::{Asked, Effort, median};
use super::corpus::{LIMIT, recall_request_with};
use super::report::ReportBuilder;
use crate::failure::BenchError;
use crate::grid::Grid;
use crate::numbers::round;
use crate::stage::{ChildServer, Latencies, Load, Pace};

/// What a recall asks for beyond the cue, from the baseline on.
const VARIANTS: [(&str, &str); 3] = [
    ("no strength, observed", "\"observe\":true,\"weights\":{\"strength\":0}"),
    ("strength, observed", "\"observe\":true"),
    ("strength, trained", "\"observe\":false"),
];
/// Rounds in which the variants take turns; the median counts.
const ROUNDS: usize = 5;

/// Latencies of hybrid recall by one client, variant by variant.
pub(super) fn run(
    server: &ChildServer,
    asked: &Asked<'_>,
    effort: Effort,
    report: &mut ReportBuilder,
) -> Result<(), BenchError> {
    let effort = Effort { requests: effort.requests / ROUNDS, ..effort };
    let mut found: [Vec<Latencies>; VARIANTS.len()] = Default::default();
    for round in 0..=ROUNDS {
        for (variant, found) in VARIANTS.iter().zip(&mut found) {
            let request =
                |n: usize| recall_request_with(asked.cue(n), ModeName::Hybrid, LIMIT, variant.1);
            let latencies = Load {
                addr: server.addr,
                clients: 1,
                pace: Pace::Closed,
                requests_max: effort.requests,
                time_max: effort.time_max,
                request: &request,
            }
            .run()?;
            if round > 0 {
                found.push(latencies);
            }
        }
    }
    let mut grid = Grid::new(
        "What fading and learning cost: hybrid recall by one client, median of the rounds in turn.",
        &["variant", "p50 ms", "p99 ms", "p50 over the first"],
    );
    let mut told = Map::new();
    let base = median(&|latencies| latencies.p50_ms, &found[0]);
    for ((name, _), found) in VARIANTS.iter().zip(&found) {
        let p50 = median(&|latencies| latencies.p50_ms, found);
        let p99 = median(&|latencies| latencies.p99_ms, found);
        let over = p50 / base;
        let row = [format!("{p50:.3}"), format!("{p99:.3}"), format!("{over:.3}")];
        grid.rows.push(std::iter::once((*name).to_owned()).chain(row).collect());
        let figures = json!({
            "p50_ms": round(p50, 4), "p99_ms": round(p99, 4), "p50_over_first": round(over, 4),
        });
        told.insert((*name).to_owned(), figures);
    }
    report.set("fading", Value::Object(told));
    report.grid(grid);
    Ok(())
}
