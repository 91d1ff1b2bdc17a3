//! `growth`: what happens to latency, memory and restart as a space grows.

use std::time::Instant;

use engram_api::ModeName;
use serde_json::{Value, json};

use super::corpus::{Source, Stored, connect, recall_request, recalled, store};
use super::options::BenchOptions;
use super::recall::{Asked, Effort, stored_json};
use super::report::ReportBuilder;
use crate::data::{GrownSet, VectorSet};
use crate::failure::BenchError;
use crate::grid::Grid;
use crate::numbers::round;
use crate::plot::{Chart, Series};
use crate::stage::{ChildServer, Latencies};

const SIZES: [usize; 3] = [10_000, 100_000, 1_000_000];
const SIZES_QUICK: [usize; 2] = [1_000, 10_000];

/// One size.
struct Point {
    memories: usize,
    stored: Stored,
    restart_seconds: f64,
    modes: Vec<(ModeName, Latencies)>,
}

pub(super) fn run(
    options: &BenchOptions,
    report: &mut ReportBuilder,
    progress: &mut dyn FnMut(&str),
) -> Result<(), BenchError> {
    let base = VectorSet::read(options.data()?)?;
    let texts = base.texts()?;
    let shape = options.shape(&base);
    let set = GrownSet::new(&base, &texts, shape, options.seed)?;
    let sizes: &[usize] = match (options.sizes.is_empty(), options.quick) {
        (false, _) => &options.sizes,
        (true, true) => &SIZES_QUICK,
        (true, false) => &SIZES,
    };
    let source = Source::Grown(&set);
    let asked = Asked::new(&base, &source);
    let mut points = Vec::new();
    for size in sizes {
        let mut server = ChildServer::start(&options.program)?;
        let stored = store(&server, &source, *size, progress)?;
        let mut modes = Vec::new();
        for mode in ModeName::ALL {
            progress(&format!("asking among {size} in mode {}", mode.as_str()));
            modes.push((mode, asked.one_client(&server, mode, Effort::of(options))?));
        }
        progress(&format!("starting again with {size}"));
        let restart_seconds = restart(&mut server, &source)?;
        points.push(Point { memories: *size, stored, restart_seconds, modes });
    }
    report.set(
        "set",
        json!({ "base": base.name, "seed": options.seed, "dimension": shape.dimension }),
    );
    report.set("points", points.iter().map(point_json).collect::<Vec<Value>>());
    report.grid(grid(&points));
    report.plot(latency_chart(&points).draw("growth-latency.svg"));
    report.plot(memory_chart(&points).draw("growth-memory.svg"));
    Ok(())
}

/// Seconds from a kill to the first memory found by its own vector.
fn restart(server: &mut ChildServer, source: &Source<'_>) -> Result<f64, BenchError> {
    let request = recall_request("", &source.vector(7), ModeName::Similarity, 1);
    let started = Instant::now();
    server.restart()?;
    let found = recalled(&mut connect(server)?, &request)?;
    let seconds = started.elapsed().as_secs_f64();
    match found[..] {
        [7] => Ok(seconds),
        _ => Err(BenchError::Program {
            program: "engram start".to_owned(),
            message: format!("after a restart memory 7 is not found by its vector: {found:?}"),
        }),
    }
}

fn point_json(point: &Point) -> Value {
    let modes: serde_json::Map<String, Value> =
        point.modes.iter().map(|(mode, seen)| (mode.as_str().to_owned(), json!(seen))).collect();
    json!({
        "memories": point.memories,
        "stored": stored_json(&point.stored),
        "anonymous_over_content": over_content(&point.stored),
        "restart_seconds": round(point.restart_seconds, 3),
        "modes": modes,
    })
}

fn over_content(stored: &Stored) -> f64 {
    round(stored.anonymous_bytes as f64 / stored.content_bytes.max(1) as f64, 3)
}

fn grid(points: &[Point]) -> Grid {
    let mut header =
        vec!["memories", "stored per s", "settled s", "RSS MiB", "over content", "restart s"];
    let names: Vec<String> = points
        .first()
        .map(|point| {
            point.modes.iter().map(|(mode, _)| format!("{} p50/p99 ms", mode.as_str())).collect()
        })
        .unwrap_or_default();
    header.extend(names.iter().map(String::as_str));
    let title = "Growth: one client over HTTP, vector given; memory is anonymous RSS, beside the bytes of vectors and \
                 texts.";
    let mut grid = Grid::new(title, &header);
    for point in points {
        let mut row = vec![
            point.memories.to_string(),
            format!("{:.0}", point.memories as f64 / point.stored.seconds.max(1e-9)),
            format!("{:.1}", point.stored.settled_seconds),
            format!("{:.0}", point.stored.anonymous_bytes as f64 / f64::from(1 << 20)),
            format!("{:.2}", over_content(&point.stored)),
            format!("{:.2}", point.restart_seconds),
        ];
        let seen =
            point.modes.iter().map(|(_, seen)| format!("{:.2} / {:.2}", seen.p50_ms, seen.p99_ms));
        row.extend(seen);
        grid.rows.push(row);
    }
    grid
}

fn latency_chart(points: &[Point]) -> Chart<'static> {
    let series = ModeName::ALL.iter().enumerate().map(|(n, mode)| Series {
        name: format!("{} p50", mode.as_str()),
        points: points.iter().map(|one| (one.memories as f64, one.modes[n].1.p50_ms)).collect(),
    });
    Chart {
        title: "Latency of recall by size of the space",
        x: "memories",
        y: "milliseconds",
        series: series.collect(),
    }
}

fn memory_chart(points: &[Point]) -> Chart<'static> {
    let series = |name: &str, value: &dyn Fn(&Point) -> f64| Series {
        name: name.to_owned(),
        points: points.iter().map(|one| (one.memories as f64, value(one))).collect(),
    };
    let mib = f64::from(1 << 20);
    Chart {
        title: "Memory by size of the space",
        x: "memories",
        y: "MiB",
        series: vec![
            series("anonymous RSS", &|one| one.stored.anonymous_bytes as f64 / mib),
            series("vectors and texts", &|one| one.stored.content_bytes as f64 / mib),
        ],
    }
}
