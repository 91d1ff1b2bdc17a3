//! `engram feedback`.

use clap::{Args, ValueEnum};
use engram_api::{DecisionName, FeedbackRequest, VerdictName};

use crate::connection::{Connection, SpaceFlags};
use crate::failure::Failure;
use crate::output::{clean, print};

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
}

impl Feedback {
    pub(crate) fn run(self, connection: &Connection) -> Result<(), Failure> {
        let request = FeedbackRequest {
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
