//! Full-precision vectors by ordinal, wherever the caller keeps them.

use super::flat::FlatVectors;
use crate::prefetch::prefetch_floats;

/// Unit vectors by ordinal: what a re-rank reads. They need not lie in memory. `Sync`, so that searches may share it.
///
/// A search asks for each vector that it needs once, by ascending ordinal.
pub trait VectorRows: Sync {
    /// Calls `visit` once with the vector of `ordinal`. A vector that cannot be read is not visited and then not found:
    /// the caller of the search learns of it from the rows, not from the result. May panic for an ordinal that was never
    /// given to the index.
    fn with_row(&self, ordinal: u32, visit: &mut dyn FnMut(&[f32]));

    /// Says that the vector of `ordinal` will be asked for soon.
    fn prefetch(&self, _ordinal: u32) {}
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

    /// Vector number `ordinal`. Panics when there is none.
    pub fn row(&self, ordinal: u32) -> &'a [f32] {
        &self.components[ordinal as usize * self.dimension..][..self.dimension]
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
    #[inline]
    fn with_row(&self, ordinal: u32, visit: &mut dyn FnMut(&[f32])) {
        visit(self.row(ordinal));
    }

    #[inline]
    fn prefetch(&self, ordinal: u32) {
        prefetch_floats(self.row(ordinal));
    }
}

impl VectorRows for FlatVectors {
    /// Vector number `ordinal`, whoever owns it.
    #[inline]
    fn with_row(&self, ordinal: u32, visit: &mut dyn FnMut(&[f32])) {
        visit(self.vector(ordinal as usize));
    }

    #[inline]
    fn prefetch(&self, ordinal: u32) {
        prefetch_floats(self.vector(ordinal as usize));
    }
}
