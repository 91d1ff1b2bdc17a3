//! The hot tier beside the chunks that are hot as a whole: single memories of warm chunks that were used, with their vectors.
//!
//! Bounded by bytes; what was not used for longest goes first (CLOCK: Corbató, "A paging experiment with the Multics
//! system", 1968). Where a memory resides never shows in an answer.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, DefaultHasher};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::model::Memory;

/// Parts with a lock of their own.
const SHARDS: usize = 16;

/// A memory in RAM.
#[derive(Debug)]
pub(crate) struct HotDoc {
    pub(crate) memory: Arc<Memory>,
    /// Its vectors, one after the other.
    pub(crate) vectors: Box<[f32]>,
    pub(crate) bytes: u64,
}

/// A sealed chunk and a document of it.
type Key = (u64, u32);

#[derive(Debug, Default)]
struct Shard {
    places: HashMap<Key, usize, BuildHasherDefault<DefaultHasher>>,
    docs: Vec<(Key, Arc<HotDoc>, Touched)>,
    /// Documents of each chunk.
    counts: HashMap<u64, u64, BuildHasherDefault<DefaultHasher>>,
    hand: usize,
    bytes: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Touched {
    Since,
    No,
}

/// The memories of all spaces of a node that are hot by themselves.
#[derive(Debug, Default)]
pub(crate) struct HotSet {
    shards: [Mutex<Shard>; SHARDS],
    bytes_max: u64,
    evicted: AtomicU64,
}

impl HotSet {
    /// Holds at most `bytes_max`.
    pub(crate) fn new(bytes_max: u64) -> HotSet {
        HotSet { bytes_max, ..HotSet::default() }
    }

    /// The document, if it is here.
    pub(crate) fn get(&self, chunk: u64, local: u32) -> Option<Arc<HotDoc>> {
        let mut shard = self.shard(chunk, local);
        let place = *shard.places.get(&(chunk, local))?;
        let (_, doc, touched) = &mut shard.docs[place];
        *touched = Touched::Since;
        Some(Arc::clone(doc))
    }

    /// Takes a document in, in the place of others where there is no room. One that is larger than a part of the room stays out.
    /// Whether it was taken in now.
    pub(crate) fn insert(&self, chunk: u64, local: u32, doc: HotDoc) -> bool {
        let room = self.bytes_max / SHARDS as u64;
        let mut shard = self.shard(chunk, local);
        if doc.bytes > room || shard.places.contains_key(&(chunk, local)) {
            return false;
        }
        let evicted = shard.shrink(room - doc.bytes);
        self.evicted.fetch_add(evicted, Ordering::Relaxed);
        shard.bytes += doc.bytes;
        let place = shard.docs.len();
        shard.places.insert((chunk, local), place);
        *shard.counts.entry(chunk).or_default() += 1;
        shard.docs.push(((chunk, local), Arc::new(doc), Touched::No));
        true
    }

    /// Drops what belongs to a chunk that is hot as a whole again, or gone.
    pub(crate) fn forget(&self, chunk: u64) {
        for shard in &self.shards {
            let mut shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
            if !shard.counts.contains_key(&chunk) {
                continue;
            }
            let gone: Vec<usize> = (0..shard.docs.len())
                .rev()
                .filter(|place| shard.docs[*place].0.0 == chunk)
                .collect();
            for place in gone {
                shard.remove(place);
            }
        }
    }

    pub(crate) fn bytes(&self) -> u64 {
        let held =
            |shard: &Mutex<Shard>| shard.lock().unwrap_or_else(PoisonError::into_inner).bytes;
        self.shards.iter().map(held).sum()
    }

    /// Number of memories of a chunk that are here.
    pub(crate) fn held(&self, chunk: u64) -> u64 {
        let held = |shard: &Mutex<Shard>| {
            let shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
            shard.counts.get(&chunk).copied().unwrap_or(0)
        };
        self.shards.iter().map(held).sum()
    }

    /// How many memories had to go because others needed the room.
    pub(crate) fn evicted(&self) -> u64 {
        self.evicted.load(Ordering::Relaxed)
    }

    fn shard(&self, chunk: u64, local: u32) -> MutexGuard<'_, Shard> {
        let mixed = chunk.wrapping_mul(31).wrapping_add(u64::from(local));
        let shard = &self.shards[(mixed % SHARDS as u64) as usize];
        shard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shard {
    /// Drops documents until no more than `bytes` are left; how many.
    fn shrink(&mut self, bytes: u64) -> u64 {
        let mut dropped = 0;
        while self.bytes > bytes {
            if self.hand >= self.docs.len() {
                self.hand = 0;
            }
            let (_, _, touched) = &mut self.docs[self.hand];
            if *touched == Touched::Since {
                *touched = Touched::No;
                self.hand += 1;
            } else {
                self.remove(self.hand);
                dropped += 1;
            }
        }
        dropped
    }

    fn remove(&mut self, place: usize) {
        let (key, doc, _) = self.docs.swap_remove(place);
        self.places.remove(&key);
        self.bytes -= doc.bytes;
        if let Some(count) = self.counts.get_mut(&key.0) {
            *count -= 1;
            if *count == 0 {
                self.counts.remove(&key.0);
            }
        }
        if let Some((moved, _, _)) = self.docs.get(place) {
            self.places.insert(*moved, place);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn doc(bytes: u64) -> HotDoc {
        HotDoc { memory: Arc::default(), vectors: Box::default(), bytes }
    }

    #[test]
    fn what_was_not_used_goes_first_and_the_bound_holds() {
        let hot = HotSet::new(SHARDS as u64 * 300);
        // Documents 0, 16, 32 … fall into one part.
        for place in 0..3 {
            hot.insert(0, place * 16, doc(100));
        }
        assert!(hot.get(0, 0).is_some());
        hot.insert(0, 48, doc(100));
        assert!(hot.get(0, 0).is_some(), "used");
        assert!(hot.get(0, 16).is_none(), "not used");
        assert_eq!((hot.bytes(), hot.held(0)), (300, 3));
        assert_eq!(hot.evicted(), 1);
        hot.insert(0, 64, doc(301));
        assert!(hot.get(0, 64).is_none(), "too large");
        hot.forget(0);
        assert_eq!((hot.bytes(), hot.held(0)), (0, 0));
    }
}
