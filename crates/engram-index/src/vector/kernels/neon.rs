//! NEON kernels for AArch64.

use std::arch::aarch64::{
    float32x4_t, int32x4_t, uint8x16_t, vadd_f32, vaddq_f32, vaddvq_s32, vandq_u8, vdupq_n_f32,
    vdupq_n_s32, vdupq_n_u8, vfmaq_f32, vget_high_f32, vget_lane_f32, vget_low_f32, vget_low_s8,
    vld1q_f32, vld1q_s8, vld1q_u8, vmlal_high_s8, vmull_high_s8, vmull_s8, vpadalq_s16,
    vreinterpretq_s8_u8, vshrq_n_u8, vsubq_f32,
};

use super::{
    Kernels, LANES, NIBBLE_BLOCK, NIBBLE_BLOCK_BYTES, NibbleQuery, NibbleRows, check_i8_lengths,
    check_lengths, check_nibbles, f16_value, padded,
};

static NEON: Kernels = Kernels {
    name: "neon",
    dot_f32: neon_dot,
    l2_f32: neon_l2,
    dot_f16: neon_dot_f16,
    dot_i8: neon_dot_i8,
    dot_nibbles: neon_dot_nibbles,
};

/// The tables of this module that the processor can run. They leave the module by no other way.
pub(super) fn available() -> Vec<&'static Kernels> {
    if std::arch::is_aarch64_feature_detected!("neon") { vec![&NEON] } else { Vec::new() }
}

fn neon_dot(a: &[f32], b: &[f32]) -> f32 {
    // SAFETY: reachable only through a table that `available` hands out after detecting NEON.
    unsafe { neon_sum::<false>(a, b) }
}

fn neon_l2(a: &[f32], b: &[f32]) -> f32 {
    // SAFETY: as in `neon_dot`.
    unsafe { neon_sum::<true>(a, b) }
}

fn neon_dot_f16(a: &[f32], b: &[u16]) -> f32 {
    // SAFETY: as in `neon_dot`.
    unsafe { neon_half(a, b) }
}

fn neon_dot_nibbles(
    query: NibbleQuery<'_>,
    rows: NibbleRows<'_>,
    wanted: &[u32],
    sums: &mut [i32],
) {
    // SAFETY: as in `neon_dot`.
    unsafe { neon_nibbles(query, rows, wanted, sums) }
}

fn neon_dot_i8(a: &[i8], b: &[i8]) -> i32 {
    // SAFETY: as in `neon_dot`.
    unsafe { neon_bytes(a, b) }
}

/// Dot product, or squared distance when `SQUARED_DISTANCE`.
#[target_feature(enable = "neon")]
fn neon_sum<const SQUARED_DISTANCE: bool>(a: &[f32], b: &[f32]) -> f32 {
    check_lengths(a.len(), b.len());
    let (a_blocks, a_tail) = a.as_chunks::<LANES>();
    let (b_blocks, b_tail) = b.as_chunks::<LANES>();
    let mut lanes = [vdupq_n_f32(0.0); 4];
    for (x, y) in a_blocks.iter().zip(b_blocks) {
        neon_block::<SQUARED_DISTANCE>(&mut lanes, x, y);
    }
    if !a_tail.is_empty() {
        neon_block::<SQUARED_DISTANCE>(&mut lanes, &padded(a_tail), &padded(b_tail));
    }
    reduce(lanes)
}

/// Dot product with half-precision numbers, which are converted a block at a time.
#[target_feature(enable = "neon")]
fn neon_half(a: &[f32], b: &[u16]) -> f32 {
    check_lengths(a.len(), b.len());
    let mut lanes = [vdupq_n_f32(0.0); 4];
    for (x, y) in a.chunks(LANES).zip(b.chunks(LANES)) {
        neon_block::<false>(&mut lanes, &padded(x), &padded(y).map(f16_value));
    }
    reduce(lanes)
}

/// The reduction tree.
#[inline]
#[target_feature(enable = "neon")]
fn reduce(lanes: [float32x4_t; 4]) -> f32 {
    let low = vaddq_f32(lanes[0], lanes[2]);
    let high = vaddq_f32(lanes[1], lanes[3]);
    let four = vaddq_f32(low, high);
    let two = vadd_f32(vget_low_f32(four), vget_high_f32(four));
    vget_lane_f32::<0>(two) + vget_lane_f32::<1>(two)
}

#[inline]
#[target_feature(enable = "neon")]
fn neon_block<const SQUARED_DISTANCE: bool>(
    lanes: &mut [float32x4_t; 4],
    a: &[f32; LANES],
    b: &[f32; LANES],
) {
    for (quarter, lane) in lanes.iter_mut().enumerate() {
        // SAFETY: both arrays hold 16 elements; the load takes 4 from element 0, 4, 8 or 12.
        let (x, y) = unsafe {
            (vld1q_f32(a.as_ptr().add(quarter * 4)), vld1q_f32(b.as_ptr().add(quarter * 4)))
        };
        *lane = if SQUARED_DISTANCE {
            let difference = vsubq_f32(x, y);
            vfmaq_f32(*lane, difference, difference)
        } else {
            vfmaq_f32(*lane, x, y)
        };
    }
}

#[target_feature(enable = "neon")]
fn neon_bytes(a: &[i8], b: &[i8]) -> i32 {
    check_i8_lengths(a.len(), b.len());
    let (a_blocks, a_tail) = a.as_chunks::<16>();
    let (b_blocks, b_tail) = b.as_chunks::<16>();
    let mut sums = vdupq_n_s32(0);
    for (x, y) in a_blocks.iter().zip(b_blocks) {
        // SAFETY: both arrays hold the 16 bytes that the load takes.
        let (x, y) = unsafe { (vld1q_s8(x.as_ptr()), vld1q_s8(y.as_ptr())) };
        // One product fits 16 bits (at most 16,384), two do not: widen before adding.
        sums = vpadalq_s16(sums, vmull_s8(vget_low_s8(x), vget_low_s8(y)));
        sums = vpadalq_s16(sums, vmull_high_s8(x, y));
    }
    let tail: i32 = a_tail.iter().zip(b_tail).map(|(&x, &y)| i32::from(x) * i32::from(y)).sum();
    vaddvq_s32(sums) + tail
}

#[target_feature(enable = "neon")]
fn neon_nibbles(query: NibbleQuery<'_>, rows: NibbleRows<'_>, wanted: &[u32], sums: &mut [i32]) {
    check_nibbles(query, wanted, sums);
    let mask = vdupq_n_u8(15);
    let (query, _) = query.as_chunks::<NIBBLE_BLOCK>();
    for (sum, &row) in sums.iter_mut().zip(wanted) {
        let (nibbles, _) =
            rows.row(row, query.len() * NIBBLE_BLOCK).as_chunks::<NIBBLE_BLOCK_BYTES>();
        let mut total = vdupq_n_s32(0);
        for (q, n) in query.iter().zip(nibbles) {
            for quarter in 0..NIBBLE_BLOCK_BYTES / 16 {
                let (low, high) = q.split_at(NIBBLE_BLOCK_BYTES);
                // SAFETY: 16 bytes from byte 0, 16, 32 or 48 of the 64 nibble bytes.
                let bytes = unsafe { vld1q_u8(n.as_ptr().add(quarter * 16)) };
                total = quarter_nibbles(total, vandq_u8(bytes, mask), &low[quarter * 16..]);
                total = quarter_nibbles(total, vshrq_n_u8::<4>(bytes), &high[quarter * 16..]);
            }
        }
        *sum = vaddvq_s32(total);
    }
}

/// Adds the products of 16 nibbles with the first 16 bytes of `query`.
#[inline]
#[target_feature(enable = "neon")]
fn quarter_nibbles(total: int32x4_t, nibbles: uint8x16_t, query: &[i8]) -> int32x4_t {
    assert!(query.len() >= 16, "16 bytes are read");
    let nibbles = vreinterpretq_s8_u8(nibbles);
    // SAFETY: the slice holds the 16 bytes that the load takes.
    let query = unsafe { vld1q_s8(query.as_ptr()) };
    // Two products are at most 2 * 15 * 128 = 3,840: they fit i16.
    let products = vmull_s8(vget_low_s8(nibbles), vget_low_s8(query));
    vpadalq_s16(total, vmlal_high_s8(products, nibbles, query))
}
