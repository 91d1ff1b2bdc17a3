//! Feedback: what somebody thinks of a memory; and what came of it and of use.

use serde::{Deserialize, Serialize};

use crate::memory::{ConfidenceView, StrengthView};
use crate::recall::ModeName;
use crate::time::Timestamp;

/// A judgement of a memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VerdictName {
    /// It served: it grows stable, and this is evidence for it.
    Useful,
    /// It did not serve: it fades sooner. That says nothing of whether it is true.
    NotUseful,
    /// It is not true: it fades sooner, and this is evidence against it.
    Wrong,
}

impl VerdictName {
    /// All verdicts.
    pub const ALL: [VerdictName; 3] =
        [VerdictName::Useful, VerdictName::NotUseful, VerdictName::Wrong];

    /// The name as it stands in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            VerdictName::Useful => "useful",
            VerdictName::NotUseful => "not_useful",
            VerdictName::Wrong => "wrong",
        }
    }
}

/// A decision about two memories.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DecisionName {
    /// The judged memory holds in the place of the other.
    Supersedes,
    /// They cannot both be true: this is evidence against each of them.
    Contradicts,
    /// Neither says anything against the other.
    Unrelated,
}

/// Says what somebody thinks of a memory, or decides about it and another one.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FeedbackRequest {
    /// Id of the memory.
    pub id: String,
    /// What they think of it; this, or `other` and `decision`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict: Option<VerdictName>,
    /// Id of the other memory of a pair.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub other: Option<String>,
    /// What they decide about the pair.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decision: Option<DecisionName>,
    /// Why, up to 1 KiB.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Whose judgement it is, where one caller speaks for several: each counts as a source of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// What a recall showed of the memory, where the judgement is about that: relevance is calibrated by it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recalled: Option<JudgedRecallInput>,
}

/// What a recall showed of a judged memory.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JudgedRecallInput {
    /// Its `relevance`.
    pub relevance: f32,
    /// `mode` of the answer.
    pub mode: ModeName,
    /// Its `uncalibrated`; when absent, what the calibration of now would make of `relevance`, turned back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uncalibrated: Option<f32>,
}

/// A judgement is durable, and what came of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FeedbackResponse {
    /// Id of the memory.
    pub id: String,
    /// Log sequence number of the commit.
    pub lsn: u64,
    /// Time of that commit.
    pub committed_at: Timestamp,
    /// How retrievable the memory is now; absent where it was forgotten in between.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub strength: Option<StrengthView>,
    /// How sure the store is of it now; absent where it was forgotten in between.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confidence: Option<ConfidenceView>,
}

/// Asks how a memory came to be as strong and as sure as it is, and how it will fade.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RetentionRequest {
    /// Id of the memory.
    pub id: String,
    /// How far the curve looks ahead, days, 0.000001 to 36,500; 365 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub horizon_days: Option<f64>,
}

/// How a memory came to be as strong and as sure as it is, and how it will fade.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RetentionResponse {
    /// Id of the memory.
    pub id: String,
    /// How retrievable it is now.
    pub strength: StrengthView,
    /// How sure the store is of it now.
    pub confidence: ConfidenceView,
    /// From when on it fades.
    pub learned_at: Timestamp,
    /// How slowly it grows stable, 1 (fast) to 10.
    pub difficulty: f32,
    /// The last 16 uses, repetitions and judgements, oldest first.
    pub reviews: Vec<ReviewView>,
    /// The forgetting curve from now on, if nobody uses it.
    pub curve: Vec<CurvePoint>,
    /// When it will fall to 0.9, 0.5 and 0.1.
    pub falls_to: Vec<FallView>,
    /// Evidence beyond the statement of who stored it, a source each, in the order of their first word.
    pub sources: Vec<SourceEvidenceView>,
}

/// A use, a repetition or a judgement of a memory.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReviewView {
    /// When it was.
    pub at: Timestamp,
    /// Retrievability just before it.
    pub before: f32,
    /// Retrievability after it.
    pub after: f32,
    /// Stability after it, days.
    pub stability_days: f32,
}

/// A point of a forgetting curve.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct CurvePoint {
    /// When.
    pub at: Timestamp,
    /// Retrievability then.
    pub retrievability: f32,
}

/// When a memory falls to a level.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct FallView {
    /// The level.
    pub retrievability: f32,
    /// When; absent where it is there already, or not within a century.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Timestamp>,
}

/// What one source said of a memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceEvidenceView {
    /// How often it spoke for it.
    pub supports: u32,
    /// How often it spoke against it.
    pub opposes: u32,
}
