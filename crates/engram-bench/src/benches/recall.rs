//! `recall`: how fast a space answers, and how much of the truth it finds.

use engram_api::ModeName;
use serde_json::{Value, json};

use super::asked::{Asked, Effort, ModeSpeed};
use super::corpus::{LIMIT, Source, Stored, store};
use super::fading;
use super::options::BenchOptions;
use super::report::ReportBuilder;
use crate::data::{GrownSet, VectorSet};
use crate::failure::BenchError;
use crate::grid::Grid;
use crate::numbers::round;
use crate::stage::{ChildServer, Latencies};

pub(super) fn run(
    options: &BenchOptions,
    report: &mut ReportBuilder,
    progress: &mut dyn FnMut(&str),
) -> Result<(), BenchError> {
    let base = VectorSet::read(options.data()?)?;
    let texts = base.texts()?;
    let shape = options.shape(&base);
    let grown = GrownSet::new(&base, &texts, shape, options.seed)?;
    let count = options.size(base.len(), base.len().min(10_000));
    let is_base = count <= base.len() && shape.dimension == base.dimension;
    let source = if is_base { Source::Base(&base, &texts) } else { Source::Grown(&grown) };
    let server = ChildServer::start(&options.program)?;
    let stored = store(&server, &source, count, progress)?;
    progress("the exact nearest of each query");
    let asked = Asked::new(&base, &source);
    let found = asked.recall_of_similarity(&server, &source, count)?;
    report.set("memories", count);
    report.set("set", base.name.clone());
    report.set("grown", !is_base);
    report.set("stored", stored_json(&stored));
    report.set("similarity_recall@10", round(found, 4));
    let mut modes = serde_json::Map::new();
    let title = format!(
        "Recall of {LIMIT} among {count} memories over HTTP, vector given; similarity finds {:.3} of the exact nearest.",
        found
    );
    let header = [
        "mode",
        "1 client: per s",
        "p50 ms",
        "p99 ms",
        "8 clients: per s",
        "p99 ms",
        "half load: per s",
        "p50 ms",
        "p99 ms",
        "server CPU ms",
    ];
    let mut grid = Grid::new(title, &header);
    for mode in ModeName::ALL {
        progress(&format!("asking in mode {}", mode.as_str()));
        let speed = asked.speed(&server, mode, Effort::of(options))?;
        modes.insert(mode.as_str().to_owned(), json!(speed));
        grid.rows.push(row(mode, &speed));
    }
    report.set("modes", Value::Object(modes));
    report.grid(grid);
    progress("asking with strength and without");
    fading::run(&server, &asked, Effort::of(options), report)
}

fn row(mode: ModeName, speed: &ModeSpeed) -> Vec<String> {
    let ModeSpeed { one, eight, half, server_cpu_ms } = speed;
    let rate = |load: &Latencies| format!("{:.0}", load.per_second);
    let ms = |number: f64| format!("{number:.2}");
    vec![
        mode.as_str().to_owned(),
        rate(one),
        ms(one.p50_ms),
        ms(one.p99_ms),
        rate(eight),
        ms(eight.p99_ms),
        rate(half),
        ms(half.p50_ms),
        ms(half.p99_ms),
        ms(*server_cpu_ms),
    ]
}

pub(super) fn stored_json(stored: &Stored) -> Value {
    json!({
        "seconds": round(stored.seconds, 2),
        "settled_seconds": round(stored.settled_seconds, 2),
        "server_cpu_seconds": round(stored.server_cpu_seconds, 2),
        "anonymous_bytes": stored.anonymous_bytes,
        "content_bytes": stored.content_bytes,
    })
}
