//! What maintenance remembers between its steps.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::catalog::Entry;

/// What one call of `Engine::maintain` did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Maintained {
    /// Memories copied into merged chunks.
    pub merged_memories: u64,
    /// Memories written into segments.
    pub sealed_memories: u64,
    /// Memories that moved between tiers.
    pub moved_memories: u64,
    /// Checkpoints of spaces.
    pub checkpoints: u64,
    /// Spaces closed because nobody asks for them, or for want of room.
    pub closed_spaces: u64,
    /// Blocks of files whose checksums were compared.
    pub scrubbed_blocks: u64,
    /// Log segments prepared, dropped or removed.
    pub segments: u64,
    /// Another call would find work.
    pub more: bool,
}

impl Maintained {
    /// Memories copied or written.
    pub(crate) fn work(&self) -> u64 {
        self.merged_memories + self.sealed_memories
    }
}

/// State of the one maintainer.
#[derive(Default)]
pub(crate) struct Upkeep {
    /// Whether files that no manifest names were looked for since the open.
    pub(crate) swept: Swept,
    /// Whether the room for upkeep stands by.
    pub(crate) has_reserve: bool,
    /// Names of the spaces whose files are still to be checked in this round of scrubbing.
    pub(crate) to_scrub: VecDeque<String>,
    /// File and block of the first of them that come next.
    pub(crate) scrubbed: (usize, u64),
}

/// Whether leftovers of earlier processes are gone.
#[derive(Default)]
pub(crate) enum Swept {
    #[default]
    NotYet,
    /// All but those of these spaces.
    Left(Vec<Arc<Entry>>),
    Done,
}

impl Upkeep {
    /// Goes on with the files of the next space.
    pub(crate) fn next_to_scrub(&mut self) {
        self.to_scrub.pop_front();
        self.scrubbed = (0, 0);
    }
}
