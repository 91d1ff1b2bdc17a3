//! Integration tests of the simulator, in one binary.

mod derived;
mod files;
mod histories;
