//! The canonical f32 arithmetic of the encoder.
//!
//! Every function is one body in plain Rust that each kernel set compiles for its own instructions.
//! Rust neither reorders nor fuses floating-point operations, sums run in [`LANES`] fixed lanes with a
//! fixed reduction tree and `mul_add` is exact fused multiply-add everywhere, so all sets give the
//! same bits. Everything is `inline(always)`: a body must land inside the function that enables
//! the instructions.

/// Partial sums that every reduction keeps, however wide the registers are.
pub(crate) const LANES: usize = 16;

/// Values that share one scale, in weights and in activations.
pub(crate) const BLOCK: usize = 64;

/// 1.5 * 2^23: adding it rounds an f32 below 2^22 to the nearest integer, ties to even.
const ROUND: f32 = 12_582_912.0;

type Lane = [f32; LANES];

#[inline(always)]
fn map(x: &Lane, f: impl Fn(f32) -> f32) -> Lane {
    let mut out = [0.0; LANES];
    for i in 0..LANES {
        out[i] = f(x[i]);
    }
    out
}

#[inline(always)]
fn zip(x: &Lane, y: &Lane, f: impl Fn(f32, f32) -> f32) -> Lane {
    let mut out = [0.0; LANES];
    for i in 0..LANES {
        out[i] = f(x[i], y[i]);
    }
    out
}

#[inline(always)]
fn add(x: &Lane, y: &Lane) -> Lane {
    zip(x, y, |x, y| x + y)
}

/// Sum of the lanes as a tree: halves are added until one value is left.
#[inline(always)]
fn reduce(mut x: Lane) -> f32 {
    let mut width = LANES / 2;
    while width > 0 {
        for i in 0..width {
            x[i] += x[i + width];
        }
        width /= 2;
    }
    x[0]
}

#[inline(always)]
fn greater(a: f32, b: f32) -> f32 {
    if a > b { a } else { b }
}

#[inline(always)]
fn lanes(x: &[f32]) -> &[Lane] {
    let (lanes, rest) = x.as_chunks::<LANES>();
    debug_assert!(rest.is_empty(), "lengths are multiples of the lane count");
    lanes
}

#[inline(always)]
fn lanes_mut(x: &mut [f32]) -> &mut [Lane] {
    let (lanes, rest) = x.as_chunks_mut::<LANES>();
    debug_assert!(rest.is_empty(), "lengths are multiples of the lane count");
    lanes
}

/// e^x for x <= 0, relative error below 2e-7; x below -87 counts as -87 (1.6e-38).
///
/// x = n ln 2 + r with |r| <= ln 2 / 2, then the Taylor polynomial of degree 7 for e^r.
#[inline(always)]
fn exp_negative(x: f32) -> f32 {
    let x = greater(x, -87.0);
    let shifted = x.mul_add(std::f32::consts::LOG2_E, ROUND);
    let n = shifted - ROUND;
    // ln 2 in two parts: the first has so few bits that its product with n is exact.
    let r = n.mul_add(-355.0 / 512.0, x);
    let r = n.mul_add(2.121_944_4e-4, r);
    let mut p = 1.0f32 / 5040.0;
    p = p.mul_add(r, 1.0 / 720.0);
    p = p.mul_add(r, 1.0 / 120.0);
    p = p.mul_add(r, 1.0 / 24.0);
    p = p.mul_add(r, 1.0 / 6.0);
    p = p.mul_add(r, 0.5);
    p = p.mul_add(r, 1.0);
    p = p.mul_add(r, 1.0);
    f32::from_bits(p.to_bits().wrapping_add(shifted.to_bits() << 23))
}

/// x times the normal distribution function, absolute error below |x| * 3e-7.
///
/// The distribution function comes from the complementary error function as in Abramowitz and
/// Stegun, Handbook of Mathematical Functions, formula 7.1.26.
#[inline(always)]
fn gelu_value(x: f32) -> f32 {
    let z = x.abs() * std::f32::consts::FRAC_1_SQRT_2;
    let t = 1.0 / z.mul_add(0.327_591_1, 1.0);
    let mut p = 1.061_405_4f32;
    p = p.mul_add(t, -1.453_152);
    p = p.mul_add(t, 1.421_413_7);
    p = p.mul_add(t, -0.284_496_74);
    p = p.mul_add(t, 0.254_829_6);
    let half_erfc = 0.5 * (p * t) * exp_negative(-(z * z));
    x * if x > 0.0 { 1.0 - half_erfc } else { half_erfc }
}

/// GELU in place. The length is a multiple of [`LANES`].
#[inline(always)]
pub(crate) fn gelu(x: &mut [f32]) {
    for lane in lanes_mut(x) {
        *lane = map(lane, gelu_value);
    }
}

/// Scale and shift of a layer normalisation.
#[derive(Clone, Debug)]
pub(crate) struct Norm {
    pub(crate) weight: Vec<f32>,
    pub(crate) bias: Vec<f32>,
    pub(crate) epsilon: f32,
}

/// `x = norm(x + residual)` for each row; an empty `residual` counts as zero.
#[inline(always)]
pub(crate) fn add_norm(x: &mut [f32], residual: &[f32], norm: &Norm) {
    let width = norm.weight.len();
    for (at, row) in x.chunks_exact_mut(width).enumerate() {
        if !residual.is_empty() {
            let other = &residual[at * width..(at + 1) * width];
            row.iter_mut().zip(other).for_each(|(x, y)| *x += y);
        }
        norm_row(row, norm);
    }
}

#[inline(always)]
fn norm_row(row: &mut [f32], norm: &Norm) {
    let count = row.len() as f32;
    let mean = sum(row, |total, x| total + x) / count;
    for x in row.iter_mut() {
        *x -= mean;
    }
    let variance = sum(row, |total, x| x.mul_add(x, total)) / count;
    let scale = 1.0 / (variance + norm.epsilon).sqrt();
    for (x, (weight, bias)) in row.iter_mut().zip(norm.weight.iter().zip(&norm.bias)) {
        *x = (*x * scale).mul_add(*weight, *bias);
    }
}

/// Adds up a row whose length is a multiple of [`BLOCK`], in as many partial sums.
#[inline(always)]
fn sum(row: &[f32], next: impl Fn(f32, f32) -> f32) -> f32 {
    let mut totals = [0.0f32; BLOCK];
    for block in row.as_chunks::<BLOCK>().0 {
        for i in 0..BLOCK {
            totals[i] = next(totals[i], block[i]);
        }
    }
    let mut total = [0.0f32; LANES];
    for lane in lanes(&totals) {
        total = add(&total, lane);
    }
    reduce(total)
}

/// Activations as int8 in blocks of [`BLOCK`]: value = middle + int8 * step, both of the block.
///
/// The middle halves the error where a few values lie far to one side, as they do in BERT models;
/// single words, whose vectors are the most sensitive, gain the most.
#[derive(Debug, Default)]
pub(crate) struct QuantisedRows {
    pub(crate) rows: usize,
    pub(crate) width: usize,
    /// `rows * width`, each in -127..=127.
    pub(crate) values: Vec<i8>,
    /// For each block: difference of neighbouring values.
    pub(crate) steps: Vec<f32>,
    /// For each block: the value of int8 zero.
    pub(crate) middles: Vec<f32>,
    /// For each block: sum of its values, for kernels that need one side unsigned.
    pub(crate) sums: Vec<i32>,
}

/// Quantises rows of `width` values, a multiple of [`BLOCK`].
#[inline(always)]
pub(crate) fn quantise(x: &[f32], width: usize, out: &mut QuantisedRows) {
    let blocks = x.len() / BLOCK;
    out.rows = x.len() / width;
    out.width = width;
    out.values.resize(x.len(), 0);
    out.steps.resize(blocks, 0.0);
    out.middles.resize(blocks, 0.0);
    out.sums.resize(blocks, 0);
    let source = x.as_chunks::<BLOCK>().0;
    let values = out.values.as_chunks_mut::<BLOCK>().0;
    for (at, (block, values)) in source.iter().zip(values).enumerate() {
        (out.middles[at], out.steps[at], out.sums[at]) = quantise_block(block, values);
    }
}

#[inline(always)]
fn quantise_block(x: &[f32; BLOCK], out: &mut [i8; BLOCK]) -> (f32, f32, i32) {
    let first: Lane = std::array::from_fn(|i| x[i]);
    let (mut low, mut high) = (first, first);
    for lane in lanes(x) {
        low = zip(lane, &low, |x, y| -greater(-x, -y));
        high = zip(lane, &high, greater);
    }
    let mut width = LANES / 2;
    while width > 0 {
        for i in 0..width {
            low[i] = -greater(-low[i], -low[i + width]);
            high[i] = greater(high[i], high[i + width]);
        }
        width /= 2;
    }
    let middle = 0.5 * (low[0] + high[0]);
    let half = 0.5 * (high[0] - low[0]);
    // Below this the quotient would leave the range of f32; such a block is constant for every purpose.
    let (step, inverse) = if half > 1e-30 { (half / 127.0, 127.0 / half) } else { (0.0, 0.0) };
    let mut sums = [0i32; LANES];
    for (lane, out) in lanes(x).iter().zip(out.as_chunks_mut::<LANES>().0) {
        let mut steps = [0i32; LANES];
        for i in 0..LANES {
            steps[i] = (((lane[i] - middle) * inverse + ROUND)
                .to_bits()
                .wrapping_sub(ROUND.to_bits())) as i32;
        }
        for i in 0..LANES {
            sums[i] += steps[i];
            out[i] = steps[i] as i8;
        }
    }
    let sum = sums.iter().sum();
    (middle, step, sum)
}

/// Room for the attention of one text, reused between texts.
#[derive(Debug, Default)]
pub(crate) struct AttentionScratch {
    keys: Vec<f32>,
    scores: Vec<f32>,
}

/// Queries that are worked on at once, to hide the latency of multiply-add.
const QUERIES: usize = 4;

/// Sizes of the attention of one text.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Heads {
    pub(crate) tokens: usize,
    pub(crate) hidden: usize,
    pub(crate) heads: usize,
}

/// Multi-head attention of one text. `mixed` holds query, key and value side by side for each token
/// (3 * hidden), `out` takes `hidden` values for each token. The head width is a multiple of
/// [`LANES`].
#[inline(always)]
pub(crate) fn attention(
    mixed: &[f32],
    shape: Heads,
    scratch: &mut AttentionScratch,
    out: &mut [f32],
) {
    let Heads { tokens, hidden, heads } = shape;
    let width = hidden / heads;
    let padded = tokens.next_multiple_of(LANES);
    scratch.keys.clear();
    scratch.keys.resize(width * padded, 0.0);
    scratch.scores.resize(QUERIES * padded, 0.0);
    for head in 0..heads {
        let at = head * width;
        for (token, row) in mixed.chunks_exact(3 * hidden).enumerate() {
            for (d, &key) in row[hidden + at..hidden + at + width].iter().enumerate() {
                scratch.keys[d * padded + token] = key;
            }
        }
        for first in (0..tokens).step_by(QUERIES) {
            // The last group repeats its last query, so that there is one code path only.
            let query = |i: usize| (first + i).min(tokens - 1);
            let rows: [&[f32]; QUERIES] = std::array::from_fn(|i| {
                let start = query(i) * 3 * hidden + at;
                &mixed[start..start + width]
            });
            score(&rows, &scratch.keys, padded, &mut scratch.scores);
            // A loop, not a closure: closures of library functions are compiled on their own, without
            // the instructions of this kernel set.
            let mut totals = [0.0; QUERIES];
            for (total, scores) in totals.iter_mut().zip(scratch.scores.chunks_exact_mut(padded)) {
                *total = softmax(scores, tokens, width);
            }
            for part in (0..width).step_by(LANES) {
                let values = &mixed[2 * hidden + at + part..];
                let sums = weigh(&scratch.scores, padded, values, shape);
                for i in 0..QUERIES {
                    let start = query(i) * hidden + at + part;
                    let inverse = 1.0 / totals[i];
                    let lane = map(&sums[i], |x| x * inverse);
                    out[start..start + LANES].copy_from_slice(&lane);
                }
            }
        }
    }
}

/// Dot products of some queries with all keys, summed in the order of the dimensions.
#[inline(always)]
fn score(queries: &[&[f32]; QUERIES], keys: &[f32], padded: usize, out: &mut [f32]) {
    let width = queries[0].len();
    for from in (0..padded).step_by(LANES) {
        let mut sums = [[0.0f32; LANES]; QUERIES];
        for d in 0..width {
            let key: &Lane = keys[d * padded + from..][..LANES].try_into().expect("a whole lane");
            for (sum, query) in sums.iter_mut().zip(queries) {
                let factor = query[d];
                *sum = zip(key, sum, |key, sum| factor.mul_add(key, sum));
            }
        }
        for (q, sum) in sums.iter().enumerate() {
            out[q * padded + from..][..LANES].copy_from_slice(sum);
        }
    }
}

/// Turns scores into weights that are not yet divided by their total, which is returned. Weights
/// behind the last token are zero.
#[inline(always)]
fn softmax(scores: &mut [f32], tokens: usize, width: usize) -> f32 {
    let scale = 1.0 / (width as f32).sqrt();
    let most = scores[..tokens].iter().fold(f32::MIN, |a, &b| greater(b, a));
    for lane in lanes_mut(scores) {
        *lane = map(lane, |x| exp_negative((x - most) * scale));
    }
    scores[tokens..].fill(0.0);
    let mut total = [0.0; LANES];
    for lane in lanes(scores) {
        total = add(&total, lane);
    }
    reduce(total)
}

/// Weighted sums of one lane of the values of all tokens, in the order of the tokens.
#[inline(always)]
fn weigh(weights: &[f32], padded: usize, values: &[f32], shape: Heads) -> [Lane; QUERIES] {
    let mut sums = [[0.0f32; LANES]; QUERIES];
    for token in 0..shape.tokens {
        let start = token * 3 * shape.hidden;
        let value: &Lane = values[start..start + LANES].try_into().expect("a whole lane");
        for (q, sum) in sums.iter_mut().enumerate() {
            let factor = weights[q * padded + token];
            *sum = zip(value, sum, |value, sum| factor.mul_add(value, sum));
        }
    }
    sums
}

/// The f32 nearest to a half-precision number given by its bits (IEEE 754 binary16); exact.
pub(crate) fn f16_to_f32(bits: u16) -> f32 {
    let sign = u32::from(bits & 0x8000) << 16;
    let exponent = u32::from(bits >> 10) & 31;
    let fraction = u32::from(bits) & 0x3ff;
    let magnitude = match exponent {
        0 => fraction as f32 * (1.0 / 16_777_216.0),
        31 => f32::from_bits(0x7f80_0000 | fraction << 13),
        _ => f32::from_bits((exponent + 112) << 23 | fraction << 13),
    };
    f32::from_bits(magnitude.to_bits() | sign)
}

/// The half-precision number nearest to a finite `x >= 0`, ties to even; at most 65504.
pub(crate) fn f16_from_f32(x: f32) -> u16 {
    let x = x.min(65504.0);
    if x < 1.0 / 16384.0 {
        // Subnormal: steps of 2^-24.
        return (x * 16_777_216.0).round_ties_even() as u16;
    }
    let bits = x.to_bits();
    let rounded = bits + 0xfff + (bits >> 13 & 1);
    ((rounded >> 13) - (112 << 10)) as u16
}

#[cfg(test)]
mod tests;
