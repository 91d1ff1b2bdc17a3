//! The benchmarks by name, and what they take.

use std::path::{Path, PathBuf};

use crate::data::{NOISE, Shape, VectorSet};
use crate::failure::BenchError;

/// One benchmark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BenchmarkEntry {
    /// Its name on the command line.
    pub name: &'static str,
    /// What it measures.
    pub about: &'static str,
}

/// All benchmarks.
pub const BENCHMARKS: &[BenchmarkEntry] = &[
    BenchmarkEntry {
        name: "embed",
        about: "text in: CPU time of the built-in model, alone and behind remember and recall",
    },
    BenchmarkEntry {
        name: "ann",
        about: "the graph over vectors beside hnswlib, faiss and usearch at equal recall",
    },
    BenchmarkEntry { name: "spread", about: "activation over a graph beside a bare walk" },
    BenchmarkEntry {
        name: "scan",
        about: "exact scan beside a plain f32 loop and faiss; which mode finds the source of a sentence",
    },
    BenchmarkEntry {
        name: "remember",
        about: "durable writes by 1, 8 and 64 clients beside raw synced writes",
    },
    BenchmarkEntry {
        name: "sustain",
        about: "durable writes for ten minutes, and how far associations and graphs lag behind",
    },
    BenchmarkEntry {
        name: "recall",
        about: "recall by 1 and 8 clients, as fast as they can and at half of that",
    },
    BenchmarkEntry { name: "growth", about: "latency and memory of larger and larger spaces" },
    BenchmarkEntry {
        name: "spaces",
        about: "many spaces on one server: start, memory, open files, and opening idle ones",
    },
    BenchmarkEntry {
        name: "connections",
        about: "a thousand open connections that each ask now and then",
    },
    BenchmarkEntry {
        name: "access",
        about: "what keys and TLS cost, beside a server that asks nobody and speaks plain text",
    },
    BenchmarkEntry {
        name: "wall",
        about: "whether refusals tell which spaces are there, and what a space at its quota takes from another",
    },
    BenchmarkEntry {
        name: "consolidate",
        about: "recall while beliefs are made behind it, and what share of a core that takes",
    },
    BenchmarkEntry {
        name: "backup",
        about: "backups and restores beside a plain copy, what writers notice, and how soon a restored server answers",
    },
    BenchmarkEntry { name: "gen", about: "writes a set of any size, grown from the set of --data" },
];

/// What a benchmark is run with. Which of it counts depends on the benchmark.
#[derive(Clone, Debug, PartialEq)]
pub struct BenchOptions {
    /// Folder of the set of vectors.
    pub data: Option<PathBuf>,
    /// The program `engram`, which is started as the server.
    pub program: PathBuf,
    /// Folder that keeps what baselines need, over several runs.
    pub cache_dir: PathBuf,
    /// Less of everything: seconds instead of minutes.
    pub quick: bool,
    /// Seconds of each loop of `remember` (10, or 1 when quick, when absent), of `sustain` (600 or 5), and of the writes before a `backup`
    /// (10 or 3).
    pub seconds: Option<u64>,
    /// Memories; sizes of growth and of backup.
    pub sizes: Vec<usize>,
    /// Sizes of backup, in bytes of texts and vectors.
    pub bytes: Vec<u64>,
    /// Seed of grown sets.
    pub seed: u64,
    /// Components of grown vectors; all of the base's when absent.
    pub dimension: Option<usize>,
    /// Longest grown text, bytes.
    pub text_bytes_max: usize,
    /// Folder for what `gen` writes.
    pub out: Option<PathBuf>,
}

impl BenchOptions {
    pub(super) fn data(&self) -> Result<&Path, BenchError> {
        let missing = || BenchError::BadOption("give the folder of a set with --data".to_owned());
        self.data.as_deref().ok_or_else(missing)
    }

    /// The shape of a set grown from `base`.
    pub(super) fn shape(&self, base: &VectorSet) -> Shape {
        Shape {
            dimension: self.dimension.unwrap_or(base.dimension),
            text_bytes_max: self.text_bytes_max,
            noise: NOISE,
        }
    }

    /// The one size asked for, or another.
    pub(super) fn size(&self, full: usize, quick: usize) -> usize {
        self.sizes.first().copied().unwrap_or(if self.quick { quick } else { full })
    }
}
