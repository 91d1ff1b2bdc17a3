//! How much a space may hold: asked before a commit that stores, never of what is in the log already.
//!
//! What is queued counts as stored, so that a space never holds more memories than its quota however many requests come at
//! once. Bytes are those of the published state: commits that are under way when the quota is reached still end.

use crate::engine::Engine;
use crate::error::EngineError;
use crate::memtable::Snapshot;
use crate::queue::Overlay;
use crate::space::{Space, tiers};

impl Engine {
    /// Whether a space may take in so many memories more, or newer versions.
    ///
    /// # Errors
    /// [`EngineError::QuotaExceeded`].
    pub(crate) fn within_quota(
        &self,
        space: &Space,
        (snapshot, overlay): (&Snapshot, &Overlay),
        added: u64,
    ) -> Result<(), EngineError> {
        let quota = self.settings().quotas.of(&space.identity.name);
        let refused = |what, held: u64, max| Err(EngineError::QuotaExceeded { what, held, max });
        if let Some(max) = quota.memories_max {
            let held = snapshot.figures.active + snapshot.figures.suppressed + overlay.born();
            if added > 0 && held + added > max {
                return refused("memories", held, max);
            }
        }
        if let Some(max) = quota.bytes_max {
            let tiers = tiers(snapshot);
            let held = snapshot.resident_bytes() + tiers.segment_bytes + tiers.cold_bytes;
            if held >= max {
                return refused("bytes", held, max);
            }
        }
        Ok(())
    }
}
