//! Opening and closing single spaces: state from files and log into memory, and out of it again.
//!
//! What is read is checked on the way: sections by their checksums, commits by the state sum that each of them carries. A
//! space that does not add up is quarantined; the others are not concerned.

use std::sync::{Arc, PoisonError};

use engram_store::{Bug, Frame, Manifest, ManifestSegment, StoreError};
use prost::Message;

use crate::apply::{apply, steps};
use crate::catalog::Entry;
use crate::changes::changes;
use crate::chunk_file::{self, ColdFiles};
use crate::engine::Engine;
use crate::error::{EngineError, LogFailure};
use crate::indexer::load_graph;
use crate::memtable::{ChunkView, Figures, ForgottenCommits, Snapshot};
use crate::missing::take_missing;
use crate::purges::Purges;
use crate::queue::{IDEMPOTENCY_LIFETIME_NS, KeyUse, Overlay};
use crate::record::{CommitRecord, KIND_COMMIT, KIND_SPACE_CREATED};
use crate::residence::Home;
use crate::space::Space;
use crate::state_file::{self, FateAndUse, StateFile};
use crate::stored::{CheckpointRecord, ROLE_CHUNK, ROLE_COLD, ROLE_OBJECT, ROLE_STATE};

/// A space on its way into memory.
pub(crate) struct Loading {
    space: Space,
    pub(crate) snapshot: Snapshot,
    keys: Vec<KeyUse>,
    /// Bytes of commits behind the checkpoint.
    log_bytes: u64,
}

impl Engine {
    /// The space of that name, opened where it is closed: the one place where a request finds its space.
    ///
    /// # Errors
    /// [`EngineError::SpaceNotFound`]; the space is quarantined, or cannot be read now.
    pub(crate) fn serving(&self, name: &str) -> Result<Arc<Space>, EngineError> {
        // What an earlier answer of this thread lacked is none of this one's.
        drop(take_missing());
        let entry = self.catalog().find(name)?;
        entry.identity.fault.intact()?;
        let space = self.open_entry(&entry)?;
        entry.identity.fault.intact()?;
        Ok(space)
    }

    /// The space of an entry, read up to what broke it if something did.
    pub(crate) fn open_entry(&self, entry: &Arc<Entry>) -> Result<Arc<Space>, EngineError> {
        entry.touch(self.now_ns());
        let mut slot = entry.slot();
        if let Some(space) = &*slot {
            return Ok(Arc::clone(space));
        }
        let (space, overlay) = self.load(entry)?;
        let space = Arc::new(space);
        // Without the queue nothing is written, but all can be read.
        if let Ok(mut queue) = self.queue() {
            queue.overlays.insert(entry.identity.id, overlay);
        }
        *slot = Some(Arc::clone(&space));
        self.catalog().opened(entry);
        let snapshot = space.snapshot.load();
        let vectors_min = self.settings().graph_vectors_min;
        if snapshot.graph_hash.is_some() || snapshot.figures.vectors >= vectors_min {
            // An older graph may have been left: those of a closed space all stay. One that is damaged has no name any more.
            self.graphs_are_stale();
        }
        drop(snapshot);
        Ok(space)
    }

    /// Closes a space that nobody holds; whether it is closed now. What is not in its files is in the log.
    pub(crate) fn close_entry(&self, entry: &Entry) -> Result<bool, EngineError> {
        let mut slot = entry.slot();
        // Whoever gets hold of a space does so under the lock of the slot.
        let Some(space) = &*slot else { return Ok(true) };
        if Arc::strong_count(space) > 1 || space.has_work() {
            return Ok(false);
        }
        self.queue()?.overlays.remove(&entry.identity.id);
        *slot = None;
        self.catalog().closed(entry.identity.id);
        Ok(true)
    }

    /// Where the files of a space are.
    pub(crate) fn home<'a>(&'a self, space: &'a crate::space::SpaceIdentity) -> Home<'a> {
        Home {
            fs: self.fs(),
            dir: self.spaces_dir(),
            space: space.id,
            dimension: space.settings.dimension as usize,
            timeline: self.timeline(),
            residence: self.residence(),
            fault: &space.fault,
            moves: &space.moves,
            blobs: self.blobs(),
        }
    }

    fn load(&self, entry: &Entry) -> Result<(Space, Overlay), EngineError> {
        let identity = &entry.identity;
        let tail_max = self.settings().tail_memories_max;
        let space = Space::new(Arc::clone(identity), self.embedders(), tail_max);
        let checkpoint = entry.checkpoint();
        let mut loading = match &checkpoint {
            Some(manifest) => self.read_manifest(space, manifest)?,
            None => Loading::empty(space),
        };
        self.catch_up(&mut loading)?;
        let Loading { space, mut snapshot, keys, log_bytes } = loading;
        let own = (identity.id, identity.settings.dimension);
        load_graph(self.fs(), self.data_dir(), own, &mut snapshot)?;
        let mut overlay = Overlay::new(snapshot.state_sum);
        let latest = snapshot.committed_at.0;
        for key in keys {
            if latest.saturating_sub(key.committed_at.0) <= IDEMPOTENCY_LIFETIME_NS {
                overlay.use_key(key);
            }
        }
        if let Some(manifest) = &checkpoint {
            space.note_files(manifest);
        }
        for cold in snapshot.chunks.iter().filter_map(|view| view.bodies.cold.as_ref()) {
            space.note_object(cold);
        }
        space.note_log_bytes(log_bytes);
        space.note_unlinked(&snapshot);
        space.settle_purges(&snapshot);
        space.snapshot.store(Arc::new(snapshot));
        Ok((space, overlay))
    }

    fn read_manifest(&self, space: Space, manifest: &Manifest) -> Result<Loading, EngineError> {
        let identity = Arc::clone(&space.identity);
        let home = self.home(&identity);
        Loading::of_files(&home, space, manifest).map_err(|error| {
            let failure = EngineError::from(error);
            if let EngineError::Log(LogFailure::Corrupt(why)) = &failure {
                identity.fault.quarantine(why.clone());
                return EngineError::Log(LogFailure::Quarantined(why.clone()));
            }
            failure
        })
    }

    /// Applies the commits behind the checkpoint. The first one that does not add up quarantines the space and ends it.
    fn catch_up(&self, loading: &mut Loading) -> Result<(), EngineError> {
        let id = loading.space.identity.id;
        let first = engram_store::Lsn(loading.snapshot.lsn.0 + 1);
        let fault = Arc::clone(&loading.space.identity.fault);
        for frame in self.log().read_space(id, first)? {
            let next = loading.snapshot.lsn.0 + 1;
            if Bug::ReplayedOneShort.is_on() && first.0 > 1 && next == self.log().durable_lsn(id).0
            {
                return Ok(());
            }
            let taken = match frame {
                Ok(frame) => loading.take(&frame),
                Err(error @ engram_store::LogError::Corrupt { .. }) => Err(error.to_string()),
                Err(error) => return Err(error.into()),
            };
            if let Err(why) = taken {
                fault.quarantine(why);
                return Ok(());
            }
        }
        let (reached, durable) = (loading.snapshot.lsn, self.log().durable_lsn(id));
        if reached != durable && fault.quarantined().is_none() {
            fault.quarantine(format!("its log ends at LSN {durable}, LSN {reached} was read"));
        }
        Ok(())
    }
}

fn read_files(
    home: &Home<'_>,
    space: &Space,
    manifest: &Manifest,
) -> Result<(Snapshot, Vec<KeyUse>), StoreError> {
    let wrong = |what: &str| manifest.damaged(what);
    let record = CheckpointRecord::decode(manifest.payload.as_slice());
    let record = record.map_err(|error| wrong(&error.to_string()))?;
    let is = |role: u8| move |file: &&ManifestSegment| file.role == role;
    let state = manifest.segments.iter().find(is(ROLE_STATE));
    let state = state.ok_or_else(|| wrong("it names no state file"))?;
    let state = state_file::read(home, &state.segment, space, record.next_node)?;
    let StateFile { fates, tail, older, versions, traces, keys, forgotten, .. } = state;
    let mut associations = state.associations;
    associations.linked = record.linked;
    let (chunks, last) = read_chunks(home, manifest, fates, record.next_node)?;
    if tail.iter().chain(&older).any(|loose| Some(loose.node) <= last) {
        return Err(wrong("its tail is not behind its chunks"));
    }
    let graph_hash = match record.graph_hash.as_slice() {
        [] => None,
        hash => Some(hash.try_into().map_err(|_| wrong("it names no graph"))?),
    };
    let figures = Figures {
        active: record.active,
        suppressed: record.suppressed,
        vectors: record.vectors,
        terms: record.terms,
    };
    if Figures::counted(&chunks, &tail) != figures {
        return Err(wrong("its figures are those of other memories"));
    }
    let mut commits = ForgottenCommits::default();
    let purged = forgotten.iter().filter_map(|(commit, at_ns)| Some((commit.lsn, (*at_ns)?)));
    let purges = Purges::read(purged);
    forgotten.iter().for_each(|(commit, _)| commits.add(*commit));
    let mut snapshot = Snapshot {
        lsn: manifest.lsn,
        committed_at: manifest.committed_at,
        state_sum: manifest.state_sum,
        chunks,
        tail,
        older,
        versions,
        figures,
        next_node: record.next_node,
        associations,
        traces,
        marks: state.marks,
        forgotten: commits,
        beliefs: state.beliefs,
        calibration: state.calibration,
        decay: space.identity.settings.decay,
        supersede_key: space.identity.settings.supersede_key.as_str().into(),
        proximity: None,
        graph_hash,
        today: None,
    };
    snapshot.count_older().map_err(wrong)?;
    *space.purges.lock().unwrap_or_else(PoisonError::into_inner) = purges;
    Ok((snapshot, keys))
}

/// The chunks of a manifest and the last node in them.
fn read_chunks(
    home: &Home<'_>,
    manifest: &Manifest,
    fates: Vec<FateAndUse>,
    next_node: u32,
) -> Result<(Vec<ChunkView>, Option<u32>), StoreError> {
    let wrong = |what: &str| manifest.damaged(what);
    let mut files = manifest.segments.iter().filter(|file| file.role != ROLE_STATE);
    let mut chunks = Vec::with_capacity(fates.len());
    let mut after = None;
    for (fate, heat) in fates {
        let file = files.next().ok_or_else(|| wrong("it names too few chunks"))?;
        let view = match file.role {
            ROLE_CHUNK => chunk_file::open(home, &file.segment, fate)?,
            ROLE_COLD => {
                let object = files.next().filter(|next| next.role == ROLE_OBJECT);
                let object = object.ok_or_else(|| wrong("a cold chunk has no object"))?;
                let (local, object) = (file.segment, object.segment);
                chunk_file::open_cold(home, &ColdFiles { local, object }, fate)?
            }
            _ => return Err(wrong("it names a file of an unknown role")),
        };
        view.chunk.heat.set(heat);
        if !view.is_sound() {
            return Err(wrong("its state file names memories that a chunk does not hold"));
        }
        let range = view.chunk.node_range();
        if range.is_none_or(|(first, last)| Some(first) <= after || last >= next_node) {
            return Err(wrong("its chunks are not in order"));
        }
        after = range.map(|(_, last)| last);
        chunks.push(view);
    }
    if files.next().is_some() {
        return Err(wrong("it names too many chunks"));
    }
    Ok((chunks, after))
}

impl Loading {
    /// A space of which nothing is there yet.
    pub(crate) fn empty(space: Space) -> Loading {
        let snapshot = Snapshot::empty(&space.identity.settings);
        Loading { space, snapshot, keys: Vec::new(), log_bytes: 0 }
    }

    /// A space as its files have it.
    ///
    /// # Errors
    /// A file is missing, damaged, or does not fit the others.
    pub(crate) fn of_files(
        home: &Home<'_>,
        space: Space,
        manifest: &Manifest,
    ) -> Result<Loading, StoreError> {
        let (snapshot, keys) = read_files(home, &space, manifest)?;
        space.feed.begin(snapshot.lsn);
        Ok(Loading { space, snapshot, keys, log_bytes: 0 })
    }

    /// Applies the next commit.
    ///
    /// # Errors
    /// What does not add up; the state is of no use then.
    pub(crate) fn take(&mut self, frame: &Frame) -> Result<(), String> {
        let stamp = frame.stamp;
        if frame.kind == KIND_SPACE_CREATED && self.snapshot.lsn.0 == 0 {
            self.snapshot.lsn = stamp.lsn;
            self.snapshot.committed_at = stamp.time;
            self.space.feed.begin(stamp.lsn);
            return Ok(());
        }
        if frame.kind != KIND_COMMIT {
            return Err(format!("LSN {} has the unknown kind {}", stamp.lsn, frame.kind));
        }
        if stamp.lsn.0 != self.snapshot.lsn.0 + 1 {
            let expected = self.snapshot.lsn.0 + 1;
            return Err(format!("LSN {expected} is missing, LSN {} follows", stamp.lsn));
        }
        let mut record = CommitRecord::decode(frame.payload.as_slice())
            .map_err(|error| format!("LSN {} does not decode: {error}", stamp.lsn))?;
        if let Some(record) = record.idempotency.take() {
            let (lsn, committed_at) = (stamp.lsn, stamp.time);
            self.keys.push(KeyUse { record, lsn, committed_at, queued: None });
        }
        let steps = steps(&self.space, stamp, record)?;
        let changed = changes(&self.snapshot, &steps);
        apply(&mut self.snapshot, stamp, steps, self.space.indexing())?;
        self.space.feed.note(stamp, changed);
        self.space.identity.fault.intact().map_err(|error| error.to_string())?;
        if self.snapshot.state_sum != frame.state_sum {
            return Err(format!("the state after LSN {} is not what was committed", stamp.lsn));
        }
        self.log_bytes += frame.payload.len() as u64;
        while let Some(range) = self.snapshot.merge_due(i64::MIN, self.space.indexing()) {
            let before = self.snapshot.clone();
            // A cold chunk may be out of reach: it is merged later. Damage has quarantined the space by itself.
            let Ok(merged) = before.merged(range.clone()) else { break };
            self.snapshot.replace(range, merged, &before);
        }
        Ok(())
    }
}
