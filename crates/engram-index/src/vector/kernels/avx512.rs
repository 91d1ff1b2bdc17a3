//! AVX-512 kernels for x86-64, without and with the byte products of VNNI.

use std::arch::x86_64::{
    __m256i, __m512, __m512i, _mm256_add_ps, _mm256_castpd_ps, _mm256_loadu_si256,
    _mm512_add_epi32, _mm512_and_si512, _mm512_castps_pd, _mm512_castps512_ps256,
    _mm512_cvtepi8_epi16, _mm512_cvtph_ps, _mm512_dpbusd_epi32, _mm512_extractf64x4_pd,
    _mm512_fmadd_ps, _mm512_loadu_ps, _mm512_loadu_si512, _mm512_madd_epi16,
    _mm512_maddubs_epi16, _mm512_add_epi16, _mm512_maskz_loadu_epi8, _mm512_maskz_loadu_ps,
    _mm512_reduce_add_epi32, _mm512_set1_epi8, _mm512_set1_epi16, _mm512_setzero_ps,
    _mm512_setzero_si512, _mm512_srli_epi16, _mm512_sub_epi32, _mm512_sub_ps, _mm512_xor_si512,
};

use super::avx2::{bytes_tail, reduce_8};
use super::{
    Kernels, LANES, NIBBLE_BLOCK, NIBBLE_BLOCK_BYTES, NibbleQuery, NibbleRows, check_i8_lengths,
    check_lengths, check_nibbles, padded,
};

static AVX512: Kernels = Kernels {
    name: "avx512",
    dot_f32: avx512_dot,
    l2_f32: avx512_l2,
    dot_f16: avx512_dot_f16,
    dot_i8: avx512_dot_i8,
    dot_nibbles: avx512_dot_nibbles,
};

static AVX512_VNNI: Kernels = Kernels {
    name: "avx512-vnni",
    dot_f32: avx512_dot,
    l2_f32: avx512_l2,
    dot_f16: avx512_dot_f16,
    dot_i8: vnni_dot_i8,
    dot_nibbles: vnni_dot_nibbles,
};

/// The tables of this module that the processor can run, slowest first. They leave the module by no other way, so a
/// function of a table is only ever called on a processor that has its instructions.
pub(super) fn available() -> Vec<&'static Kernels> {
    let mut found = Vec::new();
    let avx512 = is_x86_feature_detected!("avx2")
        && is_x86_feature_detected!("fma")
        && is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512bw");
    if avx512 {
        found.push(&AVX512);
    }
    if avx512 && is_x86_feature_detected!("avx512vnni") {
        found.push(&AVX512_VNNI);
    }
    found
}

fn avx512_dot(a: &[f32], b: &[f32]) -> f32 {
    // SAFETY: reachable only through a table that `available` hands out after detecting AVX-512 F and BW.
    unsafe { avx512_sum::<false>(a, b) }
}

fn avx512_l2(a: &[f32], b: &[f32]) -> f32 {
    // SAFETY: as in `avx512_dot`.
    unsafe { avx512_sum::<true>(a, b) }
}

fn avx512_dot_f16(a: &[f32], b: &[u16]) -> f32 {
    // SAFETY: as in `avx512_dot`.
    unsafe { avx512_half(a, b) }
}

fn avx512_dot_i8(a: &[i8], b: &[i8]) -> i32 {
    // SAFETY: as in `avx512_dot`.
    unsafe { avx512_bytes(a, b) }
}

fn avx512_dot_nibbles(query: NibbleQuery<'_>, rows: NibbleRows<'_>, wanted: &[u32], sums: &mut [i32]) {
    // SAFETY: as in `avx512_dot`.
    unsafe { avx512_nibbles(query, rows, wanted, sums) }
}

fn vnni_dot_i8(a: &[i8], b: &[i8]) -> i32 {
    // SAFETY: reachable only through the table that `available` hands out after detecting AVX-512 F, BW and VNNI.
    unsafe { vnni_bytes(a, b) }
}

fn vnni_dot_nibbles(query: NibbleQuery<'_>, rows: NibbleRows<'_>, wanted: &[u32], sums: &mut [i32]) {
    // SAFETY: as in `vnni_dot_i8`.
    unsafe { vnni_nibbles(query, rows, wanted, sums) }
}

/// Dot product, or squared distance when `SQUARED_DISTANCE`.
#[target_feature(enable = "avx2,fma,avx512f,avx512bw")]
fn avx512_sum<const SQUARED_DISTANCE: bool>(a: &[f32], b: &[f32]) -> f32 {
    check_lengths(a.len(), b.len());
    let (a_blocks, a_tail) = a.as_chunks::<LANES>();
    let (b_blocks, b_tail) = b.as_chunks::<LANES>();
    let mut lanes = _mm512_setzero_ps();
    for (x, y) in a_blocks.iter().zip(b_blocks) {
        // SAFETY: both arrays hold the 16 elements that the load takes; it needs no alignment.
        let (x, y) = unsafe { (_mm512_loadu_ps(x.as_ptr()), _mm512_loadu_ps(y.as_ptr())) };
        lanes = avx512_step::<SQUARED_DISTANCE>(lanes, x, y);
    }
    if !a_tail.is_empty() {
        let mask = (1_u16 << a_tail.len()) - 1;
        // SAFETY: the mask has one bit for each element of the tails, whose lengths are equal; masked-out elements are
        // not read and become zero.
        let (x, y) = unsafe {
            (
                _mm512_maskz_loadu_ps(mask, a_tail.as_ptr()),
                _mm512_maskz_loadu_ps(mask, b_tail.as_ptr()),
            )
        };
        lanes = avx512_step::<SQUARED_DISTANCE>(lanes, x, y);
    }
    reduce_16(lanes)
}

#[inline]
#[target_feature(enable = "avx512f")]
fn avx512_step<const SQUARED_DISTANCE: bool>(lanes: __m512, x: __m512, y: __m512) -> __m512 {
    if SQUARED_DISTANCE {
        let difference = _mm512_sub_ps(x, y);
        _mm512_fmadd_ps(difference, difference, lanes)
    } else {
        _mm512_fmadd_ps(x, y, lanes)
    }
}

/// The reduction tree.
#[inline]
#[target_feature(enable = "avx2,fma,avx512f")]
fn reduce_16(lanes: __m512) -> f32 {
    let high = _mm256_castpd_ps(_mm512_extractf64x4_pd::<1>(_mm512_castps_pd(lanes)));
    reduce_8(_mm256_add_ps(_mm512_castps512_ps256(lanes), high))
}

/// Dot product with half-precision numbers.
#[target_feature(enable = "avx2,fma,avx512f,avx512bw")]
fn avx512_half(a: &[f32], b: &[u16]) -> f32 {
    check_lengths(a.len(), b.len());
    let (a_blocks, a_tail) = a.as_chunks::<LANES>();
    let (b_blocks, b_tail) = b.as_chunks::<LANES>();
    let mut lanes = _mm512_setzero_ps();
    for (x, y) in a_blocks.iter().zip(b_blocks) {
        lanes = half_step(lanes, x, y);
    }
    if !a_tail.is_empty() {
        lanes = half_step(lanes, &padded(a_tail), &padded(b_tail));
    }
    reduce_16(lanes)
}

#[inline]
#[target_feature(enable = "avx512f")]
fn half_step(lanes: __m512, x: &[f32; LANES], y: &[u16; LANES]) -> __m512 {
    // SAFETY: both arrays hold the 16 elements that the loads take; they need no alignment.
    let (x, y): (__m512, __m256i) =
        unsafe { (_mm512_loadu_ps(x.as_ptr()), _mm256_loadu_si256(y.as_ptr().cast())) };
    _mm512_fmadd_ps(x, _mm512_cvtph_ps(y), lanes)
}

#[target_feature(enable = "avx512f,avx512bw")]
fn avx512_bytes(a: &[i8], b: &[i8]) -> i32 {
    check_i8_lengths(a.len(), b.len());
    let (a_blocks, a_tail) = a.as_chunks::<32>();
    let (b_blocks, b_tail) = b.as_chunks::<32>();
    let mut sums = _mm512_setzero_si512();
    for (x, y) in a_blocks.iter().zip(b_blocks) {
        // SAFETY: both arrays hold the 32 bytes that the load takes; it needs no alignment.
        let (x, y) = unsafe {
            (_mm256_loadu_si256(x.as_ptr().cast()), _mm256_loadu_si256(y.as_ptr().cast()))
        };
        let products = _mm512_madd_epi16(_mm512_cvtepi8_epi16(x), _mm512_cvtepi8_epi16(y));
        sums = _mm512_add_epi32(sums, products);
    }
    _mm512_reduce_add_epi32(sums) + bytes_tail(a_tail, b_tail)
}

/// The instruction multiplies unsigned by signed bytes: 128 is added to `a` and taken off again, 128 times the sum of `b`.
/// Sums may wrap on the way and are right in the end, for the result fits.
#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
fn vnni_bytes(a: &[i8], b: &[i8]) -> i32 {
    check_i8_lengths(a.len(), b.len());
    let (a_blocks, a_tail) = a.as_chunks::<64>();
    let (b_blocks, b_tail) = b.as_chunks::<64>();
    let mut sums = [_mm512_setzero_si512(); 2];
    for (x, y) in a_blocks.iter().zip(b_blocks) {
        // SAFETY: both arrays hold the 64 bytes that the load takes; it needs no alignment.
        let (x, y) = unsafe {
            (_mm512_loadu_si512(x.as_ptr().cast()), _mm512_loadu_si512(y.as_ptr().cast()))
        };
        vnni_step(&mut sums, x, y);
    }
    if !a_tail.is_empty() {
        let mask = (1_u64 << a_tail.len()) - 1;
        // SAFETY: the mask has one bit for each element of the tails, whose lengths are equal; masked-out elements are
        // not read and become zero.
        let (x, y) = unsafe {
            (
                _mm512_maskz_loadu_epi8(mask, a_tail.as_ptr()),
                _mm512_maskz_loadu_epi8(mask, b_tail.as_ptr()),
            )
        };
        vnni_step(&mut sums, x, y);
    }
    _mm512_reduce_add_epi32(_mm512_sub_epi32(sums[0], sums[1]))
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
fn vnni_step(sums: &mut [__m512i; 2], x: __m512i, y: __m512i) {
    let middle = _mm512_set1_epi8(i8::MIN);
    sums[0] = _mm512_dpbusd_epi32(sums[0], _mm512_xor_si512(x, middle), y);
    sums[1] = _mm512_dpbusd_epi32(sums[1], middle, y);
}

/// A block of nibbles, each with the part of the query that it meets.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn block_nibbles(
    q: &[i8; NIBBLE_BLOCK],
    n: &[u8; NIBBLE_BLOCK_BYTES],
) -> [(__m512i, __m512i); 2] {
    let mask = _mm512_set1_epi8(15);
    // SAFETY: 64 bytes of the 64 of the nibbles, and of the 128 of the query from byte 0 or 64; no load needs alignment.
    let (bytes, low, high) = unsafe {
        (
            _mm512_loadu_si512(n.as_ptr().cast()),
            _mm512_loadu_si512(q.as_ptr().cast()),
            _mm512_loadu_si512(q.as_ptr().add(NIBBLE_BLOCK_BYTES).cast()),
        )
    };
    let upper = _mm512_and_si512(_mm512_srli_epi16::<4>(bytes), mask);
    [(_mm512_and_si512(bytes, mask), low), (upper, high)]
}

#[target_feature(enable = "avx512f,avx512bw")]
fn avx512_nibbles(query: NibbleQuery<'_>, rows: NibbleRows<'_>, wanted: &[u32], sums: &mut [i32]) {
    check_nibbles(query, wanted, sums);
    let ones = _mm512_set1_epi16(1);
    let (query, _) = query.as_chunks::<NIBBLE_BLOCK>();
    for (sum, &row) in sums.iter_mut().zip(wanted) {
        let (nibbles, _) =
            rows.row(row, query.len() * NIBBLE_BLOCK).as_chunks::<NIBBLE_BLOCK_BYTES>();
        let mut total = _mm512_setzero_si512();
        for (q, n) in query.iter().zip(nibbles) {
            // A pair of products is at most 2 * 15 * 128 = 3,840: two of them fit i16.
            let [(x, y), (z, w)] = block_nibbles(q, n);
            let pairs = _mm512_add_epi16(_mm512_maddubs_epi16(x, y), _mm512_maddubs_epi16(z, w));
            total = _mm512_add_epi32(total, _mm512_madd_epi16(pairs, ones));
        }
        *sum = _mm512_reduce_add_epi32(total);
    }
}

#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
fn vnni_nibbles(query: NibbleQuery<'_>, rows: NibbleRows<'_>, wanted: &[u32], sums: &mut [i32]) {
    check_nibbles(query, wanted, sums);
    let (query, _) = query.as_chunks::<NIBBLE_BLOCK>();
    for (sum, &row) in sums.iter_mut().zip(wanted) {
        let (nibbles, _) =
            rows.row(row, query.len() * NIBBLE_BLOCK).as_chunks::<NIBBLE_BLOCK_BYTES>();
        let mut totals = [_mm512_setzero_si512(); 2];
        for (q, n) in query.iter().zip(nibbles) {
            let [(x, y), (z, w)] = block_nibbles(q, n);
            totals[0] = _mm512_dpbusd_epi32(totals[0], x, y);
            totals[1] = _mm512_dpbusd_epi32(totals[1], z, w);
        }
        *sum = _mm512_reduce_add_epi32(_mm512_add_epi32(totals[0], totals[1]));
    }
}
