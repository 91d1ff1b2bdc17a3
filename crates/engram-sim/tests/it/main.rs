//! Integration tests of the simulator, in one binary.

#![expect(clippy::unwrap_used, reason = "a test that cannot unwrap fails, as it should")]

mod backups;
mod derived;
mod files;
mod histories;
