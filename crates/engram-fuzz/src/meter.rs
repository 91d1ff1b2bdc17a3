//! What a call allocates: the second thing, beside panics, that bytes from a disk must not decide.
//!
//! A sanitizer would count too, but needs a nightly compiler. Counts are those of one thread, so tests may run beside each other.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

/// The system's allocator with a count of what this thread holds.
struct Meter;

#[global_allocator]
static METER: Meter = Meter;

thread_local! {
    // No destructors and no lazy start: both would allocate.
    static HELD: Cell<i64> = const { Cell::new(0) };
    static PEAK: Cell<i64> = const { Cell::new(0) };
}

fn count(bytes: i64) {
    // A thread that ends frees after its counts are gone.
    let _ = HELD.try_with(|held| {
        held.set(held.get() + bytes);
        let _ = PEAK.try_with(|peak| peak.set(peak.get().max(held.get())));
    });
}

// SAFETY: every call is handed on to the system's allocator as it came; counting touches no memory of the caller.
unsafe impl GlobalAlloc for Meter {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as i64);
        // SAFETY: the caller's promises are those that `System` asks for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as i64);
        // SAFETY: as above.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        count(new_size as i64 - layout.size() as i64);
        // SAFETY: as above.
        unsafe { System.realloc(pointer, layout, new_size) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count(-(layout.size() as i64));
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }
}

/// Runs `call` and returns the most bytes that this thread held meanwhile beyond what it held before.
pub(crate) fn peak_of(call: impl FnOnce()) -> u64 {
    let before = HELD.get();
    PEAK.set(before);
    call();
    (PEAK.get() - before).max(0) as u64
}

#[cfg(test)]
mod tests {
    use super::peak_of;

    #[test]
    fn what_was_freed_again_counts() {
        let peak = peak_of(|| drop(std::hint::black_box(vec![1_u8; 1 << 20])));
        assert!((1 << 20..2 << 20).contains(&peak), "{peak}");
        let zeroed = peak_of(|| drop(std::hint::black_box(vec![0_u8; 1 << 20])));
        assert!(zeroed >= 1 << 20, "memory that was never touched counts too: {zeroed}");
        assert!(peak_of(|| ()) < 1 << 10);
    }
}
