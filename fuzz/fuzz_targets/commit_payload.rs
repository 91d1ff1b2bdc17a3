//! The target `commit_payload` of `engram-fuzz`.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| engram_fuzz::run("commit_payload", input));
