//! What fades next.

use serde::{Deserialize, Serialize};

use crate::filter::FilterInput;
use crate::memory::MemoryView;
use crate::recall::MissingPartView;
use crate::time::Timestamp;

/// Asks which memories soonest fall below a retrievability, if nobody uses them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FadingRequest {
    /// Retrievability below which a memory counts as faded, 0.001 to 0.999; 0.5 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub below: Option<f64>,
    /// How far to look, days, 0.000001 to 36,500; as far as time goes when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub within_days: Option<f64>,
    /// Most items, 1 to 1,000; 10 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    /// Which memories.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filter: Option<FilterInput>,
}

/// What fades next.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FadingResponse {
    /// Soonest first; at once, the memory stored earlier.
    pub items: Vec<FadingView>,
    /// Memories that will fall in that time, the items among them.
    pub falling: u64,
    /// Memories that are below already.
    pub below_now: u64,
    /// Memories that do not fall in that time: pinned, stable enough, or gone by their own expiry before.
    pub staying: u64,
    /// Parts of the space that could not be read now; absent when all could be read.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<MissingPartView>,
    /// When it was worked out.
    pub at: Timestamp,
    /// Last commit that the answer saw.
    pub snapshot_lsn: u64,
}

/// A memory and when it falls.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FadingView {
    /// The memory; its `strength` says how retrievable it is now, by which law and how stable.
    pub memory: MemoryView,
    /// From when on it is below.
    pub below_at: Timestamp,
    /// Days until then.
    pub in_days: f64,
}
