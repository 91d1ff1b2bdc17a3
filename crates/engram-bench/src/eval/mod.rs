//! Retrieval quality: a set in BEIR form, loaded and asked through the public interface.

mod options;
mod report;
mod load;
mod ask;
mod judge;
mod learn;
mod show;
mod run;

pub(crate) use load::{EvalSpace, SpacePlan, fill};
pub use options::{EvalOptions, EvalScope};
pub use report::{
    CalibrationReport, CategoryReport, CrossFigures, EvalReport, EvalTimes, LearnedFigures,
    ModeTimes, NoAnswerFigures,
};
pub use run::evaluate;
