//! Checkpoints: the state of a space in files, so that its log up to there is needed no more.
//!
//! Files are complete and synced before the manifest names them, and the manifest replaces the one before it in one step:
//! a crash leaves the old checkpoint or the new one. Only then are old files removed and frames released. Nothing of it
//! shows in an answer: chunks lie where they lie, and the state is that of one commit.

use std::collections::HashSet;
use std::sync::{Arc, PoisonError, Weak};

use engram_index::QuantisedVectors;
use engram_store::{
    BlobError, Bug, Manifest, ManifestSegment, SegmentHash, SegmentRef, segment_file_name,
};
use prost::Message;

use crate::catalog::Entry;
use crate::chunk_file;
use crate::datadir::io_failure;
use crate::engine::{Engine, panicked};
use crate::error::EngineError;
use crate::memtable::{ChunkView, Cold, ForgottenCommit, Resident, Snapshot};
use crate::purges::Purges;
use crate::queue::KeyUse;
use crate::record::SpaceRecord;
use crate::space::{Space, SpaceIdentity};
use crate::state_file;
use crate::stored::{CheckpointRecord, ROLE_CHUNK, ROLE_COLD, ROLE_OBJECT, ROLE_STATE};

/// What one checkpoint of a space covers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// The last commit in it.
    pub lsn: engram_store::Lsn,
    /// Memories written into segments.
    pub sealed_memories: u64,
    /// Bytes of files written.
    pub bytes_written: u64,
    /// Files removed that it no longer needs.
    pub files_removed: u64,
}

/// A state and all that goes with it.
struct Point {
    snapshot: Arc<Snapshot>,
    chain: [u8; 16],
    keys: Vec<KeyUse>,
    purges: Purges,
    log_bytes: u64,
}

impl Engine {
    /// Puts the state of a space into files; none when they have it already. Reads and writes go on.
    ///
    /// # Errors
    /// [`EngineError::SpaceNotFound`], a quarantined space, a full or failing disk: what was there before stays valid.
    pub fn checkpoint(&self, name: &str) -> Result<Option<Checkpoint>, EngineError> {
        let _maintainer = self.maintaining()?;
        let entry = self.catalog().find(name)?;
        let space = self.serving(name)?;
        self.checkpoint_space(&entry, &space)
    }

    /// The same. The caller is the one maintainer.
    pub(crate) fn checkpoint_space(
        &self,
        entry: &Entry,
        space: &Arc<Space>,
    ) -> Result<Option<Checkpoint>, EngineError> {
        space.intact()?;
        let Some(point) = self.point(entry, space)? else { return Ok(None) };
        let snapshot = &point.snapshot;
        let mut done = Checkpoint {
            lsn: snapshot.lsn,
            sealed_memories: 0,
            bytes_written: 0,
            files_removed: 0,
        };
        let mut segments = Vec::with_capacity(snapshot.chunks.len() + 1);
        for view in &snapshot.chunks {
            let mut name = |role, segment| segments.push(ManifestSegment { role, segment });
            match (&view.bodies.sealed, &view.bodies.cold) {
                (_, Some(cold)) => {
                    name(ROLE_COLD, cold.local_file);
                    name(ROLE_OBJECT, cold.object);
                }
                (Some(sealed), None) => name(ROLE_CHUNK, sealed.file),
                (None, None) => {
                    let file = self.seal(space, view)?;
                    done.sealed_memories += view.chunk.len() as u64;
                    done.bytes_written += file.bytes;
                    name(ROLE_CHUNK, file);
                }
            }
        }
        let state =
            state_file::write(&self.home(&space.identity), snapshot, (&point.keys, &point.purges))?;
        self.note_file(space, &state);
        done.bytes_written += state.bytes;
        segments.insert(0, ManifestSegment { role: ROLE_STATE, segment: state });
        space.intact()?;
        let manifest = Manifest {
            space: space.identity.id,
            number: entry.checkpoint().map_or(1, |before| before.number.saturating_add(1)),
            lsn: snapshot.lsn,
            committed_at: snapshot.committed_at,
            chain: point.chain,
            state_sum: snapshot.state_sum,
            segments,
            payload: record(&space.identity, (snapshot, &point.purges)).encode_to_vec(),
        };
        if Bug::ReleasedEarly.is_on() {
            self.log().release(space.identity.id, snapshot.lsn);
        }
        if Bug::ObjectRemovedEarly.is_on() {
            self.remove_unnamed_objects(space, &manifest);
        }
        manifest.write(self.fs(), self.spaces_dir())?;
        let manifest = Arc::new(manifest);
        entry.set_checkpoint(Arc::clone(&manifest));
        space.purges().settle(&point.purges, snapshot);
        space.settle_purges(&space.snapshot.load());
        // A deletion that came in between is noted by a later commit time, and found by the next checkpoint.
        self.settle_deleted(space, snapshot);
        space.settle_log_bytes(point.log_bytes);
        self.release(space.identity.id, snapshot.lsn);
        self.graphs_are_stale();
        done.files_removed = self.remove_unnamed(space, &manifest)?;
        Ok(Some(done))
    }

    /// The published state with what the log and the queue say of the same commit; none when the files have it already.
    fn point(&self, entry: &Entry, space: &Space) -> Result<Option<Point>, EngineError> {
        // While it is held, all that is durable is published.
        let _driver = self.driving()?;
        let queue = self.queue()?;
        let snapshot = space.snapshot.load_full();
        let last = entry.checkpoint();
        let purges = space.purges().clone();
        let has_all = |last: &Manifest| {
            last.lsn == snapshot.lsn && names_all(last, &snapshot) && !purges.any_unwritten()
        };
        if last.as_deref().is_some_and(has_all) {
            return Ok(None);
        }
        let chain = match self.log().tip(space.identity.id) {
            Some(tip) if tip.lsn == snapshot.lsn => tip.chain,
            // All of its frames were dropped: the files have the last one.
            _ => last.map_or([0; 16], |manifest| manifest.chain),
        };
        let overlay = queue.overlays.get(&space.identity.id);
        Ok(Some(Point {
            keys: overlay.map(|overlay| overlay.keys_through(snapshot.lsn)).unwrap_or_default(),
            log_bytes: space.log_bytes(),
            purges,
            snapshot,
            chain,
        }))
    }

    /// Notes what of deletions is left in the files of a checkpoint, and in the log behind it.
    fn settle_deleted(&self, space: &Space, snapshot: &Snapshot) {
        let Ok(_driver) = self.driving() else { return };
        let now = space.snapshot.load();
        space.identity.settle_deleted(deleted_since(snapshot));
        // The state has moved on: what came since may be a deletion.
        if now.lsn != snapshot.lsn {
            space.identity.note_deleted(snapshot.committed_at.0);
        }
    }

    /// Writes a chunk down and lets the published state know where.
    pub(crate) fn seal(&self, space: &Space, view: &ChunkView) -> Result<SegmentRef, EngineError> {
        let home = self.home(&space.identity);
        let bodies = self.bodies(space, view)?;
        let codes = self.codes(space, view)?;
        let file = chunk_file::seal(&home, (&view.chunk, &codes, &bodies))?;
        self.note_file(space, &file);
        let mut sealed = chunk_file::open_sealed(&home, &file)?;
        debug_assert_eq!(sealed.ends, *bodies.records.ends(), "what was written is read");
        sealed.ends = Arc::clone(bodies.records.ends());
        let sealed = Arc::new(sealed);
        space.change_views(|other| {
            if Arc::ptr_eq(&other.chunk, &view.chunk) {
                other.bodies.sealed = Some(Arc::clone(&sealed));
            }
        })?;
        Ok(file)
    }

    /// The bodies of a chunk in RAM.
    pub(crate) fn bodies(
        &self,
        space: &Space,
        view: &ChunkView,
    ) -> Result<Arc<Resident>, EngineError> {
        view.load_bodies().map_err(|reason| {
            let unavailable = EngineError::ColdUnavailable { reason };
            space.intact().err().unwrap_or(unavailable)
        })
    }

    /// The quantised vectors of a chunk in RAM.
    pub(crate) fn codes(
        &self,
        space: &Space,
        view: &ChunkView,
    ) -> Result<Arc<QuantisedVectors>, EngineError> {
        view.codes().ok_or_else(|| space.intact().err().unwrap_or_else(panicked))
    }

    pub(crate) fn note_file(&self, space: &Space, file: &SegmentRef) {
        space.files.lock().unwrap_or_else(PoisonError::into_inner).insert(file.hash);
    }

    /// Whether a space has files, or objects, that its manifest does not name.
    pub(crate) fn leftovers(&self, space: &Space, manifest: &Manifest) -> (bool, bool) {
        let (local, cold) = (named(manifest, is_local), named(manifest, is_object));
        let files = space.files.lock().unwrap_or_else(PoisonError::into_inner);
        let objects = space.objects.lock().unwrap_or_else(PoisonError::into_inner);
        (
            files.iter().any(|hash| !local.contains(hash)),
            objects.keys().any(|hash| !cold.contains(hash)),
        )
    }

    /// Removes the files of a space that its manifest does not name.
    fn remove_unnamed(&self, space: &Space, manifest: &Manifest) -> Result<u64, EngineError> {
        let mut stay = named(manifest, is_local);
        stay.extend(self.held_files(space.identity.id));
        let mut files = space.files.lock().unwrap_or_else(PoisonError::into_inner);
        let unnamed: Vec<SegmentHash> =
            files.iter().filter(|hash| !stay.contains(*hash)).copied().collect();
        for hash in &unnamed {
            let name = segment_file_name(space.identity.id, hash);
            self.remove_file(&name)?;
            files.remove(hash);
        }
        drop(files);
        self.remove_unnamed_objects(space, manifest);
        Ok(unnamed.len() as u64)
    }

    /// The same of objects. One that cannot be removed now costs room, and is tried again.
    fn remove_unnamed_objects(&self, space: &Space, manifest: &Manifest) {
        let mut cold = named(manifest, is_object);
        cold.extend(self.held_files(space.identity.id));
        let mut objects = space.objects.lock().unwrap_or_else(PoisonError::into_inner);
        // Who holds an older state may still read an object: it goes with a later checkpoint.
        let is_gone = |(hash, reader): &(&SegmentHash, &Weak<Cold>)| {
            !cold.contains(*hash) && reader.strong_count() == 0
        };
        let gone: Vec<SegmentHash> =
            objects.iter().filter(is_gone).map(|(hash, _)| *hash).collect();
        let Some(blobs) = self.blobs() else { return };
        for hash in &gone {
            if blobs.delete(&chunk_file::object_key(space.identity.id, hash)).is_ok() {
                objects.remove(hash);
            }
        }
    }

    /// Removes a file of the folder of spaces, if it is there.
    pub(crate) fn remove_file(&self, name: &str) -> Result<(), EngineError> {
        let path = self.spaces_dir().join(name);
        match self.fs().remove(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(io_failure(&path, &error))
            }
            _ => Ok(()),
        }
    }
}

/// What an error of the cold store means to a caller.
pub(crate) fn unavailable(error: BlobError) -> EngineError {
    EngineError::ColdUnavailable { reason: error.to_string() }
}

fn is_object(role: u8) -> bool {
    role == ROLE_OBJECT
}

fn is_local(role: u8) -> bool {
    !is_object(role)
}

/// The files of some roles that a manifest names.
fn named(manifest: &Manifest, wanted: impl Fn(u8) -> bool) -> HashSet<SegmentHash> {
    let files = manifest.segments.iter().filter(|file| wanted(file.role));
    files.map(|file| file.segment.hash).collect()
}

/// Whether the files of a manifest are those of this state's chunks, all in their last form.
fn names_all(manifest: &Manifest, snapshot: &Snapshot) -> bool {
    let chunks =
        manifest.segments.iter().filter(|file| file.role == ROLE_CHUNK || file.role == ROLE_COLD);
    let local = |view: &ChunkView| {
        let sealed = view.bodies.sealed.as_ref().map(|sealed| sealed.file.hash);
        view.bodies.cold.as_ref().map_or(sealed, |cold| Some(cold.local_file.hash))
    };
    chunks.map(|file| Some(file.segment.hash)).eq(snapshot.chunks.iter().map(local))
}

fn deleted_since(snapshot: &Snapshot) -> Option<i64> {
    snapshot.chunks.iter().filter_map(|view| view.fate.deleted_since).min()
}

fn record(identity: &SpaceIdentity, (snapshot, purges): (&Snapshot, &Purges)) -> CheckpointRecord {
    let all = snapshot.forgotten.all().iter();
    let left: Vec<&ForgottenCommit> =
        all.filter(|commit| purges.seen(commit.lsn).is_none()).collect();
    let figures = &snapshot.figures;
    CheckpointRecord {
        space: Some(SpaceRecord::new(&identity.name, &identity.settings)),
        created_at: identity.created_at.0,
        next_node: snapshot.next_node,
        linked: snapshot.associations.linked,
        graph_hash: snapshot.graph_hash.map(|hash| hash.to_vec()).unwrap_or_default(),
        active: figures.active,
        suppressed: figures.suppressed,
        vectors: figures.vectors,
        terms: figures.terms,
        deleted_since: deleted_since(snapshot),
        unpurged: left.last().map_or(0, |commit| commit.lsn.0),
        unpurged_since: left.first().map_or(0, |commit| commit.at.0),
    }
}
