//! Which memories were in answers since that was last written to the log.
//!
//! Recall never waits for the log: it notes what it answered with here, and a step of the engine commits all of it at once.
//! What is noted and not committed is lost in a crash.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::record::UsedRecord;

/// Memories that are noted at most; further ones are let go and counted.
const NOTED_MAX: usize = 10_000;
/// Parts of a full use that the log tells apart.
const SHARES: f32 = 255.0;

/// Notes of one space.
#[derive(Default)]
pub(crate) struct Uses {
    /// A commit of uses is queued.
    pub(crate) pending: Arc<AtomicBool>,
    noted: Mutex<BTreeMap<u32, Note>>,
    /// What was taken last: on its way into the log.
    taken: Mutex<Vec<UsedRecord>>,
    dropped: AtomicU64,
}

#[derive(Clone, Copy)]
struct Note {
    at_ns: i64,
    share: u8,
}

impl Uses {
    /// Notes the nodes of an answer, each with how well it fitted in [0, 1]. Of several uses the last time and the best fit
    /// stay.
    pub(crate) fn note(&self, used: &[(u32, f32)], now_ns: i64) {
        let mut noted = self.noted.lock().unwrap_or_else(PoisonError::into_inner);
        for &(node, fit) in used {
            let share = (fit.clamp(0.0, 1.0) * SHARES).round() as u8;
            if noted.len() >= NOTED_MAX && !noted.contains_key(&node) {
                self.dropped.fetch_add(1, Ordering::Relaxed);
                continue;
            }
            let note = noted.entry(node).or_insert(Note { at_ns: now_ns, share });
            note.at_ns = note.at_ns.max(now_ns);
            note.share = note.share.max(share);
        }
    }

    /// Whether something is noted or on its way.
    pub(crate) fn any(&self) -> bool {
        self.pending.load(Ordering::Acquire)
            || !self.noted.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    /// Takes the first `count` notes in the order of their nodes.
    pub(crate) fn take(&self, count: usize) -> Vec<UsedRecord> {
        let mut noted = self.noted.lock().unwrap_or_else(PoisonError::into_inner);
        let rest = match noted.keys().nth(count) {
            Some(&first) => noted.split_off(&first),
            None => BTreeMap::new(),
        };
        let taken = std::mem::replace(&mut *noted, rest);
        drop(noted);
        let record = |(node, note): (u32, Note)| UsedRecord {
            node,
            at: note.at_ns,
            share: note.share.into(),
        };
        let taken: Vec<UsedRecord> = taken.into_iter().map(record).collect();
        *self.taken.lock().unwrap_or_else(PoisonError::into_inner) = taken.clone();
        taken
    }

    /// Whether a memory was in an answer at that time or later and the log may not say so yet.
    pub(crate) fn used_since(&self, node: u32, at_ns: i64) -> bool {
        let noted = self.noted.lock().unwrap_or_else(PoisonError::into_inner);
        if noted.get(&node).is_some_and(|note| note.share > 0 && note.at_ns >= at_ns) {
            return true;
        }
        drop(noted);
        let taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        taken.iter().any(|used| used.node == node && used.share > 0 && used.at >= at_ns)
    }

    /// Uses that were let go since it was last asked, because too many came at once.
    pub(crate) fn take_dropped(&self) -> u64 {
        self.dropped.swap(0, Ordering::Relaxed)
    }
}

/// The share of a full use that the log names.
pub(crate) fn share(record: &UsedRecord) -> f64 {
    f64::from(record.share.min(u32::from(u8::MAX))) / f64::from(SHARES)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_are_taken_in_order_and_never_grow_without_bound() {
        let uses = Uses::default();
        uses.note(&[(5, 0.2), (3, 2.0)], 10);
        uses.note(&[(5, 0.1)], 20);
        assert!(uses.any());
        assert!(uses.used_since(5, 20) && !uses.used_since(5, 21) && !uses.used_since(4, 0));
        let taken = uses.take(1);
        assert!(uses.used_since(3, 10), "on its way");
        assert_eq!(taken, [UsedRecord { node: 3, at: 10, share: 255 }]);
        assert_eq!(uses.take(9), [UsedRecord { node: 5, at: 20, share: 51 }]);
        assert!(!uses.any());
        let many: Vec<(u32, f32)> = (0..NOTED_MAX as u32 + 7).map(|node| (node, 1.0)).collect();
        uses.note(&many, 30);
        assert_eq!(uses.take_dropped(), 7);
        assert_eq!(uses.take(usize::MAX).len(), NOTED_MAX);
    }
}
