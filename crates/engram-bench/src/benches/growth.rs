//! `growth`: what happens to latency, memory and restart as a space grows.

use std::time::Instant;

use engram_api::ModeName;
use serde_json::{Value, json};

use super::asked::{Asked, Effort};
use super::corpus::{SPACE, Source, Stored, connect, recall_request, recalled, store};
use super::options::BenchOptions;
use super::recall::stored_json;
use super::report::ReportBuilder;
use crate::data::{GrownSet, VectorSet};
use crate::failure::BenchError;
use crate::grid::Grid;
use crate::numbers::round;
use crate::plot::{Chart, Scale, Series};
use crate::stage::{ChildServer, Latencies, space_stats};

const SIZES: [usize; 3] = [10_000, 100_000, 1_000_000];
const SIZES_QUICK: [usize; 2] = [1_000, 10_000];
/// For the part with most memories in files the server may take this share of texts and vectors.
const WARM_SHARE: f64 = 0.5;
/// The least that the server takes for a budget.
const BUDGET_MIN: u64 = 16 << 20;
/// One memory in so many is asked for while the others stay in files.
const HOT_SHARE: usize = 10;
/// Memories in an answer that makes them hot.
const HOT_LIMIT: usize = 100;

/// One size.
struct Point {
    memories: usize,
    stored: Stored,
    restart_seconds: f64,
    modes: Vec<(ModeName, Latencies)>,
    warm: Warm,
}

/// The same space with most memories in files.
struct Warm {
    hot_memories: u64,
    anonymous_bytes: u64,
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
        let mut ask = |server: &ChildServer, where_from: &str| {
            let ask = |mode: ModeName| {
                progress(&format!("asking among {size} {where_from} in mode {}", mode.as_str()));
                Ok((mode, asked.one_client(server, mode, Effort::of(options))?))
            };
            ModeName::ALL.into_iter().map(ask).collect::<Result<Vec<_>, BenchError>>()
        };
        let modes = ask(&server, "in RAM")?;
        let restart_seconds = restart(&mut server, &source)?;
        let budget = ((stored.content_bytes as f64 * WARM_SHARE) as u64).max(BUDGET_MIN);
        server.set(&format!("memory.bytes_max={budget}"));
        restart(&mut server, &source)?;
        let (hot_memories, anonymous_bytes) = warm(&server, &source, *size)?;
        let modes_warm = ask(&server, "in files")?;
        let warm = Warm { hot_memories, anonymous_bytes, modes: modes_warm };
        points.push(Point { memories: *size, stored, restart_seconds, modes, warm });
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

/// Asks for a tenth of the memories, so that these are hot; how many are, and the anonymous memory.
fn warm(server: &ChildServer, source: &Source<'_>, size: usize) -> Result<(u64, u64), BenchError> {
    // What the restart brought into RAM leaves it first.
    server.settle(SPACE)?;
    let mut wire = connect(server)?;
    let mut hot = 0;
    // Answers overlap: a round asks elsewhere than those before.
    for round in 0..HOT_SHARE {
        for near in (round * HOT_LIMIT / HOT_SHARE..size).step_by(HOT_LIMIT * HOT_SHARE) {
            let vector = source.vector(near);
            recalled(&mut wire, &recall_request("", &vector, ModeName::Similarity, HOT_LIMIT))?;
        }
        hot = space_stats(&mut wire, SPACE)?["tiers"]["hot_memories"].as_u64().unwrap_or(0);
        if hot as usize * HOT_SHARE >= size {
            break;
        }
    }
    Ok((hot, server.anonymous_bytes()))
}

fn point_json(point: &Point) -> Value {
    let modes = |modes: &[(ModeName, Latencies)]| {
        let modes = modes.iter().map(|(mode, seen)| (mode.as_str().to_owned(), json!(seen)));
        modes.collect::<serde_json::Map<String, Value>>()
    };
    let content = point.stored.content_bytes;
    json!({
        "memories": point.memories,
        "stored": stored_json(&point.stored),
        "anonymous_over_content": over(point.stored.anonymous_bytes, content),
        "restart_seconds": round(point.restart_seconds, 3),
        "modes": modes(&point.modes),
        "warm": {
            "hot_memories": point.warm.hot_memories,
            "anonymous_bytes": point.warm.anonymous_bytes,
            "anonymous_over_content": over(point.warm.anonymous_bytes, content),
            "modes": modes(&point.warm.modes),
        },
    })
}

fn over(anonymous: u64, content: u64) -> f64 {
    round(anonymous as f64 / content.max(1) as f64, 3)
}

fn grid(points: &[Point]) -> Grid {
    let mut header = vec![
        "memories",
        "stored per s",
        "settled s",
        "RSS MiB",
        "over content",
        "warm: hot memories",
        "RSS MiB",
        "over content",
        "restart s",
    ];
    let names: Vec<String> = ModeName::ALL
        .into_iter()
        .map(|mode| format!("{} p50/p99 ms, warm", mode.as_str()))
        .collect();
    header.extend(names.iter().map(String::as_str));
    let title = "Growth: one client over HTTP, vector given; memory is anonymous RSS, beside the bytes of vectors and \
                 texts. Warm: the same with a budget of half of these bytes, after answers with a tenth of the memories.";
    let mut grid = Grid::new(title, &header);
    for point in points {
        let mib = |bytes: u64| format!("{:.0}", bytes as f64 / f64::from(1 << 20));
        let content = point.stored.content_bytes;
        let (hot, warm) = (point.stored.anonymous_bytes, point.warm.anonymous_bytes);
        let mut row = vec![
            point.memories.to_string(),
            format!("{:.0}", point.memories as f64 / point.stored.seconds.max(1e-9)),
            format!("{:.1}", point.stored.settled_seconds),
            mib(hot),
            format!("{:.2}", over(hot, content)),
            point.warm.hot_memories.to_string(),
            mib(warm),
            format!("{:.2}", over(warm, content)),
            format!("{:.2}", point.restart_seconds),
        ];
        let seen = point.modes.iter().zip(&point.warm.modes).map(|((_, hot), (_, warm))| {
            let told = |seen: &Latencies| format!("{:.2} / {:.2}", seen.p50_ms, seen.p99_ms);
            format!("{}, {}", told(hot), told(warm))
        });
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
        scale: Scale::Decades,
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
        scale: Scale::Decades,
        series: vec![
            series("anonymous RSS", &|one| one.stored.anonymous_bytes as f64 / mib),
            series("the same, warm", &|one| one.warm.anonymous_bytes as f64 / mib),
            series("vectors and texts", &|one| one.stored.content_bytes as f64 / mib),
        ],
    }
}
