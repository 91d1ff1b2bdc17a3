//! Integration tests of the embedders through their public interface.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod local;
mod phrase;
mod remote;
mod suite;
