//! The encoder's arithmetic for each processor, chosen when the program runs.
//!
//! Products of int8 are summed exactly in i32 over one block; the blocks of an output are added in
//! order to a sum that starts at the bias: `sum = fma(products as f32, weight scale * activation step,
//! sum)`, then `sum = fma(total of the weights, activation middle, sum)`. So every set gives the same bits, and a space embedded on one machine can be
//! searched on another.

mod packed;
mod scalar;
#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(target_arch = "aarch64")]
mod neon;

pub(crate) use packed::{PANEL, PackedMatrix};

use std::sync::OnceLock;

use crate::arith::{AttentionScratch, Heads, Norm, QuantisedRows};

/// One implementation of the encoder's inner loops.
pub(crate) struct KernelSet {
    /// See `kernel_name`.
    pub(crate) name: &'static str,
    /// What the set wants added to each weight byte when a matrix is packed: 128 makes it unsigned.
    pub(crate) weight_offset: u8,
    /// Rows times matrix plus bias.
    pub(crate) linear: fn(&QuantisedRows, &PackedMatrix, &mut [f32]),
    /// See `arith::gelu`.
    pub(crate) gelu: fn(&mut [f32]),
    /// See `arith::add_norm`.
    pub(crate) add_norm: fn(&mut [f32], &[f32], &Norm),
    /// See `arith::quantise`.
    pub(crate) quantise: fn(&[f32], usize, &mut QuantisedRows),
    /// See `arith::attention`.
    pub(crate) attention: fn(&[f32], Heads, &mut AttentionScratch, &mut [f32]),
}

/// Compiles the canonical f32 bodies for the given instructions and makes the table `SET`, which
/// must be reached through `available` only: that is where the processor is asked.
macro_rules! kernel_set {
    ($name:literal, $features:literal, $weight_offset:literal, $linear:ident) => {
        /// This processor's table; only `available` may hand it out.
        pub(super) static SET: $crate::kernels::KernelSet = $crate::kernels::KernelSet {
            name: $name,
            weight_offset: $weight_offset,
            // SAFETY: `available` hands the table out only where the processor has the features.
            linear: |rows, matrix, out| unsafe { $linear(rows, matrix, out) },
            // SAFETY: as above.
            gelu: |x| unsafe { gelu(x) },
            // SAFETY: as above.
            add_norm: |x, residual, norm| unsafe { add_norm(x, residual, norm) },
            // SAFETY: as above.
            quantise: |x, width, out| unsafe { quantise(x, width, out) },
            // SAFETY: as above.
            attention: |mixed, shape, scratch, out| unsafe {
                attention(mixed, shape, scratch, out)
            },
        };

        #[target_feature(enable = $features)]
        fn gelu(x: &mut [f32]) {
            $crate::arith::gelu(x);
        }

        #[target_feature(enable = $features)]
        fn add_norm(x: &mut [f32], residual: &[f32], norm: &$crate::arith::Norm) {
            $crate::arith::add_norm(x, residual, norm);
        }

        #[target_feature(enable = $features)]
        fn quantise(x: &[f32], width: usize, out: &mut $crate::arith::QuantisedRows) {
            $crate::arith::quantise(x, width, out);
        }

        #[target_feature(enable = $features)]
        fn attention(
            mixed: &[f32],
            shape: $crate::arith::Heads,
            scratch: &mut $crate::arith::AttentionScratch,
            out: &mut [f32],
        ) {
            $crate::arith::attention(mixed, shape, scratch, out);
        }
    };
}
use kernel_set;

/// Every set that this processor can run, the fastest first; the last one runs everywhere.
pub(crate) fn available() -> Vec<&'static KernelSet> {
    let mut sets: Vec<&'static KernelSet> = Vec::new();
    #[cfg(target_arch = "x86_64")]
    {
        let wide = std::is_x86_feature_detected!("avx512f")
            && std::is_x86_feature_detected!("avx512bw")
            && std::is_x86_feature_detected!("avx512dq")
            && std::is_x86_feature_detected!("avx512vl")
            && std::is_x86_feature_detected!("avx512vnni");
        let fused = std::is_x86_feature_detected!("avx2") && std::is_x86_feature_detected!("fma");
        if wide && fused {
            sets.push(&avx512::SET);
        }
        if fused {
            sets.push(&avx2::SET);
        }
    }
    #[cfg(target_arch = "aarch64")]
    if std::arch::is_aarch64_feature_detected!("neon") {
        sets.push(&neon::SET);
    }
    sets.push(&scalar::SET);
    sets
}

/// The fastest set of this processor, found once.
pub(crate) fn best() -> &'static KernelSet {
    static BEST: OnceLock<&'static KernelSet> = OnceLock::new();
    BEST.get_or_init(|| available()[0])
}

/// The instructions that local models use on this processor: `avx512-vnni`, `avx2`, `neon` or
/// `scalar`. For logs and benchmarks; the vectors are the same.
pub fn kernel_name() -> &'static str {
    best().name
}

/// Divides rows into tiles of at most `most` rows whose sizes differ by one at most: a thin last
/// tile would waste the registers.
pub(crate) fn tiles(rows: usize, most: usize) -> impl Iterator<Item = (usize, usize)> {
    let count = rows.div_ceil(most);
    (0..count).map(move |i| {
        let start = i * rows / count;
        (start, (i + 1) * rows / count - start)
    })
}

#[cfg(test)]
mod tests;
