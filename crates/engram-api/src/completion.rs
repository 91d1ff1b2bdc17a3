//! Partial memories: what their missing fields are, what follows them, and what might be.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::filter::FilterInput;
use crate::memory::{KindName, MemoryView};
use crate::time::Timestamp;

/// What is known of a memory. At least one field is given.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PartialInput {
    /// What sort of memory it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<KindName>,
    /// A heading.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Words and meaning, up to 64 KiB: what is about the same counts as alike.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// A vector in the dimension of the space; it takes the place of embedding the text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vector: Option<Vec<f32>>,
    /// The conversation or run that it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
    /// When it happened: what happened within twelve hours of it counts as alike.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub occurred_at: Option<Timestamp>,
    /// Where it happened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
    /// Who took part.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub people: Vec<String>,
    /// Labels.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// A JSON object; each value at the end of a path counts by itself.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub metadata: Map<String, Value>,
    /// What the memory is a statement about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// Which property of the subject it states.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attribute: Option<String>,
}

/// Asks what the missing fields of a partial memory are.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CompleteRequest {
    /// What is known.
    pub partial: PartialInput,
    /// Which fields to fill, up to 64: `kind`, `title`, `session`, `place`, `people`, `tags`, `subject`, `attribute`, or
    /// `metadata.` and a dotted path; all that memories like it hold and that are not given, when absent. A given one is judged as
    /// if it were not.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<String>,
    /// Which memories may be evidence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filter: Option<FilterInput>,
    /// How probable a value must be at least, by the lower end of its interval, in \[0, 1\]; 0.5 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_probability: Option<f32>,
    /// Most memories to look at that agree with something given, 1 to 2,000; 1,000 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence_max: Option<u32>,
}

/// What the missing fields are.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CompleteResponse {
    /// One answer for each field.
    pub fields: Vec<CompletedView>,
    /// How many memories were looked at.
    pub looked_at: u64,
    /// Last commit that the answer saw.
    pub snapshot_lsn: u64,
}

/// Why there is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AbstentionName {
    /// Nothing stored agrees with what is given and says something of what is asked.
    NoEvidence,
    /// It says one thing, but is too little to rely on.
    TooThin,
    /// It says different things, or the same as without anything given.
    NoAgreement,
}

impl AbstentionName {
    /// The name as it stands in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            AbstentionName::NoEvidence => "no_evidence",
            AbstentionName::TooThin => "too_thin",
            AbstentionName::NoAgreement => "no_agreement",
        }
    }
}

/// What one field is, or why it is left open.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CompletedView {
    /// The field.
    pub field: String,
    /// Its value; a list for `people` and `tags`, of those that are probable enough. Absent where the field is left open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filled: Option<FieldCandidateView>,
    /// Why it is left open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub abstained: Option<AbstentionName>,
    /// Other values, most probable first, at most 5; single ones of a list.
    pub alternatives: Vec<FieldCandidateView>,
    /// As many memories of equal weight would say as much.
    pub evidence: f32,
}

/// A value with its evidence.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FieldCandidateView {
    /// The value. Some memory holds it.
    pub value: Value,
    /// How probable it is, in \[0, 1\]; of a list, its least probable element.
    pub probability: f32,
    /// Lower end of the 90 % interval of that.
    pub low: f32,
    /// Ids of memories that hold it, those that count most first, at most 10.
    pub sources: Vec<String>,
}

/// Asks for what tends to follow.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PredictRequest {
    /// Ids of memories, up to 16: what followed them, and memories that say the same.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub like: Vec<String>,
    /// What is known of the present.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partial: Option<PartialInput>,
    /// How many memories later in the session it may follow, 1 to 8; 1 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub steps_max: Option<u32>,
    /// Which memories may stand for the present.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filter: Option<FilterInput>,
    /// Most memories to stand for the present, 1 to 100; 50 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub antecedents_max: Option<u32>,
    /// Most predictions in the answer, 1 to 100; 5 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    /// Predictions below are left out, in \[0, 1\]; 0.2 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_probability: Option<f32>,
}

/// What tends to follow.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PredictResponse {
    /// The predictions, most probable first.
    pub predictions: Vec<PredictionView>,
    /// Why there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub abstained: Option<AbstentionName>,
    /// How many memories stood for the present and had something behind them.
    pub antecedents: u64,
    /// Last commit that the answer saw.
    pub snapshot_lsn: u64,
}

/// Something that tends to follow.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PredictionView {
    /// A memory that says it: the one behind what resembles the present most.
    pub memory: MemoryView,
    /// How probable it is that it follows, in \[0, 1\].
    pub probability: f32,
    /// Lower end of the 90 % interval of that.
    pub low: f32,
    /// How many of the antecedents it followed.
    pub count: u64,
    /// Where it was seen, at most 10.
    pub sources: Vec<FollowedView>,
}

/// One memory that followed another.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FollowedView {
    /// Id of the memory that stood for the present.
    pub antecedent: String,
    /// Id of the memory that followed it.
    pub follower: String,
    /// How many memories later in the session, from 1.
    pub steps: u32,
}

/// Asks for a memory that might be.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImagineRequest {
    /// What is given; it is kept.
    pub partial: PartialInput,
    /// Which fields to make up, up to 64; up to 16 that memories like it hold, when absent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<String>,
    /// Which memories may lend their values.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filter: Option<FilterInput>,
    /// Most memories to look at that agree with something given, 1 to 2,000; 1,000 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence_max: Option<u32>,
}

/// A memory that might be. Nobody stored it, and it is not stored now.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ImagineResponse {
    /// Always true: this is made up.
    pub imagined: bool,
    /// What was given, with what was made up.
    pub memory: PartialInput,
    /// What was made up, in the order in which it was chosen.
    pub parts: Vec<ImaginedView>,
    /// Why nothing was made up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub abstained: Option<AbstentionName>,
    /// How many of the memories looked at hold all the parts together; 0 = it is new as a whole.
    pub precedents: u64,
    /// How many memories were looked at.
    pub looked_at: u64,
    /// Last commit that the answer saw.
    pub snapshot_lsn: u64,
}

/// One part of what was made up.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ImaginedView {
    /// The field.
    pub field: String,
    /// Its value.
    pub value: Value,
    /// How probable it is, given what was given and the parts before it, in \[0, 1\].
    pub probability: f32,
    /// Ids of the memories that it is taken from, at most 10.
    pub sources: Vec<String>,
}
