//! Asking the processor for memory before it is read: a search knows its next rows long before it needs them.

/// Bytes of a cache line.
pub(crate) const LINE: usize = 64;

/// Asks the processor to bring a vector closer.
#[inline(always)]
pub(crate) fn prefetch_floats(vector: &[f32]) {
    for line in vector.chunks(LINE / 4) {
        prefetch_line(line.as_ptr().cast());
    }
}

/// Asks the processor to bring `length` bytes from `start` closer; does nothing where they are not.
#[inline(always)]
pub(crate) fn prefetch(bytes: &[u8], start: usize, length: usize) {
    let Some(wanted) = bytes.get(start..start + length) else { return };
    for line in wanted.chunks(LINE) {
        prefetch_line(line.as_ptr());
    }
}

#[inline(always)]
fn prefetch_line(line: *const u8) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: SSE is part of x86-64, and a prefetch reads nothing that the program could see.
    unsafe {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        _mm_prefetch::<_MM_HINT_T0>(line.cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = line;
}
