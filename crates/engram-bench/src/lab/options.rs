//! What is tried.

use std::path::PathBuf;

/// What is tried.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LabOptions {
    /// Names of experiments; none = all for which there is data.
    pub experiments: Vec<String>,
    /// Folder of a set in BEIR form whose memories carry times, for `cost`, and to count the marks in with `marks`.
    pub set: Option<PathBuf>,
    /// File of association norms, for `associations`: cue, target and strength, separated by tabs, a line each.
    pub norms: Option<PathBuf>,
    /// File of labelled pairs, for `marks`: a JSON object a line.
    pub pairs: Option<PathBuf>,
}
