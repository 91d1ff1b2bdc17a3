//! Parts of chunks that are kept in RAM beside the chunks that are there as a whole.
//!
//! Bounded by bytes; what was not used for longest goes first (CLOCK: Corbató, "A paging experiment with the Multics
//! system", 1968). Where something resides never shows in an answer.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, DefaultHasher};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Parts with a lock of their own.
const SHARDS: usize = 16;

/// A chunk and a part of it.
type Key = (u64, u32);

/// A part in RAM.
#[derive(Debug)]
struct Kept<V> {
    key: Key,
    value: Arc<V>,
    bytes: u64,
    touched: Touched,
}

#[derive(Debug)]
struct Shard<V> {
    places: HashMap<Key, usize, BuildHasherDefault<DefaultHasher>>,
    kept: Vec<Kept<V>>,
    /// Parts of each chunk.
    counts: HashMap<u64, u64, BuildHasherDefault<DefaultHasher>>,
    hand: usize,
    bytes: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Touched {
    Since,
    No,
}

/// The parts of all spaces of a node.
#[derive(Debug)]
pub(crate) struct ClockCache<V> {
    shards: [Mutex<Shard<V>>; SHARDS],
    bytes_max: u64,
    evicted: AtomicU64,
}

impl<V> ClockCache<V> {
    /// Holds at most `bytes_max`.
    pub(crate) fn new(bytes_max: u64) -> ClockCache<V> {
        let shard = |_| {
            Mutex::new(Shard {
                places: HashMap::default(),
                kept: Vec::new(),
                counts: HashMap::default(),
                hand: 0,
                bytes: 0,
            })
        };
        let shards = std::array::from_fn(shard);
        ClockCache { shards, bytes_max, evicted: AtomicU64::new(0) }
    }

    /// The part, if it is here.
    pub(crate) fn get(&self, chunk: u64, part: u32) -> Option<Arc<V>> {
        let mut shard = self.shard(chunk, part);
        let place = *shard.places.get(&(chunk, part))?;
        let kept = &mut shard.kept[place];
        kept.touched = Touched::Since;
        Some(Arc::clone(&kept.value))
    }

    /// Takes a part of about so many bytes in, in the place of others where there is no room. One that is larger than its
    /// share of the room stays out. Whether it was taken in now.
    pub(crate) fn insert(&self, (chunk, part): (u64, u32), value: Arc<V>, bytes: u64) -> bool {
        let room = self.bytes_max / SHARDS as u64;
        let mut shard = self.shard(chunk, part);
        let key = (chunk, part);
        if bytes > room || shard.places.contains_key(&key) {
            return false;
        }
        let evicted = shard.shrink(room - bytes);
        self.evicted.fetch_add(evicted, Ordering::Relaxed);
        shard.bytes += bytes;
        let place = shard.kept.len();
        shard.places.insert(key, place);
        *shard.counts.entry(chunk).or_default() += 1;
        shard.kept.push(Kept { key, value, bytes, touched: Touched::No });
        true
    }

    /// Drops what belongs to a chunk that is hot as a whole again, or gone.
    pub(crate) fn forget(&self, chunk: u64) {
        for shard in &self.shards {
            let mut shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
            if !shard.counts.contains_key(&chunk) {
                continue;
            }
            let gone: Vec<usize> = (0..shard.kept.len())
                .rev()
                .filter(|place| shard.kept[*place].key.0 == chunk)
                .collect();
            for place in gone {
                shard.remove(place);
            }
        }
    }

    pub(crate) fn bytes(&self) -> u64 {
        let held =
            |shard: &Mutex<Shard<V>>| shard.lock().unwrap_or_else(PoisonError::into_inner).bytes;
        self.shards.iter().map(held).sum()
    }

    /// Number of parts of a chunk that are here.
    pub(crate) fn held(&self, chunk: u64) -> u64 {
        let held = |shard: &Mutex<Shard<V>>| {
            let shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
            shard.counts.get(&chunk).copied().unwrap_or(0)
        };
        self.shards.iter().map(held).sum()
    }

    /// How many parts had to go because others needed the room.
    pub(crate) fn evicted(&self) -> u64 {
        self.evicted.load(Ordering::Relaxed)
    }

    fn shard(&self, chunk: u64, part: u32) -> MutexGuard<'_, Shard<V>> {
        let mixed = chunk.wrapping_mul(31).wrapping_add(u64::from(part));
        let shard = &self.shards[(mixed % SHARDS as u64) as usize];
        shard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<V> Shard<V> {
    /// Drops parts until no more than `bytes` are left; how many.
    fn shrink(&mut self, bytes: u64) -> u64 {
        let mut dropped = 0;
        while self.bytes > bytes {
            if self.hand >= self.kept.len() {
                self.hand = 0;
            }
            let kept = &mut self.kept[self.hand];
            if kept.touched == Touched::Since {
                kept.touched = Touched::No;
                self.hand += 1;
            } else {
                self.remove(self.hand);
                dropped += 1;
            }
        }
        dropped
    }

    fn remove(&mut self, place: usize) {
        let Kept { key, bytes, .. } = self.kept.swap_remove(place);
        self.places.remove(&key);
        self.bytes -= bytes;
        if let Some(count) = self.counts.get_mut(&key.0) {
            *count -= 1;
            if *count == 0 {
                self.counts.remove(&key.0);
            }
        }
        if let Some(moved) = self.kept.get(place) {
            self.places.insert(moved.key, place);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_used_goes_first_and_the_bound_holds() {
        let hot: ClockCache<()> = ClockCache::new(SHARDS as u64 * 300);
        let insert = |part, bytes| hot.insert((0, part), Arc::new(()), bytes);
        // Parts 0, 16, 32 … fall into one part.
        for place in 0..3 {
            assert!(insert(place * 16, 100));
        }
        assert!(hot.get(0, 0).is_some());
        assert!(insert(48, 100));
        assert!(hot.get(0, 0).is_some(), "used");
        assert!(hot.get(0, 16).is_none(), "not used");
        assert_eq!((hot.bytes(), hot.held(0)), (300, 3));
        assert_eq!(hot.evicted(), 1);
        assert!(!insert(64, 301));
        assert!(hot.get(0, 64).is_none(), "too large");
        hot.forget(0);
        assert_eq!((hot.bytes(), hot.held(0)), (0, 0));
    }
}
