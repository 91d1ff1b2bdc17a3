//! Vectors: arithmetic kernels, unit norm, exact scan.

mod kernels;
mod unit;
mod flat;

pub use flat::{FlatVectors, FlatWriter};
pub use kernels::{DOT_I8_ELEMENTS_MAX, Kernels};
pub use unit::{VectorError, normalise};
