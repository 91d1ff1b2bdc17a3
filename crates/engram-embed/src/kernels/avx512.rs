//! AVX-512 with VNNI: 64 products an instruction.
//!
//! The instruction multiplies unsigned by signed bytes, so weights are packed with 128 added and each
//! block's sum starts at minus 128 times the sum of its activations: exact again.

use std::arch::x86_64::{
    __m512, __m512i, _mm512_cvtepi32_ps, _mm512_dpbusd_epi32, _mm512_fmadd_ps, _mm512_load_si512,
    _mm512_loadu_ps, _mm512_mul_ps, _mm512_set1_epi32, _mm512_set1_ps, _mm512_storeu_ps,
};

use super::packed::{GROUP, PANEL_BLOCK};
use super::{PANEL, PackedMatrix, kernel_set, tiles};
use crate::arith::{BLOCK, QuantisedRows};

kernel_set!("avx512-vnni", "avx2,fma,avx512f,avx512bw,avx512dq,avx512vl,avx512vnni", 128, linear);

/// Rows of a tile: 6 rows and 2 registers of outputs leave room for the weights.
const ROWS: usize = 6;

#[target_feature(enable = "avx2,fma,avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
fn linear(rows: &QuantisedRows, matrix: &PackedMatrix, out: &mut [f32]) {
    assert!(rows.width == matrix.inputs && out.len() == rows.rows * matrix.outputs, "shapes fit");
    for panel in 0..matrix.outputs / PANEL {
        for (first, count) in tiles(rows.rows, ROWS) {
            match count {
                1 => tile::<1>(rows, matrix, (panel, first), out),
                2 => tile::<2>(rows, matrix, (panel, first), out),
                3 => tile::<3>(rows, matrix, (panel, first), out),
                4 => tile::<4>(rows, matrix, (panel, first), out),
                5 => tile::<5>(rows, matrix, (panel, first), out),
                _ => tile::<ROWS>(rows, matrix, (panel, first), out),
            }
        }
    }
}

#[inline]
#[target_feature(enable = "avx2,fma,avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
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
    let offsets = &rows.sums[first * blocks..][..M * blocks];
    let out = &mut out[first * matrix.outputs + panel * PANEL..];
    let out = &mut out[..(M - 1) * matrix.outputs + PANEL];
    // SAFETY: every access below lies within the slices cut above: block < blocks, row < M,
    // group < BLOCK / GROUP; panels start at a cache line and their groups are 128 bytes long.
    unsafe {
        let (b0, b1) = (load(bias.as_ptr()), load(bias.as_ptr().add(16)));
        let mut sums = [[b0, b1]; M];
        for block in 0..blocks {
            let mut products: [[__m512i; 2]; M] = std::array::from_fn(|r| {
                [_mm512_set1_epi32(*offsets.as_ptr().add(r * blocks + block) * -128); 2]
            });
            let weights = bytes.as_ptr().add(block * PANEL_BLOCK);
            let inputs = values.as_ptr().add(block * BLOCK);
            for group in 0..BLOCK / GROUP {
                let w0 = _mm512_load_si512(weights.add(group * 128).cast());
                let w1 = _mm512_load_si512(weights.add(group * 128 + 64).cast());
                for (r, product) in products.iter_mut().enumerate() {
                    let four = inputs.add(r * rows.width + group * GROUP).cast::<i32>();
                    let four = _mm512_set1_epi32(four.read_unaligned());
                    product[0] = _mm512_dpbusd_epi32(product[0], w0, four);
                    product[1] = _mm512_dpbusd_epi32(product[1], w1, four);
                }
            }
            let s0 = load(scales.as_ptr().add(block * PANEL));
            let s1 = load(scales.as_ptr().add(block * PANEL + 16));
            let t0 = load(totals.as_ptr().add(block * PANEL));
            let t1 = load(totals.as_ptr().add(block * PANEL + 16));
            for r in 0..M {
                let step = _mm512_set1_ps(*steps.as_ptr().add(r * blocks + block));
                let middle = _mm512_set1_ps(*middles.as_ptr().add(r * blocks + block));
                let sum = &mut sums[r];
                sum[0] = accumulate(products[r][0], _mm512_mul_ps(s0, step), sum[0]);
                sum[1] = accumulate(products[r][1], _mm512_mul_ps(s1, step), sum[1]);
                sum[0] = _mm512_fmadd_ps(t0, middle, sum[0]);
                sum[1] = _mm512_fmadd_ps(t1, middle, sum[1]);
            }
        }
        for (r, sum) in sums.iter().enumerate() {
            let target = out.as_mut_ptr().add(r * matrix.outputs);
            _mm512_storeu_ps(target, sum[0]);
            _mm512_storeu_ps(target.add(16), sum[1]);
        }
    }
}

/// # Safety
/// Sixteen values can be read at `from`.
#[inline]
#[target_feature(enable = "avx512f")]
unsafe fn load(from: *const f32) -> __m512 {
    // SAFETY: promised by the caller.
    unsafe { _mm512_loadu_ps(from) }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn accumulate(products: __m512i, scale: __m512, sum: __m512) -> __m512 {
    _mm512_fmadd_ps(_mm512_cvtepi32_ps(products), scale, sum)
}
