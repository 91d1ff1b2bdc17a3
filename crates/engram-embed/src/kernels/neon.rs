//! NEON as every 64-bit ARM processor has it: widening products, pairwise sums.

use std::arch::aarch64::{
    float32x4_t, int32x4_t, vcvtq_f32_s32, vdup_n_s32, vdupq_n_s32, vfmaq_f32, vfmaq_n_f32,
    vget_high_s8, vget_low_s8, vld1q_f32, vld1q_s8, vmull_s8, vmulq_n_f32, vpadalq_s16, vpaddq_s32,
    vreinterpret_s8_s32, vst1q_f32,
};

use super::packed::{GROUP, PANEL_BLOCK};
use super::{PANEL, PackedMatrix, kernel_set};
use crate::arith::{BLOCK, QuantisedRows};

kernel_set!("neon", "neon", 0, linear);

/// Registers of one panel.
const PARTS: usize = PANEL / 4;

#[target_feature(enable = "neon")]
fn linear(rows: &QuantisedRows, matrix: &PackedMatrix, out: &mut [f32]) {
    assert!(rows.width == matrix.inputs && out.len() == rows.rows * matrix.outputs, "shapes fit");
    for panel in 0..matrix.outputs / PANEL {
        for row in 0..rows.rows {
            tile(rows, matrix, (panel, row), out);
        }
    }
}

#[inline]
#[target_feature(enable = "neon")]
fn tile(
    rows: &QuantisedRows,
    matrix: &PackedMatrix,
    (panel, row): (usize, usize),
    out: &mut [f32],
) {
    let blocks = matrix.blocks();
    let bytes = &matrix.panel_bytes(panel)[..blocks * PANEL_BLOCK];
    let scales = &matrix.panel_scales(panel)[..blocks * PANEL];
    let bias = &matrix.bias[panel * PANEL..][..PANEL];
    let values = &rows.values[row * rows.width..][..rows.width];
    let totals = &matrix.panel_totals(panel)[..blocks * PANEL];
    let steps = &rows.steps[row * blocks..][..blocks];
    let middles = &rows.middles[row * blocks..][..blocks];
    let out = &mut out[row * matrix.outputs + panel * PANEL..][..PANEL];
    // SAFETY: every access below lies within the slices cut above: block < blocks, part < PARTS.
    unsafe {
        let mut sums: [float32x4_t; PARTS] =
            std::array::from_fn(|part| vld1q_f32(bias.as_ptr().add(part * 4)));
        for block in 0..blocks {
            let weights = bytes.as_ptr().add(block * PANEL_BLOCK).cast::<i8>();
            let products = products(weights, values.as_ptr().add(block * BLOCK));
            for part in 0..PARTS {
                let scale = vld1q_f32(scales.as_ptr().add(block * PANEL + part * 4));
                let scale = vmulq_n_f32(scale, steps[block]);
                let total = vld1q_f32(totals.as_ptr().add(block * PANEL + part * 4));
                sums[part] = vfmaq_f32(sums[part], vcvtq_f32_s32(products[part]), scale);
                sums[part] = vfmaq_n_f32(sums[part], total, middles[block]);
            }
        }
        for (part, &sum) in sums.iter().enumerate() {
            vst1q_f32(out.as_mut_ptr().add(part * 4), sum);
        }
    }
}

/// Exact integer products of one block of a panel with one row.
///
/// # Safety
/// A block of a panel can be read at `weights`, 64 bytes at `inputs`.
#[inline]
#[target_feature(enable = "neon")]
unsafe fn products(weights: *const i8, inputs: *const i8) -> [int32x4_t; PARTS] {
    // Two half sums for each output; they are joined at the end of the block.
    let mut low = [vdupq_n_s32(0); PARTS];
    let mut high = [vdupq_n_s32(0); PARTS];
    for group in 0..BLOCK / GROUP {
        // SAFETY: promised by the caller; group * 4 < BLOCK.
        let four = unsafe { inputs.add(group * GROUP).cast::<i32>().read_unaligned() };
        let four = vreinterpret_s8_s32(vdup_n_s32(four));
        for part in 0..PARTS {
            // SAFETY: promised by the caller; part * 16 < 128.
            let weight = unsafe { vld1q_s8(weights.add(group * 128 + part * 16)) };
            low[part] = vpadalq_s16(low[part], vmull_s8(vget_low_s8(weight), four));
            high[part] = vpadalq_s16(high[part], vmull_s8(vget_high_s8(weight), four));
        }
    }
    std::array::from_fn(|part| vpaddq_s32(low[part], high[part]))
}
