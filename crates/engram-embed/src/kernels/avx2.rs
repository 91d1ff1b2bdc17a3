//! AVX2 with FMA: 32 products in four instructions.
//!
//! The byte product takes unsigned by signed and saturates at 16 bits; with magnitudes up to 127 on both
//! sides (the weight carries the activation's sign) two products reach 32258 and stay exact.

use std::arch::x86_64::{
    __m256, __m256i, _mm256_abs_epi8, _mm256_add_epi32, _mm256_cvtepi32_ps, _mm256_fmadd_ps,
    _mm256_load_si256, _mm256_loadu_ps, _mm256_madd_epi16, _mm256_maddubs_epi16, _mm256_mul_ps,
    _mm256_set1_epi16, _mm256_set1_epi32, _mm256_set1_ps, _mm256_setzero_si256, _mm256_sign_epi8,
    _mm256_storeu_ps,
};

use super::packed::{GROUP, PANEL_BLOCK};
use super::{PANEL, PackedMatrix, kernel_set, tiles};
use crate::arith::{BLOCK, QuantisedRows};

kernel_set!("avx2", "avx2,fma", 0, linear);

/// Rows of a tile: 2 rows and 4 registers of outputs fill the 16 registers.
const ROWS: usize = 2;

/// Registers of one panel.
const PARTS: usize = PANEL / 8;

#[target_feature(enable = "avx2,fma")]
fn linear(rows: &QuantisedRows, matrix: &PackedMatrix, out: &mut [f32]) {
    assert!(rows.width == matrix.inputs && out.len() == rows.rows * matrix.outputs, "shapes fit");
    for panel in 0..matrix.outputs / PANEL {
        for (first, count) in tiles(rows.rows, ROWS) {
            match count {
                1 => tile::<1>(rows, matrix, (panel, first), out),
                _ => tile::<ROWS>(rows, matrix, (panel, first), out),
            }
        }
    }
}

#[inline]
#[target_feature(enable = "avx2,fma")]
fn tile<const M: usize>(
    rows: &QuantisedRows,
    matrix: &PackedMatrix,
    (panel, first): (usize, usize),
    out: &mut [f32],
) {
    let blocks = matrix.blocks();
    let bytes = &matrix.panel_bytes(panel)[..blocks * PANEL_BLOCK];
    let scales = &matrix.panel_scales(panel)[..blocks * PANEL];
    let bias = &matrix.bias[panel * PANEL..][..PANEL];
    let values = &rows.values[first * rows.width..][..M * rows.width];
    let totals = &matrix.panel_totals(panel)[..blocks * PANEL];
    let steps = &rows.steps[first * blocks..][..M * blocks];
    let middles = &rows.middles[first * blocks..][..M * blocks];
    let out = &mut out[first * matrix.outputs + panel * PANEL..];
    let out = &mut out[..(M - 1) * matrix.outputs + PANEL];
    // SAFETY: every access below lies within the slices cut above: block < blocks, row < M,
    // part < PARTS; panels start at a cache line and their blocks are 2048 bytes long.
    unsafe {
        let start: [__m256; PARTS] =
            std::array::from_fn(|part| _mm256_loadu_ps(bias.as_ptr().add(part * 8)));
        let mut sums = [start; M];
        for block in 0..blocks {
            let weights = bytes.as_ptr().add(block * PANEL_BLOCK);
            let inputs = values.as_ptr().add(block * BLOCK);
            let products = products::<M>(weights, inputs, rows.width);
            for part in 0..PARTS {
                let scale = _mm256_loadu_ps(scales.as_ptr().add(block * PANEL + part * 8));
                let total = _mm256_loadu_ps(totals.as_ptr().add(block * PANEL + part * 8));
                for r in 0..M {
                    let step = _mm256_set1_ps(*steps.as_ptr().add(r * blocks + block));
                    let middle = _mm256_set1_ps(*middles.as_ptr().add(r * blocks + block));
                    let product = _mm256_cvtepi32_ps(products[r][part]);
                    let scale = _mm256_mul_ps(scale, step);
                    sums[r][part] = _mm256_fmadd_ps(product, scale, sums[r][part]);
                    sums[r][part] = _mm256_fmadd_ps(total, middle, sums[r][part]);
                }
            }
        }
        for (r, sum) in sums.iter().enumerate() {
            for (part, &sum) in sum.iter().enumerate() {
                _mm256_storeu_ps(out.as_mut_ptr().add(r * matrix.outputs + part * 8), sum);
            }
        }
    }
}

/// Exact integer products of one block of a panel with `M` rows.
///
/// # Safety
/// A block can be read at `weights` (aligned to 32 bytes) and at each `inputs + row * width`.
#[inline]
#[target_feature(enable = "avx2,fma")]
unsafe fn products<const M: usize>(
    weights: *const u8,
    inputs: *const i8,
    width: usize,
) -> [[__m256i; PARTS]; M] {
    let ones = _mm256_set1_epi16(1);
    let mut products = [[_mm256_setzero_si256(); PARTS]; M];
    for group in 0..BLOCK / GROUP {
        for (r, product) in products.iter_mut().enumerate() {
            // SAFETY: promised by the caller; group * 4 < BLOCK and part * 32 < 128.
            let four = unsafe {
                _mm256_set1_epi32(
                    inputs.add(r * width + group * GROUP).cast::<i32>().read_unaligned(),
                )
            };
            let magnitude = _mm256_abs_epi8(four);
            for (part, sum) in product.iter_mut().enumerate() {
                // SAFETY: as above.
                let weight =
                    unsafe { _mm256_load_si256(weights.add(group * 128 + part * 32).cast()) };
                let pairs = _mm256_maddubs_epi16(magnitude, _mm256_sign_epi8(weight, four));
                *sum = _mm256_add_epi32(*sum, _mm256_madd_epi16(pairs, ones));
            }
        }
    }
    products
}
