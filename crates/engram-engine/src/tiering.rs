//! Where memories reside: in RAM while they are used and there is room, else in their segments.
//!
//! The unit that moves out is a chunk, the least used first; what of it is used comes back memory by memory, and as a
//! whole when there is room. The indexes of an open space stay in RAM; a space that nobody asks for is closed.

use std::sync::Arc;

use engram_store::{BlobStore, Bug, Segment};

use crate::catalog::Entry;
use crate::chunk_file;
use crate::engine::Engine;
use crate::error::EngineError;
use crate::memtable::{Bodies, ChunkView, Snapshot};
use crate::model::ResidenceStats;
use crate::moves::Reason;
use crate::space::Space;
use crate::upkeep::Maintained;

/// Chunks that one step may move.
const MOVES_MAX: usize = 8;
/// Memories move into RAM only below this share of the budget, so that they do not go back and forth.
const ROOM_PERCENT: u64 = 80;
/// Spaces that one step may close.
const CLOSED_MAX: usize = 64;
/// How long nobody must have asked for a space that is closed only for want of room, ns: one in use would be opened at once.
const PRESSED_IDLE_NS: i64 = 5_000_000_000;
/// Uses that a chunk must have had lately to come back as a whole.
const HEAT_MIN: f32 = 1.0;
/// Share of the memories of a chunk that beliefs rest on where they stand for it, percent.
const COVERED_PERCENT: u64 = 80;

impl Engine {
    /// Bytes of state in RAM: open spaces, blocks of files, hot memories.
    pub fn resident_bytes(&self) -> u64 {
        let spaces = self.catalog().open_spaces();
        let states = spaces.iter().map(|space| space.snapshot.load().resident_bytes());
        let residence = self.residence();
        states.sum::<u64>() + residence.bytes()
    }

    /// What is kept in RAM for all spaces.
    pub fn residence_stats(&self) -> ResidenceStats {
        let (blocks, hot) = (self.residence().blocks.stats(), &self.residence().hot);
        ResidenceStats {
            state_bytes: self.resident_bytes(),
            state_bytes_max: self.settings().memory_bytes_max,
            block_bytes: blocks.bytes,
            block_hits: blocks.hits,
            block_misses: blocks.misses,
            block_evictions: blocks.evictions,
            hot_bytes: hot.bytes(),
            hot_evictions: hot.evicted(),
        }
    }

    /// One step of moving memories between tiers.
    pub(crate) fn tier(&self, now_ns: i64, done: &mut Maintained) -> Result<(), EngineError> {
        let max = self.settings().memory_bytes_max;
        if let Some(quota) = self.settings().space_memory_bytes_max {
            for space in self.catalog().open_spaces() {
                let held = space.snapshot.load().resident_bytes();
                if held > quota {
                    let spaces = [Arc::clone(&space)];
                    self.demote(&spaces, held - quota, (Reason::Quota, now_ns), done)?;
                }
            }
        }
        let spaces = self.catalog().open_spaces();
        let held = self.resident_bytes();
        if held > max {
            self.demote(&spaces, held - max, (Reason::Pressure, now_ns), done)?;
        } else {
            let room = (max / 100 * ROOM_PERCENT).saturating_sub(held);
            self.promote(&spaces, room, now_ns, done)?;
        }
        Ok(())
    }

    /// Lets go what nobody reads: codes of vectors that are searched over a graph, which has codes of its own.
    pub(crate) fn drop_covered_codes(&self) {
        for space in self.catalog().open_spaces() {
            let snapshot = space.snapshot.load();
            let Some(view) = &snapshot.proximity else { continue };
            let through = view.graph.through;
            let is_covered = |chunk: &&ChunkView| {
                chunk.chunk.node_range().is_some_and(|(_, last)| last < through)
            };
            snapshot.chunks.iter().filter(is_covered).for_each(ChunkView::drop_codes);
        }
    }

    /// Moves the least used chunks out of RAM until about `bytes` are free.
    fn demote(
        &self,
        spaces: &[Arc<Space>],
        bytes: u64,
        (reason, now_ns): (Reason, i64),
        done: &mut Maintained,
    ) -> Result<(), EngineError> {
        let mut chunks = chunks_where(spaces, |view, _| view.bodies.resident.is_some());
        chunks.sort_by(|a, b| {
            let heat = |chunk: &(Arc<Space>, ChunkView)| chunk.1.chunk.heat.level(now_ns);
            heat(a).total_cmp(&heat(b))
        });
        let (mut freed, mut failed) = (0, Ok(()));
        for (space, view) in chunks.into_iter().take(MOVES_MAX) {
            if freed >= bytes {
                return failed;
            }
            if view.bodies.sealed.is_none() && view.bodies.cold.is_none() {
                if let Err(error) = self.seal(&space, &view) {
                    // Chunks of other spaces may still go.
                    failed = Err(error);
                    continue;
                }
                done.sealed_memories += view.chunk.len() as u64;
            }
            freed += view.bodies.resident.as_ref().map_or(0, |resident| resident.heap_bytes());
            space.change_views(|other| {
                if Arc::ptr_eq(&other.chunk, &view.chunk) && other.bodies.is_written() {
                    other.bodies.resident = None;
                }
            })?;
            space.identity.moves.count(reason, view.live());
            done.moved_memories += view.live();
        }
        done.more |= freed < bytes && freed > 0;
        failed
    }

    /// Moves the most used warm chunks into RAM as far as there is room.
    fn promote(
        &self,
        spaces: &[Arc<Space>],
        mut room: u64,
        now_ns: i64,
        done: &mut Maintained,
    ) -> Result<(), EngineError> {
        let is_used = |view: &ChunkView, _: &Snapshot| {
            view.bodies.resident.is_none() && view.chunk.heat.level(now_ns) >= HEAT_MIN
        };
        let mut chunks = chunks_where(spaces, is_used);
        chunks.sort_by(|a, b| {
            let heat = |chunk: &(Arc<Space>, ChunkView)| chunk.1.chunk.heat.level(now_ns);
            heat(b).total_cmp(&heat(a))
        });
        for (space, view) in chunks.into_iter().take(MOVES_MAX) {
            // As much as it takes where it is neither warm nor cold.
            let vectors = view.chunk.vector_count() * view.chunk.dimension() * 4;
            let file = view.bodies.sealed.as_ref().map_or(0, |sealed| sealed.file.bytes);
            let object = view.bodies.cold.as_ref().map_or(0, |cold| 2 * cold.object.bytes);
            let bytes = file.max(vectors as u64).max(object);
            if self.is_above_quota(&space, bytes) || bytes > room {
                continue;
            }
            let Ok(resident) = view.load_bodies() else { continue };
            room = room.saturating_sub(resident.heap_bytes());
            space.change_views(|other| {
                if Arc::ptr_eq(&other.chunk, &view.chunk) {
                    other.bodies.resident = Some(Arc::clone(&resident));
                }
            })?;
            view.bodies.forget_hot();
            space.identity.moves.count(Reason::Room, view.live());
            done.moved_memories += view.live();
        }
        Ok(())
    }

    fn is_above_quota(&self, space: &Space, more: u64) -> bool {
        let quota = self.settings().space_memory_bytes_max;
        quota.is_some_and(|quota| space.snapshot.load().resident_bytes() + more > quota)
    }

    /// Puts the chunk that was not used for longest into the cold store, if one is due; one in each step.
    pub(crate) fn freeze_unused(
        &self,
        now_ns: i64,
        done: &mut Maintained,
    ) -> Result<(), EngineError> {
        let (Some(after), Some(blobs)) = (self.settings().cold_after_ns, self.blobs()) else {
            return Ok(());
        };
        let before = now_ns.saturating_sub(after);
        let covered_before = now_ns.saturating_sub(self.settings().cold_covered_after_ns);
        let is_due = |view: &ChunkView, snapshot: &Snapshot| {
            let is_whole = view.chunk.len() >= self.settings().cold_memories_min;
            let used_at = view.chunk.heat.last().0;
            let is_unused =
                used_at <= before || used_at <= covered_before && is_covered(view, snapshot);
            view.bodies.cold.is_none() && is_whole && is_unused
        };
        let mut chunks = chunks_where(&self.catalog().open_spaces(), is_due);
        chunks.sort_by_key(|(_, view)| view.chunk.heat.last().0);
        let mut failed = Ok(());
        // One that cannot go now keeps no other.
        for (space, view) in chunks.into_iter().take(MOVES_MAX) {
            match self.freeze(&space, &view, &**blobs, done) {
                Ok(()) => return failed,
                Err(error) => failed = Err(error),
            }
        }
        failed
    }

    fn freeze(
        &self,
        space: &Arc<Space>,
        view: &ChunkView,
        blobs: &dyn BlobStore,
        done: &mut Maintained,
    ) -> Result<(), EngineError> {
        let home = self.home(&space.identity);
        let bodies = self.bodies(space, view)?;
        let codes = self.codes(space, view)?;
        let files = chunk_file::freeze(&home, (&view.chunk, &codes, &bodies))?;
        self.note_file(space, &files.local);
        // It lies in the folder of the space until it is uploaded, and goes with the next checkpoint.
        self.note_file(space, &files.object);
        let cache = Arc::clone(&self.residence().blocks);
        let packed = Segment::open(self.fs(), home.dir, home.space, &files.object, cache)?;
        let key = chunk_file::object_key(home.space, &files.object.hash);
        let uploaded = packed.upload(blobs, &key);
        if !Bug::UploadBelieved.is_on() {
            uploaded?;
        }
        let cold = Arc::new(chunk_file::open_frozen(&home, &files, &view.chunk)?);
        space.note_object(&cold);
        space.change_views(|other| {
            if Arc::ptr_eq(&other.chunk, &view.chunk) {
                let cold = Some(Arc::clone(&cold));
                other.bodies = Bodies { resident: None, sealed: None, cold };
            }
        })?;
        space.note_moved();
        space.identity.moves.count(Reason::Unused, view.live());
        done.moved_memories += view.live();
        done.sealed_memories += view.live();
        done.more = true;
        Ok(())
    }

    /// Closes the spaces that nobody asks for, those not asked for longest first where there are too many or too little room.
    pub(crate) fn close_idle(&self, now_ns: i64, done: &mut Maintained) -> Result<(), EngineError> {
        let mut entries = self.catalog().open_in_turn();
        entries.sort_by_key(|entry| entry.used_at());
        let mut left = entries.len();
        let mut pressed = self.resident_bytes() > self.settings().memory_bytes_max;
        let mut failed = Ok(());
        for (tried, entry) in entries.into_iter().enumerate() {
            let unused_ns = now_ns.saturating_sub(entry.used_at());
            let idle = unused_ns >= self.settings().space_idle_ns;
            let too_many = left > self.settings().open_spaces_max;
            let in_the_way = pressed && unused_ns >= PRESSED_IDLE_NS;
            if !idle && !too_many && !in_the_way {
                break;
            }
            if tried >= CLOSED_MAX {
                done.more = true;
                break;
            }
            match self.retire(&entry, done) {
                Ok(true) => {
                    left -= 1;
                    done.closed_spaces += 1;
                    pressed = pressed && self.resident_bytes() > self.settings().memory_bytes_max;
                }
                Ok(false) => {}
                Err(error) => failed = Err(error),
            }
        }
        failed
    }

    /// Closes a space that has nothing to do; whether it is closed. What is not in its files goes there first, so that it
    /// opens quickly.
    fn retire(&self, entry: &Entry, done: &mut Maintained) -> Result<bool, EngineError> {
        let Some(space) = entry.space() else { return Ok(false) };
        if space.has_work() {
            return Ok(false);
        }
        if space.intact().is_ok()
            && let Some(checkpoint) = self.checkpoint_space(entry, &space)?
        {
            done.checkpoints += 1;
            done.sealed_memories += checkpoint.sealed_memories;
        }
        drop(space);
        self.close_entry(entry)
    }
}

/// Whether beliefs rest on so many of the memories of a chunk that they stand for it.
fn is_covered(view: &ChunkView, snapshot: &Snapshot) -> bool {
    let live = view.live();
    if (snapshot.beliefs.members() as u64) < live / 100 * COVERED_PERCENT {
        return false;
    }
    let locals = 0..view.chunk.len() as u32;
    let covered = locals.filter(|local| {
        view.state(*local).is_some() && snapshot.beliefs.on(view.chunk.node(*local)).is_some()
    });
    covered.count() as u64 * 100 >= live * COVERED_PERCENT
}

fn chunks_where(
    spaces: &[Arc<Space>],
    accept: impl Fn(&ChunkView, &Snapshot) -> bool,
) -> Vec<(Arc<Space>, ChunkView)> {
    let of_space = |space: &Arc<Space>| {
        if space.intact().is_err() {
            return Vec::new().into_iter();
        }
        let snapshot = space.snapshot.load_full();
        let views: Vec<ChunkView> =
            snapshot.chunks.iter().filter(|v| accept(v, &snapshot)).cloned().collect();
        let space = Arc::clone(space);
        let views = views.into_iter().map(move |view| (Arc::clone(&space), view));
        views.collect::<Vec<_>>().into_iter()
    };
    spaces.iter().flat_map(of_space).collect()
}
