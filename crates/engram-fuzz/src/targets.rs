//! The table of targets.

use crate::meter::peak_of;
use crate::{
    cold_chunk, commit_payload, graph_file, index_block, manifest_file, repair_list, segment_file,
    space_file, wal_frame, wal_log,
};

/// One decoder, or several that belong together, and what holds for any input.
pub struct Target {
    /// Its name: that of the program under `fuzz/fuzz_targets` too.
    pub name: &'static str,
    /// What it may allocate for an input of no length, in bytes.
    base_bytes_max: u64,
    /// What each byte of an input adds to that.
    bytes_per_byte_max: u64,
    run: fn(&[u8]),
    seeds: fn() -> Vec<Vec<u8>>,
}

const MIB: u64 = 1 << 20;

/// All targets.
pub const TARGETS: [Target; 10] = [
    Target {
        name: "wal_frame",
        base_bytes_max: 2 * MIB,
        bytes_per_byte_max: 256,
        run: wal_frame::run,
        seeds: wal_frame::seeds,
    },
    Target {
        name: "wal_log",
        base_bytes_max: 8 * MIB,
        bytes_per_byte_max: 1_024,
        run: wal_log::run,
        seeds: wal_log::seeds,
    },
    Target {
        name: "segment",
        base_bytes_max: 4 * MIB,
        bytes_per_byte_max: 64,
        run: segment_file::run,
        seeds: segment_file::seeds,
    },
    Target {
        name: "manifest",
        base_bytes_max: 64 << 10,
        bytes_per_byte_max: 64,
        run: manifest_file::run,
        seeds: manifest_file::seeds,
    },
    Target {
        name: "index_block",
        base_bytes_max: 4 * MIB,
        bytes_per_byte_max: 1_024,
        run: index_block::run,
        seeds: index_block::seeds,
    },
    Target {
        name: "commit_payload",
        base_bytes_max: 64 * MIB,
        bytes_per_byte_max: 1_024,
        run: commit_payload::run,
        seeds: commit_payload::seeds,
    },
    Target {
        name: "space_file",
        base_bytes_max: 64 * MIB,
        bytes_per_byte_max: 1_024,
        run: space_file::run,
        seeds: space_file::seeds,
    },
    Target {
        name: "cold_chunk",
        base_bytes_max: 64 * MIB,
        bytes_per_byte_max: 2_048,
        run: cold_chunk::run,
        seeds: cold_chunk::seeds,
    },
    Target {
        name: "graph_file",
        base_bytes_max: 64 * MIB,
        bytes_per_byte_max: 1_024,
        run: graph_file::run,
        seeds: graph_file::seeds,
    },
    Target {
        name: "repair_list",
        base_bytes_max: 2 * MIB,
        bytes_per_byte_max: 256,
        run: repair_list::run,
        seeds: repair_list::seeds,
    },
];

impl Target {
    /// Runs the target on one input.
    ///
    /// # Panics
    /// When something that holds for any input does not hold for this one: a finding.
    pub fn run(&self, input: &[u8]) {
        let peak = peak_of(|| (self.run)(input));
        let max = self.base_bytes_max + self.bytes_per_byte_max * input.len() as u64;
        assert!(peak <= max, "{}: {peak} bytes allocated, {max} are the limit", self.name);
    }

    /// Sound inputs to start from, made by the code that writes the format.
    pub fn seeds(&self) -> Vec<Vec<u8>> {
        (self.seeds)()
    }
}

/// Runs the target of that name.
///
/// # Panics
/// When there is none, and as [`Target::run`].
pub fn run(name: &str, input: &[u8]) {
    let target = TARGETS.iter().find(|target| target.name == name);
    target.expect("the programs under fuzz_targets are those of the table").run(input);
}
