//! Why a space serves nothing.
//!
//! Where part of its log or files is damaged, what is lost may have been a deletion. The fault is shared by all that read
//! for the space: an answer is given only after the question whether a fault was found meanwhile.

use std::sync::OnceLock;

use crate::error::{EngineError, LogFailure};

/// The first fault of a space, if it has one. Lasts until the data directory is opened again.
#[derive(Debug, Default)]
pub(crate) struct SpaceFault {
    reason: OnceLock<String>,
}

impl SpaceFault {
    /// Quarantines the space; the first reason stays.
    pub(crate) fn quarantine(&self, reason: String) {
        self.reason.get_or_init(|| reason);
    }

    /// What was read; a default where that failed, which quarantines the space.
    pub(crate) fn or_default<T: Default>(&self, read: Result<T, String>) -> T {
        read.unwrap_or_else(|why| {
            self.quarantine(why);
            T::default()
        })
    }

    /// Why it is quarantined, if it is.
    pub(crate) fn quarantined(&self) -> Option<&str> {
        self.reason.get().map(String::as_str)
    }

    /// # Errors
    /// The space is quarantined: what was read of it may be wrong.
    pub(crate) fn intact(&self) -> Result<(), EngineError> {
        match self.reason.get() {
            Some(why) => Err(EngineError::Log(LogFailure::Quarantined(why.clone()))),
            None => Ok(()),
        }
    }
}
