use super::*;
use crate::arith::{BLOCK, quantise};

/// Numbers without a pattern, the same in every run: xorshift.
fn noise(seed: u32, count: usize) -> Vec<f32> {
    let mut state = seed;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state as f32 / u32::MAX as f32 - 0.5
    };
    (0..count).map(|_| next() * 4.0).collect()
}

fn bits(x: &[f32]) -> Vec<u32> {
    x.iter().map(|x| x.to_bits()).collect()
}

#[test]
fn every_set_multiplies_to_the_same_bits() {
    let (outputs, inputs) = (96, 192);
    let values: Vec<u8> =
        (0..outputs * inputs).map(|i| ((i * 31 % 255) as i32 - 127) as i8 as u8).collect();
    let scales = noise(5, outputs * inputs / BLOCK);
    for count in [1, 2, 3, 5, 6, 7, 11, 13] {
        let mut rows = QuantisedRows::default();
        quantise(&noise(7, count * inputs), inputs, &mut rows);
        let results: Vec<Vec<u32>> = available()
            .iter()
            .map(|set| {
                let matrix =
                    PackedMatrix::new(&values, &scales, noise(9, outputs), set.weight_offset);
                let mut out = vec![0.0; count * outputs];
                (set.linear)(&rows, &matrix, &mut out);
                bits(&out)
            })
            .collect();
        assert!(results.windows(2).all(|pair| pair[0] == pair[1]), "{count} rows");
    }
}

#[test]
fn products_are_exact_at_the_limits() {
    // The largest magnitudes of both sides, where narrow sums would overflow or saturate.
    for (weight, input) in [(127i8, 127i8), (-127, 127), (127, -127), (-127, -127)] {
        let rows = QuantisedRows {
            rows: 1,
            width: 64,
            values: vec![input; 64],
            steps: vec![1.0],
            middles: vec![0.5],
            sums: vec![i32::from(input) * 64],
        };
        for set in available() {
            let offset = set.weight_offset;
            let matrix =
                PackedMatrix::new(&[weight as u8; 32 * 64], &[1.0; 32], vec![0.0; 32], offset);
            let mut out = [0.0; 32];
            (set.linear)(&rows, &matrix, &mut out);
            let expected = f32::from(weight) * 64.0 * (f32::from(input) + 0.5);
            assert_eq!(out, [expected; 32], "{}", set.name);
        }
    }
}

#[test]
fn every_set_computes_the_same_bits() {
    let shape = Heads { tokens: 21, hidden: 64, heads: 2 };
    let norm = Norm { weight: noise(1, 64), bias: noise(2, 64), epsilon: 1e-12 };
    let run = |set: &KernelSet| {
        let mut x = noise(3, 21 * 192);
        let mut out = vec![0.0; 21 * 64];
        (set.attention)(&x, shape, &mut AttentionScratch::default(), &mut out);
        (set.add_norm)(&mut out, &x[..21 * 64], &norm);
        (set.gelu)(&mut x);
        let mut rows = QuantisedRows::default();
        (set.quantise)(&x, 192, &mut rows);
        (bits(&out), bits(&x), rows.values, bits(&rows.steps), bits(&rows.middles), rows.sums)
    };
    let oracle = run(available().last().unwrap());
    for set in available() {
        assert!(run(set) == oracle, "{} differs from scalar", set.name);
    }
}

#[test]
fn tiles_cover_all_rows_evenly() {
    let all: Vec<(usize, usize)> = tiles(22, 6).collect();
    assert_eq!(all, [(0, 5), (5, 6), (11, 5), (16, 6)]);
    assert_eq!(tiles(0, 6).count(), 0);
}
