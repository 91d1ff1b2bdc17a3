//! The arithmetic every score is made of, as fast as the processor allows and with the same bits everywhere.
//!
//! # Canonical arithmetic
//! For two f32 slices of equal length `n`, both padded with zeros to a multiple of 16:
//! 1. Sixteen lanes start at `+0.0`. Element `i` belongs to lane `i mod 16`.
//! 2. Blocks of 16 are taken in ascending order. `dot`: `lane = fma(a, b, lane)`. `l2`: `d = a - b` (rounded), then
//!    `lane = fma(d, d, lane)`. `fma` rounds once (IEEE 754 fusedMultiplyAdd). Padded elements take part.
//! 3. The lanes are added as a fixed tree that halves the width: `l[i] + l[i + 8]` for `i < 8`, then `l[i] + l[i + 4]`
//!    for `i < 4`, then `l[i] + l[i + 2]` for `i < 2`, then `l[0] + l[1]`.
//!
//! Every kernel follows this order, so all of them return the same bits (a NaN result is a NaN in all of them, its
//! payload is not specified). Half-precision numbers (IEEE 754 binary16) become f32 exactly before anything else.
//! Products of bytes and of nibbles are summed in i32, which is exact up to the stated lengths.

use std::sync::OnceLock;

mod half;
mod scalar;
#[cfg(target_arch = "aarch64")]
mod neon;
#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;

pub use half::{f16_bits, f16_value};

/// Lanes of the canonical arithmetic.
const LANES: usize = 16;

/// Longest slices [`Kernels::dot_i8`] accepts: beyond, a sum of products of -128 would leave i32.
pub const DOT_I8_ELEMENTS_MAX: usize = 131_071;

/// Elements of a block of nibbles; a plane of nibbles is a whole number of blocks.
pub(crate) const NIBBLE_BLOCK: usize = 128;

/// Bytes of a block of nibbles. Byte `b` holds element `b` in its low four bits and element `64 + b` in the others.
pub(crate) const NIBBLE_BLOCK_BYTES: usize = NIBBLE_BLOCK / 2;

/// One implementation of the arithmetic. All of them return the same bits; they differ in speed.
///
/// Every function panics when its slices differ in length.
#[derive(Debug)]
pub struct Kernels {
    /// Name for logs and diagnostics: `scalar`, `avx2`, `avx512`, `avx512-vnni` or `neon`.
    pub name: &'static str,
    /// Dot product in canonical arithmetic; 0 for empty slices.
    pub dot_f32: fn(&[f32], &[f32]) -> f32,
    /// Squared Euclidean distance in canonical arithmetic; 0 for empty slices.
    pub l2_f32: fn(&[f32], &[f32]) -> f32,
    /// Dot product in canonical arithmetic of f32 with half-precision numbers, given as their bits; 0 for empty slices.
    pub dot_f16: fn(&[f32], &[u16]) -> f32,
    /// Exact dot product of signed bytes; panics above [`DOT_I8_ELEMENTS_MAX`] elements.
    pub dot_i8: fn(&[i8], &[i8]) -> i32,
    /// Exact dot products of signed bytes with rows of nibbles (0 to 15).
    pub(crate) dot_nibbles: fn(NibbleQuery<'_>, NibbleRows<'_>, &[u32], &mut [i32]),
}

/// The signed bytes that rows of nibbles are multiplied with: whole blocks, at most 65,536 elements.
pub(crate) type NibbleQuery<'a> = &'a [i8];

/// Rows of nibbles that stand at equal distances.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NibbleRows<'a> {
    pub(crate) bytes: &'a [u8],
    /// Bytes from the start of a row to the start of the next.
    pub(crate) stride: usize,
}

impl Kernels {
    /// The portable reference.
    pub fn scalar() -> &'static Kernels {
        &scalar::KERNELS
    }

    /// All kernels this processor can run, slowest first; the reference is always there.
    pub fn available() -> Vec<&'static Kernels> {
        let mut found = vec![Kernels::scalar()];
        #[cfg(target_arch = "x86_64")]
        found.extend(avx2::available());
        #[cfg(target_arch = "x86_64")]
        found.extend(avx512::available());
        #[cfg(target_arch = "aarch64")]
        found.extend(neon::available());
        found
    }

    /// The fastest of [`Kernels::available`], chosen once per process.
    pub fn best() -> &'static Kernels {
        static BEST: OnceLock<&'static Kernels> = OnceLock::new();
        BEST.get_or_init(|| {
            Kernels::available().into_iter().next_back().expect("the reference is always available")
        })
    }

    /// Cosine of the angle between two vectors, in [-1, 1] up to rounding: the dot product over the product of the two
    /// lengths, each operation rounded once. NaN when a vector has no direction (zero, infinite or NaN components).
    pub fn cosine_f32(&self, a: &[f32], b: &[f32]) -> f32 {
        let lengths = (self.dot_f32)(a, a).sqrt() * (self.dot_f32)(b, b).sqrt();
        (self.dot_f32)(a, b) / lengths
    }
}

/// A block of 16 elements, the missing ones zero.
fn padded<T: Copy + Default>(tail: &[T]) -> [T; LANES] {
    let mut block = [T::default(); LANES];
    block[..tail.len()].copy_from_slice(tail);
    block
}

fn check_lengths(a: usize, b: usize) {
    assert_eq!(a, b, "slices of different length");
}

fn check_i8_lengths(a: usize, b: usize) {
    check_lengths(a, b);
    assert!(a <= DOT_I8_ELEMENTS_MAX, "{a} elements would overflow the sum");
}

/// Panics unless the shapes fit; after it, the row at `row * stride` may be read for every `row` that passes
/// [`NibbleRows::row`].
fn check_nibbles(query: NibbleQuery<'_>, rows: &[u32], sums: &[i32]) {
    check_lengths(rows.len(), sums.len());
    assert!(query.len().is_multiple_of(NIBBLE_BLOCK), "nibbles come in whole blocks");
    assert!(query.len() <= 1 << 16, "{} elements could overflow the sum", query.len());
}

impl<'a> NibbleRows<'a> {
    /// The nibbles of one row; panics when it is not there.
    #[inline(always)]
    fn row(&self, row: u32, elements: usize) -> &'a [u8] {
        let start = row as usize * self.stride;
        &self.bytes[start..start + elements / 2]
    }
}

#[cfg(test)]
mod tests;
