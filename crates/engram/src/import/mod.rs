//! Reading and writing memories as JSON lines.

mod source;
mod line;
mod mapping;
mod form;
mod batches;

pub(crate) use batches::{Importer, OnError, Tally};
pub(crate) use form::{LineForm, Record};
pub(crate) use line::{ExportLine, VectorChoice};
pub(crate) use mapping::{Mapping, TextTemplate};
pub(crate) use source::Source;
