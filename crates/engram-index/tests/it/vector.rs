//! The exact scan against brute force in f64.

use engram_index::{FlatVectors, FlatWriter, Kernels, TopK, normalise};
use proptest::prelude::*;

fn unit(mut v: Vec<f32>) -> Vec<f32> {
    if normalise(&mut v).is_err() {
        v.fill(0.0);
        v[0] = 1.0;
    }
    v
}

fn build(dimension: usize, rows: &[(u32, Vec<f32>)]) -> FlatVectors {
    let mut writer = FlatWriter::new(dimension);
    for (owner, row) in rows {
        writer.push(*owner, row);
    }
    writer.finish()
}

type Rows = Vec<(u32, Vec<f32>)>;

/// Dimension, vectors with their owners, query.
fn case() -> impl Strategy<Value = (usize, Rows, Vec<f32>)> {
    (1_usize..70).prop_flat_map(|dimension| {
        let vector = move || prop::collection::vec(-1.0_f32..1.0, dimension).prop_map(unit);
        let rows = prop::collection::vec((0_u32..12, vector()), 0..40);
        (Just(dimension), rows, vector())
    })
}

proptest! {
    #[test]
    fn scan_equals_brute_force((dimension, mut rows, query) in case(), refused in 0_u32..12) {
        rows.sort_by_key(|row| row.0);
        let flat = build(dimension, &rows);
        let mut asked = Vec::new();
        let mut found = Vec::new();
        flat.scan(
            &query,
            &mut |owner| { asked.push(owner); owner != refused },
            &mut |owner, score| found.push((owner, score)),
        );
        let mut owners: Vec<u32> = rows.iter().map(|row| row.0).collect();
        owners.dedup();
        prop_assert_eq!(&asked, &owners);
        owners.retain(|owner| *owner != refused);
        prop_assert_eq!(found.iter().map(|hit| hit.0).collect::<Vec<_>>(), owners);
        for (owner, score) in found {
            let own = || rows.iter().filter(|row| row.0 == owner).map(|row| &row.1);
            let exact = own()
                .map(|row| row.iter().zip(&query).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum())
                .fold(f64::NEG_INFINITY, f64::max);
            prop_assert!((f64::from(score) - exact).abs() < 1e-5, "{} instead of {}", score, exact);
            let scalar = Kernels::scalar().dot_f32;
            let reference = own().map(|row| scalar(&query, row)).fold(f32::NEG_INFINITY, f32::max);
            prop_assert_eq!(score.to_bits(), reference.to_bits());
        }
    }
}

#[test]
fn the_nearest_come_out_whatever_the_order_of_insertion() {
    let rows: Vec<(u32, Vec<f32>)> =
        (0..200_u32).map(|i| (i, unit((0..24).map(|d| irregular(i, d)).collect()))).collect();
    let query = rows[17].1.clone();
    let search = |rows: &[(u32, Vec<f32>)]| {
        let mut top = TopK::new(10);
        build(24, rows).scan(&query, &mut |_| true, &mut |owner, score| {
            top.push(u64::from(owner), score);
        });
        top.into_sorted()
    };
    let forward = search(&rows);
    assert_eq!(forward[0].0, 17);
    let mut backward = rows;
    backward.reverse();
    assert_eq!(search(&backward), forward);
}

/// A number in [-1, 1) that looks random.
fn irregular(i: u32, d: u32) -> f32 {
    let mixed = (i + 1).wrapping_mul(2_654_435_761) ^ (d + 1).wrapping_mul(2_246_822_519);
    (mixed.wrapping_mul(3_266_489_917) >> 8) as f32 / (1_u32 << 23) as f32 - 1.0
}

#[test]
fn accessors() {
    let flat = build(2, &[(4, vec![1.0, 0.0]), (4, vec![0.0, 1.0]), (9, vec![-1.0, 0.0])]);
    assert_eq!((flat.dimension(), flat.len(), flat.is_empty()), (2, 3, false));
    assert_eq!((flat.owner(2), flat.vector(1)), (9, &[0.0, 1.0][..]));
    assert!(flat.heap_bytes() >= 3 * 4 + 6 * 4);
    let mut hits = Vec::new();
    flat.scan(&[f32::NAN, 0.0], &mut |_| true, &mut |owner, _| hits.push(owner));
    assert!(hits.is_empty(), "a score that is no number is not reported");
}
