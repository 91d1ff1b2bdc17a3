//! Forming associations behind the acknowledgement: what follows in the same session, who and what is named, whose title
//! is mentioned, what lies near in meaning.
//!
//! Each step looks at the next memories in the order of the log and submits one commit with what it found: from then on the
//! associations are content like any other, and a replay forms nothing anew. One step of a space is under way at a time.

mod marking;
mod forming;

use std::sync::Arc;
use std::sync::atomic::Ordering;

use engram_store::{Lsn, Stamp};

use self::forming::Forming;
use crate::apply::Step;
use crate::engine::{Done, Engine};
use crate::error::{EngineError, LogFailure};
use crate::linker::{Known, Linker};
use crate::missing::take_missing;
use crate::record::{LinkRecord, Op};
use crate::space::Space;

/// Memories that one commit of associations covers.
const LINK_MEMORIES_MAX: usize = 256;

/// What one call of [`Engine::link`] did.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Linked {
    /// Memories that were looked at.
    pub memories: u64,
    /// Commits that carry what was found, with the names of their spaces; durable after the next drive.
    pub commits: Vec<(String, Stamp)>,
    /// Memories are left to be looked at.
    pub more: bool,
}

impl Engine {
    /// One step of forming associations in each space that has memories without, until about `budget_memories` memories
    /// were looked at. Submits commits like any writer. Call it from one thread.
    ///
    /// # Errors
    /// The log takes no commits. Where other spaces have commits, these are reported and the next call tells the error.
    pub fn link(&self, budget_memories: u64) -> Result<Linked, EngineError> {
        let mut done = Linked::default();
        if self.poisoned().is_some() {
            return Ok(done);
        }
        let mut failed = None;
        for space in self.catalog().open_spaces() {
            if space.intact().is_err() || space.unlinked() == 0 {
                continue;
            }
            let looked_at = if done.memories < budget_memories {
                match self.link_space(&space) {
                    Ok(Some((count, stamp))) => {
                        done.commits.push((space.identity.name.clone(), stamp));
                        count
                    }
                    Ok(None) => continue,
                    Err(error) => {
                        failed.get_or_insert(error);
                        continue;
                    }
                }
            } else {
                0
            };
            done.memories += looked_at;
            done.more |= space.unlinked() > looked_at;
        }
        match failed {
            Some(error) if done.commits.is_empty() => return Err(error),
            Some(_) => done.more = true,
            None => {}
        }
        if !done.commits.is_empty() {
            self.wake();
        }
        Ok(done)
    }

    fn link_space(&self, space: &Arc<Space>) -> Result<Option<(u64, Stamp)>, EngineError> {
        let mut linker = space.linker.lock().map_err(|_| panicked())?;
        if linker.pending.load(Ordering::Acquire) {
            return Ok(None);
        }
        if linker.lost.swap(false, Ordering::AcqRel) {
            linker.known = None;
        }
        drop(take_missing());
        let snapshot = space.snapshot.load_full();
        let mut batch = snapshot.unlinked_docs(LINK_MEMORIES_MAX);
        loop {
            let Some((last, _)) = batch.last().copied() else { return Ok(None) };
            let known = linker.known.get_or_insert_with(|| Known::of(&snapshot));
            let mut forming = Forming::new(&snapshot, &space.analyzer);
            for (node, at) in &batch {
                forming.look_at(known, *node, *at);
            }
            // What could not be read must not pass for unrelated.
            if let Err(error) = space.sound(Ok(())) {
                linker.known = None;
                return Err(error);
            }
            let mut stamp = self.submit_link(space, forming.finish(last + 1), &linker);
            let too_large = matches!(stamp, Err(EngineError::Log(LogFailure::TooLarge { .. })));
            if too_large && batch.len() > 1 {
                linker.known = None;
                batch.truncate(batch.len() / 2);
                continue;
            }
            if too_large {
                // The log cannot hold what this one memory is associated with: it stays without.
                let none = LinkRecord { through: last + 1, ..LinkRecord::default() };
                stamp = self.submit_link(space, none, &linker);
            }
            if !matches!(stamp, Ok(Some(_))) {
                linker.known = None;
            }
            return Ok(stamp?.map(|stamp| (batch.len() as u64, stamp)));
        }
    }

    /// Queues the commit; none when the space takes no writes now, so that it is tried again.
    fn submit_link(
        &self,
        space: &Arc<Space>,
        record: LinkRecord,
        linker: &Linker,
    ) -> Result<Option<Stamp>, EngineError> {
        let lost = Arc::clone(&linker.lost);
        let change = (Op::Link(record.clone()), Step::Link(record));
        self.commit_own(space, change, &linker.pending, move |outcome| {
            lost.store(outcome.is_err(), Ordering::Release);
        })
    }

    /// Calls `done` when the associations of all memories that were stored up to `lsn` are formed; at once where they are.
    pub fn when_linked(&self, space: &str, lsn: Lsn, done: Done<()>) {
        match self.serving(space) {
            Ok(space) => {
                let linked = |lsn| space.snapshot.load().is_linked(lsn);
                space.link_waiters.wait(lsn, &linked, done);
            }
            Err(error) => done(Err(error)),
        }
    }
}

fn panicked() -> EngineError {
    EngineError::Log(LogFailure::Poisoned("forming associations panicked".to_owned()))
}
