//! The engine through its public face, on files in memory and a clock that stands still.

#![expect(clippy::unwrap_used, reason = "a test that cannot unwrap fails, as it should")]

mod associating;
mod calibrating;
mod completing;
mod duplicates;
mod consolidating;
mod fading;
mod forged;
mod forgetting;
mod freezing;
mod golden;
mod harness;
mod indexing;
mod learning;
mod limits;
mod marking;
mod machine;
mod offline;
mod predicting;
mod priming;
mod purging;
mod quotas;
mod recalling;
mod reconsolidating;
mod remembering;
mod spaces;
mod storing;
mod superseding;
mod transferring;
mod versions;
