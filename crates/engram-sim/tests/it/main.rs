//! Integration tests of the simulator, in one binary.

mod files;
mod histories;
