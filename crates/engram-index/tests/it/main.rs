//! Integration tests: every structure against a naive oracle, through the public interface.

mod field;
mod graph;
mod sealed;
mod set;
mod spread;
mod text;
mod vector;
mod vector_hnsw;
mod vector_scan;
