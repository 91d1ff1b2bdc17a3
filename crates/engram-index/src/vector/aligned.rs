//! Bytes that start at a cache line, so that no row of a table touches a line more than it must.

use std::alloc::{Layout, alloc_zeroed, handle_alloc_error};

use crate::prefetch::LINE;

#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
struct Line([u8; LINE]);

/// A growing block of bytes that starts at a multiple of 64. Its length is a multiple of 64, too; new bytes are zero.
#[derive(Clone, Debug, Default)]
pub struct AlignedBytes {
    lines: Vec<Line>,
}

impl AlignedBytes {
    /// A block of `length` zeros, rounded up to a multiple of 64. To read a file once and copy nothing, read into
    /// [`AlignedBytes::as_mut_slice`] of it: the zeros are those of fresh pages, which cost nothing until they are written.
    pub fn zeroed(length: usize) -> AlignedBytes {
        let count = length.div_ceil(LINE);
        let layout = Layout::array::<Line>(count).expect("no more than half of the addresses");
        if count == 0 {
            return AlignedBytes::default();
        }
        // SAFETY: the layout is not empty, and is that of a vector of `count` lines; zeros are a line.
        let lines = unsafe {
            let start = alloc_zeroed(layout);
            if start.is_null() {
                handle_alloc_error(layout);
            }
            Vec::from_raw_parts(start.cast::<Line>(), count, count)
        };
        AlignedBytes { lines }
    }

    /// An empty block with room for `length` bytes.
    pub(super) fn with_capacity(length: usize) -> AlignedBytes {
        AlignedBytes { lines: Vec::with_capacity(length.div_ceil(LINE)) }
    }

    /// All bytes, to be written.
    pub fn as_mut_slice(&mut self) -> &mut [u8] {
        self.as_mut()
    }

    /// A copy of `bytes`, with zeros up to a multiple of 64.
    pub fn copy_of(bytes: &[u8]) -> AlignedBytes {
        let mut copy = AlignedBytes::zeroed(bytes.len());
        copy.as_mut()[..bytes.len()].copy_from_slice(bytes);
        copy
    }

    /// Adds `length` zeros, rounded up to a multiple of 64, and returns all from the first of them.
    pub(super) fn grow(&mut self, length: usize) -> &mut [u8] {
        let before = self.lines.len() * LINE;
        self.lines.resize(self.lines.len() + length.div_ceil(LINE), Line([0; LINE]));
        &mut self.as_mut()[before..]
    }

    /// Bytes held on the heap.
    pub fn heap_bytes(&self) -> usize {
        self.lines.capacity() * LINE
    }
}

impl AsRef<[u8]> for AlignedBytes {
    fn as_ref(&self) -> &[u8] {
        // SAFETY: a `Line` is 64 initialised bytes without padding, and a slice of them is contiguous.
        unsafe { std::slice::from_raw_parts(self.lines.as_ptr().cast(), self.lines.len() * LINE) }
    }
}

impl AsMut<[u8]> for AlignedBytes {
    fn as_mut(&mut self) -> &mut [u8] {
        // SAFETY: as in `as_ref`; every value of a byte is valid, and the borrow is exclusive.
        unsafe {
            std::slice::from_raw_parts_mut(self.lines.as_mut_ptr().cast(), self.lines.len() * LINE)
        }
    }
}
