//! `backup`: what a full and an incremental backup take, what writers notice of it, and how soon a restored server answers.
//!
//! The repository is a folder on the disk of the data. Beside the figures stands a plain copy of the data directory, file by file with
//! fsync, from the same run and the same disk: what of the machine is in a figure is in that one too.

mod program;
mod plain;
mod making;
mod restoring;
mod size;
mod line;
mod tell;
mod run;

pub(super) use run::run;
