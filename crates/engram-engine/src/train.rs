//! Learning from what was recalled, behind the answers and in bounded steps.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use engram_store::Stamp;

use crate::apply::Step;
use crate::engine::Engine;
use crate::error::EngineError;
use crate::record::{Op, UseRecord};
use crate::space::Space;

/// Memories whose use one commit tells.
const USES_MAX: usize = 1_000;

/// What one call of [`Engine::train`] did.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Trained {
    /// Memories that were in answers.
    pub memories: u64,
    /// Commits that tell so, with the names of their spaces; durable after the next drive.
    pub commits: Vec<(String, Stamp)>,
    /// Uses that were let go since the last call, because too many came at once or the log took no commit.
    pub dropped: u64,
    /// Another call would find work.
    pub more: bool,
}

impl Engine {
    /// Commits which memories were in answers since the last call, at most 1,000 of each space. Call it about once a second, from
    /// one thread.
    ///
    /// # Errors
    /// The log takes no commits. What was to be told by the commit that failed is lost: no answer depends on it.
    pub fn train(&self) -> Result<Trained, EngineError> {
        let mut done = Trained::default();
        if self.poisoned().is_some() {
            return Ok(done);
        }
        for space in self.catalog().open_spaces() {
            if space.intact().is_err() || space.uses.pending.load(Ordering::Acquire) {
                continue;
            }
            done.dropped += space.uses.take_dropped();
            let uses = space.uses.take(USES_MAX);
            if uses.is_empty() {
                continue;
            }
            let count = uses.len() as u64;
            match self.commit_uses(&space, UseRecord { uses })? {
                Some(stamp) => {
                    done.memories += count;
                    done.commits.push((space.identity.name.clone(), stamp));
                }
                None => done.dropped += count,
            }
            done.more |= count as usize == USES_MAX;
        }
        if !done.commits.is_empty() {
            self.wake();
        }
        Ok(done)
    }

    /// Commits all that is noted, for there will be no other call.
    pub(crate) fn learn_noted(&self) -> Result<(), EngineError> {
        self.drive()?;
        while self.train()?.more {
            self.drive()?;
        }
        Ok(())
    }

    fn commit_uses(
        &self,
        space: &Arc<Space>,
        record: UseRecord,
    ) -> Result<Option<Stamp>, EngineError> {
        let change = (Op::Use(record.clone()), Step::Use(record));
        self.commit_own(space, change, &space.uses.pending, |_| {})
    }
}
