//! The graph against brute force, and its promises: same bytes for every number of threads, everything findable, no panic
//! on bytes from elsewhere.

use std::sync::atomic::{AtomicUsize, Ordering};

use engram_index::{
    AlignedBytes, Hnsw, HnswBuilder, HnswError, HnswScratch, HnswSettings, Kernels, Parallel,
    RowMajor, SearchReport, SearchRoute, Serial, TopK, VectorFilter, VectorQuery, normalise,
};
use expect_test::{Expect, expect};

struct Noise(u64);

impl Noise {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    fn unit(&mut self) -> f32 {
        (self.next() >> 40) as f32 / (1_u32 << 23) as f32 - 1.0
    }
}

fn normalised(dimension: usize, mut all: Vec<f32>) -> Vec<f32> {
    for row in all.chunks_exact_mut(dimension) {
        if normalise(row).is_err() {
            row[0] = 1.0;
        }
    }
    all
}

/// Vectors around centres, as embeddings are.
fn clustered(seed: u64, dimension: usize, count: usize) -> Vec<f32> {
    let mut noise = Noise(seed);
    let centres: Vec<f32> = (0..dimension * (count / 40 + 1)).map(|_| noise.unit()).collect();
    let centres: Vec<&[f32]> = centres.chunks_exact(dimension).collect();
    let mut all = Vec::new();
    for _ in 0..count {
        let centre = centres[noise.next() as usize % centres.len()];
        all.extend(centre.iter().map(|x| x + 0.9 * noise.unit()));
    }
    normalised(dimension, all)
}

/// Threads that take tasks as they come.
struct Threads(usize);

impl Parallel for Threads {
    fn run(&self, tasks: usize, task: &(dyn Fn(usize) + Sync)) {
        let next = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for _ in 0..self.0 {
                scope.spawn(|| {
                    loop {
                        let number = next.fetch_add(1, Ordering::Relaxed);
                        if number >= tasks {
                            return;
                        }
                        task(number);
                    }
                });
            }
        });
    }
}

/// Last task first.
struct Backward;

impl Parallel for Backward {
    fn run(&self, tasks: usize, task: &(dyn Fn(usize) + Sync)) {
        (0..tasks).rev().for_each(task);
    }
}

fn builder(settings: HnswSettings, dimension: usize, all: &[f32]) -> HnswBuilder {
    let mut builder = HnswBuilder::new(settings, dimension);
    all.chunks_exact(dimension).for_each(|row| builder.push(row));
    builder
}

fn build(settings: HnswSettings, dimension: usize, all: &[f32]) -> Hnsw {
    builder(settings, dimension, all).finish(&Serial)
}

const SMALL: HnswSettings = HnswSettings { m: 8, ef_construction: 64, seed: 3 };

fn exact(rows: &RowMajor<'_>, query: &[f32], k: usize, filter: &VectorFilter<'_>) -> Vec<u32> {
    let mut top = TopK::new(k);
    for row in (0..rows.len() as u32).filter(|&row| filter.accepts(row)) {
        top.push(u64::from(row), (Kernels::best().dot_f32)(query, rows.row(row)));
    }
    top.into_sorted().iter().map(|hit| hit.0 as u32).collect()
}

/// Mean recall over all vectors of `queries`, and the reports.
fn recall(
    graph: &Hnsw,
    rows: &RowMajor<'_>,
    queries: &[f32],
    (k, ef): (usize, usize),
    filter: VectorFilter<'_>,
) -> (f64, Vec<SearchReport>) {
    let mut scratch = HnswScratch::default();
    let (mut found, mut wanted, mut reports) = (0, 0, Vec::new());
    for vector in queries.chunks_exact(graph.dimension()) {
        reports.push(graph.search(&VectorQuery { vector, k, ef, filter }, rows, &mut scratch));
        let truth = exact(rows, vector, k, &filter);
        let hits = scratch.hits();
        assert!(hits.iter().all(|hit| filter.accepts(hit.0)));
        assert!(hits.is_sorted_by(|a, b| a.1 > b.1 || a.1 == b.1 && a.0 < b.0));
        for &(row, score) in hits {
            assert_eq!(
                score,
                (Kernels::scalar().dot_f32)(vector, rows.row(row)),
                "canonical score"
            );
        }
        found += hits.iter().filter(|hit| truth.contains(&hit.0)).count();
        wanted += truth.len();
    }
    (found as f64 / wanted as f64, reports)
}

#[test]
fn recall_is_high_at_the_default_settings() {
    let all = clustered(5, 48, 8200);
    let (base, queries) = all.split_at(8000 * 48);
    let rows = RowMajor::new(48, base);
    let graph = build(HnswSettings::default(), 48, base);
    let (recall, reports) = recall(&graph, &rows, queries, (10, 64), VectorFilter::All);
    assert!(reports.iter().all(|report| report.route == SearchRoute::Graph));
    assert!(recall >= 0.95, "{recall}");
    let scored = reports.iter().map(|report| report.scored).sum::<u64>() / reports.len() as u64;
    assert!(scored < 3000, "{scored} of 8,000 scored");
}

#[test]
fn bytes_do_not_depend_on_threads_or_steps() {
    let all = clustered(6, 20, 1500);
    let whole = build(SMALL, 20, &all);
    for parallel in [&Threads(2) as &dyn Parallel, &Threads(5), &Backward] {
        assert_eq!(builder(SMALL, 20, &all).finish(parallel).bytes(), whole.bytes());
    }
    let mut stepped = HnswBuilder::new(SMALL, 20);
    for (pushed, row) in all.chunks_exact(20).enumerate() {
        stepped.push(row);
        if pushed % 100 == 99 {
            stepped.step(&Threads(3));
        }
    }
    assert_eq!((stepped.len(), stepped.left() < 256 + 100), (1500, true));
    assert_eq!(stepped.finish(&Serial).bytes(), whole.bytes());
}

fn check_sum(graph: &Hnsw, expected: &Expect) {
    let sum = graph.bytes().iter().fold(0xcbf2_9ce4_8422_2325_u64, |sum, &byte| {
        (sum ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    expected.assert_eq(&format!("{} bytes, {sum:016x}", graph.bytes().len()));
}

/// The same numbers must come out on every machine.
#[test]
fn bytes_are_pinned() {
    check_sum(
        &build(SMALL, 20, &clustered(6, 20, 1500)),
        &expect!["338624 bytes, cdb31be0ee207534"],
    );
    check_sum(&build(HnswSettings::default(), 5, &[]), &expect!["128 bytes, c4b9c40ca48ec6ae"]);
}

#[test]
fn what_was_written_opens_and_answers_alike() {
    let all = clustered(8, 24, 900);
    let rows = RowMajor::new(24, &all);
    let graph = build(SMALL, 24, &all);
    let shifted = [&[0][..], graph.bytes()].concat();
    let borrowed = Hnsw::open(&shifted[1..]).unwrap();
    let owned = Hnsw::open(AlignedBytes::copy_of(graph.bytes())).unwrap();
    assert_eq!((borrowed.len(), borrowed.dimension(), borrowed.settings()), (900, 24, SMALL));
    let (mut one, mut two, mut three) = Default::default();
    for vector in all.chunks_exact(24).step_by(50) {
        let query = VectorQuery { vector, k: 7, ef: 12, filter: VectorFilter::All };
        let report = graph.search(&query, &rows, &mut one);
        assert_eq!(borrowed.search(&query, &rows, &mut two), report);
        assert_eq!(owned.search(&query, &rows, &mut three), report);
        assert_eq!((one.hits(), one.hits()), (two.hits(), three.hits()));
    }
}

/// Every vector is found by itself at k = 1, or one of the same score is.
fn all_findable(graph: &Hnsw, rows: &RowMajor<'_>, filter: VectorFilter<'_>) {
    let mut scratch = HnswScratch::default();
    for row in (0..rows.len() as u32).filter(|&row| filter.accepts(row)) {
        let vector = rows.row(row);
        graph.search(&VectorQuery { vector, k: 1, ef: 48, filter }, rows, &mut scratch);
        let own = (Kernels::best().dot_f32)(vector, vector);
        assert!(
            scratch.hits().first().is_some_and(|hit| hit.1 >= own),
            "{row} is lost: {:?}",
            scratch.hits()
        );
    }
}

fn check_any_order(dimension: usize, count: usize) {
    let mixed = clustered(9, dimension, count);
    let mut sorted: Vec<&[f32]> = mixed.chunks_exact(dimension).collect();
    sorted.sort_by(|a, b| a[0].total_cmp(&b[0]));
    let sorted = sorted.concat();
    // A curve, its points in order; few distinct vectors, many times each; nearly the same vector.
    let point = |i: usize| (0..dimension).map(move |d| (i as f32 * 0.002 * (d + 1) as f32).sin());
    let curve: Vec<f32> = (0..count).flat_map(point).collect();
    let mut noise = Noise(4);
    let few: Vec<&[f32]> = mixed.chunks_exact(dimension).take(5).collect();
    let repeated: Vec<f32> =
        (0..count).flat_map(|_| few[noise.next() as usize % 5].to_vec()).collect();
    let narrow = (0..count * dimension).map(|_| 1.0 + 0.01 * noise.unit()).collect();
    let curve = normalised(dimension, curve);
    for all in [mixed, sorted, curve, repeated, normalised(dimension, narrow)] {
        let graph = build(SMALL, dimension, &all);
        all_findable(&graph, &RowMajor::new(dimension, &all), VectorFilter::All);
    }
}

#[test]
fn every_vector_is_found_by_itself_for_any_order() {
    check_any_order(16, 3000);
    check_any_order(200, 1500);
}

#[test]
fn deleted_and_added_vectors_keep_recall() {
    let dimension = 32;
    let all = clustered(12, dimension, 9200);
    let (base, queries) = all.split_at(9000 * dimension);
    let first = build(HnswSettings::default(), dimension, &base[..6000 * dimension]);
    let mut second = HnswBuilder::resume(&first);
    base[6000 * dimension..].chunks_exact(dimension).for_each(|row| second.push(row));
    while second.step(&Serial) > 0 {}
    let graph = second.finish(&Serial);
    assert_eq!(graph.len(), 9000);
    let rows = RowMajor::new(dimension, base);
    let alive = |row: u32| row >= 6000 || row % 10 >= 3;
    let count = (0..9000).filter(|&row| alive(row)).count();
    let filter = VectorFilter::Where { accept: &alive, count };
    let (recall, reports) = recall(&graph, &rows, queries, (10, 64), filter);
    assert!(reports.iter().all(|report| report.route == SearchRoute::Graph));
    assert!(recall >= 0.95, "{recall}");
    all_findable(&graph, &rows, filter);
}

#[test]
fn filters_keep_recall_at_every_selectivity() {
    let dimension = 32;
    let all = clustered(14, dimension, 12_100);
    let (base, queries) = all.split_at(12_000 * dimension);
    let rows = RowMajor::new(dimension, base);
    let graph = build(HnswSettings::default(), dimension, base);
    let mut routes = Vec::new();
    for every in [2, 10, 100, 1000] {
        let accept = |row: u32| row.wrapping_mul(2_654_435_761) >> 8 < (1 << 24) / every;
        let count = (0..12_000).filter(|&row| accept(row)).count();
        let filter = VectorFilter::Where { accept: &accept, count };
        let (recall, reports) = recall(&graph, &rows, queries, (10, 40), filter);
        assert!(recall >= 0.95, "{recall} at 1 in {every}");
        assert!(reports.iter().all(|report| report.route == reports[0].route));
        routes.push(reports[0].route);
    }
    use SearchRoute::{Exact, Graph};
    assert_eq!(routes, [Graph, Exact, Exact, Exact]);
}

/// What may be returned lies far from the query: the walk would go on for ever.
#[test]
fn a_filter_against_the_query_ends_in_an_exact_scan() {
    let dimension = 8;
    let all = clustered(15, dimension, 20_000);
    let rows = RowMajor::new(dimension, &all);
    let graph = build(SMALL, dimension, &all);
    let query = rows.row(0);
    let far = |row: u32| (Kernels::best().dot_f32)(query, rows.row(row)) < -0.2;
    let count = (0..20_000).filter(|&row| far(row)).count();
    let filter = VectorFilter::Where { accept: &far, count };
    let (recall, reports) = recall(&graph, &rows, query, (10, 40), filter);
    assert_eq!((recall, reports[0].route), (1.0, SearchRoute::Exact));
    assert!(reports[0].scored < 4 * count as u64);
}

#[test]
fn any_dimension_and_any_number() {
    for dimension in [1, 2, 3, 17, 127, 128, 129, 1000, 4096] {
        for count in [0, 1, 2, 3, 40, 300] {
            let all = clustered(dimension as u64, dimension, count);
            let graph = build(SMALL, dimension, &all);
            let rows = RowMajor::new(dimension, &all);
            let mut scratch = HnswScratch::default();
            let query = clustered(77, dimension, 1);
            for k in [0, 1, 5, 400] {
                let filter = VectorFilter::All;
                let query = VectorQuery { vector: &query, k, ef: 0, filter };
                graph.search(&query, &rows, &mut scratch);
                assert_eq!(scratch.hits().len(), k.min(count), "{count} of {dimension}");
            }
            if count > 0 && dimension > 3 {
                let (recall, _) = recall(&graph, &rows, &query, (3, 30), VectorFilter::All);
                assert_eq!(recall, 1.0, "{count} of {dimension}");
            }
        }
    }
}

#[test]
fn damage_is_found_or_harmless() {
    let all = clustered(21, 6, 300);
    let rows = RowMajor::new(6, &all);
    let settings = HnswSettings { m: 3, ef_construction: 16, seed: 1 };
    let good = build(settings, 6, &all).bytes().to_vec();
    for length in 0..good.len() {
        assert!(Hnsw::open(&good[..length]).is_err(), "cut to {length}");
    }
    let mut newer = good.clone();
    newer[8] = 2;
    assert_eq!(Hnsw::open(&newer[..]).unwrap_err(), HnswError::NewerFormat { version: 2 });
    let mut scratch = HnswScratch::default();
    let mut noise = Noise(2);
    let mut refused = 0;
    for round in 0..20_000 {
        let mut bad = good.clone();
        // The header often, for most of its numbers matter.
        let end = if round % 2 == 0 { 128 } else { bad.len() };
        for _ in 0..1 + round % 3 {
            let at = noise.next() as usize % end;
            bad[at] = noise.next() as u8;
        }
        match Hnsw::open(&bad[..]) {
            Err(HnswError::Corrupt(_) | HnswError::NewerFormat { .. }) => refused += 1,
            Ok(graph) if graph.dimension() != 6 => {}
            Ok(graph) => {
                let vector = rows.row(round as u32 % 300);
                let query = VectorQuery { vector, k: 3, ef: 6, filter: VectorFilter::All };
                graph.search(&query, &rows, &mut scratch);
            }
        }
    }
    assert!(refused > 6000, "{refused}");
}
