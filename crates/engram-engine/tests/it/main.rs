//! The engine through its public face, on files in memory and a clock that stands still.

mod forgetting;
mod harness;
mod limits;
mod recalling;
mod remembering;
mod spaces;
