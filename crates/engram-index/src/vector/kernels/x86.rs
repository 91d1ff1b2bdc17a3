//! AVX2 + FMA and AVX-512 kernels for x86-64.

use std::arch::x86_64::{
    __m256, __m512, _mm_add_epi32, _mm_add_ps, _mm_add_ss, _mm_cvtsi128_si32, _mm_cvtss_f32,
    _mm_loadu_si128, _mm_movehl_ps, _mm_shuffle_epi32, _mm_shuffle_ps, _mm256_add_epi32,
    _mm256_add_ps, _mm256_castpd_ps, _mm256_castps256_ps128, _mm256_castsi256_si128,
    _mm256_cvtepi8_epi16, _mm256_extractf128_ps, _mm256_extracti128_si256, _mm256_fmadd_ps,
    _mm256_loadu_ps, _mm256_loadu_si256, _mm256_madd_epi16, _mm256_setzero_ps,
    _mm256_setzero_si256, _mm256_sub_ps, _mm512_add_epi32, _mm512_castps_pd,
    _mm512_castps512_ps256, _mm512_cvtepi8_epi16, _mm512_extractf64x4_pd, _mm512_fmadd_ps,
    _mm512_loadu_ps, _mm512_madd_epi16, _mm512_maskz_loadu_ps, _mm512_reduce_add_epi32,
    _mm512_setzero_ps, _mm512_setzero_si512, _mm512_sub_ps,
};

use super::{Kernels, LANES, check_i8_lengths, check_lengths, padded};

static AVX2: Kernels =
    Kernels { name: "avx2", dot_f32: avx2_dot, l2_f32: avx2_l2, dot_i8: avx2_dot_i8 };

static AVX512: Kernels =
    Kernels { name: "avx512", dot_f32: avx512_dot, l2_f32: avx512_l2, dot_i8: avx512_dot_i8 };

/// The tables of this module that the processor can run, slowest first. They leave the module by no other way, so a
/// function of a table is only ever called on a processor that has its instructions.
pub(super) fn available() -> Vec<&'static Kernels> {
    let mut found = Vec::new();
    let avx2 = is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma");
    if avx2 {
        found.push(&AVX2);
    }
    if avx2 && is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512bw") {
        found.push(&AVX512);
    }
    found
}

fn avx2_dot(a: &[f32], b: &[f32]) -> f32 {
    // SAFETY: reachable only through a table that `available` hands out after detecting AVX2 and FMA.
    unsafe { avx2_sum::<false>(a, b) }
}

fn avx2_l2(a: &[f32], b: &[f32]) -> f32 {
    // SAFETY: as in `avx2_dot`.
    unsafe { avx2_sum::<true>(a, b) }
}

fn avx2_dot_i8(a: &[i8], b: &[i8]) -> i32 {
    // SAFETY: as in `avx2_dot`.
    unsafe { avx2_bytes(a, b) }
}

fn avx512_dot(a: &[f32], b: &[f32]) -> f32 {
    // SAFETY: reachable only through a table that `available` hands out after detecting AVX-512 F and BW.
    unsafe { avx512_sum::<false>(a, b) }
}

fn avx512_l2(a: &[f32], b: &[f32]) -> f32 {
    // SAFETY: as in `avx512_dot`.
    unsafe { avx512_sum::<true>(a, b) }
}

fn avx512_dot_i8(a: &[i8], b: &[i8]) -> i32 {
    // SAFETY: as in `avx512_dot`.
    unsafe { avx512_bytes(a, b) }
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
fn reduce_8(lanes: __m256) -> f32 {
    let four = _mm_add_ps(_mm256_castps256_ps128(lanes), _mm256_extractf128_ps::<1>(lanes));
    let two = _mm_add_ps(four, _mm_movehl_ps(four, four));
    _mm_cvtss_f32(_mm_add_ss(two, _mm_shuffle_ps::<1>(two, two)))
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
    let high = _mm256_castpd_ps(_mm512_extractf64x4_pd::<1>(_mm512_castps_pd(lanes)));
    reduce_8(_mm256_add_ps(_mm512_castps512_ps256(lanes), high))
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
    let four = _mm_add_epi32(_mm256_castsi256_si128(sums), _mm256_extracti128_si256::<1>(sums));
    let two = _mm_add_epi32(four, _mm_shuffle_epi32::<0b_11_10_11_10>(four));
    let one = _mm_add_epi32(two, _mm_shuffle_epi32::<0b_01_01_01_01>(two));
    _mm_cvtsi128_si32(one) + bytes_tail(a_tail, b_tail)
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

fn bytes_tail(a: &[i8], b: &[i8]) -> i32 {
    a.iter().zip(b).map(|(&x, &y)| i32::from(x) * i32::from(y)).sum()
}
