//! The target `index_block` of `engram-fuzz`.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| engram_fuzz::run("index_block", input));
