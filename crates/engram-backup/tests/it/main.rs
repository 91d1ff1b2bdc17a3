//! Backups of a real engine on files and objects in memory.

#![expect(clippy::unwrap_used, reason = "a test fails by a panic")]

mod harness;

mod beside;
mod mutilated;
mod restoring;
mod retaining;
mod rotten;
