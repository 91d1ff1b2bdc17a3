//! What forming associations needs to know of a space beyond its snapshot, derived from it when first needed, and who
//! waits for associations.

mod claims;
mod sessions;

use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, OnceLock};

use engram_store::Lsn;

use self::claims::Claims;
pub(crate) use self::claims::{MostTrusted, Stated};
use self::sessions::Sessions;
use crate::error::{EngineError, LogFailure};
use crate::memtable::{ChunkView, Snapshot};
use crate::model::Memory;

/// State of the forming of associations in one space.
#[derive(Default)]
pub(crate) struct Linker {
    /// A commit of associations is queued.
    pub(crate) pending: Arc<AtomicBool>,
    /// A commit of associations was refused after it was queued.
    pub(crate) lost: Arc<AtomicBool>,
    pub(crate) known: Option<Known>,
}

/// Lookups over the memories that were looked at.
#[derive(Default)]
pub(crate) struct Known {
    pub(crate) sessions: Sessions,
    pub(crate) claims: Claims,
}

impl Known {
    /// What the linked memories of a snapshot come to.
    pub(crate) fn of(snapshot: &Snapshot) -> Known {
        let mut known = Known::default();
        let linked = snapshot.associations.linked;
        for view in &snapshot.chunks {
            view.chunk.columns.each_in_session(&mut |session, local, happened_at| {
                let node = view.chunk.node(local);
                if node < linked && view.state(local).is_some() {
                    let nodes = (snapshot.versions.first(node), node);
                    known.sessions.insert(session, happened_at, nodes);
                }
            });
        }
        for tail in snapshot.tail.iter().filter(|tail| tail.node < linked) {
            let memory = &tail.doc.memory;
            let nodes = (snapshot.versions.first(tail.node), tail.node);
            known.sessions.insert(&memory.content.session, memory.happened_at(), nodes);
            known.claim(snapshot, memory, nodes);
        }
        for view in &snapshot.chunks {
            known.claims_of(snapshot, view);
        }
        known
    }
}

impl Known {
    /// Notes what a memory states, if it states an attribute of something. Beliefs say what others state.
    pub(crate) fn claim(&mut self, snapshot: &Snapshot, memory: &Memory, nodes: (u32, u32)) {
        if snapshot.beliefs.get(nodes.1).is_some() {
            return;
        }
        if let Some(claim) = memory.content.claim(&snapshot.supersede_key) {
            self.claims.insert(claim, (memory.stated_from(), nodes.0, nodes.1));
        }
    }

    fn claims_of(&mut self, snapshot: &Snapshot, view: &ChunkView) {
        let counts = |local: u32| {
            let node = view.chunk.node(local);
            let lives = node < snapshot.associations.linked && view.state(local).is_some();
            let states = lives && snapshot.beliefs.get(node).is_none();
            states.then(|| (snapshot.versions.first(node), node))
        };
        let by_column = view.chunk.columns.each_claim(&mut |claim, local| {
            if let Some((first, node)) = counts(local) {
                let from_ns = view.head(local).stated_from();
                self.claims.insert(claim.to_owned(), (from_ns, first, node));
            }
        });
        if !by_column {
            for local in 0..view.chunk.len() as u32 {
                if let Some(nodes) = counts(local) {
                    self.claim(snapshot, &view.head(local), nodes);
                }
            }
        }
    }
}

/// Called once with the outcome.
type LinkDone = Box<dyn FnOnce(Result<(), EngineError>) + Send>;

/// Who waits until the associations of all memories up to a commit are formed.
#[derive(Default)]
pub(crate) struct LinkWaiters {
    waiting: Mutex<Vec<(Lsn, LinkDone)>>,
    /// Why there is nothing to wait for any more; looked at under the lock of `waiting`.
    over: OnceLock<EngineError>,
}

impl LinkWaiters {
    /// Calls `done` at once where `linked` says that there is nothing to wait for. It is asked under the lock that
    /// [`LinkWaiters::tell`] takes after publishing, so no wake-up is lost.
    pub(crate) fn wait(&self, lsn: Lsn, linked: &dyn Fn(Lsn) -> bool, done: LinkDone) {
        let Ok(mut waiting) = self.waiting.lock() else {
            let why = "a waiter for associations panicked".to_owned();
            return done(Err(EngineError::Log(LogFailure::Poisoned(why))));
        };
        if let Some(error) = self.over.get() {
            drop(waiting);
            return done(Err(error.clone()));
        }
        if linked(lsn) {
            drop(waiting);
            return done(Ok(()));
        }
        waiting.push((lsn, done));
    }

    /// Whether somebody waits.
    pub(crate) fn any(&self) -> bool {
        self.waiting.lock().is_ok_and(|waiting| !waiting.is_empty())
    }

    /// Tells those who wait for no more than what a published snapshot has.
    pub(crate) fn tell(&self, snapshot: &Snapshot) {
        let Ok(mut waiting) = self.waiting.lock() else { return };
        if waiting.is_empty() {
            return;
        }
        let all = std::mem::take(&mut *waiting);
        let (ready, left): (Vec<_>, Vec<_>) =
            all.into_iter().partition(|(lsn, _)| snapshot.is_linked(*lsn));
        *waiting = left;
        drop(waiting);
        for (_, done) in ready {
            done(Ok(()));
        }
    }

    /// Tells everybody, now and later, that there is nothing to wait for any more.
    pub(crate) fn refuse(&self, error: EngineError) {
        let Ok(mut waiting) = self.waiting.lock() else { return };
        let error = self.over.get_or_init(|| error);
        let all = std::mem::take(&mut *waiting);
        drop(waiting);
        for (_, done) in all {
            done(Err(error.clone()));
        }
    }
}
