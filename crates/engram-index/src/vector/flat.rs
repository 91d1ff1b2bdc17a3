//! Exact search by scanning every vector: the truth that any faster index is measured against, and the fastest way
//! while a space is small.

use super::kernels::Kernels;
use crate::bytes::IndexDamage;

/// Collects vectors of one dimension; becomes a [`FlatVectors`].
#[derive(Debug)]
pub struct FlatWriter {
    vectors: FlatVectors,
}

impl FlatWriter {
    /// An empty collection of vectors with `dimension` components. Panics for dimension 0.
    pub fn new(dimension: usize) -> FlatWriter {
        assert!(dimension > 0, "a vector has at least one component");
        FlatWriter {
            vectors: FlatVectors { dimension, owners: Vec::new(), components: Vec::new() },
        }
    }

    /// Adds a vector of unit norm that belongs to `owner`. Push the vectors of one owner one after the other: the scan
    /// then reports the owner once, with its best score. Panics when the dimension differs.
    pub fn push(&mut self, owner: u32, vector: &[f32]) {
        assert_eq!(vector.len(), self.vectors.dimension, "vector of another dimension");
        self.vectors.owners.push(owner);
        self.vectors.components.extend_from_slice(vector);
    }

    /// Ends writing.
    pub fn finish(mut self) -> FlatVectors {
        self.vectors.owners.shrink_to_fit();
        self.vectors.components.shrink_to_fit();
        self.vectors
    }
}

/// Immutable unit vectors in order of insertion, each with the ordinal of its owner.
#[derive(Debug)]
pub struct FlatVectors {
    dimension: usize,
    owners: Vec<u32>,
    components: Vec<f32>,
}

impl FlatVectors {
    /// Vectors of `dimension` components one after the other, with the owner of each.
    ///
    /// # Errors
    /// There are not as many whole vectors as owners, a component is not finite, or the dimension is 0.
    pub fn open(
        dimension: usize,
        owners: Vec<u32>,
        components: Vec<f32>,
    ) -> Result<FlatVectors, IndexDamage> {
        if dimension == 0 || owners.len().checked_mul(dimension) != Some(components.len()) {
            return Err(IndexDamage("not as many vectors as owners"));
        }
        if !all_finite(&components) {
            return Err(IndexDamage("a component is not finite"));
        }
        Ok(FlatVectors { dimension, owners, components })
    }

    /// The owner of each vector.
    pub fn owners(&self) -> &[u32] {
        &self.owners
    }

    /// The components of all vectors, one vector after the other.
    pub fn components(&self) -> &[f32] {
        &self.components
    }

    /// Components per vector.
    pub fn dimension(&self) -> usize {
        self.dimension
    }

    /// Number of vectors.
    pub fn len(&self) -> usize {
        self.owners.len()
    }

    /// Whether there is no vector.
    pub fn is_empty(&self) -> bool {
        self.owners.is_empty()
    }

    /// Owner of vector `i`. Panics when `i` is not below [`FlatVectors::len`].
    pub fn owner(&self, i: usize) -> u32 {
        self.owners[i]
    }

    /// Vector `i`. Panics when `i` is not below [`FlatVectors::len`].
    pub fn vector(&self, i: usize) -> &[f32] {
        &self.components[i * self.dimension..(i + 1) * self.dimension]
    }

    /// Calls `hit` for every owner that `accept` lets pass, in order of insertion, with the dot product of `query` and
    /// its vector. Of consecutive vectors of one owner only the best score is reported, and `accept` is asked once. A
    /// score that is NaN (the query was not finite) is not reported. Returns the number of vectors compared. Panics when
    /// the dimension differs.
    pub fn scan(
        &self,
        query: &[f32],
        accept: &mut dyn FnMut(u32) -> bool,
        hit: &mut dyn FnMut(u32, f32),
    ) -> usize {
        assert_eq!(query.len(), self.dimension, "query of another dimension");
        let dot = Kernels::best().dot_f32;
        let (mut start, mut compared) = (0, 0);
        for run in self.owners.chunk_by(|a, b| a == b) {
            let end = start + run.len();
            if accept(run[0]) {
                let rows = &self.components[start * self.dimension..end * self.dimension];
                compared += run.len();
                let mut best = f32::NAN;
                for row in rows.chunks_exact(self.dimension) {
                    // `max` prefers the number over NaN.
                    best = best.max(dot(query, row));
                }
                if !best.is_nan() {
                    hit(run[0], best);
                }
            }
            start = end;
        }
        compared
    }

    /// Bytes held on the heap.
    pub fn heap_bytes(&self) -> usize {
        self.owners.capacity() * size_of::<u32>() + self.components.capacity() * size_of::<f32>()
    }
}

/// Without a branch for each component, so that many are looked at together.
fn all_finite(components: &[f32]) -> bool {
    // Of all exponents, only the one without a number reaches the highest bit when the lowest of its bits is added.
    let (exponent, lowest) = (f32::INFINITY.to_bits(), 1 << 23);
    let carries = components.iter().fold(0, |all, x| all | ((x.to_bits() & exponent) + lowest));
    carries >> 31 == 0
}
