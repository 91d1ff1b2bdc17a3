//! What an answer lacks because the cold store did not give it.
//!
//! Reading happens deep below the answer, so what could not be read is noted per thread and taken by whoever answers: a
//! request works on one thread.

use std::cell::RefCell;
use std::collections::BTreeMap;

/// A part of a space that could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MissingPart {
    /// Memories in it.
    pub memories: u64,
    /// What the cold store said.
    pub reason: String,
}

thread_local! {
    /// By the number of the chunk.
    static MISSING: RefCell<BTreeMap<u64, MissingPart>> = RefCell::default();
}

/// Notes that a chunk could not be read.
pub(crate) fn note(chunk: u64, memories: u64, reason: String) {
    MISSING.with_borrow_mut(|missing| {
        missing.entry(chunk).or_insert(MissingPart { memories, reason });
    });
}

/// Whether a chunk could not be read since it was last taken: it is not tried again for the same answer.
pub(crate) fn is_noted(chunk: u64) -> bool {
    MISSING.with_borrow(|missing| missing.contains_key(&chunk))
}

/// What could not be read on this thread since this was last asked.
pub(crate) fn take_missing() -> Vec<MissingPart> {
    MISSING.with_borrow_mut(std::mem::take).into_values().collect()
}
