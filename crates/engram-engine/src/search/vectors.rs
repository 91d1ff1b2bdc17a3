//! The vectors of a snapshot: which are nearest, and how near single ones are.

use engram_index::{Kernels, TopK};

use super::Scores;
use crate::answer::VectorSearch;
use crate::memtable::{DocRef, Snapshot};

/// What a search by vector found.
#[derive(Default)]
pub(crate) struct Nearest {
    /// Nodes with their cosines, best first.
    pub(crate) scores: Scores,
    pub(crate) scanned: u64,
    pub(crate) search: VectorSearch,
}

impl Snapshot {
    /// The documents that `accept` lets pass whose vectors are nearest, at most `count`.
    pub(crate) fn nearest(
        &self,
        vector: &[f32],
        count: usize,
        accept: &dyn Fn(DocRef) -> bool,
    ) -> Nearest {
        let mut best = TopK::new(count);
        let mut scanned = 0;
        for (index, view) in (0_u32..).zip(&self.chunks) {
            scanned += view.chunk.vectors.scan(
                vector,
                &mut |local| accept(DocRef::Chunk(index, local)),
                &mut |local, score| best.push(u64::from(view.chunk.node(local)), score),
            ) as u64;
        }
        for (index, tail) in (0_u32..).zip(&self.tail) {
            if accept(DocRef::Tail(index))
                && let Some(score) = self.cosine(DocRef::Tail(index), vector)
            {
                scanned += tail.doc.vectors.len() as u64;
                best.push(u64::from(tail.node), score);
            }
        }
        Nearest { scores: best.into_sorted(), scanned, search: VectorSearch::Exact }
    }

    /// Cosine of the nearest of a document's vectors; none where it has none.
    pub(crate) fn cosine(&self, at: DocRef, vector: &[f32]) -> Option<f32> {
        let dot = Kernels::best().dot_f32;
        match at {
            DocRef::Chunk(chunk, local) => {
                let own = self.chunks[chunk as usize].chunk.vectors_of(local);
                own.map(|own| dot(vector, own)).reduce(f32::max)
            }
            DocRef::Tail(index) => {
                let own = self.tail[index as usize].doc.vectors.iter();
                own.map(|own| dot(vector, own)).reduce(f32::max)
            }
        }
    }
}
