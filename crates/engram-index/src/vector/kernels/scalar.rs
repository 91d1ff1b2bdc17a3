//! The portable reference that all other kernels must match.

use super::{
    Kernels, LANES, NIBBLE_BLOCK, NIBBLE_BLOCK_BYTES, NibbleQuery, NibbleRows, check_i8_lengths,
    check_lengths, check_nibbles, f16_value, padded,
};

pub(super) static KERNELS: Kernels = Kernels {
    name: "scalar",
    dot_f32: dot,
    l2_f32: l2,
    dot_f16: dot_half,
    dot_i8: dot_bytes,
    dot_nibbles,
};

fn dot(a: &[f32], b: &[f32]) -> f32 {
    sum_blocks(a, b, |x, y, lane| x.mul_add(y, lane))
}

fn l2(a: &[f32], b: &[f32]) -> f32 {
    sum_blocks(a, b, |x, y, lane| {
        let difference = x - y;
        difference.mul_add(difference, lane)
    })
}

fn dot_half(a: &[f32], b: &[u16]) -> f32 {
    sum_blocks(a, b, |x, y, lane| x.mul_add(f16_value(y), lane))
}

fn sum_blocks<T: Copy + Default>(
    a: &[f32],
    b: &[T],
    step: impl Fn(f32, T, f32) -> f32,
) -> f32 {
    check_lengths(a.len(), b.len());
    let mut lanes = [0.0_f32; LANES];
    let (a_blocks, a_tail) = a.as_chunks::<LANES>();
    let (b_blocks, b_tail) = b.as_chunks::<LANES>();
    for (x, y) in a_blocks.iter().zip(b_blocks) {
        add_block(&mut lanes, x, y, &step);
    }
    if !a_tail.is_empty() {
        add_block(&mut lanes, &padded(a_tail), &padded(b_tail), &step);
    }
    reduce(lanes)
}

fn add_block<T: Copy>(
    lanes: &mut [f32; LANES],
    x: &[f32; LANES],
    y: &[T; LANES],
    step: &impl Fn(f32, T, f32) -> f32,
) {
    for lane in 0..LANES {
        lanes[lane] = step(x[lane], y[lane], lanes[lane]);
    }
}

fn reduce(mut lanes: [f32; LANES]) -> f32 {
    for half in [8, 4, 2, 1] {
        for lane in 0..half {
            lanes[lane] += lanes[lane + half];
        }
    }
    lanes[0]
}

fn dot_bytes(a: &[i8], b: &[i8]) -> i32 {
    check_i8_lengths(a.len(), b.len());
    a.iter().zip(b).map(|(&x, &y)| i32::from(x) * i32::from(y)).sum()
}

fn dot_nibbles(query: NibbleQuery<'_>, rows: NibbleRows<'_>, wanted: &[u32], sums: &mut [i32]) {
    check_nibbles(query, wanted, sums);
    for (sum, &row) in sums.iter_mut().zip(wanted) {
        let nibbles = rows.row(row, query.len());
        *sum = 0;
        for (q, n) in
            query.chunks_exact(NIBBLE_BLOCK).zip(nibbles.chunks_exact(NIBBLE_BLOCK_BYTES))
        {
            let (low, high) = q.split_at(NIBBLE_BLOCK_BYTES);
            for ((&l, &h), &byte) in low.iter().zip(high).zip(n) {
                *sum += i32::from(l) * i32::from(byte & 15) + i32::from(h) * i32::from(byte >> 4);
            }
        }
    }
}
