//! Recognition: has this been seen before?

use serde::{Deserialize, Serialize};

use crate::memory::MemoryView;

/// Asks whether a text or vector is known.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecognizeRequest {
    /// The text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// A vector in the dimension of the space; it takes the place of embedding the text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vector: Option<Vec<f32>>,
    /// Most matches in the answer, 1 to 100; 5 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
}

/// How familiar it is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RecognizeResponse {
    /// How familiar it is, in \[0, 1\]; 1 = the same is stored.
    pub familiarity: f32,
    /// Whether it counts as seen before.
    pub known: bool,
    /// What it resembles, closest first.
    pub matches: Vec<RecognizedView>,
    /// Last commit that the answer saw.
    pub snapshot_lsn: u64,
}

/// A memory that resembles what was shown.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RecognizedView {
    /// The memory.
    pub memory: MemoryView,
    /// Cosine of the two vectors; 0 where one has none.
    pub similarity: f32,
    /// Share of the words of both that they have in common, in \[0, 1\].
    pub overlap: f32,
    /// Whether the text is the same.
    pub exact: bool,
}
