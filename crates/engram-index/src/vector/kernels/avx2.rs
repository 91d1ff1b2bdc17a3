//! AVX2 + FMA kernels for x86-64, and the same with the byte products of AVX-VNNI.

use std::arch::x86_64::{
    __m128i, __m256, __m256i, _mm_add_epi32, _mm_add_ps, _mm_add_ss, _mm_cvtsi128_si32,
    _mm_cvtss_f32, _mm_loadu_si128, _mm_movehl_ps, _mm_shuffle_epi32, _mm_shuffle_ps,
    _mm256_add_epi16, _mm256_add_epi32, _mm256_add_ps, _mm256_and_si256, _mm256_castps256_ps128,
    _mm256_castsi256_si128, _mm256_cvtepi8_epi16, _mm256_cvtph_ps, _mm256_dpbusd_avx_epi32,
    _mm256_extractf128_ps, _mm256_extracti128_si256, _mm256_fmadd_ps, _mm256_loadu_ps,
    _mm256_loadu_si256, _mm256_madd_epi16, _mm256_maddubs_epi16, _mm256_set1_epi8,
    _mm256_set1_epi16, _mm256_setzero_ps, _mm256_setzero_si256, _mm256_srli_epi16, _mm256_sub_ps,
};

use super::{
    Kernels, LANES, NIBBLE_BLOCK, NIBBLE_BLOCK_BYTES, NibbleQuery, NibbleRows, check_i8_lengths,
    check_lengths, check_nibbles, padded,
};

static AVX2: Kernels = Kernels {
    name: "avx2",
    dot_f32: avx2_dot,
    l2_f32: avx2_l2,
    dot_f16: avx2_dot_f16,
    dot_i8: avx2_dot_i8,
    dot_nibbles: avx2_dot_nibbles,
};

static AVX_VNNI: Kernels = Kernels {
    name: "avx-vnni",
    dot_f32: avx2_dot,
    l2_f32: avx2_l2,
    dot_f16: avx2_dot_f16,
    dot_i8: avx2_dot_i8,
    dot_nibbles: vnni_dot_nibbles,
};

/// The tables of this module that the processor can run, slowest first. They leave the module by no other way, so a
/// function of a table is only ever called on a processor that has its instructions.
pub(super) fn available() -> Vec<&'static Kernels> {
    let mut found = Vec::new();
    let avx2 = is_x86_feature_detected!("avx2")
        && is_x86_feature_detected!("fma")
        && is_x86_feature_detected!("f16c");
    if avx2 {
        found.push(&AVX2);
    }
    if avx2 && is_x86_feature_detected!("avxvnni") {
        found.push(&AVX_VNNI);
    }
    found
}

fn avx2_dot(a: &[f32], b: &[f32]) -> f32 {
    // SAFETY: reachable only through a table that `available` hands out after detecting AVX2, FMA and F16C.
    unsafe { avx2_sum::<false>(a, b) }
}

fn avx2_l2(a: &[f32], b: &[f32]) -> f32 {
    // SAFETY: as in `avx2_dot`.
    unsafe { avx2_sum::<true>(a, b) }
}

fn avx2_dot_f16(a: &[f32], b: &[u16]) -> f32 {
    // SAFETY: as in `avx2_dot`.
    unsafe { avx2_half(a, b) }
}

fn avx2_dot_i8(a: &[i8], b: &[i8]) -> i32 {
    // SAFETY: as in `avx2_dot`.
    unsafe { avx2_bytes(a, b) }
}

fn avx2_dot_nibbles(query: NibbleQuery<'_>, rows: NibbleRows<'_>, wanted: &[u32], sums: &mut [i32]) {
    // SAFETY: as in `avx2_dot`.
    unsafe { avx2_nibbles(query, rows, wanted, sums) }
}

fn vnni_dot_nibbles(query: NibbleQuery<'_>, rows: NibbleRows<'_>, wanted: &[u32], sums: &mut [i32]) {
    // SAFETY: reachable only through the table that `available` hands out after detecting AVX2 and AVX-VNNI.
    unsafe { vnni_nibbles(query, rows, wanted, sums) }
}

/// Dot product, or squared distance when `SQUARED_DISTANCE`.
#[target_feature(enable = "avx2,fma")]
fn avx2_sum<const SQUARED_DISTANCE: bool>(a: &[f32], b: &[f32]) -> f32 {
    check_lengths(a.len(), b.len());
    let (a_blocks, a_tail) = a.as_chunks::<LANES>();
    let (b_blocks, b_tail) = b.as_chunks::<LANES>();
    let mut lanes = [_mm256_setzero_ps(); 2];
    for (x, y) in a_blocks.iter().zip(b_blocks) {
        avx2_block::<SQUARED_DISTANCE>(&mut lanes, x, y);
    }
    if !a_tail.is_empty() {
        avx2_block::<SQUARED_DISTANCE>(&mut lanes, &padded(a_tail), &padded(b_tail));
    }
    reduce_8(_mm256_add_ps(lanes[0], lanes[1]))
}

#[inline]
#[target_feature(enable = "avx2,fma")]
fn avx2_block<const SQUARED_DISTANCE: bool>(
    lanes: &mut [__m256; 2],
    a: &[f32; LANES],
    b: &[f32; LANES],
) {
    for (half, lane) in lanes.iter_mut().enumerate() {
        // SAFETY: both arrays hold 16 elements; the load takes 8 from element 0 or 8 and needs no alignment.
        let (x, y) = unsafe {
            (_mm256_loadu_ps(a.as_ptr().add(half * 8)), _mm256_loadu_ps(b.as_ptr().add(half * 8)))
        };
        *lane = if SQUARED_DISTANCE {
            let difference = _mm256_sub_ps(x, y);
            _mm256_fmadd_ps(difference, difference, *lane)
        } else {
            _mm256_fmadd_ps(x, y, *lane)
        };
    }
}

/// The last three levels of the reduction tree, after lanes `i` and `i + 8` were added.
#[inline]
#[target_feature(enable = "avx2,fma")]
pub(super) fn reduce_8(lanes: __m256) -> f32 {
    let four = _mm_add_ps(_mm256_castps256_ps128(lanes), _mm256_extractf128_ps::<1>(lanes));
    let two = _mm_add_ps(four, _mm_movehl_ps(four, four));
    _mm_cvtss_f32(_mm_add_ss(two, _mm_shuffle_ps::<1>(two, two)))
}

/// Dot product with half-precision numbers.
#[target_feature(enable = "avx2,fma,f16c")]
fn avx2_half(a: &[f32], b: &[u16]) -> f32 {
    check_lengths(a.len(), b.len());
    let (a_blocks, a_tail) = a.as_chunks::<LANES>();
    let (b_blocks, b_tail) = b.as_chunks::<LANES>();
    let mut lanes = [_mm256_setzero_ps(); 2];
    for (x, y) in a_blocks.iter().zip(b_blocks) {
        half_block(&mut lanes, x, y);
    }
    if !a_tail.is_empty() {
        half_block(&mut lanes, &padded(a_tail), &padded(b_tail));
    }
    reduce_8(_mm256_add_ps(lanes[0], lanes[1]))
}

#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
fn half_block(lanes: &mut [__m256; 2], a: &[f32; LANES], b: &[u16; LANES]) {
    for (half, lane) in lanes.iter_mut().enumerate() {
        // SAFETY: both arrays hold 16 elements; the loads take 8 from element 0 or 8 and need no alignment.
        let (x, y) = unsafe {
            (
                _mm256_loadu_ps(a.as_ptr().add(half * 8)),
                _mm_loadu_si128(b.as_ptr().add(half * 8).cast()),
            )
        };
        *lane = _mm256_fmadd_ps(x, _mm256_cvtph_ps(y), *lane);
    }
}

#[target_feature(enable = "avx2,fma")]
fn avx2_bytes(a: &[i8], b: &[i8]) -> i32 {
    check_i8_lengths(a.len(), b.len());
    let (a_blocks, a_tail) = a.as_chunks::<16>();
    let (b_blocks, b_tail) = b.as_chunks::<16>();
    let mut sums = _mm256_setzero_si256();
    for (x, y) in a_blocks.iter().zip(b_blocks) {
        // SAFETY: both arrays hold the 16 bytes that the load takes; it needs no alignment.
        let (x, y) =
            unsafe { (_mm_loadu_si128(x.as_ptr().cast()), _mm_loadu_si128(y.as_ptr().cast())) };
        // Pairs of products fit: 2 * 128 * 128 = 32,768 in i32.
        let products = _mm256_madd_epi16(_mm256_cvtepi8_epi16(x), _mm256_cvtepi8_epi16(y));
        sums = _mm256_add_epi32(sums, products);
    }
    add_eight(sums) + bytes_tail(a_tail, b_tail)
}

/// Sum of eight i32.
#[inline]
#[target_feature(enable = "avx2")]
fn add_eight(sums: __m256i) -> i32 {
    add_four(_mm_add_epi32(_mm256_castsi256_si128(sums), _mm256_extracti128_si256::<1>(sums)))
}

#[inline]
#[target_feature(enable = "avx2")]
fn add_four(four: __m128i) -> i32 {
    let two = _mm_add_epi32(four, _mm_shuffle_epi32::<0b_11_10_11_10>(four));
    let one = _mm_add_epi32(two, _mm_shuffle_epi32::<0b_01_01_01_01>(two));
    _mm_cvtsi128_si32(one)
}

pub(super) fn bytes_tail(a: &[i8], b: &[i8]) -> i32 {
    a.iter().zip(b).map(|(&x, &y)| i32::from(x) * i32::from(y)).sum()
}

/// One half of a block: 32 bytes of nibbles and the 2 * 32 bytes of the query that they meet.
#[inline]
#[target_feature(enable = "avx2")]
fn half_nibbles(
    q: &[i8; NIBBLE_BLOCK],
    n: &[u8; NIBBLE_BLOCK_BYTES],
    half: usize,
) -> [(__m256i, __m256i); 2] {
    let mask = _mm256_set1_epi8(15);
    // SAFETY: `half` is 0 or 1: 32 bytes from byte 0 or 32 of the 64 nibble bytes, and from byte 0 or 32, 64 or 96 of the
    // 128 of the query; no load needs alignment.
    let (bytes, low, high) = unsafe {
        (
            _mm256_loadu_si256(n.as_ptr().add(half * 32).cast()),
            _mm256_loadu_si256(q.as_ptr().add(half * 32).cast()),
            _mm256_loadu_si256(q.as_ptr().add(NIBBLE_BLOCK_BYTES + half * 32).cast()),
        )
    };
    let upper = _mm256_and_si256(_mm256_srli_epi16::<4>(bytes), mask);
    [(_mm256_and_si256(bytes, mask), low), (upper, high)]
}

#[target_feature(enable = "avx2")]
fn avx2_nibbles(query: NibbleQuery<'_>, rows: NibbleRows<'_>, wanted: &[u32], sums: &mut [i32]) {
    check_nibbles(query, wanted, sums);
    let ones = _mm256_set1_epi16(1);
    let (query, _) = query.as_chunks::<NIBBLE_BLOCK>();
    for (sum, &row) in sums.iter_mut().zip(wanted) {
        let (nibbles, _) =
            rows.row(row, query.len() * NIBBLE_BLOCK).as_chunks::<NIBBLE_BLOCK_BYTES>();
        let mut total = _mm256_setzero_si256();
        for (q, n) in query.iter().zip(nibbles) {
            // A pair of products is at most 2 * 15 * 128 = 3,840: four of them stay far below i16's limit.
            let mut pairs = _mm256_setzero_si256();
            for half in 0..2 {
                for (x, y) in half_nibbles(q, n, half) {
                    pairs = _mm256_add_epi16(pairs, _mm256_maddubs_epi16(x, y));
                }
            }
            total = _mm256_add_epi32(total, _mm256_madd_epi16(pairs, ones));
        }
        *sum = add_eight(total);
    }
}

#[target_feature(enable = "avx2,avxvnni")]
fn vnni_nibbles(query: NibbleQuery<'_>, rows: NibbleRows<'_>, wanted: &[u32], sums: &mut [i32]) {
    check_nibbles(query, wanted, sums);
    let (query, _) = query.as_chunks::<NIBBLE_BLOCK>();
    for (sum, &row) in sums.iter_mut().zip(wanted) {
        let (nibbles, _) =
            rows.row(row, query.len() * NIBBLE_BLOCK).as_chunks::<NIBBLE_BLOCK_BYTES>();
        let mut totals = [_mm256_setzero_si256(); 2];
        for (q, n) in query.iter().zip(nibbles) {
            for (half, total) in totals.iter_mut().enumerate() {
                for (x, y) in half_nibbles(q, n, half) {
                    *total = _mm256_dpbusd_avx_epi32(*total, x, y);
                }
            }
        }
        *sum = add_eight(_mm256_add_epi32(totals[0], totals[1]));
    }
}
