//! What benchmarks of recall ask, and under which load.

use std::time::Duration;

use engram_api::ModeName;
use serde::Serialize;

use super::corpus::{LIMIT, Source, connect, recall_request, recalled};
use super::options::BenchOptions;
use crate::data::{VectorSet, exact_top};
use crate::failure::BenchError;
use crate::numbers::{quantile, round};
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

/// Median of a figure over several rounds.
pub(super) fn median(of: &dyn Fn(&Latencies) -> f64, rounds: &[Latencies]) -> f64 {
    let mut all: Vec<f64> = rounds.iter().map(of).collect();
    all.sort_by(f64::total_cmp);
    quantile(&all, 0.5)
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

    /// Text and vector of a query, round and round.
    pub(super) fn cue(&self, n: usize) -> (&str, &[f32]) {
        let i = n % self.texts.len();
        (&self.texts[i], &self.vectors[i * self.dimension..(i + 1) * self.dimension])
    }

    fn request(&self, n: usize, mode: ModeName) -> Vec<u8> {
        let (text, vector) = self.cue(n);
        recall_request(text, vector, mode, LIMIT)
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
