//! Documents and the immutable chunks that hold most of them.
//!
//! A chunk is its indexes, which stay in RAM while the space is open; the memories and their full vectors, its bodies, are
//! kept apart, for they may stay in a file.

use std::sync::{Arc, OnceLock};

use arc_swap::ArcSwapOption;
use engram_index::{
    Bitmap, FlatWriter, Postings, PostingsPart, PostingsWriter, QuantisedVectors, Terms, TextField,
};

use super::columns::Columns;
use super::heat::Heat;
use super::records::RecordsWriter;
use super::resident::Resident;
use crate::model::{ContentHash, Memory};

/// A memory with all that its indexes need.
#[derive(Debug)]
pub(crate) struct Doc {
    pub(crate) memory: Arc<Memory>,
    pub(crate) words: Words,
    /// Unit vectors.
    pub(crate) vectors: Vec<Vec<f32>>,
}

/// The searchable words of one document.
#[derive(Debug)]
pub(crate) struct Words {
    /// Analysed terms in order of the text.
    pub(crate) terms: Terms,
    /// The same as postings of this one document, so that it is scored by the code that scores chunks.
    pub(crate) postings: Postings,
}

impl Words {
    pub(crate) fn new(terms: Terms) -> Words {
        let mut postings = PostingsWriter::new();
        postings.add(0, &[TextField::new(&terms)]);
        Words { postings: postings.finish(), terms }
    }
}

/// The indexes of many documents in log order; a document is named by its place, the local ordinal.
#[derive(Debug)]
pub(crate) struct Chunk {
    /// Node of each document, ascending.
    pub(crate) nodes: Vec<u32>,
    pub(crate) by_id: Hashes,
    pub(crate) by_content: Hashes,
    pub(crate) postings: Postings,
    /// The document of each vector, ascending.
    pub(crate) owners: Vec<u32>,
    /// The vectors quantised, to sift them before they are compared; none while nobody needs them, and a file has them.
    pub(super) codes: ArcSwapOption<QuantisedVectors>,
    pub(super) dimension: usize,
    /// Most vectors of one document.
    pub(crate) vectors_per_doc_max: usize,
    pub(crate) columns: Columns,
    /// Documents that do not fade as their space says, from when they happened; found when somebody first asks.
    pub(super) own_fading: OnceLock<Bitmap>,
    /// How much its memories are used.
    pub(crate) heat: Heat,
}

/// What a chunk is read from.
pub(crate) struct ChunkParts {
    pub(crate) nodes: Vec<u32>,
    pub(crate) by_id: Hashes,
    pub(crate) by_content: Hashes,
    pub(crate) postings: Postings,
    pub(crate) owners: Vec<u32>,
    /// None = they stay in the file.
    pub(crate) codes: Option<QuantisedVectors>,
    pub(crate) columns: Columns,
}

/// What a chunk is made of but its vectors.
struct Indexes {
    nodes: Vec<u32>,
    by_id: Hashes,
    by_content: Hashes,
    postings: Postings,
    columns: Columns,
}

/// A chunk on its way to be put into a snapshot.
pub(crate) struct Built {
    pub(crate) chunk: Chunk,
    pub(crate) bodies: Resident,
}

/// Documents by 32 bits of a hash, sorted. Equal hashes are told apart by reading the memories.
#[derive(Debug, Default)]
pub(crate) struct Hashes {
    pub(crate) hashes: Vec<u32>,
    pub(crate) locals: Vec<u32>,
}

impl Hashes {
    fn new(mut entries: Vec<(u32, u32)>) -> Hashes {
        entries.sort_unstable();
        let (hashes, locals) = entries.into_iter().unzip();
        Hashes { hashes, locals }
    }

    fn of(memories: &[Arc<Memory>], key: impl Fn(&Memory) -> u32) -> Hashes {
        Hashes::new((0_u32..).zip(memories).map(|(local, memory)| (key(memory), local)).collect())
    }

    /// Those of parts, each with the new places of its documents.
    fn merge<'a>(parts: impl Iterator<Item = (&'a Hashes, &'a [Option<u32>])>) -> Hashes {
        let kept = parts.flat_map(|(part, places)| {
            let entries = part.hashes.iter().zip(&part.locals);
            entries.filter_map(|(hash, local)| Some((*hash, places[*local as usize]?)))
        });
        Hashes::new(kept.collect())
    }

    /// Documents that may have this hash, ascending.
    fn equal(&self, hash: u32) -> &[u32] {
        let first = self.hashes.partition_point(|other| *other < hash);
        let count = self.hashes[first..].iter().take_while(|other| **other == hash).count();
        &self.locals[first..first + count]
    }
}

impl Chunk {
    /// Indexes `docs` with their nodes, which stand in log order. `supersede_key` is the field of the metadata that names what a
    /// memory states.
    pub(crate) fn build(docs: &[(Arc<Doc>, u32)], dimension: u32, supersede_key: &str) -> Built {
        let mut postings = PostingsWriter::new();
        let mut vectors = FlatWriter::new(dimension as usize);
        for (local, (doc, _)) in (0_u32..).zip(docs) {
            postings.add(local, &[TextField::new(&doc.words.terms)]);
            for vector in &doc.vectors {
                vectors.push(local, vector);
            }
        }
        let memories: Vec<Arc<Memory>> =
            docs.iter().map(|(doc, _)| Arc::clone(&doc.memory)).collect();
        let mut records = RecordsWriter::default();
        memories.iter().for_each(|memory| records.push_memory(memory));
        let indexes = Indexes {
            nodes: docs.iter().map(|(_, node)| *node).collect(),
            by_id: Hashes::of(&memories, |memory| hash_of_id(&memory.id)),
            by_content: Hashes::of(&memories, |memory| start_of(&memory.content_hash)),
            postings: postings.finish(),
            columns: Columns::build(&memories, supersede_key),
        };
        let bodies = Resident { records: records.finish(), vectors: vectors.finish() };
        Chunk::assemble(indexes, bodies)
    }

    /// One chunk in the place of neighbours `parts`, without the documents that `keep` refuses.
    pub(crate) fn merge(parts: &[(&Chunk, &Resident)], keep: &dyn Fn(usize, u32) -> bool) -> Built {
        let bytes = parts.iter().map(|(_, bodies)| bodies.records.bytes().len()).sum();
        let (mut records, mut nodes) = (RecordsWriter::with_capacity(bytes), Vec::new());
        let mut locals: Vec<Vec<Option<u32>>> = Vec::with_capacity(parts.len());
        for (index, (part, bodies)) in parts.iter().enumerate() {
            let mut map = Vec::with_capacity(part.len());
            for (local, node) in (0_u32..).zip(&part.nodes) {
                let kept = keep(index, local);
                map.push(kept.then_some(nodes.len() as u32));
                if kept {
                    records.push(&bodies.records, local as usize);
                    nodes.push(*node);
                }
            }
            locals.push(map);
        }
        let dimension = parts.first().map_or(1, |(part, _)| part.dimension);
        let mut vectors = FlatWriter::new(dimension);
        for ((_, bodies), map) in parts.iter().zip(&locals) {
            for index in 0..bodies.vectors.len() {
                if let Some(local) = map[bodies.vectors.owner(index) as usize] {
                    vectors.push(local, bodies.vectors.vector(index));
                }
            }
        }
        let remaps: Vec<_> =
            locals.iter().map(|map| move |local: u32| map[local as usize]).collect();
        let columns: Vec<_> = parts
            .iter()
            .zip(&remaps)
            .map(|((part, _), remap)| (&part.columns, remap as &dyn Fn(u32) -> Option<u32>))
            .collect();
        let sources: Vec<PostingsPart<'_>> = parts
            .iter()
            .zip(&remaps)
            .map(|((part, _), remap)| (part.postings.view(), remap as &dyn Fn(u32) -> Option<u32>))
            .collect();
        let hashes = |of: fn(&Chunk) -> &Hashes| {
            Hashes::merge(
                parts.iter().map(|(part, _)| of(part)).zip(locals.iter().map(Vec::as_slice)),
            )
        };
        let indexes = Indexes {
            by_id: hashes(|part| &part.by_id),
            by_content: hashes(|part| &part.by_content),
            postings: Postings::merge(&sources),
            columns: Columns::merge(&columns, nodes.len() as u32),
            nodes,
        };
        let bodies = Resident { records: records.finish(), vectors: vectors.finish() };
        Chunk::assemble(indexes, bodies)
    }

    fn assemble(indexes: Indexes, bodies: Resident) -> Built {
        let vectors = &bodies.vectors;
        let mut codes = QuantisedVectors::with_capacity(vectors.dimension(), vectors.len());
        for index in 0..vectors.len() {
            codes.push(vectors.vector(index));
        }
        let Indexes { nodes, by_id, by_content, postings, columns } = indexes;
        let owners = vectors.owners().to_vec();
        let codes = Some(codes);
        let parts = ChunkParts { nodes, by_id, by_content, postings, owners, codes, columns };
        Built { chunk: Chunk::from_parts(parts, vectors.dimension()), bodies }
    }

    /// A chunk of parts that belong together.
    pub(crate) fn from_parts(parts: ChunkParts, dimension: usize) -> Chunk {
        let ChunkParts { nodes, by_id, by_content, postings, owners, codes, columns } = parts;
        let vectors_per_doc_max = owners.chunk_by(|a, b| a == b).map(<[u32]>::len).max();
        Chunk {
            vectors_per_doc_max: vectors_per_doc_max.unwrap_or(0),
            nodes,
            by_id,
            by_content,
            postings,
            owners,
            codes: ArcSwapOption::from(codes.map(Arc::new)),
            dimension,
            columns,
            own_fading: OnceLock::new(),
            heat: Heat::default(),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Components of a vector.
    pub(crate) fn dimension(&self) -> usize {
        self.dimension
    }

    /// Node of a document.
    pub(crate) fn node(&self, local: u32) -> u32 {
        self.nodes[local as usize]
    }

    /// First and last node; none without documents.
    pub(crate) fn node_range(&self) -> Option<(u32, u32)> {
        Some((*self.nodes.first()?, *self.nodes.last()?))
    }

    /// First document whose node is not below `node`.
    pub(crate) fn first_local(&self, node: u32) -> u32 {
        self.nodes.partition_point(|other| *other < node) as u32
    }

    /// The document of a node.
    pub(crate) fn local_of_node(&self, node: u32) -> Option<u32> {
        self.nodes.binary_search(&node).ok().map(|local| local as u32)
    }

    /// Documents that may have this id, oldest first.
    pub(super) fn perhaps_of_id(&self, id: &str) -> &[u32] {
        self.by_id.equal(hash_of_id(id))
    }

    /// Documents that may have this content, oldest first.
    pub(super) fn perhaps_of_content(&self, hash: &ContentHash) -> &[u32] {
        self.by_content.equal(start_of(hash))
    }

    /// Number of vectors.
    pub(crate) fn vector_count(&self) -> usize {
        self.owners.len()
    }

    /// The document of a vector.
    pub(crate) fn owner(&self, vector: u32) -> u32 {
        self.owners[vector as usize]
    }

    /// The vectors of a document: they stand one after the other, as documents were added in order.
    pub(crate) fn vectors_of(&self, local: u32) -> std::ops::Range<u32> {
        let first = self.owners_before(local);
        let own = self.owners[first as usize..].iter().take_while(|owner| **owner == local);
        first..first + own.count() as u32
    }

    /// First vector whose document is not before `local`.
    pub(crate) fn owners_before(&self, local: u32) -> u32 {
        self.owners.partition_point(|owner| *owner < local) as u32
    }

    /// Estimated bytes in RAM.
    pub(crate) fn heap_bytes(&self) -> u64 {
        let hashes = 2 * (self.by_id.hashes.len() + self.by_content.hashes.len());
        let numbers = (hashes + self.nodes.len() + self.owners.len()) * size_of::<u32>();
        let codes = self.codes.load().as_ref().map_or(0, |codes| codes.heap_bytes());
        let indexes = self.postings.heap_bytes() + codes;
        (indexes + self.columns.heap_bytes() + numbers) as u64
    }
}

/// FNV-1a of 64 bits, folded to 32.
fn hash_of_id(id: &str) -> u32 {
    let hash = id.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    (hash ^ (hash >> 32)) as u32
}

fn start_of(hash: &ContentHash) -> u32 {
    u32::from_le_bytes([hash[0], hash[1], hash[2], hash[3]])
}
