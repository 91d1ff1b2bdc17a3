//! Integration tests: every structure against a naive oracle, through the public interface.

mod graph;
mod set;
mod spread;
mod text;
mod vector;
