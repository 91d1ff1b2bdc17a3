//! `engram feedback`.

use clap::{Args, ValueEnum};
use engram_api::{DecisionName, FeedbackRequest, JudgedRecallInput, ModeName, VerdictName};

use crate::connection::{Connection, SpaceFlags};
use crate::failure::Failure;
use crate::output::{clean, print};
use crate::values;

/// What somebody thinks of a memory.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum VerdictFlag {
    /// It served
    Useful,
    /// It did not serve
    NotUseful,
    /// It is not true
    Wrong,
}

/// A decision about two memories.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum DecisionFlag {
    /// It holds in the place of the other
    Supersedes,
    /// They cannot both be true
    Contradicts,
    /// Neither says anything against the other
    Unrelated,
}

#[derive(Debug, Args)]
pub(crate) struct Feedback {
    /// Id of the memory
    id: String,
    /// What you think of it
    #[arg(value_enum, required_unless_present = "other")]
    verdict: Option<VerdictFlag>,
    /// Decide about it and the memory with this id
    #[arg(long, value_name = "ID", requires = "decision", conflicts_with = "verdict")]
    other: Option<String>,
    /// What you decide about the two
    #[arg(long, value_enum, requires = "other")]
    decision: Option<DecisionFlag>,
    #[command(flatten)]
    space: SpaceFlags,
    /// Why
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// Whose judgement it is, where you speak for several
    #[arg(long, value_name = "NAME")]
    source: Option<String>,
    /// The relevance that a recall showed of it: teaches what relevance is worth in this space; needs `--mode`
    #[arg(long, value_name = "SHARE", requires = "mode", allow_negative_numbers = true)]
    relevance: Option<f32>,
    /// The mode of that recall
    #[arg(long, value_name = "MODE", requires = "relevance", value_parser = values::mode)]
    mode: Option<ModeName>,
    /// Its relevance before calibration (`uncalibrated` in the answer)
    #[arg(long, value_name = "SHARE", requires = "relevance", allow_negative_numbers = true)]
    uncalibrated: Option<f32>,
}

impl Feedback {
    pub(crate) fn run(self, connection: &Connection) -> Result<(), Failure> {
        let request =
            FeedbackRequest {
                id: self.id,
                verdict: self.verdict.map(|verdict| match verdict {
                    VerdictFlag::Useful => VerdictName::Useful,
                    VerdictFlag::NotUseful => VerdictName::NotUseful,
                    VerdictFlag::Wrong => VerdictName::Wrong,
                }),
                other: self.other,
                decision: self.decision.map(|decision| match decision {
                    DecisionFlag::Supersedes => DecisionName::Supersedes,
                    DecisionFlag::Contradicts => DecisionName::Contradicts,
                    DecisionFlag::Unrelated => DecisionName::Unrelated,
                }),
                reason: self.reason,
                source: self.source,
                recalled: self.relevance.zip(self.mode).map(|(relevance, mode)| {
                    JudgedRecallInput { relevance, mode, uncalibrated: self.uncalibrated }
                }),
            };
        let answer = connection.space(&self.space)?.feedback(&request)?;
        print(connection.output, &answer, |answer| {
            let mut line = format!("noted for {} (LSN {})", clean(&answer.id), answer.lsn);
            if let (Some(strength), Some(confidence)) = (&answer.strength, &answer.confidence) {
                let now = strength.retrievability;
                line += &format!("\nstrength {now:.3}, law {}", strength.law);
                if let Some(days) = strength.stability_days {
                    line += &format!(", stability {days:.1} days");
                }
                let (mean, low, high) = (confidence.mean, confidence.low, confidence.high);
                line += &format!("\nconfidence {mean:.3} ({low:.3} to {high:.3})");
            }
            line
        })?;
        Ok(())
    }
}
