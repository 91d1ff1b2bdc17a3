//! Eight-bit codes in two planes of four bits: the upper plane alone tells most of a score, and half the bytes move.
//!
//! A vector `x` becomes integers `c = round(x / scale)` in [-127, 127] with `scale = max |x| / 127`. The biased code
//! `c + 128` is cut into nibbles: `16 * high + low`. With a query coded in the same way to signed bytes `q`,
//! `sum q * c = 16 * sum q * high + sum q * low - 128 * sum q`, exactly, in i32. The upper plane alone estimates it
//! with 7.5 in place of every low nibble.
//!
//! Idea of two levels: Aguerrebere et al., "Similarity search in the blink of an eye with compressed indices",
//! PVLDB 16 (2023): a short code for the search, its residual for the re-rank.

use super::kernels::{Kernels, NIBBLE_BLOCK, NIBBLE_BLOCK_BYTES, NibbleRows};
use crate::prefetch::{LINE, prefetch};

/// Largest code.
const CODE_MAX: f32 = 127.0;

/// Elements of a vector of `dimension` components once padded to whole blocks.
pub(super) fn padded_elements(dimension: usize) -> usize {
    dimension.next_multiple_of(NIBBLE_BLOCK)
}

/// Bytes of one plane of a vector of `dimension` components: a multiple of a cache line.
pub(super) fn plane_bytes(dimension: usize) -> usize {
    const { assert!(NIBBLE_BLOCK_BYTES == LINE) };
    padded_elements(dimension) / 2
}

/// How far the codes are from the vectors that they stand for, at worst over all vectors coded so far.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct CodeErrors {
    /// Euclidean length of the error of the upper plane alone, in units of the vector's scale.
    pub(super) high: f32,
    /// The same of both planes.
    pub(super) full: f32,
    /// Largest length of a coded vector.
    pub(super) length: f32,
}

/// Codes `vector` into its two planes and returns its scale; widens `errors`. The planes have [`plane_bytes`] bytes.
/// Panics when a component is not finite.
pub(super) fn encode(
    vector: &[f32],
    high: &mut [u8],
    low: &mut [u8],
    errors: &mut CodeErrors,
) -> f32 {
    let scale = scale_of(vector);
    let mut biased = [128_u8; NIBBLE_BLOCK];
    let (mut high_error, mut full_error, mut length) = (0.0_f64, 0.0_f64, 0.0_f64);
    let planes =
        high.chunks_exact_mut(NIBBLE_BLOCK_BYTES).zip(low.chunks_exact_mut(NIBBLE_BLOCK_BYTES));
    for (block, (high, low)) in vector.chunks(NIBBLE_BLOCK).zip(planes) {
        biased.fill(128);
        for (code, &x) in biased.iter_mut().zip(block) {
            let exact = if scale > 0.0 { f64::from(x) / f64::from(scale) } else { 0.0 };
            *code = (code_of(x, scale) as u8) ^ 0x80;
            let full = exact - (f64::from(*code) - 128.0);
            let upper = exact - (f64::from(*code & 0xf0) + 7.5 - 128.0);
            full_error += full * full;
            high_error += upper * upper;
            length += f64::from(x) * f64::from(x);
        }
        let (first, second) = biased.split_at(NIBBLE_BLOCK_BYTES);
        for (byte, (&a, &b)) in first.iter().zip(second).enumerate() {
            high[byte] = (a >> 4) | (b & 0xf0);
            low[byte] = (a & 15) | (b << 4);
        }
    }
    assert!(length.is_finite(), "a component is not finite");
    errors.high = errors.high.max(above(high_error.sqrt()));
    errors.full = errors.full.max(above(full_error.sqrt()));
    errors.length = errors.length.max(above(length.sqrt()));
    scale
}

/// An f32 that is not below `x`, with room for the rounding of the sums behind it.
fn above(x: f64) -> f32 {
    ((x * (1.0 + 1e-9)) as f32).next_up()
}

fn scale_of(vector: &[f32]) -> f32 {
    vector.iter().fold(0.0_f32, |largest, x| largest.max(x.abs())) / CODE_MAX
}

fn code_of(x: f32, scale: f32) -> i8 {
    if scale > 0.0 { (x / scale).round_ties_even().clamp(-CODE_MAX, CODE_MAX) as i8 } else { 0 }
}

/// A vector that coded vectors are compared with.
#[derive(Clone, Debug, Default)]
pub(super) struct CodedQuery {
    /// Codes, padded with zeros to whole blocks.
    values: Vec<i8>,
    /// Sum of the codes.
    sum: i32,
    pub(super) scale: f32,
    /// Euclidean length of the vector.
    pub(super) length: f32,
    /// Euclidean length of the difference between the vector and its code.
    pub(super) error: f32,
}

impl CodedQuery {
    /// Takes the place of an earlier query. Every component must be finite.
    pub(super) fn set(&mut self, vector: &[f32]) {
        self.scale = scale_of(vector);
        self.values.clear();
        self.values.resize(padded_elements(vector.len()), 0);
        let (mut error, mut length) = (0.0_f64, 0.0_f64);
        self.sum = 0;
        for (code, &x) in self.values.iter_mut().zip(vector) {
            *code = code_of(x, self.scale);
            self.sum += i32::from(*code);
            let difference = f64::from(x) - f64::from(*code) * f64::from(self.scale);
            error += difference * difference;
            length += f64::from(x) * f64::from(x);
        }
        self.error = above(error.sqrt());
        self.length = above(length.sqrt());
    }

    /// Takes the codes of a coded vector for the query.
    pub(super) fn set_coded(&mut self, codes: &Codes<'_>, row: u32) {
        let plane = codes.plane;
        let high = &codes.high.bytes[row as usize * codes.high.stride..][..plane];
        let low = &codes.low.bytes[row as usize * codes.low.stride..][..plane];
        self.values.resize(2 * plane, 0);
        let blocks = self.values.chunks_exact_mut(NIBBLE_BLOCK);
        let planes =
            high.chunks_exact(NIBBLE_BLOCK_BYTES).zip(low.chunks_exact(NIBBLE_BLOCK_BYTES));
        for (block, (high, low)) in blocks.zip(planes) {
            let (first, second) = block.split_at_mut(NIBBLE_BLOCK_BYTES);
            for byte in 0..NIBBLE_BLOCK_BYTES {
                let (h, l) = (high[byte], low[byte]);
                first[byte] = ((h << 4 | l & 15) ^ 0x80) as i8;
                second[byte] = ((h & 0xf0 | l >> 4) ^ 0x80) as i8;
            }
        }
        self.sum = self.values.iter().map(|&code| i32::from(code)).sum();
        self.scale = codes.scale(row);
        (self.length, self.error) = (1.0, 0.0);
    }
}

/// Coded vectors, wherever they stand.
#[derive(Clone, Copy, Debug)]
pub(super) struct Codes<'a> {
    pub(super) high: NibbleRows<'a>,
    pub(super) low: NibbleRows<'a>,
    /// Little-endian f32, one for each row.
    pub(super) scales: &'a [u8],
    /// Bytes of one plane of a row.
    pub(super) plane: usize,
}

impl Codes<'_> {
    /// Scale of a row; panics when it is not there.
    #[inline]
    pub(super) fn scale(&self, row: u32) -> f32 {
        let (scales, _) = self.scales.as_chunks::<4>();
        f32::from_le_bytes(scales[row as usize])
    }

    /// Products of `query` with the upper plane of `rows`: an estimate of [`Codes::full`].
    #[inline]
    pub(super) fn estimate(&self, query: &CodedQuery, rows: &[u32], sums: &mut Vec<i32>) {
        sums.resize(rows.len(), 0);
        (Kernels::best().dot_nibbles)(&query.values, self.high, rows, sums);
        // 16 * high + 7.5 - 128, times the query.
        let offset = -(query.sum * 241) / 2;
        for sum in sums {
            *sum = *sum * 16 + offset;
        }
    }

    /// Exact products of the codes of `query` with those of `rows`. `spare` is of no meaning before and after.
    #[inline]
    pub(super) fn full(
        &self,
        query: &CodedQuery,
        rows: &[u32],
        sums: &mut Vec<i32>,
        spare: &mut Vec<i32>,
    ) {
        sums.resize(rows.len(), 0);
        spare.resize(rows.len(), 0);
        let dot = Kernels::best().dot_nibbles;
        dot(&query.values, self.high, rows, sums);
        dot(&query.values, self.low, rows, spare);
        let offset = -128 * query.sum;
        for (sum, low) in sums.iter_mut().zip(spare) {
            *sum = *sum * 16 + *low + offset;
        }
    }

    /// What a walk goes by: the estimate, or the exact products where the vectors are short. The error of an estimate
    /// falls with the root of the dimension; short codes cost little to read whole.
    #[inline]
    pub(super) fn walk(
        &self,
        query: &CodedQuery,
        rows: &[u32],
        sums: &mut Vec<i32>,
        spare: &mut Vec<i32>,
    ) {
        if self.walks_whole() {
            self.full(query, rows, sums, spare)
        } else {
            self.estimate(query, rows, sums)
        }
    }

    /// Standard deviation of the error of what a walk goes by, as part of a dot product; the rounding errors of
    /// the elements are taken for independent.
    pub(super) fn walk_deviation(
        &self,
        query: &CodedQuery,
        scale: f32,
        errors: &CodeErrors,
    ) -> f32 {
        let of_row = if self.walks_whole() { errors.full } else { errors.high };
        let error = query.length * of_row * scale + query.error * errors.length;
        error / (self.plane as f32).sqrt()
    }

    fn walks_whole(&self) -> bool {
        self.plane == LINE
    }

    /// Asks the processor to bring what a walk reads of a row closer.
    #[inline(always)]
    pub(super) fn prefetch(&self, row: u32) {
        prefetch(self.high.bytes, row as usize * self.high.stride, self.plane);
        if self.walks_whole() {
            self.prefetch_low(row);
        }
    }

    /// Asks the processor to bring the lower plane of a row closer.
    #[inline(always)]
    pub(super) fn prefetch_low(&self, row: u32) {
        prefetch(self.low.bytes, row as usize * self.low.stride, self.plane);
    }
}
