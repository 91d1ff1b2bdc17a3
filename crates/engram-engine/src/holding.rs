//! Holding a space as it stands, for whoever copies it while it goes on: its files stay until it is let go.

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, Weak};

use engram_store::{
    BlobFile, Bug, CommitTime, Frame, FsFile, Lsn, Manifest, ManifestSegment, SegmentHash,
    SpaceFrames, SpaceId, SpaceTip, read_all, segment_file_name,
};
use prost::Message;

use crate::catalog::Entry;
use crate::checkpoint::unavailable;
use crate::chunk_file::object_key;
use crate::datadir::{INDEX_DIR, io_failure};
use crate::engine::Engine;
use crate::error::{EngineError, LogFailure};
use crate::identity::DirectoryIdentity;
use crate::indexer::graph_file_name;
use crate::record::{KIND_SPACE_CREATED, KIND_SPACE_DELETED, SpaceRecord};
use crate::stored::{CheckpointRecord, ROLE_OBJECT};

/// A space as it stands. What its manifest names stays until this is dropped.
#[derive(Clone, Debug)]
pub struct HeldSpace {
    /// Identity in the log.
    pub id: SpaceId,
    /// Its name.
    pub name: String,
    /// What its files hold; none = all of it is in the log.
    pub manifest: Option<Arc<Manifest>>,
    /// Its last durable commit.
    pub tip: SpaceTip,
}

impl HeldSpace {
    /// The last commit that its files hold; 0 without any.
    pub fn covered(&self) -> Lsn {
        self.manifest.as_ref().map_or(Lsn(0), |manifest| manifest.lsn)
    }

    /// Hash of the graph that its files name.
    pub fn graph(&self) -> Option<[u8; 32]> {
        graph_of(self.manifest.as_ref()?)
    }
}

/// Hash of the graph that a manifest names.
pub(crate) fn graph_of(manifest: &Manifest) -> Option<[u8; 32]> {
    let record = CheckpointRecord::decode(manifest.payload.as_slice()).ok()?;
    record.graph_hash.as_slice().try_into().ok()
}

impl Engine {
    /// Who the data directory is. The first call writes it down.
    ///
    /// # Errors
    /// A failing disk.
    pub fn identity(&self) -> Result<DirectoryIdentity, EngineError> {
        let mut known = self.known_identity().lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(identity) = *known {
            return Ok(identity);
        }
        let identity = DirectoryIdentity::draw(self.entropy(), crate::identity::FIRST_TIMELINE);
        identity.write(self.fs(), self.data_dir())?;
        *known = Some(identity);
        Ok(identity)
    }

    /// Begins a timeline: what is archived from now on is on it. The log says so from the next start on.
    ///
    /// # Errors
    /// A failing disk.
    pub fn begin_timeline(&self, timeline: u32) -> Result<DirectoryIdentity, EngineError> {
        let known = self.identity()?;
        let begun = DirectoryIdentity { timeline, ..known };
        begun.write(self.fs(), self.data_dir())?;
        *self.known_identity().lock().unwrap_or_else(PoisonError::into_inner) = Some(begun);
        Ok(begun)
    }

    /// The timeline that commits are written on.
    pub(crate) fn timeline(&self) -> u32 {
        let known = self.known_identity().lock().unwrap_or_else(PoisonError::into_inner);
        known.map_or(crate::identity::FIRST_TIMELINE, |identity| identity.timeline)
    }

    /// Holds a space as it stands. One that is quarantined is refused: what is wrong must not take the place of what was right.
    ///
    /// # Errors
    /// [`EngineError::SpaceNotFound`]; a quarantined space.
    pub fn hold(&self, name: &str) -> Result<HeldSpace, EngineError> {
        let entry = self.catalog().find(name)?;
        entry.identity.fault.intact()?;
        let manifest = self.hold_manifest(&entry);
        let id = entry.identity.id;
        let gone = || EngineError::SpaceNotFound { name: name.to_owned() };
        let tip = self.log().tip(id).ok_or_else(gone)?;
        Ok(HeldSpace { id, name: name.to_owned(), manifest, tip })
    }

    fn hold_manifest(&self, entry: &Entry) -> Option<Arc<Manifest>> {
        // Whoever removes files replaces the manifest first and asks under this lock then.
        let mut holds = self.holds().lock().unwrap_or_else(PoisonError::into_inner);
        let manifest = entry.checkpoint()?;
        let own = holds.entry(entry.identity.id).or_default();
        own.retain(|held| held.strong_count() > 0);
        own.push(Arc::downgrade(&manifest));
        Some(manifest)
    }

    /// The files and objects of a space that somebody copies.
    pub(crate) fn held_files(&self, space: SpaceId) -> HashSet<SegmentHash> {
        let mut holds = self.holds().lock().unwrap_or_else(PoisonError::into_inner);
        let Some(own) = holds.get_mut(&space) else { return HashSet::new() };
        own.retain(|held| held.strong_count() > 0);
        let manifests: Vec<Arc<Manifest>> = own.iter().filter_map(Weak::upgrade).collect();
        if own.is_empty() {
            holds.remove(&space);
        }
        let files = manifests.iter().flat_map(|manifest| &manifest.segments);
        files.map(|file| file.segment.hash).collect()
    }

    /// All bytes of a file, or of an object, of a held space.
    ///
    /// # Errors
    /// A failing disk; a cold store that does not answer.
    pub fn held_bytes(
        &self,
        held: &HeldSpace,
        file: &ManifestSegment,
    ) -> Result<Vec<u8>, EngineError> {
        if file.role == ROLE_OBJECT {
            let key = object_key(held.id, &file.segment.hash);
            let blobs = self.blobs().ok_or_else(|| EngineError::ColdUnavailable {
                reason: "no cold store is configured".to_owned(),
            })?;
            let object = BlobFile::open(Arc::clone(blobs), &key).map_err(unavailable)?;
            let mut bytes = vec![0; file.segment.bytes as usize];
            let read = object.read_at(0, &mut bytes);
            let read = read.map_err(|error| EngineError::ColdUnavailable {
                reason: format!("{key}: {error}"),
            })?;
            bytes.truncate(read);
            return Ok(bytes);
        }
        let path = self.spaces_dir().join(segment_file_name(held.id, &file.segment.hash));
        read_all(self.fs(), &path).map_err(|error| io_failure(&path, &error))
    }

    /// The file of a graph; none where it is gone: whoever needs it builds it anew.
    ///
    /// # Errors
    /// A failing disk.
    pub fn held_graph(
        &self,
        space: SpaceId,
        hash: [u8; 32],
    ) -> Result<Option<Vec<u8>>, EngineError> {
        let path = self.graph_path(space, hash);
        match read_all(self.fs(), &path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            read => read.map(Some).map_err(|error| io_failure(&path, &error)),
        }
    }

    fn graph_path(&self, space: SpaceId, hash: [u8; 32]) -> PathBuf {
        self.data_dir().join(INDEX_DIR).join(graph_file_name(space, hash))
    }

    /// Every space that the log knows and its last durable commit, those that are gone too.
    pub fn log_tips(&self) -> Vec<(SpaceId, SpaceTip)> {
        self.log().tips()
    }

    /// The spaces that are there.
    pub fn space_ids(&self) -> Vec<SpaceId> {
        self.catalog().all().iter().map(|entry| entry.identity.id).collect()
    }

    /// Durable commits of all spaces, those that are gone too.
    pub fn commit_count(&self) -> u64 {
        self.log_tips().iter().map(|(_, tip)| tip.lsn.0).sum()
    }

    /// The durable commits of a space from one LSN on, as far as the log still has them.
    ///
    /// # Errors
    /// A failing disk; the items carry what is wrong with them.
    pub fn commits(&self, space: SpaceId, from: Lsn) -> Result<SpaceFrames<'_>, EngineError> {
        Ok(self.log().read_space(space, from)?)
    }

    /// Notes that an archive, one of those of the settings counted from 0, has the commits of a space up to one LSN: the log may let go of
    /// what files cover and all archives have.
    pub fn note_archived(&self, archive: u32, space: SpaceId, through: Lsn) {
        let free = self.releases().archive(archive, space, through);
        self.log().release(space, free);
    }

    /// Lets the log go of commits that files cover though an archive lacks them: that archive has a gap from here on.
    pub fn give_up_unarchived(&self, archive: u32) {
        let given_up = self.releases().give_up(archive);
        for (space, through) in given_up {
            self.log().release(space, through);
        }
    }

    /// Notes that the files of a space cover its commits up to one LSN: the log lets go of what all archives have of them.
    pub(crate) fn release(&self, space: SpaceId, through: Lsn) {
        let free = self.releases().cover(space, through);
        let free = if Bug::ReleasedUnarchived.is_on() { through } else { free };
        self.log().release(space, free);
    }

    /// What all spaces held at one moment: the last durable commit of each, and a time that no later commit is before. Nothing is published
    /// meanwhile.
    ///
    /// # Errors
    /// The log is poisoned.
    pub fn moment(&self) -> Result<(CommitTime, Vec<(SpaceId, SpaceTip)>), EngineError> {
        let _driver = self.driving()?;
        // Under this lock nobody gets a time.
        let queue = self.queue()?;
        let tips = self.log().tips();
        let now = CommitTime(self.now_ns());
        // What is queued has its time already.
        let queued = queue.earliest_time().map(|time| CommitTime(time.0.saturating_sub(1)));
        Ok((queued.map_or(now, |queued| now.min(queued)), tips))
    }
}

/// Name of the space that a commit brought into being; none where it did something else.
pub fn born_name(commit: &Frame) -> Option<String> {
    let is_birth = commit.kind == KIND_SPACE_CREATED;
    let record = is_birth.then(|| SpaceRecord::decode(commit.payload.as_slice()).ok());
    record.flatten().map(|record| record.name)
}

/// Whether a commit deleted its space.
pub fn deletes_space(commit: &Frame) -> bool {
    commit.kind == KIND_SPACE_DELETED
}

/// What a file that cannot be understood means to a caller.
pub(crate) fn corrupt(what: String) -> EngineError {
    EngineError::Log(LogFailure::Corrupt(what))
}
