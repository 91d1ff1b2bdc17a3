//! `recall`: how fast a space answers, and how much of the truth it finds.

use std::time::Duration;

use engram_api::ModeName;
use serde::Serialize;
use serde_json::{Value, json};

use super::corpus::{LIMIT, Source, Stored, connect, recall_request, recalled, store};
use super::options::BenchOptions;
use super::report::ReportBuilder;
use crate::data::{GrownSet, VectorSet, exact_top};
use crate::failure::BenchError;
use crate::grid::Grid;
use crate::numbers::round;
use crate::stage::{ChildServer, Latencies, Load, Pace};

/// Requests before those that count.
const WARM_UP: usize = 100;

/// What one mode does.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct ModeSpeed {
    /// One client, closed loop.
    pub(super) one: Latencies,
    /// Eight clients, closed loop: the capacity.
    pub(super) eight: Latencies,
    /// Eight clients, open loop at half the capacity.
    pub(super) half: Latencies,
    /// CPU milliseconds of the server for one recall, in the closed loop of eight.
    pub(super) server_cpu_ms: f64,
}

/// How long the loops last.
#[derive(Clone, Copy, Debug)]
pub(super) struct Effort {
    pub(super) requests: usize,
    pub(super) time_max: Duration,
}

impl Effort {
    pub(super) fn of(options: &BenchOptions) -> Effort {
        match options.quick {
            true => Effort { requests: 300, time_max: Duration::from_secs(3) },
            false => Effort { requests: 5_000, time_max: Duration::from_secs(20) },
        }
    }
}

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
    Ok(())
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

/// The queries of a benchmark.
pub(super) struct Asked<'a> {
    texts: &'a [String],
    vectors: Vec<f32>,
    dimension: usize,
}

impl<'a> Asked<'a> {
    pub(super) fn new(base: &'a VectorSet, source: &Source<'_>) -> Asked<'a> {
        Asked { texts: &base.query_texts, vectors: source.queries(), dimension: source.dimension() }
    }

    fn request(&self, n: usize, mode: ModeName) -> Vec<u8> {
        let i = n % self.texts.len();
        let vector = &self.vectors[i * self.dimension..(i + 1) * self.dimension];
        recall_request(&self.texts[i], vector, mode, LIMIT)
    }

    /// Share of the exact nearest that mode `similarity` finds, over all queries.
    pub(super) fn recall_of_similarity(
        &self,
        server: &ChildServer,
        source: &Source<'_>,
        count: usize,
    ) -> Result<f64, BenchError> {
        let mut rows = Vec::with_capacity(count * self.dimension);
        for i in 0..count {
            rows.extend(source.vector(i));
        }
        let truth = exact_top(&rows, &self.vectors, self.dimension, LIMIT);
        drop(rows);
        let mut wire = connect(server)?;
        let mut hits = 0;
        for (n, nearest) in truth.iter().enumerate() {
            let found = recalled(&mut wire, &self.request(n, ModeName::Similarity))?;
            hits += nearest.iter().filter(|(row, _)| found.contains(row)).count();
        }
        Ok(hits as f64 / truth.iter().map(Vec::len).sum::<usize>().max(1) as f64)
    }

    /// Latencies of one mode with one client.
    pub(super) fn one_client(
        &self,
        server: &ChildServer,
        mode: ModeName,
        effort: Effort,
    ) -> Result<Latencies, BenchError> {
        self.load(server, mode, (1, Pace::Closed), Effort { requests: WARM_UP, ..effort })?;
        self.load(server, mode, (1, Pace::Closed), effort)
    }

    /// All loops of one mode.
    pub(super) fn speed(
        &self,
        server: &ChildServer,
        mode: ModeName,
        effort: Effort,
    ) -> Result<ModeSpeed, BenchError> {
        let one = self.one_client(server, mode, effort)?;
        let before = server.cpu_seconds();
        let eight = self.load(server, mode, (8, Pace::Closed), effort)?;
        let cpu_seconds = server.cpu_seconds() - before;
        let half = Pace::Open { per_second: eight.per_second / 2.0 };
        Ok(ModeSpeed {
            one,
            eight,
            half: self.load(server, mode, (8, half), effort)?,
            server_cpu_ms: round(cpu_seconds * 1e3 / eight.requests.max(1) as f64, 3),
        })
    }

    fn load(
        &self,
        server: &ChildServer,
        mode: ModeName,
        (clients, pace): (usize, Pace),
        effort: Effort,
    ) -> Result<Latencies, BenchError> {
        Load {
            addr: server.addr,
            clients,
            pace,
            requests_max: effort.requests,
            time_max: effort.time_max,
            request: &|n| self.request(n, mode),
        }
        .run()
    }
}
