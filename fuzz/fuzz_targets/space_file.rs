//! The target `space_file` of `engram-fuzz`.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| engram_fuzz::run("space_file", input));
