//! State of the building of graphs in one space, and the files of graphs.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use engram_index::HnswBuilder;
use engram_store::{Fs, SpaceId, read_all};

use crate::datadir::{INDEX_DIR, io_failure};
use crate::error::EngineError;
use crate::memtable::{GraphHash, Proximity, Snapshot};

/// Bytes of a space's UUID in the name of a file.
const SPACE_NAME_BYTES: usize = 36;
/// Bytes of a graph's hash in the name of its file.
const NAME_HASH_BYTES: usize = 16;

#[derive(Default)]
pub(crate) struct Indexer {
    /// A commit that puts a graph into use is queued.
    pub(crate) pending: Arc<AtomicBool>,
    pub(crate) building: Option<Building>,
    /// A graph in its file that waits for a place in the queue: whoever built it for minutes does not build it again.
    pub(crate) written: Option<Arc<Proximity>>,
}

impl Indexer {
    /// Whether work would be lost if it were dropped now.
    pub(crate) fn is_at_work(&self) -> bool {
        self.building.is_some() || self.written.is_some()
    }

    /// Whether a graph is on its way into use that no snapshot names yet.
    pub(crate) fn holds_a_file(&self) -> bool {
        self.written.is_some() || self.pending.load(Ordering::Acquire)
    }
}

/// A graph on its way.
pub(crate) struct Building {
    pub(crate) builder: HnswBuilder,
    pub(crate) owners: Vec<u32>,
    pub(crate) through: u32,
}

/// Name of the file of a graph.
pub(crate) fn graph_file_name(space: SpaceId, hash: GraphHash) -> String {
    let hex: String = hash[..NAME_HASH_BYTES].iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{space}-{hex}.graph")
}

/// Loads the graph that a space's log names last. Where its file is missing or damaged the space does without, until it
/// is built anew.
///
/// # Errors
/// The file cannot be read now.
pub(crate) fn load_graph(
    fs: &dyn Fs,
    data_dir: &Path,
    (space, dimension): (SpaceId, u32),
    snapshot: &mut Snapshot,
) -> Result<(), EngineError> {
    let Some(hash) = snapshot.graph_hash else { return Ok(()) };
    let path = data_dir.join(INDEX_DIR).join(graph_file_name(space, hash));
    let graph = match read_all(fs, &path) {
        Ok(bytes) => Proximity::open(&bytes, hash).ok(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
        Err(error) => return Err(io_failure(&path, &error)),
    };
    match graph.filter(|graph| graph.hnsw.dimension() == dimension as usize) {
        Some(graph) => snapshot.use_graph(Arc::new(graph)),
        // What is not what was written is of no use to anybody: the file is removed.
        None => snapshot.graph_hash = None,
    }
    Ok(())
}

/// Removes the graph files that do not stay; asked with the space and the name of each. Unfinished ones never stay.
pub(crate) fn remove_graphs(
    fs: &dyn Fs,
    data_dir: &Path,
    stays: &dyn Fn(&str, &str) -> bool,
) -> Result<(), EngineError> {
    let dir = data_dir.join(INDEX_DIR);
    let names = match fs.list(&dir) {
        Ok(names) => names,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(io_failure(&dir, &error)),
    };
    let graphs =
        names.iter().filter(|name| name.ends_with(".graph") || name.ends_with(".graph.tmp"));
    let stays = |name: &str| {
        let space = name.split_at_checked(SPACE_NAME_BYTES).map_or("", |(space, _)| space);
        name.ends_with(".graph") && stays(space, name)
    };
    for name in graphs.filter(|name| !stays(name)) {
        let path = dir.join(name);
        fs.remove(&path).map_err(|error| io_failure(&path, &error))?;
    }
    Ok(())
}
