//! `scan`: the exact scan, and which mode finds what a sentence was made of.

use std::collections::BTreeMap;
use std::time::Instant;

use engram_api::ModeName;
use engram_index::{FlatWriter, TopK};
use serde_json::{Value, json};

use super::corpus::{LIMIT, Source, connect, recall_request, recalled, store};
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
    let title = "Exact scan, one query a call, one thread: queries per CPU second.";
    let mut grid = Grid::new(title, &["vectors", "plain f32 loop", "f32 scan", "times the loop"]);
    let mut rows = Vec::new();
    for size in sizes.into_iter().map(|size| size.min(set.len())) {
        progress(&format!("scanning {size} vectors"));
        let speed = ScanSpeed::measure(&set, size, if options.quick { 20 } else { 200 });
        grid.rows.push(vec![
            size.to_string(),
            format!("{:.0}", speed.plain),
            format!("{:.0}", speed.flat),
            format!("{:.1}", speed.flat / speed.plain),
        ]);
        rows.push(json!({
            "vectors": size,
            "plain_per_cpu_second": round(speed.plain, 1),
            "flat_per_cpu_second": round(speed.flat, 1),
            "wall_ms": round(speed.flat_wall_ms, 4),
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
    flat_wall_ms: f64,
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
        drop(rows);
        let (cpu, wall) = (ThreadCpu::start(), Instant::now());
        let mut agree = 0;
        for (query, plain) in queries.iter().zip(&plain_tops) {
            let mut top = TopK::new(LIMIT);
            flat.scan(query, &mut |_| true, &mut |row, score| top.push(row.into(), score));
            agree += usize::from(top.into_sorted()[0].0 == plain[0].0);
        }
        let (flat_seconds, wall_seconds) = (cpu.seconds(), wall.elapsed().as_secs_f64());
        // Rounding may swap near ties; more than that would be a fault of one of them.
        assert!(agree * 10 >= queries.len() * 9, "{agree} of {} first rows agree", queries.len());
        let count = queries.len() as f64;
        ScanSpeed {
            plain: count / plain_seconds,
            flat: count / flat_seconds,
            flat_wall_ms: wall_seconds * 1e3 / count,
        }
    }
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
