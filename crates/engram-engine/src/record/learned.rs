//! The records of what is learned: uses, judgements, repetitions, and how memories fade.

use engram_index::DecayLaw;
use prost::Message;

use crate::contrast::{Contrast, MarkGround, MarkKind};
use crate::model::{OwnDecay, Reconsolidation};

/// Memories were in answers. What names a node that is gone is skipped.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct UseRecord {
    #[prost(message, repeated, tag = "1")]
    pub(crate) uses: Vec<UsedRecord>,
}

/// A memory was in an answer.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct UsedRecord {
    #[prost(uint32, tag = "1")]
    pub(crate) node: u32,
    /// When, ns.
    #[prost(sint64, tag = "2")]
    pub(crate) at: i64,
    /// How much of a use it was, in 255 parts.
    #[prost(uint32, tag = "3")]
    pub(crate) share: u32,
}

/// What somebody thinks of a memory.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct FeedbackRecord {
    #[prost(string, tag = "1")]
    pub(crate) id: String,
    /// 1 useful, 2 not useful, 3 wrong.
    #[prost(uint32, tag = "2")]
    pub(crate) verdict: u32,
    #[prost(string, tag = "3")]
    pub(crate) reason: String,
    /// Whose judgement it is, as the caller names it; empty = the principal's.
    #[prost(string, tag = "4")]
    pub(crate) source: String,
    /// Id of the other memory, where a pair is judged; the verdict is 0 then.
    #[prost(string, tag = "5")]
    pub(crate) other: String,
    /// 1 supersedes, 2 contradicts, 3 unrelated.
    #[prost(uint32, tag = "6")]
    pub(crate) decision: u32,
    /// The relevance that a recall showed, as it was before it was calibrated.
    #[prost(float, tag = "7")]
    pub(crate) relevance: f32,
    /// Mode of that recall: 1 keyword, 2 similarity, 3 hybrid, 4 associative; 0 = the judgement names no recall.
    #[prost(uint32, tag = "8")]
    pub(crate) mode: u32,
    /// What the decision is evidence for is counted already: it was decided elsewhere.
    #[prost(bool, tag = "9")]
    pub(crate) counted: bool,
    /// When it was decided there, ns; none = now.
    #[prost(sint64, optional, tag = "10")]
    pub(crate) decided_at: Option<i64>,
}

/// One memory may change or deny what another says. What names a node that is gone is skipped.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct MarkRecord {
    /// Node of the memory that happened first.
    #[prost(uint32, tag = "1")]
    pub(crate) earlier: u32,
    #[prost(uint32, tag = "2")]
    pub(crate) later: u32,
    /// 1 possible update, 2 possible contradiction.
    #[prost(uint32, tag = "3")]
    pub(crate) kind: u32,
    /// 1 change, 2 negation, 3 opposite, 4 value.
    #[prost(uint32, tag = "4")]
    pub(crate) ground: u32,
    #[prost(float, tag = "5")]
    pub(crate) cosine: f32,
    /// Words of each that the other does not share.
    #[prost(string, tag = "6")]
    pub(crate) before: String,
    #[prost(string, tag = "7")]
    pub(crate) after: String,
    /// Words of the later one that tell of a change.
    #[prost(string, repeated, tag = "8")]
    pub(crate) cues: Vec<String>,
}

impl MarkRecord {
    /// What makes the two differ; none = this program does not know that.
    pub(crate) fn contrast(self) -> Option<Contrast> {
        let kind = MarkKind::from_code(self.kind)?;
        let ground = MarkGround::from_code(self.ground)?;
        Some(Contrast { kind, ground, before: self.before, after: self.after, cues: self.cues })
    }
}

/// What an update weighed that followed a recall.
#[derive(Clone, Copy, PartialEq, Message)]
pub(crate) struct ReconsolidationRecord {
    /// When the recall was answered, ns.
    #[prost(sint64, tag = "1")]
    pub(crate) recalled_at: i64,
    #[prost(bool, tag = "2")]
    pub(crate) confirmed: bool,
    #[prost(float, tag = "3")]
    pub(crate) established: f32,
    #[prost(float, tag = "4")]
    pub(crate) labile: f32,
    #[prost(float, tag = "5")]
    pub(crate) weight: f32,
}

impl ReconsolidationRecord {
    pub(crate) fn new(weighed: Reconsolidation) -> ReconsolidationRecord {
        let Reconsolidation { recalled_at, confirmed, established, labile, weight } = weighed;
        ReconsolidationRecord { recalled_at, confirmed, established, labile, weight }
    }

    pub(crate) fn weighed(self) -> Result<Reconsolidation, String> {
        let ReconsolidationRecord { recalled_at, confirmed, established, labile, weight } = self;
        let shares = [established, labile, weight];
        if !shares.into_iter().all(|share| (0.0..=1.0).contains(&share)) {
            return Err("an update weighs what nothing can weigh".to_owned());
        }
        Ok(Reconsolidation { recalled_at, confirmed, established, labile, weight })
    }
}

/// A memory says again what an earlier one says.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct RepeatRecord {
    #[prost(uint32, tag = "1")]
    pub(crate) earlier: u32,
    #[prost(uint32, tag = "2")]
    pub(crate) later: u32,
}

/// A memory that was sent says what one that is there says: it is not stored, it counts as a repetition.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct MergeRecord {
    /// The memory that is there.
    #[prost(string, tag = "1")]
    pub(crate) id: String,
    /// When what was sent happened, ns; none = not stated.
    #[prost(sint64, optional, tag = "2")]
    pub(crate) occurred_at: Option<i64>,
    #[prost(string, tag = "3")]
    pub(crate) source_kind: String,
    #[prost(string, tag = "4")]
    pub(crate) source_reference: String,
    #[prost(float, optional, tag = "5")]
    pub(crate) source_trust: Option<f32>,
}

/// How one memory fades.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct DecayRecord {
    #[prost(bool, tag = "1")]
    pub(crate) pinned: bool,
    /// Place in [`DecayLaw::ALL`]; none = as the space.
    #[prost(uint32, optional, tag = "2")]
    pub(crate) law: Option<u32>,
    /// None = what the law begins with.
    #[prost(double, optional, tag = "3")]
    pub(crate) half_life_days: Option<f64>,
}

impl DecayRecord {
    pub(super) fn new(decay: OwnDecay) -> DecayRecord {
        match decay {
            OwnDecay::Pinned => DecayRecord { pinned: true, law: None, half_life_days: None },
            OwnDecay::Fading { law, half_life_days } => {
                DecayRecord { pinned: false, law: law.map(law_code), half_life_days }
            }
        }
    }

    pub(crate) fn own(self) -> Result<OwnDecay, String> {
        if self.pinned {
            return Ok(OwnDecay::Pinned);
        }
        let law = self.law.map(law_of_code).transpose()?;
        let half_life_days = self.half_life_days.map(days).transpose()?;
        Ok(OwnDecay::Fading { law, half_life_days })
    }
}

pub(super) fn law_code(law: DecayLaw) -> u32 {
    law as u32
}

pub(super) fn law_of_code(code: u32) -> Result<DecayLaw, String> {
    let law = DecayLaw::ALL.get(code as usize).copied();
    law.ok_or_else(|| format!("unknown law of forgetting {code}"))
}

/// A time that a law can work with.
pub(super) fn days(days: f64) -> Result<f64, String> {
    match days > 0.0 && days.is_finite() {
        true => Ok(days),
        false => Err(format!("{days} days are no time")),
    }
}
