//! What an answer lacks because the cold store did not give it.
//!
//! Reading happens deep below the answer, so what could not be read is noted per thread and taken by whoever answers: a
//! request works on one thread.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use engram_store::Bug;

/// A part of a space that could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MissingPart {
    /// Memories in it.
    pub memories: u64,
    /// What the cold store said.
    pub reason: String,
}

#[derive(Default)]
struct Noted {
    /// By the number of the chunk.
    parts: BTreeMap<u64, MissingPart>,
    /// Chunks and frames that were asked for in vain.
    frames: BTreeSet<(u64, u32)>,
}

thread_local! {
    static NOTED: RefCell<Noted> = RefCell::default();
}

/// Notes that a chunk could not be read.
pub(crate) fn note(chunk: u64, memories: u64, reason: String) {
    if Bug::MissingUntold.is_on() {
        return;
    }
    NOTED.with_borrow_mut(|noted| {
        noted.parts.entry(chunk).or_insert(MissingPart { memories, reason });
    });
}

/// Whether a chunk could not be read since it was last taken: it is not tried again for the same answer.
pub(crate) fn is_noted(chunk: u64) -> bool {
    NOTED.with_borrow(|noted| noted.parts.contains_key(&chunk))
}

/// Notes that a frame of such a chunk was asked for.
pub(crate) fn note_frame(chunk: u64, frame: u32) {
    NOTED.with_borrow_mut(|noted| noted.frames.insert((chunk, frame)));
}

/// Whether a frame was asked for in vain, whoever may have read it since.
pub(crate) fn lacks(chunk: u64, frame: u32) -> bool {
    NOTED.with_borrow(|noted| noted.frames.contains(&(chunk, frame)))
}

/// What could not be read on this thread since this was last asked.
pub(crate) fn take_missing() -> Vec<MissingPart> {
    NOTED.with_borrow_mut(std::mem::take).parts.into_values().collect()
}
