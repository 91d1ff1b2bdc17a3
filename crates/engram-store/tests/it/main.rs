//! Integration tests of the store, in one binary.
#![expect(clippy::unwrap_used, reason = "a failed unwrap in a helper is a failed test")]

mod blob;
mod checkpoint;
mod corruption;
mod faults;
mod fixture;
mod model;
mod salvage;
mod seams;
mod segment;
mod segment_faults;
mod support;
mod wal;
