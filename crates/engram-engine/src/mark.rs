//! Pairs of memories of which one may change or deny the other, as answers show them, and what is decided about them.

use engram_store::Lsn;

use crate::contrast::{MarkGround, MarkKind};

/// What somebody decides about two memories.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum PairDecision {
    /// The one that is judged holds in the place of the other.
    Supersedes,
    /// They cannot both be true: this is evidence against each of them.
    Contradicts,
    /// Neither says anything against the other.
    Unrelated,
}

impl PairDecision {
    /// All of them, in the order of their codes in the log, from 1.
    pub const ALL: [PairDecision; 3] =
        [PairDecision::Supersedes, PairDecision::Contradicts, PairDecision::Unrelated];

    pub(crate) fn code(self) -> u32 {
        self as u32 + 1
    }

    pub(crate) fn from_code(code: u32) -> Option<PairDecision> {
        PairDecision::ALL.into_iter().find(|decision| decision.code() == code)
    }
}

/// A judgement of a pair of memories.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PairJudgement {
    /// Id of the other memory.
    pub other: String,
    /// What is decided.
    pub decision: PairDecision,
}

/// How far a pair is decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum MarkState {
    /// Nobody has decided.
    Open,
    /// One holds in the place of the other.
    Supersedes,
    /// They cannot both be true.
    Contradicts,
    /// Neither says anything against the other.
    Unrelated,
}

impl From<PairDecision> for MarkState {
    fn from(decision: PairDecision) -> MarkState {
        match decision {
            PairDecision::Supersedes => MarkState::Supersedes,
            PairDecision::Contradicts => MarkState::Contradicts,
            PairDecision::Unrelated => MarkState::Unrelated,
        }
    }
}

/// A pair of memories that was marked, or decided about.
#[derive(Clone, Debug, PartialEq)]
pub struct MarkDetail {
    /// Id of the memory that happened first, and when that was, ns.
    pub earlier: (String, i64),
    /// Id of the other, and when that happened, ns.
    pub later: (String, i64),
    /// How far it is decided.
    pub state: MarkState,
    /// What was found between their texts; none = nothing but what was decided.
    pub evidence: Option<MarkEvidence>,
    /// Names of people, things and places that both name, at most 16.
    pub shared: Vec<String>,
    /// Commit time of the first word about the pair, ns.
    pub since_ns: i64,
    /// Commit time of the decision, ns.
    pub decided_ns: Option<i64>,
}

/// What makes a mark.
#[derive(Clone, Debug, PartialEq)]
pub struct MarkEvidence {
    /// What the two may be to each other.
    pub kind: MarkKind,
    /// What makes them differ.
    pub ground: MarkGround,
    /// Cosine of their vectors.
    pub cosine: f32,
    /// Words of the earlier one that the later one does not share.
    pub before: String,
    /// Words of the later one that the earlier one does not share.
    pub after: String,
    /// Words of the later one that tell of a change.
    pub cues: Vec<String>,
}

/// Asks for marked pairs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MarksQuery {
    /// Only those of this memory.
    pub id: Option<String>,
    /// Only those that were marked so.
    pub kind: Option<MarkKind>,
    /// Only those in this state; none = in any.
    pub state: Option<MarkState>,
    /// Most pairs in the page, 1 to 1,000.
    pub limit: usize,
    /// Pairs before the page.
    pub offset: u32,
}

/// A page of marked pairs.
#[derive(Clone, Debug, PartialEq)]
pub struct MarkPage {
    /// In the order in which their newer memories were stored.
    pub items: Vec<MarkDetail>,
    /// Offset of the next page; none at the end.
    pub next: Option<u32>,
    /// How many there are in all pages.
    pub total: u64,
    /// Last commit that the answer saw.
    pub lsn: Lsn,
}
