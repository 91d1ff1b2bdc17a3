//! HNSW: a graph that finds nearest vectors by walking from neighbour to neighbour.
//!
//! Y. A. Malkov, D. A. Yashunin, "Efficient and robust approximate nearest neighbor search using Hierarchical
//! Navigable Small World graphs", IEEE TPAMI 42 (2020). Differences: nodes carry codes of eight bits and the walk reads
//! half of them; levels are a hash of the ordinal; nodes are linked in batches whose bytes do not depend on the number of
//! threads; a last pass makes every node findable.

mod settings;
mod pool;
mod layer;
mod format;
mod walk;
mod select;
mod build;
mod repair;
mod search;

pub use build::HnswBuilder;
pub use format::{Hnsw, HnswError};
pub use search::{HnswScratch, SearchReport, SearchRoute, VectorQuery};
pub use settings::{HnswSettings, VECTORS_MAX};
