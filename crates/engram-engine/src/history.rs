//! The versions of a memory, and what it was at a time.

use engram_store::CommitTime;

use crate::engine::Engine;
use crate::error::EngineError;
use crate::memtable::VersionDoc;
use crate::model::{History, Memory, MemoryDetail, Version};
use crate::read::{answered, as_it_was};
use crate::request::AsOf;
use crate::validate;

impl Engine {
    /// All versions of a recallable memory, newest first.
    ///
    /// # Errors
    /// [`EngineError::MemoryNotFound`], also for a suppressed or expired memory: its history is hidden with it.
    pub fn history(&self, space: &str, id: &str) -> Result<History, EngineError> {
        validate::id(id)?;
        let space = self.serving(space)?;
        let snapshot = space.snapshot.load();
        let found = snapshot.recallable(id, self.now_ns());
        let history = found.map(|at| {
            let newest = snapshot.memory(at).into_arc();
            let older = snapshot.older_versions(id).into_iter().rev().map(|older| older.memory);
            let mut replaced_at: Option<CommitTime> = None;
            let version = |memory: std::sync::Arc<Memory>| {
                let next = replaced_at.replace(memory.committed_at);
                Version { memory, replaced_at: next }
            };
            let versions = std::iter::once(newest).chain(older).map(version).collect();
            History { versions, lsn: snapshot.lsn }
        });
        space.sound(history)
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
            let older = snapshot.older_versions(id);
            let then = older.into_iter().rfind(|older| known(&older.memory));
            let then = then.filter(|then| !then.memory.is_expired(now_ns));
            let VersionDoc { memory, vectors } =
                then.ok_or_else(|| EngineError::MemoryNotFound { id: id.to_owned() })?;
            Ok(as_it_was(&snapshot, (memory, vectors), now_ns))
        });
        space.sound(found)
    }
}
