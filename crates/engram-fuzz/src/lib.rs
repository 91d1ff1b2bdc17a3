//! Fuzz targets: every decoder of bytes at rest, fed with anything, and what must hold whatever it is fed with.
//!
//! The same functions are run by libFuzzer, which is guided by coverage, and by a test of this crate, which needs nothing but a
//! compiler. An input decides everything. Nothing here is shipped.

mod meter;
mod input;
mod files;
mod log_image;
mod log_files;
mod wal_frame;
mod wal_log;
mod segment_file;
mod manifest_file;
mod index_block;
mod protobuf;
mod home;
mod commit_payload;
mod space_file;
mod cold_chunk;
mod graph_file;
mod repair_list;
mod targets;

pub use targets::{TARGETS, Target, run};
