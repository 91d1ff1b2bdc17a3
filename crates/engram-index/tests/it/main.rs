//! Integration tests: every structure against a naive oracle, through the public interface.

mod field;
mod graph;
mod set;
mod spread;
mod text;
mod vector;
