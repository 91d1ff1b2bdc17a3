//! The benchmarks, one file each. Each gives a report with the figures of its baselines beside ours.

mod report;
mod options;
mod corpus;
mod foreign;
mod embed;
mod generate;
mod remember;
mod sustain;
mod wall;
mod asked;
mod fading;
mod recall;
mod growth;
mod consolidate;
mod backup;
mod scan;
mod spaces;
mod connections;
mod access;
mod ann;
mod spread;
mod run;

pub use options::{BENCHMARKS, BenchOptions, BenchmarkEntry};
pub use report::BenchReport;
pub use run::run_benchmark;
