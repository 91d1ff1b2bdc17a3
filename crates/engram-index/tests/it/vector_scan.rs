//! The sifted scan over codes must equal the plain scan of the full vectors, bit for bit.

use engram_index::{
    Kernels, QuantisedVectors, RowMajor, ScanScratch, TopK, VectorFilter, normalise,
};
use proptest::prelude::*;

fn oracle(
    rows: &RowMajor<'_>,
    query: &[f32],
    k: usize,
    accept: &dyn Fn(u32) -> bool,
) -> Vec<(u32, u32)> {
    let mut top = TopK::new(k);
    for row in (0..rows.len() as u32).filter(|&row| accept(row)) {
        top.push(u64::from(row), (Kernels::scalar().dot_f32)(query, rows.row(row)));
    }
    top.into_sorted().iter().map(|&(row, score)| (row as u32, score.to_bits())).collect()
}

fn bits(hits: &[(u32, f32)]) -> Vec<(u32, u32)> {
    hits.iter().map(|&(row, score)| (row, score.to_bits())).collect()
}

/// Dimension, components of up to 60 vectors, query. Few distinct values, so that scores tie.
fn case() -> impl Strategy<Value = (usize, Vec<f32>, Vec<f32>)> {
    (1_usize..140, 0_usize..60, prop::bool::ANY).prop_flat_map(|(dimension, rows, coarse)| {
        let component = (-1.0_f32..1.0).prop_map(move |x| if coarse { x.round() } else { x });
        let components = prop::collection::vec(component, dimension * (rows + 1));
        components.prop_map(move |mut all| {
            for row in all.chunks_exact_mut(dimension) {
                if normalise(row).is_err() {
                    row[0] = 1.0;
                }
            }
            let query = all.split_off(all.len() - dimension);
            (dimension, all, query)
        })
    })
}

proptest! {
    #[test]
    fn equals_the_plain_scan((dimension, all, query) in case(), k in 0_usize..20, filter in any::<u64>()) {
        let rows = RowMajor::new(dimension, &all);
        let mut codes = QuantisedVectors::new(dimension);
        all.chunks_exact(dimension).for_each(|row| codes.push(row));
        prop_assert_eq!(codes.len(), rows.len());
        let mut scratch = ScanScratch::default();
        codes.scan((&query, k), &VectorFilter::All, &rows, &mut scratch);
        prop_assert_eq!(bits(scratch.hits()), oracle(&rows, &query, k, &|_| true));
        let accept = |row: u32| filter >> (row % 64) & 1 == 1;
        let expected = oracle(&rows, &query, k, &accept);
        let count = (0..rows.len() as u32).filter(|&row| accept(row)).count();
        for filter in [
            VectorFilter::Where { accept: &accept, count },
            VectorFilter::Bits { words: &[filter], count },
        ] {
            codes.scan((&query, k), &filter, &rows, &mut scratch);
            prop_assert_eq!(bits(scratch.hits()), expected.clone());
        }
    }

    #[test]
    fn many_queries_equal_one_at_a_time((dimension, all, _) in case(), k in 1_usize..8) {
        let rows = RowMajor::new(dimension, &all);
        let mut codes = QuantisedVectors::new(dimension);
        all.chunks_exact(dimension).for_each(|row| codes.push(row));
        let queries = &all[..all.len().min(5 * dimension)];
        let mut scratches: Vec<ScanScratch> =
            queries.chunks(dimension).map(|_| ScanScratch::default()).collect();
        codes.scan_many((queries, k), &rows, &mut scratches);
        for (query, scratch) in queries.chunks(dimension).zip(&scratches) {
            prop_assert_eq!(bits(scratch.hits()), oracle(&rows, query, k, &|_| true));
        }
    }
}

/// Vectors that differ by less than the codes can tell.
#[test]
fn near_duplicates_are_told_apart() {
    let dimension = 384;
    let mut all = Vec::new();
    for row in 0..1500_u32 {
        let mut vector: Vec<f32> = (0..dimension)
            .map(|d| (d as f32 * 0.37).sin() + 1e-5 * ((row * 7 + d) as f32 * 0.91).cos())
            .collect();
        normalise(&mut vector).unwrap();
        all.extend(vector);
    }
    let dimension = dimension as usize;
    let rows = RowMajor::new(dimension, &all);
    let mut codes = QuantisedVectors::new(dimension);
    all.chunks_exact(dimension).for_each(|row| codes.push(row));
    let mut scratch = ScanScratch::default();
    for row in [0, 700, 1499] {
        let query = rows.row(row);
        codes.scan((query, 5), &VectorFilter::All, &rows, &mut scratch);
        assert_eq!(bits(scratch.hits()), oracle(&rows, query, 5, &|_| true));
    }
}

#[test]
fn the_sieves_leave_little_to_read() {
    let dimension = 96;
    let mut seed = 1_u64;
    let mut noise = || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 40) as f32 / (1_u32 << 23) as f32 - 1.0
    };
    let mut all: Vec<f32> = (0..4000 * dimension).map(|_| noise()).collect();
    all.chunks_exact_mut(dimension).for_each(|row| normalise(row).unwrap());
    let rows = RowMajor::new(dimension, &all);
    let mut codes = QuantisedVectors::new(dimension);
    all.chunks_exact(dimension).for_each(|row| codes.push(row));
    let mut scratch = ScanScratch::default();
    let read = codes.scan((rows.row(5), 10), &VectorFilter::All, &rows, &mut scratch);
    assert_eq!(scratch.hits()[0].0, 5);
    assert!(read < 100, "{read} of 4,000 read in full");
}
