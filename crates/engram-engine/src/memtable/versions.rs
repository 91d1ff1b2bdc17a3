//! The older versions of memories: documents that no route finds and no count has, kept for their history.
//!
//! What they are is said by their lineages. Most of what is here asks where they stand: in a chunk, or loose beside the tail.

use std::collections::HashSet;
use std::sync::Arc;

use engram_index::Bitmap;
use engram_store::{Bug, CommitTime, Lsn};

use super::bodies::MemoryRef;
use super::snapshot::{DocRef, Snapshot, TailDoc};
use super::view::ChunkView;
use crate::model::{Memory, State};
use crate::request::AsOf;

/// One version of a memory.
pub(crate) struct VersionDoc {
    pub(crate) memory: Arc<Memory>,
    pub(crate) vectors: Vec<Vec<f32>>,
}

/// Where an older version stands.
#[derive(Clone, Copy)]
pub(crate) enum Older {
    /// Chunk and local ordinal.
    Chunk(usize, u32),
    /// Place among those that are in no chunk yet.
    Loose(usize),
}

impl Snapshot {
    /// The older versions of an id, oldest first, perhaps without text and metadata.
    pub(crate) fn older_heads(&self, id: &str) -> Vec<(Older, MemoryRef<'_>)> {
        let head = |older: Older| {
            let head = match older {
                Older::Chunk(chunk, local) => self.chunks[chunk].head(local),
                Older::Loose(place) => MemoryRef::Kept(&self.older[place].doc.memory),
            };
            (older, head)
        };
        self.places_of_older(id).into_iter().map(head).collect()
    }

    /// What an older version said.
    pub(crate) fn older_memory(&self, older: Older) -> Arc<Memory> {
        match older {
            Older::Chunk(chunk, local) => {
                self.memory(DocRef::Chunk(chunk as u32, local)).into_arc()
            }
            Older::Loose(place) => Arc::clone(&self.older[place].doc.memory),
        }
    }

    /// An older version with its vectors.
    pub(crate) fn older_version(&self, older: Older) -> VersionDoc {
        let vectors = match older {
            Older::Chunk(chunk, local) => self.vectors(DocRef::Chunk(chunk as u32, local)),
            Older::Loose(place) => self.older[place].doc.vectors.clone(),
        };
        VersionDoc { memory: self.older_memory(older), vectors }
    }

    /// Node of the newest version of the memory of which this one is an older version; every other node as it is.
    pub(crate) fn newest_of(&self, node: u32) -> u32 {
        if !self.versions.is_older(node) {
            return node;
        }
        let newest = match self.older.binary_search_by_key(&node, |older| older.node) {
            Ok(place) => self.find(&self.older[place].doc.memory.id),
            Err(_) => {
                let starts = |view: &ChunkView| {
                    view.chunk.node_range().is_some_and(|(first, _)| first <= node)
                };
                let index = self.chunks.partition_point(starts).checked_sub(1);
                let view = index.map(|index| &self.chunks[index]);
                let found = view.and_then(|view| Some((view, view.chunk.local_of_node(node)?)));
                found.and_then(|(view, local)| self.find(&view.head(local).id))
            }
        };
        newest.map_or(node, |(at, _)| self.node(at))
    }

    /// Takes the older versions of an id away for good, with the lineage of its newest one.
    pub(super) fn forget_versions(&mut self, id: &str, newest: u32) {
        if self.versions.first(newest) == newest {
            return;
        }
        for older in self.places_of_older(id).into_iter().rev() {
            let node = match older {
                Older::Chunk(chunk, local) => {
                    let view = &mut self.chunks[chunk];
                    view.fate.older -= 1;
                    view.fate.deleted_since.get_or_insert(self.committed_at.0);
                    view.chunk.node(local)
                }
                Older::Loose(place) => self.older.remove(place).node,
            };
            self.versions.forget(node);
        }
        self.versions.forget(newest);
    }

    /// Where the older versions of an id stand, oldest first.
    fn places_of_older(&self, id: &str) -> Vec<Older> {
        let chunks = self.chunks.iter().enumerate().filter(|(_, view)| view.fate.older > 0);
        let in_chunks = chunks.flat_map(|(index, view)| {
            let kept = move |local: &u32| self.versions.is_older(view.chunk.node(*local));
            let locals = view.chunk.perhaps_of_id(id).iter().copied().filter(kept);
            let named = locals.filter(move |local| view.head(*local).id == id);
            named.map(move |local| Older::Chunk(index, local))
        });
        let loose = self.older.iter().enumerate().filter(|(_, older)| older.doc.memory.id == id);
        in_chunks.chain(loose.map(|(place, _)| Older::Loose(place))).collect()
    }

    /// Whether a document stays when chunks are merged: it lives, or is an older version.
    pub(super) fn stays(&self, view: &ChunkView, local: u32) -> bool {
        let kept =
            || self.versions.is_older(view.chunk.node(local)) && !Bug::VersionsDropped.is_on();
        view.state(local).is_some() || kept()
    }

    /// Counts the older versions in each chunk.
    ///
    /// # Errors
    /// A lineage that belongs to no document, or to one that lives.
    pub(crate) fn count_older(&mut self) -> Result<(), &'static str> {
        const WRONG: &str = "its lineages are those of other memories";
        let mut loose = 0;
        for (node, _) in self.versions.iter().filter(|(_, own)| own.replaced.is_some()) {
            if self.older.binary_search_by_key(&node, |older| older.node).is_ok() {
                loose += 1;
                continue;
            }
            let starts =
                |view: &ChunkView| view.chunk.node_range().is_some_and(|(first, _)| first <= node);
            let index = self.chunks.partition_point(starts).checked_sub(1).ok_or(WRONG)?;
            let view = &mut self.chunks[index];
            let local = view.chunk.local_of_node(node).ok_or(WRONG)?;
            if !view.fate.deleted.contains(local) {
                return Err(WRONG);
            }
            view.fate.older += 1;
        }
        if loose == self.older.len() { Ok(()) } else { Err(WRONG) }
    }

    /// The state as it was known then, of what is not forgotten today: what was stored later is not in it, and of each memory
    /// the version of then. Statistics are today's. Its associations are those of today, over the nodes that are left.
    pub(crate) fn as_of(self: &Arc<Snapshot>, as_of: AsOf, now_ns: i64) -> Snapshot {
        let end = self.end_of(as_of);
        let mut then = Snapshot::clone(self);
        // It covers neither what is back nor, perhaps, what was replaced before it was built.
        then.proximity = None;
        let chunks = then.chunks.partition_point(|view| {
            view.chunk.node_range().is_some_and(|(first, _)| first < end.node)
        });
        then.chunks.truncate(chunks);
        if let Some(view) = then.chunks.last_mut() {
            let later = view.chunk.first_local(end.node)..view.chunk.len() as u32;
            let fate = &mut view.fate;
            let later = Bitmap::from_ordinals(&later.collect::<Vec<u32>>());
            fate.suppressed = Arc::new(fate.suppressed.and_not(&later));
            fate.deleted = Arc::new(fate.deleted.or(&later));
        }
        let known = |node: u32| node < end.node;
        then.tail.retain(|tail| known(tail.node));
        // A memory that is hidden today is hidden with all its versions.
        let shown = |node: u32| {
            let found = self.doc_of_node(node);
            found.is_some_and(|(at, state)| state == State::Active && !self.is_expired(at, now_ns))
        };
        let newest = self.versions.iter();
        let newest = newest.filter(|(node, own)| own.replaced.is_none() && shown(*node));
        let newest: HashSet<u32> = newest.map(|(_, own)| own.first).collect();
        for (node, own) in self.versions.iter() {
            let was_newest = own.replaced.is_some_and(|replaced| replaced > end.lsn);
            if known(node) && was_newest && newest.contains(&own.first) {
                then.bring_back(node);
            }
        }
        then.tail.sort_unstable_by_key(|tail| tail.node);
        then.today = Some(Arc::clone(self));
        then
    }

    /// Makes an older version that was the newest then findable.
    fn bring_back(&mut self, node: u32) {
        if let Ok(place) = self.older.binary_search_by_key(&node, |older| older.node) {
            self.tail.push(TailDoc { state: State::Active, ..self.older[place].clone() });
            return;
        }
        let starts =
            |view: &ChunkView| view.chunk.node_range().is_some_and(|(first, _)| first <= node);
        let Some(index) = self.chunks.partition_point(starts).checked_sub(1) else { return };
        let view = &mut self.chunks[index];
        if let Some(local) = view.chunk.local_of_node(node) {
            Arc::make_mut(&mut view.fate.deleted).remove(local);
        }
    }

    /// Where the documents known then end. They stand in the order of the log, by node.
    fn end_of(&self, as_of: AsOf) -> End {
        let known = |memory: &Memory| match as_of {
            AsOf::Lsn(lsn) => memory.lsn <= lsn,
            AsOf::Time(time_ns) => memory.committed_at <= CommitTime(time_ns),
        };
        let mut end = End { node: 0, lsn: Lsn(0) };
        let mut reach = |node: u32, lsn: Lsn| {
            if node >= end.node {
                end = End { node: node + 1, lsn };
            }
        };
        let starts = |view: &ChunkView| view.chunk.len() > 0 && known(&view.head(0));
        if let Some(index) = self.chunks.partition_point(starts).checked_sub(1) {
            let view = &self.chunks[index];
            let locals: Vec<u32> = (0..view.chunk.len() as u32).collect();
            let count = locals.partition_point(|local| known(&view.head(*local)));
            let last = count.saturating_sub(1) as u32;
            reach(view.chunk.node(last), view.head(last).lsn);
        }
        let loose = self.tail.iter().chain(&self.older);
        for tail in loose.filter(|tail| known(&tail.doc.memory)) {
            reach(tail.node, tail.doc.memory.lsn);
        }
        end
    }
}

/// Where the documents that were known at a time end.
struct End {
    /// Those below it were known.
    node: u32,
    /// Commit of the last one.
    lsn: Lsn,
}
