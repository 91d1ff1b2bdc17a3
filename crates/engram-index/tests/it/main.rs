//! Integration tests: every structure against a naive oracle, through the public interface.

mod set;
mod text;
mod vector;
