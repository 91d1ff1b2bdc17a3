//! Where the parts of spaces reside: what all spaces of a node share for it.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use engram_store::{BlockCache, Fs, SpaceId};

use crate::fault::SpaceFault;
use crate::memtable::HotSet;
use crate::moves::Moves;

/// One part in so many of the memory of a node is for blocks of warm segments, and for hot memories of them.
const BLOCKS_SHARE: u64 = 16;
const HOT_SHARE: u64 = 8;

/// What keeps parts of files in RAM.
pub(crate) struct Residence {
    /// Blocks of warm segments.
    pub(crate) blocks: Arc<BlockCache>,
    /// Hot memories of warm segments.
    pub(crate) hot: Arc<HotSet>,
    next_number: AtomicU64,
}

impl Residence {
    /// Caches for a node that may hold so many bytes in RAM.
    pub(crate) fn new(memory_bytes_max: u64) -> Residence {
        Residence {
            blocks: Arc::new(BlockCache::new(memory_bytes_max / BLOCKS_SHARE)),
            hot: Arc::new(HotSet::new(memory_bytes_max / HOT_SHARE)),
            next_number: AtomicU64::new(1),
        }
    }

    /// The number of an opened chunk.
    pub(crate) fn next_number(&self) -> u64 {
        self.next_number.fetch_add(1, Ordering::Relaxed)
    }
}

/// Where the files of a space are, and what they are opened with.
#[derive(Clone, Copy)]
pub(crate) struct Home<'a> {
    pub(crate) fs: &'a dyn Fs,
    pub(crate) dir: &'a Path,
    pub(crate) space: SpaceId,
    pub(crate) dimension: usize,
    pub(crate) residence: &'a Residence,
    pub(crate) fault: &'a Arc<SpaceFault>,
    pub(crate) moves: &'a Arc<Moves>,
}
