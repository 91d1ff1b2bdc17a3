//! Full-precision vectors by ordinal, wherever the caller keeps them.

use super::flat::FlatVectors;

/// Unit vectors by ordinal: what a re-rank reads. `Sync`, so that searches may share it.
pub trait VectorRows: Sync {
    /// The vector of `ordinal`. May panic for an ordinal that was never given to the index.
    fn row(&self, ordinal: u32) -> &[f32];
}

/// Vectors one after the other in one slice; vector `i` starts at `i * dimension`.
#[derive(Clone, Copy, Debug)]
pub struct RowMajor<'a> {
    dimension: usize,
    components: &'a [f32],
}

impl<'a> RowMajor<'a> {
    /// A view of `components`. Panics unless they are whole vectors of at least one component.
    pub fn new(dimension: usize, components: &'a [f32]) -> RowMajor<'a> {
        assert!(dimension > 0, "a vector has at least one component");
        assert!(components.len().is_multiple_of(dimension), "the last vector is incomplete");
        RowMajor { dimension, components }
    }

    /// Number of vectors.
    pub fn len(&self) -> usize {
        self.components.len() / self.dimension
    }

    /// Whether there is no vector.
    pub fn is_empty(&self) -> bool {
        self.components.is_empty()
    }
}

impl VectorRows for RowMajor<'_> {
    fn row(&self, ordinal: u32) -> &[f32] {
        &self.components[ordinal as usize * self.dimension..][..self.dimension]
    }
}

impl VectorRows for FlatVectors {
    /// Vector number `ordinal`, whoever owns it.
    fn row(&self, ordinal: u32) -> &[f32] {
        self.vector(ordinal as usize)
    }
}
