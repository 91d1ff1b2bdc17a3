//! How fast and how good the vector searches are on one thread: `ann_bench FOLDER [KEY=VALUE ...]`.
//!
//! The folder holds `base_100k_i8.npy` with `base_100k_scale_f32.npy` (vector = row * scale), `query_1k_f16.npy` and
//! `gt100_f32exact_i32.npy` (the exact neighbours). Keys: `m`, `efc` (ef_construction), `ef` (a list: `40,80`), `k`,
//! `rounds`, `threads` (of the build), `n` (only the first rows, or more of them with
//! noise; neighbours are then computed), `scan=1` (exact scans, no graph),
//! `save` and `load` (a file for the graph), `filtered=1` (searches under filters, with the first `ef`),
//! `churn=1` (recall after deleting and adding), `selfcheck=1` (search every vector by itself), `grow` (rows of a first
//! graph that is extended by a sixteenth at a time until it has all, as a space that fills does).
//!
//! Prints one JSON object a line. Rates are per CPU second of the thread, medians of the rounds.

use std::error::Error;
use std::sync::atomic::{AtomicUsize, Ordering};

use engram_index::{
    AlignedBytes, Hnsw, HnswBuilder, HnswScratch, HnswSettings, Kernels, Parallel,
    QuantisedVectors, RowMajor, ScanScratch, SearchRoute, Serial, TopK, VectorFilter, VectorQuery,
    normalise,
};

#[path = "support/npy.rs"]
mod npy;

type Failure = Box<dyn Error>;

/// CPU seconds of this thread, or of the whole process.
#[expect(clippy::disallowed_methods, reason = "a benchmark reads the clock of the system")]
fn cpu_seconds(file: &str) -> f64 {
    let text = std::fs::read(format!("/proc/{file}/schedstat")).unwrap_or_default();
    let text = String::from_utf8(text).unwrap_or_default();
    let first = text.split_whitespace().next().and_then(|text| text.parse::<f64>().ok());
    first.map_or(f64::NAN, |nanoseconds| nanoseconds / 1e9)
}

fn now() -> f64 {
    cpu_seconds("thread-self")
}

/// Threads that share the tasks, and the CPU seconds that they took.
struct Threads {
    count: usize,
    nanoseconds: AtomicUsize,
}

impl Parallel for Threads {
    fn run(&self, tasks: usize, task: &(dyn Fn(usize) + Sync)) {
        let next = AtomicUsize::new(0);
        let work = || {
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= tasks {
                    return;
                }
                task(number);
            }
        };
        std::thread::scope(|scope| {
            for _ in 1..self.count {
                scope.spawn(|| {
                    work();
                    self.nanoseconds.fetch_add((now() * 1e9) as usize, Ordering::Relaxed);
                });
            }
            work();
        });
    }
}

struct Options {
    folder: String,
    values: Vec<(String, String)>,
}

impl Options {
    fn text(&self, key: &str, default: &str) -> String {
        let found = self.values.iter().find(|(name, _)| name == key);
        found.map_or(default, |(_, value)| value).to_owned()
    }

    fn number(&self, key: &str, default: usize) -> Result<usize, Failure> {
        Ok(self.text(key, &default.to_string()).parse()?)
    }
}

struct Data {
    dimension: usize,
    base: Vec<f32>,
    queries: Vec<f32>,
    /// The exact neighbours of each query, best first.
    truth: Vec<Vec<u32>>,
}

impl Data {
    fn read(options: &Options) -> Result<Data, Failure> {
        let path = |name: &str| format!("{}/{name}", options.folder);
        let codes = npy::read(&path("base_100k_i8.npy"))?;
        let scales = npy::read(&path("base_100k_scale_f32.npy"))?.floats()?;
        let dimension = codes.columns();
        let n = options.number("n", codes.rows())?;
        let mut base = codes.floats()?;
        base.truncate(n * dimension);
        let rows = codes.rows();
        for (row, scale) in base.chunks_exact_mut(dimension).zip(&scales) {
            row.iter_mut().for_each(|x| *x *= scale);
            normalise(row)?;
        }
        extend_with_noise(&mut base, dimension, n);
        let mut queries = npy::read(&path("query_1k_f16.npy"))?.floats()?;
        for query in queries.chunks_exact_mut(dimension) {
            normalise(query)?;
        }
        let truth = if n == rows {
            let neighbours = npy::read(&path("gt100_f32exact_i32.npy"))?;
            let columns = neighbours.columns();
            let flat: Vec<u32> = neighbours.floats()?.iter().map(|&x| x as u32).collect();
            flat.chunks_exact(columns).map(<[u32]>::to_vec).collect()
        } else {
            exact(dimension, &base, &queries)
        };
        Ok(Data { dimension, base, queries, truth })
    }

    fn rows(&self) -> RowMajor<'_> {
        RowMajor::new(self.dimension, &self.base)
    }

    fn queries(&self) -> impl Iterator<Item = &[f32]> {
        self.queries.chunks_exact(self.dimension)
    }
}

/// More vectors, up to `n`: those that are there with noise of length 0.6.
fn extend_with_noise(base: &mut Vec<f32>, dimension: usize, n: usize) {
    let mut state = 1_u64;
    let mut uniform = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 40) as f32 / (1_u32 << 23) as f32 - 1.0
    };
    // The sum of three uniform numbers in [-1, 1) has variance 1.
    let deviation = 0.6 / (dimension as f32).sqrt();
    for at in 0..(n * dimension).saturating_sub(base.len()) {
        base.push(base[at] + deviation * (uniform() + uniform() + uniform()));
    }
    for row in base.chunks_exact_mut(dimension) {
        let _ = normalise(row);
    }
}

/// The 100 nearest of each query, by the exact scan.
fn exact(dimension: usize, base: &[f32], queries: &[f32]) -> Vec<Vec<u32>> {
    let mut codes = QuantisedVectors::new(dimension);
    base.chunks_exact(dimension).for_each(|vector| codes.push(vector));
    let rows = RowMajor::new(dimension, base);
    let mut truth = Vec::new();
    for batch in queries.chunks(100 * dimension) {
        let mut scratches: Vec<ScanScratch> =
            batch.chunks_exact(dimension).map(|_| ScanScratch::default()).collect();
        codes.scan_many((batch, 100), &rows, &mut scratches);
        let hits = scratches.iter().map(|scratch| scratch.hits().iter().map(|hit| hit.0).collect());
        truth.extend(hits);
    }
    truth
}

/// The plain loop over f32.
fn plain_scan(base: &[f32], query: &[f32], k: usize) -> Vec<(u64, f32)> {
    let dot = Kernels::best().dot_f32;
    let mut top = TopK::new(k);
    for (row, vector) in base.chunks_exact(query.len()).enumerate() {
        top.push(row as u64, dot(query, vector));
    }
    top.into_sorted()
}

fn share(found: &[u32], truth: &[u32], k: usize) -> f64 {
    let right = found.iter().take(k).filter(|hit| truth[..k].contains(hit)).count();
    right as f64 / k as f64
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

#[expect(clippy::print_stdout, reason = "the figures are this tool's output")]
fn print(line: &str) {
    println!("{line}");
}

fn build(data: &Data, options: &Options) -> Result<Hnsw, Failure> {
    let defaults = HnswSettings::default();
    let settings = HnswSettings {
        m: options.number("m", defaults.m as usize)? as u32,
        ef_construction: options.number("efc", defaults.ef_construction as usize)? as u32,
        seed: 0,
    };
    let count = options.number("threads", 1)?;
    let threads = Threads { count, nanoseconds: AtomicUsize::new(0) };
    let parallel: &dyn Parallel = if count > 1 { &threads } else { &Serial };
    let start = now();
    let mut builder = HnswBuilder::new(settings, data.dimension);
    for vector in data.base.chunks_exact(data.dimension) {
        builder.push(vector);
    }
    while builder.step(parallel) > 0 {}
    let linked = now() - start;
    let graph = builder.finish(parallel);
    let others = threads.nanoseconds.load(Ordering::Relaxed) as f64 / 1e9;
    let sum = graph.bytes().iter().fold(0_u64, |sum, &byte| {
        sum.rotate_left(5) ^ u64::from(byte).wrapping_mul(0x9e37_79b9_7f4a_7c15)
    });
    print(&format!(
        "{{\"engine\":\"engram\",\"what\":\"build\",\"n\":{},\"m\":{},\"ef_construction\":{},\"threads\":{count},\
         \"build_cpu_s\":{:.2},\"link_cpu_s\":{linked:.2},\"bytes\":{},\"checksum\":\"{sum:016x}\"}}",
        graph.len(),
        settings.m,
        settings.ef_construction,
        now() - start + others,
        graph.bytes().len()
    ));
    match options.text("save", "") {
        path if path.is_empty() => {}
        path => npy::write_bytes(&path, graph.bytes())?,
    }
    Ok(graph)
}

fn search(data: &Data, options: &Options, graph: &Hnsw) -> Result<(), Failure> {
    let k = options.number("k", 10)?;
    let rounds = options.number("rounds", 3)?;
    let rows = data.rows();
    let mut scratch = HnswScratch::default();
    for ef in options.text("ef", "24,32,40,48,56,64,80,96,128,160").split(',') {
        let ef = ef.parse()?;
        let (mut rates, mut recall, mut scored, mut read) = (Vec::new(), 0.0, 0, 0);
        for round in 0..rounds + 1 {
            let start = now();
            (recall, scored, read) = (0.0, 0, 0);
            let mut found = Vec::new();
            for vector in data.queries() {
                let query = VectorQuery { vector, k, ef, filter: VectorFilter::All };
                let report = graph.search(&query, &rows, &mut scratch);
                scored += report.scored;
                read += report.read;
                found.push(scratch.hits().iter().map(|hit| hit.0).collect::<Vec<u32>>());
            }
            if round > 0 {
                rates.push(found.len() as f64 / (now() - start));
            }
            for (found, truth) in found.iter().zip(&data.truth) {
                recall += share(found, truth, k) / data.truth.len() as f64;
            }
        }
        let queries = data.truth.len() as u64;
        print(&format!(
            "{{\"engine\":\"engram\",\"what\":\"search\",\"m\":{},\"ef_construction\":{},\"ef\":{ef},\"k\":{k},\
             \"recall\":{recall:.4},\"qps\":{:.0},\"scored\":{},\"read\":{}}}",
            graph.settings().m,
            graph.settings().ef_construction,
            median(rates),
            scored / queries,
            read / queries
        ));
    }
    Ok(())
}

/// Builds the graph of the first rows and extends it by a sixteenth at a time.
fn grow(data: &Data, first: usize) -> Hnsw {
    let start = now();
    let (mut linked, mut extensions) = (0.0, 0);
    let mut graph = None;
    let mut len = 0;
    let mut goal = first;
    loop {
        let from = now();
        let mut builder = match &graph {
            None => HnswBuilder::new(HnswSettings::default(), data.dimension),
            Some(graph) => HnswBuilder::resume(graph),
        };
        let rows = data.base.chunks_exact(data.dimension);
        rows.skip(len).take(goal - len).for_each(|row| builder.push(row));
        while builder.step(&Serial) > 0 {}
        linked += now() - from;
        let finished = builder.finish(&Serial);
        len = finished.len();
        if len == data.rows().len() {
            print(&format!(
                "{{\"engine\":\"engram\",\"what\":\"grow\",\"first\":{first},\"n\":{len},\"extensions\":{extensions},\
                 \"cpu_s\":{:.2},\"link_cpu_s\":{linked:.2}}}",
                now() - start
            ));
            return finished;
        }
        graph = Some(finished);
        extensions += 1;
        goal = (len + len / 16 + 1).min(data.rows().len());
    }
}

/// How many vectors are not found by themselves at k = 1.
fn self_check(data: &Data, options: &Options, graph: &Hnsw) -> Result<(), Failure> {
    let rows = data.rows();
    let dot = Kernels::best().dot_f32;
    let mut scratch = HnswScratch::default();
    for ef in options.text("ef", "24,32,40,48,56,64,80,96,128,160").split(',') {
        let ef = ef.parse()?;
        let mut missed = 0;
        for ordinal in 0..graph.len() as u32 {
            let vector = rows.row(ordinal);
            let query = VectorQuery { vector, k: 1, ef, filter: VectorFilter::All };
            graph.search(&query, &rows, &mut scratch);
            let own = dot(vector, vector);
            missed += usize::from(scratch.hits().first().is_none_or(|hit| hit.1 < own));
        }
        print(&format!(
            "{{\"engine\":\"engram\",\"what\":\"self\",\"ef\":{ef},\"missed\":{missed},\"n\":{}}}",
            graph.len()
        ));
    }
    Ok(())
}

/// Searches under random filters of several selectivities.
fn filtered(data: &Data, options: &Options, graph: &Hnsw) -> Result<(), Failure> {
    let k = options.number("k", 10)?;
    let rows = data.rows();
    let mut scratch = HnswScratch::default();
    for every in [2_u64, 10, 100, 1000] {
        let accept = |row: u32| {
            (u64::from(row) + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32 < (1 << 32) / every
        };
        let mut words = vec![0_u64; graph.len().div_ceil(64)];
        let chosen: Vec<u32> = (0..graph.len() as u32).filter(|&row| accept(row)).collect();
        chosen.iter().for_each(|&row| words[row as usize / 64] |= 1 << (row % 64));
        let dot = Kernels::best().dot_f32;
        let (mut recall, mut exact, mut scored, mut seconds) = (0.0, 0, 0, 0.0);
        let filter = VectorFilter::Bits { words: &words, count: chosen.len() };
        let ef = options.text("ef", "64").split(',').next().unwrap_or("64").parse()?;
        for vector in data.queries() {
            let start = now();
            let report = graph.search(&VectorQuery { vector, k, ef, filter }, &rows, &mut scratch);
            seconds += now() - start;
            scored += report.scored;
            exact += usize::from(report.route == SearchRoute::Exact);
            let found: Vec<u32> = scratch.hits().iter().map(|hit| hit.0).collect();
            let mut top = TopK::new(k);
            chosen.iter().for_each(|&row| top.push(u64::from(row), dot(vector, rows.row(row))));
            let truth: Vec<u32> = top.into_sorted().iter().map(|hit| hit.0 as u32).collect();
            recall += share(&found, &truth, k.min(truth.len()));
        }
        let queries = data.truth.len() as f64;
        print(&format!(
            "{{\"engine\":\"engram\",\"what\":\"filtered\",\"selectivity\":{},\"ef\":{ef},\"recall\":{:.4},\"qps\":{:.0},\
             \"exact\":{exact},\"scored\":{:.0}}}",
            1.0 / every as f64,
            recall / queries,
            queries / seconds,
            scored as f64 / queries
        ));
    }
    Ok(())
}

/// Recall after 30 % of the first four fifths were deleted and the last fifth was added to the finished graph.
fn churn(data: &Data, options: &Options) -> Result<(), Failure> {
    let k = options.number("k", 10)?;
    let rows = data.rows();
    let (len, old) = (rows.len() as u32, rows.len() as u32 / 5 * 4);
    let mut builder = HnswBuilder::new(HnswSettings::default(), data.dimension);
    (0..old).for_each(|row| builder.push(rows.row(row)));
    let first = builder.finish(&Serial);
    let mut builder = HnswBuilder::resume(&first);
    (old..len).for_each(|row| builder.push(rows.row(row)));
    let graph = builder.finish(&Serial);
    let alive = |row: u32| row >= old || row % 10 >= 3;
    let count = (0..len).filter(|&row| alive(row)).count();
    let filter = VectorFilter::Where { accept: &alive, count };
    let mut scratch = HnswScratch::default();
    let dot = Kernels::best().dot_f32;
    for ef in options.text("ef", "64").split(',') {
        let ef = ef.parse()?;
        let mut recall = 0.0;
        for vector in data.queries() {
            graph.search(&VectorQuery { vector, k, ef, filter }, &rows, &mut scratch);
            let found: Vec<u32> = scratch.hits().iter().map(|hit| hit.0).collect();
            let mut top = TopK::new(k);
            let living = (0..len).filter(|&row| alive(row));
            living.for_each(|row| top.push(u64::from(row), dot(vector, rows.row(row))));
            let truth: Vec<u32> = top.into_sorted().iter().map(|hit| hit.0 as u32).collect();
            recall += share(&found, &truth, k) / data.truth.len() as f64;
        }
        print(&format!(
            "{{\"engine\":\"engram\",\"what\":\"churn\",\"n\":{len},\"alive\":{count},\"ef\":{ef},\"recall\":{recall:.4}}}"
        ));
    }
    Ok(())
}

/// Exact scans: the plain loop, codes with re-rank, and the same in batches of 64 queries.
fn scans(data: &Data, options: &Options) -> Result<(), Failure> {
    let k = options.number("k", 10)?;
    let rows = data.rows();
    let mut codes = QuantisedVectors::new(data.dimension);
    data.base.chunks_exact(data.dimension).for_each(|vector| codes.push(vector));
    let queries: Vec<&[f32]> = data.queries().take(256).collect();
    let (mut plain, mut single, mut batched) = (Vec::new(), Vec::new(), Vec::new());
    let (mut read, mut wrong) = (0, 0);
    let mut scratches: Vec<ScanScratch> = (0..64).map(|_| ScanScratch::default()).collect();
    for _ in 0..options.number("rounds", 3)? {
        let start = now();
        let truth: Vec<_> =
            queries.iter().take(64).map(|query| plain_scan(&data.base, query, k)).collect();
        plain.push(64.0 / (now() - start));
        let start = now();
        for (place, query) in queries.iter().enumerate() {
            read += codes.scan((query, k), &VectorFilter::All, &rows, &mut scratches[0]);
            if let Some(truth) = truth.get(place) {
                let hits = scratches[0].hits().iter().map(|hit| (u64::from(hit.0), hit.1));
                wrong += usize::from(!hits.eq(truth.iter().copied()));
            }
        }
        single.push(queries.len() as f64 / (now() - start));
        let start = now();
        for batch in data.queries[..256 * data.dimension].chunks_exact(64 * data.dimension) {
            codes.scan_many((batch, k), &rows, &mut scratches);
        }
        batched.push(256.0 / (now() - start));
    }
    print(&format!(
        "{{\"engine\":\"engram\",\"what\":\"scan\",\"n\":{},\"plain_qps\":{:.0},\"codes_qps\":{:.0},\"batched_qps\":{:.0},\
         \"read\":{},\"wrong\":{wrong}}}",
        codes.len(),
        median(plain),
        median(single),
        median(batched),
        read / 256 / options.number("rounds", 3)?
    ));
    Ok(())
}

fn main() -> Result<(), Failure> {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().ok_or("ann_bench FOLDER [KEY=VALUE ...]")?;
    let values = arguments
        .map(|argument| {
            let (key, value) = argument.split_once('=').ok_or("KEY=VALUE")?;
            Ok((key.to_owned(), value.to_owned()))
        })
        .collect::<Result<_, Failure>>()?;
    let options = Options { folder, values };
    let data = Data::read(&options)?;
    if options.number("scan", 0)? > 0 {
        return scans(&data, &options);
    }
    if options.number("churn", 0)? > 0 {
        return churn(&data, &options);
    }
    let graph = match options.text("load", "") {
        path if path.is_empty() => match options.number("grow", 0)? {
            0 => build(&data, &options)?,
            first => grow(&data, first),
        },
        path => Hnsw::open(AlignedBytes::copy_of(&npy::read_bytes(&path)?))?,
    };
    search(&data, &options, &graph)?;
    if options.number("selfcheck", 0)? > 0 {
        self_check(&data, &options, &graph)?;
    }
    if options.number("filtered", 0)? > 0 {
        filtered(&data, &options, &graph)?;
    }
    Ok(())
}
