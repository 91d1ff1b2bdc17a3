//! Bells of spaces, for those who follow their changes.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use tokio::sync::watch;

/// Wakes those who follow a space.
#[derive(Default)]
pub(crate) struct Bells {
    spaces: Mutex<HashMap<String, watch::Sender<()>>>,
}

impl Bells {
    /// Something changed in the space. Called by the writer: it does no more than wake.
    pub(crate) fn ring(&self, space: &str) {
        let mut spaces = self.spaces.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(bell) = spaces.get(space) {
            bell.send_replace(());
            if bell.receiver_count() == 0 {
                spaces.remove(space);
            }
        }
    }

    /// A receiver that hears the next ring.
    pub(crate) fn hear(&self, space: &str) -> watch::Receiver<()> {
        let mut spaces = self.spaces.lock().unwrap_or_else(PoisonError::into_inner);
        let bell = spaces.entry(space.to_owned()).or_insert_with(|| watch::Sender::new(()));
        bell.subscribe()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bell_that_nobody_hears_is_put_away() {
        let bells = Bells::default();
        bells.ring("a");
        let mut heard = bells.hear("a");
        assert!(!heard.has_changed().unwrap());
        bells.ring("b");
        bells.ring("a");
        assert!(heard.has_changed().unwrap());
        heard.mark_unchanged();
        drop(heard);
        bells.ring("a");
        assert!(bells.spaces.lock().unwrap().is_empty());
    }
}
