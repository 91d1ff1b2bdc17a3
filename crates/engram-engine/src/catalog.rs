//! Which spaces there are, and which of them are open.
//!
//! A closed space costs its identity and the list of its files. It is opened by the first request that needs its state,
//! and closed again when nobody holds it: whoever works on a space, a queued commit too, holds it by an `Arc`.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use engram_store::{Manifest, SpaceId};

use crate::error::EngineError;
use crate::space::{Space, SpaceIdentity};

/// A space in the catalog.
pub(crate) struct Entry {
    pub(crate) identity: Arc<SpaceIdentity>,
    /// Its state while it is open. Held while the space is opened or closed, before the lock of the queue.
    slot: Mutex<Option<Arc<Space>>>,
    /// What its files hold; none = nothing yet, all of it is in the log. Changed by the one maintainer, and read by who opens.
    checkpoint: Mutex<Option<Arc<Manifest>>>,
    /// When it was last asked for, ns.
    used_at: AtomicI64,
}

impl Entry {
    /// A space that is closed.
    pub(crate) fn closed(identity: SpaceIdentity, checkpoint: Option<Manifest>) -> Entry {
        Entry {
            identity: Arc::new(identity),
            slot: Mutex::new(None),
            checkpoint: Mutex::new(checkpoint.map(Arc::new)),
            used_at: AtomicI64::new(i64::MIN),
        }
    }

    /// A space that was just created.
    pub(crate) fn open(space: &Arc<Space>, now_ns: i64) -> Entry {
        Entry {
            identity: Arc::clone(&space.identity),
            slot: Mutex::new(Some(Arc::clone(space))),
            checkpoint: Mutex::new(None),
            used_at: AtomicI64::new(now_ns),
        }
    }

    pub(crate) fn slot(&self) -> MutexGuard<'_, Option<Arc<Space>>> {
        // The slot is changed as a whole or not at all.
        self.slot.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether it can be used without reading files. Never waits for one that is being opened.
    pub(crate) fn is_open(&self) -> bool {
        self.slot.try_lock().is_ok_and(|slot| slot.is_some())
    }

    /// The open space; none while it is closed, opened or closed by somebody.
    pub(crate) fn space(&self) -> Option<Arc<Space>> {
        self.slot.try_lock().ok().and_then(|slot| slot.clone())
    }

    pub(crate) fn checkpoint(&self) -> Option<Arc<Manifest>> {
        self.checkpoint.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn set_checkpoint(&self, manifest: Arc<Manifest>) {
        *self.checkpoint.lock().unwrap_or_else(PoisonError::into_inner) = Some(manifest);
    }

    pub(crate) fn touch(&self, now_ns: i64) {
        self.used_at.fetch_max(now_ns, Ordering::Relaxed);
    }

    /// Takes back a use that was none of a request, unless there was one since.
    pub(crate) fn was_used_at(&self, before_ns: i64, own_ns: i64) {
        let order = Ordering::Relaxed;
        // Where it fails, somebody has asked since.
        let _ = self.used_at.compare_exchange(own_ns, before_ns, order, order);
    }

    pub(crate) fn used_at(&self) -> i64 {
        self.used_at.load(Ordering::Relaxed)
    }
}

/// All spaces of a node.
pub(crate) struct Catalog {
    by_name: RwLock<BTreeMap<String, Arc<Entry>>>,
    /// Those that are open, or were a moment ago.
    open: Mutex<BTreeMap<SpaceId, Arc<Entry>>>,
    /// Where the next round over the open spaces starts, so that none of them is always the last.
    turn: AtomicUsize,
}

impl Catalog {
    pub(crate) fn new(entries: BTreeMap<String, Arc<Entry>>) -> Catalog {
        Catalog { by_name: RwLock::new(entries), open: Mutex::default(), turn: AtomicUsize::new(0) }
    }

    /// All spaces, sorted by name.
    pub(crate) fn all(&self) -> Vec<Arc<Entry>> {
        let entries = self.by_name.read().unwrap_or_else(PoisonError::into_inner);
        entries.values().cloned().collect()
    }

    pub(crate) fn len(&self) -> usize {
        self.by_name.read().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// # Errors
    /// [`EngineError::SpaceNotFound`].
    pub(crate) fn find(&self, name: &str) -> Result<Arc<Entry>, EngineError> {
        let entries = self.by_name.read().unwrap_or_else(PoisonError::into_inner);
        let found = entries.get(name).cloned();
        found.ok_or_else(|| EngineError::SpaceNotFound { name: name.to_owned() })
    }

    pub(crate) fn contains(&self, name: &str) -> bool {
        self.find(name).is_ok()
    }

    /// Adds a space that was created.
    pub(crate) fn admit(&self, entry: Arc<Entry>) {
        self.opened(&entry);
        let mut entries = self.by_name.write().unwrap_or_else(PoisonError::into_inner);
        entries.insert(entry.identity.name.clone(), entry);
    }

    /// Adds a space that is there already, closed.
    pub(crate) fn admit_closed(&self, entry: Arc<Entry>) {
        let mut entries = self.by_name.write().unwrap_or_else(PoisonError::into_inner);
        entries.insert(entry.identity.name.clone(), entry);
    }

    /// Takes out a space that was deleted.
    pub(crate) fn dismiss(&self, identity: &SpaceIdentity) -> Option<Arc<Entry>> {
        self.closed(identity.id);
        self.by_name.write().unwrap_or_else(PoisonError::into_inner).remove(&identity.name)
    }

    pub(crate) fn opened(&self, entry: &Arc<Entry>) {
        self.open_entries().insert(entry.identity.id, Arc::clone(entry));
    }

    pub(crate) fn closed(&self, space: SpaceId) {
        self.open_entries().remove(&space);
    }

    /// The entries of the open spaces, each time from another one on.
    pub(crate) fn open_in_turn(&self) -> Vec<Arc<Entry>> {
        let mut entries: Vec<Arc<Entry>> = self.open_entries().values().cloned().collect();
        if !entries.is_empty() {
            let turn = self.turn.fetch_add(1, Ordering::Relaxed) % entries.len();
            entries.rotate_left(turn);
        }
        entries
    }

    /// The open spaces, each time from another one on. One that is being opened or closed is left out.
    pub(crate) fn open_spaces(&self) -> Vec<Arc<Space>> {
        self.open_in_turn().iter().filter_map(|entry| entry.space()).collect()
    }

    fn open_entries(&self) -> MutexGuard<'_, BTreeMap<SpaceId, Arc<Entry>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
