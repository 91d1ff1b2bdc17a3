//! Engram.
fn main() {}
