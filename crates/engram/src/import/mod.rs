//! Reading records of memories, whatever program wrote them.

mod source;
mod mapping;
mod foreign;
mod form;
mod batches;

pub(crate) use batches::{Importer, OnError, Tally};
pub(crate) use form::{LineForm, Record};
pub(crate) use mapping::{Mapping, TextTemplate};
pub(crate) use source::Source;
