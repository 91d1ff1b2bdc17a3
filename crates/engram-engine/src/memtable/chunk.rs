//! Documents and the immutable chunks that hold most of them.

use std::sync::Arc;

use engram_index::{
    FlatVectors, FlatWriter, Postings, PostingsPart, PostingsWriter, QuantisedVectors, Terms,
    TextField,
};

use super::columns::Columns;
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

/// Many documents in log order with their indexes; a document is named by its place, the local ordinal.
#[derive(Debug)]
pub(crate) struct Chunk {
    memories: Vec<Arc<Memory>>,
    /// Node of each document, ascending.
    nodes: Vec<u32>,
    /// Hash of the id and local ordinal, sorted.
    by_id: Vec<(u64, u32)>,
    /// Start of the content hash and local ordinal, sorted.
    by_content: Vec<(u64, u32)>,
    pub(crate) postings: Postings,
    pub(crate) vectors: FlatVectors,
    /// The same vectors quantised, to sift them before they are compared.
    pub(crate) codes: QuantisedVectors,
    /// Most vectors of one document.
    pub(crate) vectors_per_doc_max: usize,
    pub(crate) columns: Columns,
}

impl Chunk {
    /// Indexes `docs` with their nodes, which stand in log order.
    pub(crate) fn build(docs: &[(Arc<Doc>, u32)], dimension: u32) -> Chunk {
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
        let nodes = docs.iter().map(|(_, node)| *node).collect();
        let columns = Columns::build(&memories);
        Chunk::assemble((memories, nodes), postings.finish(), vectors.finish(), columns)
    }

    /// One chunk in the place of neighbours `parts`, without the documents that `keep` refuses.
    pub(crate) fn merge(parts: &[&Chunk], keep: &dyn Fn(usize, u32) -> bool) -> Chunk {
        let (mut memories, mut nodes) = (Vec::new(), Vec::new());
        let mut locals: Vec<Vec<Option<u32>>> = Vec::with_capacity(parts.len());
        for (index, part) in parts.iter().enumerate() {
            let mut map = Vec::with_capacity(part.memories.len());
            for (local, memory) in (0_u32..).zip(&part.memories) {
                let kept = keep(index, local);
                map.push(kept.then_some(memories.len() as u32));
                if kept {
                    memories.push(Arc::clone(memory));
                    nodes.push(part.nodes[local as usize]);
                }
            }
            locals.push(map);
        }
        let dimension = parts.first().map_or(1, |part| part.vectors.dimension());
        let mut vectors = FlatWriter::new(dimension);
        for (part, map) in parts.iter().zip(&locals) {
            for index in 0..part.vectors.len() {
                if let Some(local) = map[part.vectors.owner(index) as usize] {
                    vectors.push(local, part.vectors.vector(index));
                }
            }
        }
        let remaps: Vec<_> =
            locals.iter().map(|map| move |local: u32| map[local as usize]).collect();
        let columns: Vec<_> = parts
            .iter()
            .zip(&remaps)
            .map(|(part, remap)| (&part.columns, remap as &dyn Fn(u32) -> Option<u32>))
            .collect();
        let columns = Columns::merge(&columns, memories.len() as u32);
        let sources: Vec<PostingsPart<'_>> = parts
            .iter()
            .zip(&remaps)
            .map(|(part, remap)| (part.postings.view(), remap as &dyn Fn(u32) -> Option<u32>))
            .collect();
        Chunk::assemble((memories, nodes), Postings::merge(&sources), vectors.finish(), columns)
    }

    fn assemble(
        (memories, nodes): (Vec<Arc<Memory>>, Vec<u32>),
        postings: Postings,
        vectors: FlatVectors,
        columns: Columns,
    ) -> Chunk {
        let sorted = |key: &dyn Fn(&Memory) -> u64| {
            let mut keys: Vec<(u64, u32)> =
                (0_u32..).zip(&memories).map(|(local, memory)| (key(memory), local)).collect();
            keys.sort_unstable();
            keys
        };
        let mut codes = QuantisedVectors::new(vectors.dimension());
        let (mut run, mut vectors_per_doc_max) = (0, 0);
        for index in 0..vectors.len() {
            codes.push(vectors.vector(index));
            let goes_on = index > 0 && vectors.owner(index) == vectors.owner(index - 1);
            run = if goes_on { run + 1 } else { 1 };
            vectors_per_doc_max = vectors_per_doc_max.max(run);
        }
        let by_id = sorted(&|memory| hash_of_id(&memory.id));
        let by_content = sorted(&|memory| start_of(&memory.content_hash));
        Chunk {
            by_id,
            by_content,
            memories,
            nodes,
            postings,
            vectors,
            codes,
            vectors_per_doc_max,
            columns,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.memories.len()
    }

    pub(crate) fn memory(&self, local: u32) -> &Arc<Memory> {
        &self.memories[local as usize]
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

    /// Local ordinals of the documents with this id, oldest first; all but the last are deleted ones.
    pub(crate) fn locals_of_id<'a>(&'a self, id: &'a str) -> impl Iterator<Item = u32> + 'a {
        equal_range(&self.by_id, hash_of_id(id)).filter(move |local| self.memory(*local).id == id)
    }

    /// Local ordinals of the documents with this content.
    pub(crate) fn locals_of_content(&self, hash: ContentHash) -> impl Iterator<Item = u32> + '_ {
        equal_range(&self.by_content, start_of(&hash))
            .filter(move |local| self.memory(*local).content_hash == hash)
    }

    /// The vectors of a document: they stand one after the other, as documents were added in order.
    pub(crate) fn vectors_of(&self, local: u32) -> impl Iterator<Item = &[f32]> {
        let first = self.first_vector(local);
        (first..self.vectors.len())
            .take_while(move |index| self.vectors.owner(*index) == local)
            .map(|index| self.vectors.vector(index))
    }

    fn first_vector(&self, local: u32) -> usize {
        let (mut low, mut high) = (0, self.vectors.len());
        while low < high {
            let middle = low + (high - low) / 2;
            if self.vectors.owner(middle) < local {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        low
    }

    /// Estimated bytes in RAM, memories apart.
    pub(crate) fn index_bytes(&self) -> u64 {
        let maps = (self.by_id.len() + self.by_content.len()) * size_of::<(u64, u32)>();
        let maps = maps + self.nodes.len() * size_of::<u32>();
        let vectors = self.vectors.heap_bytes() + self.codes.heap_bytes();
        let indexes = self.postings.heap_bytes() + vectors;
        (indexes + self.columns.heap_bytes() + maps) as u64
    }
}

fn equal_range(sorted: &[(u64, u32)], key: u64) -> impl Iterator<Item = u32> + '_ {
    let first = sorted.partition_point(|(other, _)| *other < key);
    sorted[first..].iter().take_while(move |(other, _)| *other == key).map(|(_, local)| *local)
}

/// FNV-1a, 64 bits; ids that collide are told apart by comparing them.
fn hash_of_id(id: &str) -> u64 {
    id.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

fn start_of(hash: &ContentHash) -> u64 {
    let mut start = [0; 8];
    start.copy_from_slice(&hash[..8]);
    u64::from_le_bytes(start)
}
