//! Vectors: arithmetic kernels, unit norm, quantised codes, exact scan, HNSW graph.

mod kernels;
mod unit;
mod aligned;
mod parallel;
mod filter;
mod flat;
mod rows;
mod codes;
mod scan;
mod hnsw;

pub use aligned::AlignedBytes;
pub use filter::VectorFilter;
pub use flat::{FlatVectors, FlatWriter};
pub use hnsw::{
    EF_SEARCH_DEFAULT, Hnsw, HnswBuilder, HnswError, HnswScratch, HnswSettings, SearchReport,
    SearchRoute, VECTORS_MAX, VectorQuery,
};
pub use kernels::{DOT_I8_ELEMENTS_MAX, Kernels, f16_bits, f16_value};
pub use parallel::{Parallel, Serial};
pub use rows::{RowMajor, VectorRows};
pub use scan::{QuantisedVectors, ScanScratch};
pub use unit::{VectorError, normalise};
