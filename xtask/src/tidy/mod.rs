//! The rules of the house that neither the compiler nor clippy checks.
//!
//! Each rule is one row of a table: a pure function from the files of the repository to findings. A finding names
//! file, line and rule, and the rule says how to fix it. Rules read text, not syntax trees: they see code with
//! comments and literals blanked out, which is enough for what they ask and needs no parser.

mod scan;
mod tree;
mod manifest;
mod modules;
mod crates;
mod layers;
mod size;
mod names;
mod lints;
mod words;
mod files;
mod prose;
mod rules;

pub(crate) use rules::run;
