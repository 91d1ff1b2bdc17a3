//! Reading the changes of a space, and hearing that there are some.

use engram_store::Lsn;

use crate::engine::Engine;
use crate::error::EngineError;
use crate::feed::{ChangeListener, FeedPage};
use crate::validate;

impl Engine {
    /// Up to `limit` commits of a space behind `after` that changed something.
    ///
    /// # Errors
    /// [`EngineError::CursorInvalid`] where `after` is ahead of the space; a limit outside of 1 to 1,000.
    pub fn changes(&self, space: &str, after: Lsn, limit: usize) -> Result<FeedPage, EngineError> {
        validate::limit(limit)?;
        let space = self.serving(space)?;
        space.intact()?;
        space.feed.page(after, limit).ok_or(EngineError::CursorInvalid)
    }

    /// The last commit of a space whose changes can be followed.
    ///
    /// # Errors
    /// There is no such space, or it cannot be read.
    pub fn changed_through(&self, space: &str) -> Result<Lsn, EngineError> {
        Ok(self.serving(space)?.feed.through())
    }

    /// Lets `listener` hear of changes; false where somebody listens already.
    pub fn listen(&self, listener: ChangeListener) -> bool {
        self.listener.set(listener).is_ok()
    }
}
