//! Integration tests of the store, in one binary.

mod faults;
mod seams;
mod support;
mod wal;
