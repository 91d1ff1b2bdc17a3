//! What is evaluated.

use std::path::PathBuf;

use engram_api::ModeName;

/// Which memories a query is asked among.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EvalScope {
    /// Those of its own group.
    Groups,
    /// All of the set.
    Pooled,
}

/// What is evaluated.
#[derive(Clone, Debug, PartialEq)]
pub struct EvalOptions {
    /// Folder of the set.
    pub dir: PathBuf,
    /// Modes of recall, each once.
    pub modes: Vec<ModeName>,
    /// Among which memories.
    pub scope: EvalScope,
    /// Items asked for, at least 10.
    pub limit: u32,
    /// Whether the adversarial questions count for the overall figures.
    pub with_adversarial: bool,
    /// Whether each query is also asked in the space of the next group.
    pub cross: bool,
    /// Whether half of the answers are judged, and the other half asked again.
    pub calibrate: bool,
}
