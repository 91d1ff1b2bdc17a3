//! The memories that say something about a partial one: found by what is known of it, looked at, and weighed for each field
//! that is not known.
//!
//! Every value that is known is a feature that a memory has or has not, and text and vector are one that it has more or less.
//! Memories are found over the columns, by a scan where a field has no column, and by the routes of recall; those with the same
//! features are one class, of which some are looked at and stand for the rest. For each unknown field the features that say
//! nothing about it are put aside, and the memories are weighted by the softmax of what the others say: see
//! [`engram_index::attention`]. All counts are bounded, and nothing depends on where memories reside.

mod docs;
mod gather;
mod table;
mod weigh;

pub(crate) use gather::{Asked, Purpose};
pub(crate) use table::{Evidence, Feature};
pub(crate) use weigh::{Weighed, low};
