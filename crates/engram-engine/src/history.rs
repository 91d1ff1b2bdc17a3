//! The versions of a memory, and what it was at a time.

use engram_store::CommitTime;

use crate::engine::Engine;
use crate::error::EngineError;
use crate::memtable::{DocRef, Snapshot, VersionDoc};
use crate::model::{History, Memory, MemoryDetail, Version};
use crate::read::{answered, as_it_was};
use crate::request::{AsOf, HistoryQuery};
use crate::validate;

impl Engine {
    /// The versions of a recallable memory, newest first. Only those of the page are read, and no vectors.
    ///
    /// # Errors
    /// [`EngineError::MemoryNotFound`], also for a suppressed or expired memory: its history is hidden with it. A limit outside of 1 to
    /// 1,000.
    pub fn history(&self, space: &str, query: &HistoryQuery) -> Result<History, EngineError> {
        validate::id(&query.id)?;
        validate::limit(query.limit)?;
        let space = self.serving(space)?;
        let snapshot = space.snapshot.load();
        let found = snapshot.recallable(&query.id, self.now_ns());
        space.sound(found.map(|at| page(&snapshot, at, query)))
    }

    /// The version of a recallable memory that was known then.
    ///
    /// # Errors
    /// [`EngineError::MemoryNotFound`], also where its first version was stored later.
    pub fn get_as_of(
        &self,
        space: &str,
        id: &str,
        as_of: AsOf,
    ) -> Result<MemoryDetail, EngineError> {
        let space = self.serving(space)?;
        let snapshot = space.snapshot.load();
        let now_ns = self.now_ns();
        let known = |memory: &Memory| match as_of {
            AsOf::Lsn(lsn) => memory.lsn <= lsn,
            AsOf::Time(time_ns) => memory.committed_at.0 <= time_ns,
        };
        let found = snapshot.recallable(id, now_ns).and_then(|at| {
            if known(&snapshot.head(at)) {
                return Ok(answered(&snapshot, at, now_ns));
            }
            let older = snapshot.older_heads(id);
            let then = older.into_iter().rfind(|(_, head)| known(head));
            let then = then.filter(|(_, head)| !head.is_expired(now_ns));
            let (then, _) =
                then.ok_or_else(|| EngineError::MemoryNotFound { id: id.to_owned() })?;
            let VersionDoc { memory, vectors } = snapshot.older_version(then);
            Ok(as_it_was(&snapshot, (memory, vectors), now_ns))
        });
        space.sound(found)
    }
}

fn page(snapshot: &Snapshot, at: DocRef, query: &HistoryQuery) -> History {
    let newest = std::iter::once((None, snapshot.head(at)));
    let older = snapshot.older_heads(&query.id).into_iter().rev();
    let mut history = History { versions: Vec::new(), next: None, lsn: snapshot.lsn };
    let mut replaced_at: Option<CommitTime> = None;
    for (place, head) in newest.chain(older.map(|(place, head)| (Some(place), head))) {
        let replaced_at = replaced_at.replace(head.committed_at);
        if query.before.is_some_and(|before| head.version >= before) {
            continue;
        }
        if history.versions.len() == query.limit {
            history.next = Some(head.version + 1);
            break;
        }
        let memory = match place {
            None => snapshot.memory(at).into_arc(),
            Some(place) => snapshot.older_memory(place),
        };
        history.versions.push(Version { memory, replaced_at });
    }
    history
}
