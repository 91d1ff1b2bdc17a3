//! Where the parts of spaces reside: what all spaces of a node share for it.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use engram_store::{BlobStore, BlockCache, Fs, SpaceId};

use crate::fault::SpaceFault;
use crate::memtable::{ClockCache, Frame, HotPart, HotSet};
use crate::moves::Moves;

/// One part in so many of the memory of a node is for blocks of warm segments, for hot memories of them, and
/// for frames of cold ones.
const BLOCKS_SHARE: u64 = 16;
const HOT_SHARE: u64 = 8;
const FRAMES_SHARE: u64 = 16;

/// What keeps parts of files in RAM.
pub(crate) struct Residence {
    /// Blocks of warm segments.
    pub(crate) blocks: Arc<BlockCache>,
    /// Hot memories of warm segments.
    pub(crate) hot: Arc<HotSet>,
    /// Unpacked frames of cold chunks.
    pub(crate) frames: Arc<ClockCache<Frame>>,
    next_number: AtomicU64,
}

impl Residence {
    /// Caches for a node that may hold so many bytes in RAM.
    pub(crate) fn new(memory_bytes_max: u64) -> Residence {
        Residence {
            blocks: Arc::new(BlockCache::new(memory_bytes_max / BLOCKS_SHARE)),
            hot: Arc::new(HotSet::new(memory_bytes_max / HOT_SHARE)),
            frames: Arc::new(ClockCache::new(memory_bytes_max / FRAMES_SHARE)),
            next_number: AtomicU64::new(1),
        }
    }

    /// Bytes that they hold.
    pub(crate) fn bytes(&self) -> u64 {
        self.blocks.stats().bytes + self.hot.bytes() + self.frames.bytes()
    }

    /// The hot memories of a chunk that is opened now.
    pub(crate) fn hot_part(&self, moves: &Arc<Moves>) -> HotPart {
        let number = self.next_number.fetch_add(1, Ordering::Relaxed);
        HotPart { set: Arc::clone(&self.hot), number, moves: Arc::clone(moves) }
    }
}

/// Where the files of a space are, and what they are opened with.
#[derive(Clone, Copy)]
pub(crate) struct Home<'a> {
    pub(crate) fs: &'a dyn Fs,
    pub(crate) dir: &'a Path,
    pub(crate) space: SpaceId,
    pub(crate) dimension: usize,
    /// The timeline that its files are written on.
    pub(crate) timeline: u32,
    pub(crate) residence: &'a Residence,
    /// Where cold memories are; none = no cold store is configured.
    pub(crate) blobs: Option<&'a Arc<dyn BlobStore>>,
    pub(crate) fault: &'a Arc<SpaceFault>,
    pub(crate) moves: &'a Arc<Moves>,
}
