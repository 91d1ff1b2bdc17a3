//! Moving memories between spaces with all that was learned of them: what an export gives is what an import takes.

use serde::{Deserialize, Serialize};

use crate::feedback::DecisionName;
use crate::filter::FilterInput;
use crate::memory::{MemoryInput, StateName};
use crate::problem::Problem;
use crate::read::ListStateName;
use crate::time::Timestamp;

/// Reads one page of an export: memories in the order of the log, then what was said about them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExportRequest {
    /// Where the page starts: `next_cursor` of the page before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
    /// Most records in the page, 1 to 1,000; 100 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    /// Which memories. What was said about two memories goes with them where both go.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filter: Option<FilterInput>,
    /// In which state; `active` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<ListStateName>,
    /// Whether vectors go with memories that their text could make again: an import by the same embedder computes none.
    #[serde(default)]
    pub include_vectors: bool,
}

/// A page of an export.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ExportResponse {
    /// The records. A page may have none and yet be followed by others.
    pub records: Vec<TransferRecord>,
    /// Where the next page starts; absent at the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
    /// Last commit that the answer saw.
    pub snapshot_lsn: u64,
}

/// Stores up to 1,000 records in one commit.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImportRequest {
    /// The records. What a record names must stand before it or be there.
    pub records: Vec<TransferRecord>,
    /// False: one refused record refuses all. True: the others are stored and the answer tells of each refused one.
    #[serde(default)]
    pub partial: bool,
}

/// What became of the records of an import.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ImportResponse {
    /// Log sequence number of the commit; when nothing was stored, the last commit that the answer rests on.
    pub lsn: u64,
    /// Time of that commit.
    pub committed_at: Timestamp,
    /// Records that this import stored.
    pub created: RecordCountsView,
    /// Records that were there already. Nothing of them changed.
    pub unchanged: RecordCountsView,
    /// Refused records; only with `partial: true`.
    pub refused: Vec<RefusedRecordView>,
}

/// How many records of each sort.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordCountsView {
    /// Memories.
    pub memories: u64,
    /// Associations.
    pub associations: u64,
    /// Decisions about pairs.
    pub decisions: u64,
    /// What beliefs rest on.
    pub beliefs: u64,
}

/// A record that was refused.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RefusedRecordView {
    /// Its place among the records, from 0.
    pub index: u64,
    /// Why.
    pub problem: Box<Problem>,
}

/// One thing that an export gives and an import takes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TransferRecord {
    /// A memory with what happened to it.
    Memory(Box<TransferMemory>),
    /// An association that somebody stated. Those that are formed are formed anew.
    Association(TransferAssociation),
    /// What somebody decided about two memories.
    Decision(TransferDecision),
    /// What a belief rests on; its text is a memory.
    Belief(TransferBelief),
}

/// A memory with what happened to it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TransferMemory {
    /// The memory; it must have an id.
    pub content: MemoryInput,
    /// Whether recall shows it; `active` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<StateName>,
    /// When it was first stored; now when absent or ahead of the clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_stored_at: Option<Timestamp>,
    /// What happened to it. When absent that is not known, and its repetitions are counted as of any new memory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub learned: Option<LearnedInput>,
    /// Its vectors, where the same embedder computed them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub embedded: Option<EmbeddedInput>,
}

/// What happened to a memory. Without any field: nothing but that it was stored.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LearnedInput {
    /// Its reviews and evidence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub past: Option<PastInput>,
    /// Consolidation has looked at it and does not look at it again.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub consolidated: bool,
    /// It makes no belief until it is updated.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub apart: bool,
    /// Consolidation made it; a record of what it rests on follows.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_belief: bool,
}

/// Reviews of a memory and evidence for it. Times ahead of the clock count as now.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PastInput {
    /// From when on it fades.
    pub learned_at: Timestamp,
    /// Its stability then, days, 0.000001 to 36,500.
    pub first_stability_days: f64,
    /// How slowly it grows stable, 1 (fast) to 10.
    pub difficulty: f64,
    /// How often it was recalled, called useful, or said again.
    #[serde(default)]
    pub uses: u32,
    /// The reviews that are kept, oldest first, at most 16.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reviews: Vec<ReviewInput>,
    /// What each source said of it beyond the statement of who stored it, at most 32.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sources: Vec<SourceEvidenceInput>,
    /// What a weighed update left of what was believed before it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub carried: Option<CarriedInput>,
}

/// A use, a repetition or a judgement of a memory.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReviewInput {
    /// When it was.
    pub at: Timestamp,
    /// From when on forgetting counts after it, not behind `at`.
    pub since: Timestamp,
    /// Stability after it, days, 0.000001 to 36,500.
    pub stability_days: f64,
    /// Its own decay, 0 to 8, where the law is `act_r`; else 0.
    #[serde(default)]
    pub decay: f64,
    /// How much of a review it was, 0 (a lapse) to 2.
    #[serde(default)]
    pub weight: f64,
}

/// What one source said of a memory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SourceEvidenceInput {
    /// Which source: a hash of its name, as 16 hexadecimal digits.
    #[serde(with = "hexadecimal")]
    pub source: u64,
    /// How often it spoke for the memory.
    #[serde(default)]
    pub supports: u32,
    /// How often it spoke against it.
    #[serde(default)]
    pub opposes: u32,
}

/// A number as 16 hexadecimal digits: not every program reads 64 bits of a JSON number.
mod hexadecimal {
    use std::borrow::Cow;

    use serde::de::Error as _;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(number: &u64, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&format!("{number:016x}"))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
        let text = Cow::<'de, str>::deserialize(deserializer)?;
        let digits = text.len() == 16 && text.bytes().all(|digit| digit.is_ascii_hexdigit());
        let number = u64::from_str_radix(&text, 16).ok().filter(|_| digits);
        number.ok_or_else(|| D::Error::custom("a source is named by 16 hexadecimal digits"))
    }
}

/// What a weighed update left of what was believed before it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CarriedInput {
    /// Share that the statement counts of a statement, above 0 and up to 1.
    pub statement: f64,
    /// Observations that speak for what is said now.
    #[serde(default)]
    pub supports: f64,
    /// Observations that speak against it.
    #[serde(default)]
    pub opposes: f64,
    /// Pieces of evidence that they came from.
    #[serde(default)]
    pub pieces: u32,
}

/// Vectors that an embedder computed of a memory.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EmbeddedInput {
    /// Which embedder, as an export names it. Another one than that of the space computes them anew.
    pub by: String,
    /// Vectors of unit length, 1 to 1,024.
    pub vectors: Vec<Vec<f32>>,
}

/// An association that somebody stated.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TransferAssociation {
    /// Id of the memory where it starts.
    pub from: String,
    /// Id of the memory where it ends.
    pub to: String,
    /// What it says; `related` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub relation: Option<String>,
    /// How strong it is, above 0 and up to 1; 0.8 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weight: Option<f32>,
    /// Why it is there, up to 1 KiB.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// What somebody decided about two memories. What it is evidence for is not counted: `learned` has it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TransferDecision {
    /// Id of the memory that was judged.
    pub id: String,
    /// Id of the other.
    pub other: String,
    /// What was decided.
    pub decision: DecisionName,
    /// When; now when absent or ahead of the clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decided_at: Option<Timestamp>,
}

/// What a belief rests on.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TransferBelief {
    /// Its id; a memory of kind `belief` has it.
    pub id: String,
    /// Ids of the memories that it rests on, at most 256. What is not there, or carries another belief, is left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub members: Vec<String>,
    /// Those of them that speak against it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dissent: Vec<String>,
    /// Those of them whose words its text is.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub quoted: Vec<String>,
    /// The model that wrote its text; absent where these are words of members.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// Members when its text was last written.
    #[serde(default)]
    pub written: u32,
    /// A caller has written its text: consolidation leaves that alone.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub held: bool,
    /// Something that it rested on is gone or says something else.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub outdated: bool,
}
