//! The proximity graph of a space's vectors, and the file that it is kept in.
//!
//! The graph covers the vectors of the memories below a node; what came later is compared exactly. Its bytes are derived
//! from the log but not rebuilt from it: the log names them by their hash, and without an intact file the space answers by
//! exact scans until a new graph is built. The layout is in `docs/internals/file-format.md`.

use std::fmt;
use std::sync::Arc;

use engram_index::{AlignedBytes, Bitmap, Hnsw};

use crate::model::State;

/// BLAKE3 of the bytes of a graph file.
pub(crate) type GraphHash = [u8; 32];

const MAGIC: &[u8; 8] = b"ENGRAMVG";
const VERSION: u32 = 1;
const HEADER_BYTES: usize = 64;

/// A graph with what its vectors belong to. Immutable.
pub(crate) struct Proximity {
    pub(crate) hnsw: Hnsw,
    /// The node of the memory that each vector belongs to, ascending.
    pub(crate) owners: Vec<u32>,
    /// The vectors of all memories with smaller nodes are in it, as far as they lived when it was built.
    pub(crate) through: u32,
    pub(crate) hash: GraphHash,
}

impl fmt::Debug for Proximity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Proximity({} vectors through node {})", self.owners.len(), self.through)
    }
}

impl Proximity {
    /// A graph whose vector `i` belongs to `owners[i]`.
    pub(crate) fn new(hnsw: Hnsw, owners: Vec<u32>, through: u32) -> Proximity {
        let mut graph = Proximity { hnsw, owners, through, hash: [0; 32] };
        graph.hash = *blake3::hash(&graph.to_bytes()).as_bytes();
        graph
    }

    /// The content of its file.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let graph = self.hnsw.bytes();
        let mut bytes = Vec::with_capacity(HEADER_BYTES + graph.len() + self.owners.len() * 4);
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(&VERSION.to_le_bytes());
        bytes.extend_from_slice(&self.through.to_le_bytes());
        bytes.extend_from_slice(&(graph.len() as u64).to_le_bytes());
        bytes.resize(HEADER_BYTES, 0);
        bytes.extend_from_slice(graph);
        bytes.extend(self.owners.iter().flat_map(|owner| owner.to_le_bytes()));
        bytes
    }

    /// The graph of a file.
    ///
    /// # Errors
    /// What is wrong with the bytes; also when they are not those that `hash` names.
    pub(crate) fn open(bytes: &[u8], hash: GraphHash) -> Result<Proximity, String> {
        if *blake3::hash(bytes).as_bytes() != hash {
            return Err("its bytes are not what was written".to_owned());
        }
        let header = bytes.first_chunk::<HEADER_BYTES>().ok_or("it has no header")?;
        if &header[..8] != MAGIC || u32_at(header, 8) != VERSION {
            return Err("it has another format".to_owned());
        }
        let graph_len = u64::from(u32_at(header, 16)) | u64::from(u32_at(header, 20)) << 32;
        let body = &bytes[HEADER_BYTES..];
        let (graph, owners) = usize::try_from(graph_len)
            .ok()
            .and_then(|at| body.split_at_checked(at))
            .ok_or("it is too short")?;
        let hnsw = Hnsw::open(AlignedBytes::copy_of(graph)).map_err(|error| error.to_string())?;
        let owners: Vec<u32> = owners.chunks_exact(4).map(|owner| u32_at(owner, 0)).collect();
        let through = u32_at(header, 12);
        if owners.len() != hnsw.len() || !owners.is_sorted() {
            return Err("its vectors have no owners".to_owned());
        }
        if owners.last().is_some_and(|last| *last >= through) {
            return Err("it covers less than it holds".to_owned());
        }
        Ok(Proximity { hnsw, owners, through, hash })
    }

    /// Bytes held on the heap.
    pub(crate) fn heap_bytes(&self) -> usize {
        self.hnsw.bytes().len() + self.owners.capacity() * size_of::<u32>()
    }
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

/// A graph in use, with the vectors of it that must not be found.
#[derive(Clone, Debug)]
pub(crate) struct ProximityView {
    pub(crate) graph: Arc<Proximity>,
    /// Vectors whose memories are deleted or suppressed.
    pub(crate) hidden: Arc<Bitmap>,
}

impl ProximityView {
    /// Follows a change of a memory; none = it is deleted.
    pub(crate) fn change(&mut self, node: u32, state: Option<State>) {
        let owners = &self.graph.owners;
        let first = owners.partition_point(|owner| *owner < node);
        let own = owners[first..].iter().take_while(|owner| **owner == node).count();
        for vector in first..first + own {
            let hidden = Arc::make_mut(&mut self.hidden);
            if state == Some(State::Active) {
                hidden.remove(vector as u32);
            } else {
                hidden.insert(vector as u32);
            }
        }
    }
}
