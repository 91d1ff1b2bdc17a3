//! What maintenance remembers between its steps.

use std::collections::VecDeque;

/// State of the one maintainer.
#[derive(Default)]
pub(crate) struct Upkeep {
    /// Whether files that no manifest names were looked for since the open.
    pub(crate) swept: Swept,
    /// Names of the spaces whose files are still to be checked in this round of scrubbing.
    pub(crate) to_scrub: VecDeque<String>,
    /// File and block of the first of them that come next.
    pub(crate) scrubbed: (usize, u64),
}

/// Whether leftovers of earlier processes are gone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Swept {
    #[default]
    NotYet,
    Done,
}

impl Upkeep {
    /// Goes on with the files of the next space.
    pub(crate) fn next_to_scrub(&mut self) {
        self.to_scrub.pop_front();
        self.scrubbed = (0, 0);
    }
}
