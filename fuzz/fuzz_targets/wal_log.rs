//! The target `wal_log` of `engram-fuzz`.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| engram_fuzz::run("wal_log", input));
