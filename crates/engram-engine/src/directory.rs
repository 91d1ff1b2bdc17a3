//! A data directory that is put together from copies of files and commits.
//!
//! Guarantee: until [`NewDirectory::finish`] the directory has no `FORMAT`, so nobody takes what is half there for all of it.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use engram_store::{
    BlobStore, Entropy, Fs, FsLock, LogOptions, LogRewrite, Manifest, ManifestSegment, SpaceId,
    SpaceTip, read_all, segment_file_name, write_atomically,
};

use crate::checkpoint::unavailable;
use crate::chunk_file::object_key;
use crate::datadir::{self, INDEX_DIR, SPACES_DIR, WAL_DIR, io_failure};
use crate::error::{EngineError, LogFailure};
use crate::holding::corrupt;
use crate::identity::DirectoryIdentity;
use crate::indexer::graph_file_name;
use crate::stored::ROLE_OBJECT;

/// A data directory in the making.
pub struct NewDirectory {
    fs: Arc<dyn Fs>,
    entropy: Arc<dyn Entropy>,
    blobs: Option<Arc<dyn BlobStore>>,
    dir: PathBuf,
    timeline: u32,
    _lock: Box<dyn FsLock>,
}

impl NewDirectory {
    /// Begins a directory at `dir`, where there is none or an empty one. What it writes later is on `timeline`. Objects go into
    /// `blobs`, the cold store that it will be opened with.
    ///
    /// # Errors
    /// There is something in it; a failing disk.
    pub fn create(
        fs: Arc<dyn Fs>,
        entropy: Arc<dyn Entropy>,
        blobs: Option<Arc<dyn BlobStore>>,
        dir: &Path,
        timeline: u32,
    ) -> Result<NewDirectory, EngineError> {
        fs.create_dir_all(dir).map_err(|error| io_failure(dir, &error))?;
        let names = fs.list(dir).map_err(|error| io_failure(dir, &error))?;
        let others = names.iter().filter(|name| *name != datadir::LOCK_FILE).count();
        if others > 0 {
            let text = format!("{}: the directory is not empty", dir.display());
            return Err(EngineError::Log(LogFailure::Io(text)));
        }
        let lock = datadir::lock_directory(&*fs, dir)?;
        for folder in [SPACES_DIR, INDEX_DIR] {
            let path = dir.join(folder);
            fs.create_dir_all(&path).map_err(|error| io_failure(&path, &error))?;
        }
        let dir = dir.to_path_buf();
        Ok(NewDirectory { fs, entropy, blobs, dir, timeline, _lock: lock })
    }

    /// Puts a file of a space, or an object of the cold store, in its place. Its hash is compared first.
    ///
    /// # Errors
    /// Other bytes than those that are meant; a failing disk; no cold store for an object, or one that does not answer.
    pub fn put_file(
        &self,
        space: SpaceId,
        file: &ManifestSegment,
        bytes: &[u8],
    ) -> Result<(), EngineError> {
        if *blake3::hash(bytes).as_bytes() != file.segment.hash {
            let name = segment_file_name(space, &file.segment.hash);
            return Err(corrupt(format!("{name}: its hash is not that of its name")));
        }
        if file.role == ROLE_OBJECT {
            let blobs = self.blobs.as_ref().ok_or_else(|| EngineError::ColdUnavailable {
                reason: "the backup holds cold memories, and no cold store is configured"
                    .to_owned(),
            })?;
            return blobs.put(&object_key(space, &file.segment.hash), bytes).map_err(unavailable);
        }
        let name = segment_file_name(space, &file.segment.hash);
        write_file(&*self.fs, &self.dir.join(SPACES_DIR).join(name), bytes)
    }

    /// Puts the file of a graph in its place. Its hash is compared first.
    ///
    /// # Errors
    /// As [`NewDirectory::put_file`].
    pub fn put_graph(
        &self,
        space: SpaceId,
        hash: [u8; 32],
        bytes: &[u8],
    ) -> Result<(), EngineError> {
        let name = graph_file_name(space, hash);
        if *blake3::hash(bytes).as_bytes() != hash {
            return Err(corrupt(format!("{name}: its hash is not that of its name")));
        }
        write_file(&*self.fs, &self.dir.join(INDEX_DIR).join(name), bytes)
    }

    /// Says what files a space consists of. They are all there by then.
    ///
    /// # Errors
    /// A failing disk.
    pub fn put_manifest(&self, manifest: &Manifest) -> Result<(), EngineError> {
        Ok(manifest.write(&*self.fs, &self.dir.join(SPACES_DIR))?)
    }

    /// Begins its log, in files of so many bytes, in which these spaces go on from where their files end.
    ///
    /// # Errors
    /// A failing disk; a length that log files cannot have.
    pub fn log(
        &self,
        starts: BTreeMap<SpaceId, SpaceTip>,
        segment_bytes: u64,
    ) -> Result<LogRewrite, EngineError> {
        let options = LogOptions { segment_bytes, epoch: self.timeline, ..LogOptions::default() };
        let (fs, dir) = (Arc::clone(&self.fs), self.dir.join(WAL_DIR));
        Ok(LogRewrite::create(fs, &dir, options, &*self.entropy, (1, starts))?)
    }

    /// Makes it a data directory: from here on it can be opened. The log was finished before.
    ///
    /// # Errors
    /// A failing disk.
    pub fn finish(self) -> Result<DirectoryIdentity, EngineError> {
        let identity = DirectoryIdentity::draw(&*self.entropy, self.timeline);
        identity.write(&*self.fs, &self.dir)?;
        datadir::mark(&*self.fs, &self.dir)?;
        Ok(identity)
    }
}

/// The bytes of a file, an object or a graph that an earlier directory has; none where it does not have it, or other bytes.
pub fn reusable(fs: &dyn Fs, dir: &Path, (space, hash): (SpaceId, [u8; 32])) -> Option<Vec<u8>> {
    let segment = dir.join(SPACES_DIR).join(segment_file_name(space, &hash));
    let graph = dir.join(INDEX_DIR).join(graph_file_name(space, hash));
    let read = |path: &Path| match read_all(fs, path) {
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        read => read.ok(),
    };
    let bytes = read(&segment).or_else(|| read(&graph))?;
    (*blake3::hash(&bytes).as_bytes() == hash).then_some(bytes)
}

/// Writes a file below a folder that is made where it is missing.
pub(crate) fn write_file(fs: &dyn Fs, path: &Path, bytes: &[u8]) -> Result<(), EngineError> {
    if let Some(dir) = path.parent() {
        fs.create_dir_all(dir).map_err(|error| io_failure(dir, &error))?;
    }
    write_atomically(fs, path, bytes).map_err(|error| io_failure(path, &error))
}
