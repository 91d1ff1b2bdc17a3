//! The block cache: one bounded piece of memory for what is read from all segments at random.
//!
//! Guarantees: the cache never holds more blocks than its limit pays for at [`BLOCK_COST_BYTES`] each, not for a moment (what
//! a reader has just loaded, 16 blocks at most, is in its own hands until it is put in); a block is handed out only for the segment and number it was put in for;
//! what is in the cache never decides a result, only how long it takes.
//!
//! Eviction is GCLOCK (Smith 1978): a hit raises the count of a block, the hand of the clock lowers it and takes
//! the first block at zero. A block that is read once goes before one that is read again, so a scan does not
//! empty the cache. A hit takes a read lock of one shard and writes nothing once the count is at its limit.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

/// Length of a block of a segment: what has a checksum of its own, and what is cached. In bytes.
pub const BLOCK_BYTES: usize = 4096;

/// What a block in the cache counts for, in bytes: itself, its place in clock and index, and what the allocator adds.
pub const BLOCK_COST_BYTES: u64 = BLOCK_BYTES as u64 + 160;

/// Shards, so that readers of different blocks seldom meet at one lock. A power of two.
const SHARDS: usize = 16;

/// How many turns of the hand a block survives at most without a hit.
const COUNT_MAX: u8 = 3;

/// Counters of a [`BlockCache`] since it was made; `bytes` is a current value.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct BlockCacheStats {
    /// Blocks that were found.
    pub hits: u64,
    /// Blocks that were not, and had to be read from their file.
    pub misses: u64,
    /// Blocks that made room for others.
    pub evictions: u64,
    /// What the cached blocks take now, at [`BLOCK_COST_BYTES`] each.
    pub bytes: u64,
}

/// Blocks of segments in memory, shared by all segments of a node.
pub struct BlockCache {
    shards: [Shard; SHARDS],
    /// The limit.
    blocks_max: AtomicU64,
    /// Blocks in all shards. Raised before a block comes in and lowered after it left, so never too low.
    blocks: AtomicU64,
    next_file: AtomicU64,
}

/// Aligned so that two shards never share a line of the processor's cache.
#[derive(Default)]
#[repr(align(128))]
struct Shard {
    clock: RwLock<Clockwork>,
    hits: AtomicU64,
    misses: AtomicU64,
    evictions: AtomicU64,
}

/// The file, by the number that the cache gave it, and the block in it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Key {
    file: u64,
    block: u64,
}

struct Slot {
    key: Key,
    count: AtomicU8,
    /// [`BLOCK_BYTES`] of them.
    bytes: Box<[u8]>,
}

/// The blocks of one shard.
#[derive(Default)]
struct Clockwork {
    slots: Vec<Slot>,
    places: HashMap<Key, u32, BuildHasherDefault<KeyHasher>>,
    hand: usize,
}

/// Keys are counters, not input, so a multiplication spreads them well enough.
#[derive(Default)]
struct KeyHasher(u64);

impl Hasher for KeyHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.write_u64(u64::from(*byte)));
    }

    fn write_u64(&mut self, value: u64) {
        // An odd constant near 2^64 / golden ratio (Knuth, TAOCP 6.4); the fold brings high bits down.
        let product = (self.0 ^ value).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        self.0 = product ^ (product >> 32);
    }
}

impl Key {
    fn shard(self) -> usize {
        // The index of a shard takes the low bits, its table uses others of the same hash.
        let mut hasher = KeyHasher::default();
        hasher.write_u64(self.block ^ 0x5851_F42D);
        hasher.write_u64(self.file);
        (hasher.finish() >> 20) as usize % SHARDS
    }
}

impl BlockCache {
    /// A cache of at most `bytes_max` bytes; 0 caches nothing.
    pub fn new(bytes_max: u64) -> BlockCache {
        BlockCache {
            shards: Default::default(),
            blocks_max: AtomicU64::new(bytes_max / BLOCK_COST_BYTES),
            blocks: AtomicU64::new(0),
            next_file: AtomicU64::new(0),
        }
    }

    /// Changes the limit; what is over it is gone when this returns.
    pub fn set_bytes_max(&self, bytes_max: u64) {
        let blocks_max = bytes_max / BLOCK_COST_BYTES;
        self.blocks_max.store(blocks_max, Ordering::SeqCst);
        for shard in self.shards.iter().cycle() {
            let over = self.blocks.load(Ordering::SeqCst).saturating_sub(blocks_max);
            if over == 0 {
                break;
            }
            // An equal share from each shard, so that all stay equally useful.
            self.evict(shard, over.div_ceil(SHARDS as u64));
        }
        self.shards.iter().for_each(|shard| write(shard).shrink());
    }

    /// Counters since the cache was made.
    pub fn stats(&self) -> BlockCacheStats {
        let sum = |counter: fn(&Shard) -> &AtomicU64| {
            self.shards.iter().map(|shard| counter(shard).load(Ordering::Relaxed)).sum()
        };
        BlockCacheStats {
            hits: sum(|shard| &shard.hits),
            misses: sum(|shard| &shard.misses),
            evictions: sum(|shard| &shard.evictions),
            bytes: self.blocks.load(Ordering::SeqCst) * BLOCK_COST_BYTES,
        }
    }

    fn insert(&self, key: Key, bytes: &[u8]) {
        if self.blocks_max.load(Ordering::SeqCst) == 0 {
            return;
        }
        let home = key.shard();
        let mut slot = Slot { key, count: AtomicU8::new(0), bytes: bytes.into() };
        // A small cache may have all its blocks in other shards; one turn over them finds some.
        for other in 0..SHARDS {
            match self.place(&self.shards[home], slot) {
                None => return,
                Some(refused) => slot = refused,
            }
            self.evict(&self.shards[(home + other) % SHARDS], 1);
        }
    }

    /// Puts the slot into its shard, in the place of another where there is no room for one more. Gives it back when the
    /// shard has none to replace.
    fn place(&self, home: &Shard, slot: Slot) -> Option<Slot> {
        let mut clock = write(home);
        if clock.places.contains_key(&slot.key) {
            return None;
        }
        if self.reserve() {
            clock.push(slot);
            return None;
        }
        let refused = clock.replace(slot);
        if refused.is_none() {
            home.evictions.fetch_add(1, Ordering::Relaxed);
        }
        refused
    }

    /// Takes the room of one block; false when there is none.
    fn reserve(&self) -> bool {
        let max = self.blocks_max.load(Ordering::SeqCst);
        let more = |blocks: u64| (blocks < max).then_some(blocks + 1);
        self.blocks.fetch_update(Ordering::SeqCst, Ordering::SeqCst, more).is_ok()
    }

    /// Evicts up to `count` blocks of a shard and says how many it had.
    fn evict(&self, shard: &Shard, count: u64) -> u64 {
        let mut clock = write(shard);
        let evicted = (0..count).take_while(|_| clock.evict()).count() as u64;
        drop(clock);
        self.blocks.fetch_sub(evicted, Ordering::SeqCst);
        shard.evictions.fetch_add(evicted, Ordering::Relaxed);
        evicted
    }

    /// Removes the blocks below `blocks` of a file.
    fn remove_file(&self, file: u64, blocks: u64) {
        let removed = if blocks <= self.blocks.load(Ordering::SeqCst) {
            let keys = (0..blocks).map(|block| Key { file, block });
            keys.filter(|key| write(&self.shards[key.shard()]).remove(*key)).count()
        } else {
            self.shards.iter().map(|shard| write(shard).remove_file(file)).sum()
        };
        self.blocks.fetch_sub(removed as u64, Ordering::SeqCst);
    }
}

fn read(shard: &Shard) -> RwLockReadGuard<'_, Clockwork> {
    shard.clock.read().unwrap_or_else(PoisonError::into_inner)
}

fn write(shard: &Shard) -> RwLockWriteGuard<'_, Clockwork> {
    shard.clock.write().unwrap_or_else(PoisonError::into_inner)
}

impl Clockwork {
    fn push(&mut self, slot: Slot) {
        let place = u32::try_from(self.slots.len()).expect("a shard holds less than 2^32 blocks");
        self.places.insert(slot.key, place);
        self.slots.push(slot);
    }

    /// Puts `slot` in the place of the next victim and moves the hand behind it, so that it has a whole turn to be hit.
    fn replace(&mut self, slot: Slot) -> Option<Slot> {
        let Some(place) = self.victim() else {
            return Some(slot);
        };
        self.places.insert(slot.key, place as u32);
        let victim = std::mem::replace(&mut self.slots[place], slot);
        self.places.remove(&victim.key);
        self.hand = place + 1;
        None
    }

    /// Takes out the next victim; false when there is no block.
    fn evict(&mut self) -> bool {
        let victim = self.victim();
        victim.is_some_and(|place| self.remove(self.slots[place].key))
    }

    /// Moves the hand to the first block at zero.
    fn victim(&mut self) -> Option<usize> {
        while !self.slots.is_empty() {
            self.hand %= self.slots.len();
            let count = self.slots[self.hand].count.get_mut();
            if *count == 0 {
                return Some(self.hand);
            }
            *count -= 1;
            self.hand += 1;
        }
        None
    }

    fn remove(&mut self, key: Key) -> bool {
        let Some(place) = self.places.remove(&key) else {
            return false;
        };
        self.slots.swap_remove(place as usize);
        if let Some(moved) = self.slots.get(place as usize) {
            self.places.insert(moved.key, place);
        }
        true
    }

    fn remove_file(&mut self, file: u64) -> usize {
        let keys = self.slots.iter().map(|slot| slot.key);
        let keys: Vec<Key> = keys.filter(|key| key.file == file).collect();
        keys.iter().filter(|key| self.remove(**key)).count()
    }

    fn shrink(&mut self) {
        self.slots.shrink_to_fit();
        self.places.shrink_to_fit();
    }
}

/// The blocks of one opened segment in the cache; dropping it removes them.
pub(crate) struct CachedFile {
    cache: Arc<BlockCache>,
    file: u64,
    blocks: u64,
    used: AtomicBool,
}

impl CachedFile {
    /// For a file of `blocks` blocks.
    pub(crate) fn new(cache: Arc<BlockCache>, blocks: u64) -> CachedFile {
        let file = cache.next_file.fetch_add(1, Ordering::Relaxed);
        CachedFile { cache, file, blocks, used: AtomicBool::new(false) }
    }

    /// Copies the bytes of `block` from `at` on into `out`; false when the block is not cached.
    pub(crate) fn copy(&self, block: u64, at: usize, out: &mut [u8]) -> bool {
        let key = Key { file: self.file, block };
        let shard = &self.cache.shards[key.shard()];
        let clock = read(shard);
        let Some(place) = clock.places.get(&key) else {
            shard.misses.fetch_add(1, Ordering::Relaxed);
            return false;
        };
        let slot = &clock.slots[*place as usize];
        let count = slot.count.load(Ordering::Relaxed);
        if count < COUNT_MAX {
            // Two hits at once may count as one: it is only a hint.
            slot.count.store(count + 1, Ordering::Relaxed);
        }
        out.copy_from_slice(&slot.bytes[at..at + out.len()]);
        shard.hits.fetch_add(1, Ordering::Relaxed);
        true
    }

    /// True when `block` is not cached and has to be read from the file.
    pub(crate) fn misses(&self, block: u64) -> bool {
        let key = Key { file: self.file, block };
        let shard = &self.cache.shards[key.shard()];
        let misses = !read(shard).places.contains_key(&key);
        shard.misses.fetch_add(u64::from(misses), Ordering::Relaxed);
        misses
    }

    /// Puts `block` in, if there is room or room can be made.
    pub(crate) fn insert(&self, block: u64, bytes: &[u8]) {
        self.used.store(true, Ordering::Relaxed);
        self.cache.insert(Key { file: self.file, block }, bytes);
    }
}

impl Drop for CachedFile {
    fn drop(&mut self) {
        if *self.used.get_mut() {
            self.cache.remove_file(self.file, self.blocks);
        }
    }
}
