//! Search primitives over one snapshot: by words, by vector, along a session. What is eligible is the caller's business.

mod said;
mod session;
mod vectors;
mod words;

pub(crate) use said::{REPEATED_MAX, Saying, is_near, may_repeat};
pub(crate) use vectors::{Accepted, Nearest};
pub(crate) use words::Wanted;

/// Nodes with their scores, best first.
pub(crate) type Scores = Vec<(u64, f32)>;
