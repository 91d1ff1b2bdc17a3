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
//! payload is not specified). Eight-bit products are summed in i32, which is exact up to [`DOT_I8_ELEMENTS_MAX`].

use std::sync::OnceLock;

#[cfg(target_arch = "aarch64")]
mod neon;
mod scalar;
#[cfg(target_arch = "x86_64")]
mod x86;

/// Lanes of the canonical arithmetic.
const LANES: usize = 16;

/// Longest slices [`Kernels::dot_i8`] accepts: beyond, a sum of products of -128 would leave i32.
pub const DOT_I8_ELEMENTS_MAX: usize = 131_071;

/// One implementation of the arithmetic. All of them return the same bits; they differ in speed.
///
/// Every function panics when its slices differ in length.
#[derive(Debug)]
pub struct Kernels {
    /// Name for logs and diagnostics: `scalar`, `avx2`, `avx512` or `neon`.
    pub name: &'static str,
    /// Dot product in canonical arithmetic; 0 for empty slices.
    pub dot_f32: fn(&[f32], &[f32]) -> f32,
    /// Squared Euclidean distance in canonical arithmetic; 0 for empty slices.
    pub l2_f32: fn(&[f32], &[f32]) -> f32,
    /// Exact dot product of signed bytes; panics above [`DOT_I8_ELEMENTS_MAX`] elements.
    pub dot_i8: fn(&[i8], &[i8]) -> i32,
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
        found.extend(x86::available());
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
}

/// A block of 16 elements, the missing ones zero.
fn padded(tail: &[f32]) -> [f32; LANES] {
    let mut block = [0.0; LANES];
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

#[cfg(test)]
mod tests;
