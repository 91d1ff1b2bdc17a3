//! The laboratory: paradigms of memory research, run on the real server with the built-in model and a clock that the
//! experiment sets.
//!
//! Each experiment has a source, a question, and a tolerance that is a constant in its file: what counts as passed was
//! fixed before it was run.

mod options;
mod report;
mod subject;
mod forgetting;
mod spacing;
mod fan;
mod associations;
mod consolidation;
mod cost;
mod marks;
mod run;

pub use options::LabOptions;
pub use report::{LabReport, LabVerdict};
pub use run::{EXPERIMENTS, ExperimentEntry, run_lab};
