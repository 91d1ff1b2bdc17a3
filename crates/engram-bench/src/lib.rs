//! How well recall finds, and how fast: the evaluation on sets in BEIR form and the benchmarks.
//!
//! What is measured is what a user gets: memories are stored and recalled through the public interface. Figures stand
//! beside those of a baseline that was measured in the same run; a baseline that is not there is reported as absent.
//! The crate prints nothing: it returns reports, and tells its progress to a callback.

#![forbid(unsafe_code)]

mod failure;
mod numbers;
mod grid;
mod plot;
mod beir;
mod metrics;
mod calibration;
mod bootstrap;
mod textbook;
mod stage;
mod local;
mod eval;
mod data;
mod benches;
mod lab;

pub use beir::BeirLine;
pub use benches::{BENCHMARKS, BenchOptions, BenchReport, BenchmarkEntry, run_benchmark};
pub use bootstrap::PairedDifference;
pub use calibration::CalibrationFigures;
pub use eval::{
    CalibrationReport, CategoryReport, CrossFigures, EvalOptions, EvalReport, EvalScope, EvalTimes,
    LearnedFigures, ModeTimes, NoAnswerFigures, evaluate,
};
pub use failure::BenchError;
pub use grid::Grid;
pub use lab::{EXPERIMENTS, ExperimentEntry, LabOptions, LabReport, LabVerdict, run_lab};
pub use metrics::RankMetrics;
pub use plot::Plot;
