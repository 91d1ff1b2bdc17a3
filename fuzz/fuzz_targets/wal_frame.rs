//! The target `wal_frame` of `engram-fuzz`.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| engram_fuzz::run("wal_frame", input));
