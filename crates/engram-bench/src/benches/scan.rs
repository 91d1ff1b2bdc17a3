//! `scan`: the exact scan, and which mode finds what a sentence was made of.

use std::collections::BTreeMap;
use std::time::Instant;

use engram_api::ModeName;
use engram_index::{FlatWriter, QuantisedVectors, RowMajor, ScanScratch, TopK, VectorFilter};
use serde_json::{Value, json};

use super::corpus::{LIMIT, Source, connect, recall_request, recalled, store};
use super::foreign::{EngineFigures, FLAT, Foreign, SearchPlan, to_json};
use super::options::BenchOptions;
use super::report::ReportBuilder;
use crate::data::VectorSet;
use crate::failure::BenchError;
use crate::grid::Grid;
use crate::numbers::round;
use crate::stage::{ChildServer, ThreadCpu};

/// Constant of reciprocal-rank fusion (Cormack, Clarke and Büttcher, 2009), and the depth of the lists that it takes.
const RRF_K: f64 = 60.0;
const RRF_DEPTH: usize = 100;

pub(super) fn run(
    options: &BenchOptions,
    report: &mut ReportBuilder,
    progress: &mut dyn FnMut(&str),
) -> Result<(), BenchError> {
    let set = VectorSet::read(options.data()?)?;
    report.set("set", set.name.clone());
    let sizes = if options.quick { vec![10_000] } else { vec![10_000, 100_000] };
    let title =
        "Exact scan for the nearest ten, one query a call, one thread: queries per CPU second.";
    let header = [
        "vectors",
        "plain f32 loop",
        "f32 scan",
        "int8 scan and re-rank",
        "times the loop",
        "faiss flat",
        "faiss flat, all queries at once",
    ];
    let mut grid = Grid::new(title, &header);
    let mut rows = Vec::new();
    for size in sizes.into_iter().map(|size| size.min(set.len())) {
        progress(&format!("scanning {size} vectors"));
        let rounds = if options.quick { 20 } else { 200 };
        let speed = ScanSpeed::measure(&set, size, rounds);
        let faiss = faiss_flat(options, &set, (size, rounds))?;
        let absent = |rate: Option<f64>| {
            rate.map_or_else(|| "absent".to_owned(), |rate| format!("{rate:.0}"))
        };
        let one_by_one =
            faiss.as_ref().ok().and_then(|one| Some(one.curve.first()?.per_cpu_second));
        let at_once = faiss.as_ref().ok().and_then(|one| one.batch_per_cpu_second);
        grid.rows.push(vec![
            size.to_string(),
            format!("{:.0}", speed.plain),
            format!("{:.0}", speed.flat),
            format!("{:.0}", speed.quantised),
            format!("{:.1}", speed.quantised / speed.plain),
            absent(one_by_one),
            absent(at_once),
        ]);
        rows.push(json!({
            "vectors": size,
            "plain_per_cpu_second": round(speed.plain, 1),
            "flat_per_cpu_second": round(speed.flat, 1),
            "quantised_per_cpu_second": round(speed.quantised, 1),
            "quantised_wall_ms": round(speed.quantised_wall_ms, 4),
            "quantised_times_plain": round(speed.quantised / speed.plain, 2),
            "faiss_flat": to_json(&faiss),
        }));
    }
    report.set("scan", rows);
    report.grid(grid);
    sources(options, &set, report, progress)
}

/// Queries per CPU second of one thread.
struct ScanSpeed {
    plain: f64,
    flat: f64,
    quantised: f64,
    quantised_wall_ms: f64,
}

impl ScanSpeed {
    fn measure(set: &VectorSet, size: usize, queries: usize) -> ScanSpeed {
        let rows = set.unit_vectors(size);
        let queries: Vec<&[f32]> =
            (0..queries).map(|n| set.query(n % set.query_texts.len())).collect();
        let cpu = ThreadCpu::start();
        let plain_tops: Vec<Vec<(u64, f32)>> =
            queries.iter().map(|query| plain_scan(&rows, query)).collect();
        let plain_seconds = cpu.seconds();
        let mut writer = FlatWriter::new(set.dimension);
        for (row, vector) in (0_u32..).zip(rows.chunks_exact(set.dimension)) {
            writer.push(row, vector);
        }
        let flat = writer.finish();
        let cpu = ThreadCpu::start();
        let mut agree = 0;
        for (query, plain) in queries.iter().zip(&plain_tops) {
            let mut top = TopK::new(LIMIT);
            flat.scan(query, &mut |_| true, &mut |row, score| top.push(row.into(), score));
            agree += usize::from(top.into_sorted()[0].0 == plain[0].0);
        }
        let flat_seconds = cpu.seconds();
        drop(flat);
        let mut codes = QuantisedVectors::new(set.dimension);
        rows.chunks_exact(set.dimension).for_each(|vector| codes.push(vector));
        let mut scratch = ScanScratch::default();
        let (cpu, wall) = (ThreadCpu::start(), Instant::now());
        for (query, plain) in queries.iter().zip(&plain_tops) {
            let all = RowMajor::new(set.dimension, &rows);
            codes.scan((query, LIMIT), &VectorFilter::All, &all, &mut scratch);
            agree += usize::from(u64::from(scratch.hits()[0].0) == plain[0].0);
        }
        let (quantised_seconds, wall_seconds) = (cpu.seconds(), wall.elapsed().as_secs_f64());
        // Rounding may swap near ties; more than that would be a fault of one of them.
        assert!(agree * 10 >= queries.len() * 18, "{agree} of {} agree", 2 * queries.len());
        let count = queries.len() as f64;
        ScanSpeed {
            plain: count / plain_seconds,
            flat: count / flat_seconds,
            quantised: count / quantised_seconds,
            quantised_wall_ms: wall_seconds * 1e3 / count,
        }
    }
}

/// Figures of faiss over the same rows, or why there are none.
fn faiss_flat(
    options: &BenchOptions,
    set: &VectorSet,
    (rows, queries): (usize, usize),
) -> Result<Result<EngineFigures, String>, BenchError> {
    let foreign = Foreign::new(options, set, &set.unit_vectors(rows))?;
    let plan = SearchPlan { rows, queries, m: 0, ef_construction: 0, efs: vec![0], rounds: 1 };
    Ok(foreign.run(&FLAT, &plan))
}

/// What a programmer writes first that the compiler can make fast: eight sums side by side, no intrinsics.
fn plain_scan(rows: &[f32], query: &[f32]) -> Vec<(u64, f32)> {
    let mut top = TopK::new(LIMIT);
    for (row, vector) in (0_u64..).zip(rows.chunks_exact(query.len())) {
        let mut sums = [0.0_f32; 8];
        let (a, a_rest) = vector.as_chunks::<8>();
        let (b, b_rest) = query.as_chunks::<8>();
        for (a, b) in a.iter().zip(b) {
            for lane in 0..8 {
                sums[lane] += a[lane] * b[lane];
            }
        }
        let rest: f32 = a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum();
        top.push(row, sums.iter().sum::<f32>() + rest);
    }
    top.into_sorted()
}

/// Share of the sentences whose source is among the first ten, by mode, and by reciprocal-rank fusion of the lists of
/// words and vectors.
fn sources(
    options: &BenchOptions,
    set: &VectorSet,
    report: &mut ReportBuilder,
    progress: &mut dyn FnMut(&str),
) -> Result<(), BenchError> {
    let texts = set.texts()?;
    let count = options.size(set.len(), 10_000).min(set.len());
    let server = ChildServer::start(&options.program)?;
    store(&server, &Source::Base(set, &texts), count, progress)?;
    let mut wire = connect(&server)?;
    let mut hits: BTreeMap<&str, usize> = BTreeMap::new();
    let mut asked = 0;
    for (n, source) in set.query_sources.iter().enumerate() {
        let Some(source) = source.filter(|row| (*row as usize) < count) else { continue };
        asked += 1;
        let mut lists = Vec::new();
        for mode in ModeName::ALL {
            let request = recall_request(&set.query_texts[n], set.query(n), mode, RRF_DEPTH);
            let found = recalled(&mut wire, &request)?;
            if found.iter().take(LIMIT).any(|row| *row == source) {
                *hits.entry(mode.as_str()).or_default() += 1;
            }
            if matches!(mode, ModeName::Keyword | ModeName::Similarity) {
                lists.push(found);
            }
        }
        if fused(&lists).iter().take(LIMIT).any(|row| *row == source) {
            *hits.entry("rrf").or_default() += 1;
        }
    }
    let title = format!("Sources of {asked} sentences among the first ten, of {count} texts.");
    let mut grid = Grid::new(title, &["mode", "hit@10"]);
    let mut shares = serde_json::Map::new();
    for name in ModeName::ALL.map(ModeName::as_str).into_iter().chain(["rrf"]) {
        let share = hits.get(name).copied().unwrap_or(0) as f64 / f64::from(asked.max(1));
        grid.rows.push(vec![name.to_owned(), format!("{share:.3}")]);
        shares.insert(name.to_owned(), round(share, 4).into());
    }
    report.set("hit@10", Value::Object(shares));
    report.set("sentences", asked);
    report.grid(grid);
    Ok(())
}

/// Reciprocal-rank fusion; equal sums go to the smaller row.
fn fused(lists: &[Vec<u32>]) -> Vec<u32> {
    let mut sums: BTreeMap<u32, f64> = BTreeMap::new();
    for list in lists {
        for (rank, row) in list.iter().enumerate() {
            *sums.entry(*row).or_default() += 1.0 / (RRF_K + rank as f64 + 1.0);
        }
    }
    let mut ranked: Vec<(u32, f64)> = sums.into_iter().collect();
    ranked.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    ranked.into_iter().map(|(row, _)| row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fusion_prefers_what_both_lists_have() {
        assert_eq!(fused(&[vec![1, 2, 3], vec![3, 4]]), [3, 1, 2, 4]);
        assert!(fused(&[]).is_empty());
    }

    #[test]
    fn the_plain_loop_is_exact() {
        let rows: Vec<f32> = (0..30).map(|n| ((n * 7) % 11) as f32).collect();
        let query: Vec<f32> = (0..10).map(|n| n as f32).collect();
        let sum = |row: usize| (0..10).map(|i| rows[row * 10 + i] * query[i]).sum::<f32>();
        let top = plain_scan(&rows, &query);
        assert_eq!(top.len(), 3);
        assert!(top.iter().all(|(row, score)| *score == sum(*row as usize)));
    }
}
