//! The flags that say how memories fade.

use clap::{Args, ValueEnum};
use engram_api::{LawName, MemoryDecay, SpaceDecay};

/// A law of forgetting.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum LawFlag {
    /// The forgetting curve of FSRS-4.5
    Fsrs,
    /// A power law with exponent -1
    Power,
    /// An exponential
    Exponential,
    /// Base-level activation of ACT-R
    ActR,
    /// The savings of the study of 1885
    Ebbinghaus,
}

impl From<LawFlag> for LawName {
    fn from(law: LawFlag) -> LawName {
        match law {
            LawFlag::Fsrs => LawName::Fsrs,
            LawFlag::Power => LawName::Power,
            LawFlag::Exponential => LawName::Exponential,
            LawFlag::ActR => LawName::ActR,
            LawFlag::Ebbinghaus => LawName::Ebbinghaus,
        }
    }
}

/// How one memory fades.
#[derive(Clone, Debug, Args)]
pub(crate) struct MemoryDecayFlags {
    /// It does not fade
    #[arg(long, conflicts_with_all = ["law", "half_life"])]
    pinned: bool,
    /// Its law of forgetting; that of the space when absent
    #[arg(long, value_enum)]
    law: Option<LawFlag>,
    /// Days until half of its retrievability is lost
    #[arg(long, value_name = "DAYS", allow_negative_numbers = true)]
    half_life: Option<f64>,
}

impl MemoryDecayFlags {
    pub(crate) fn decay(&self) -> Option<MemoryDecay> {
        let decay = MemoryDecay {
            pinned: self.pinned,
            law: self.law.map(LawName::from),
            half_life_days: self.half_life,
        };
        (decay != MemoryDecay::default()).then_some(decay)
    }
}

/// How the memories of a space fade.
#[derive(Clone, Debug, Args)]
pub(crate) struct SpaceDecayFlags {
    /// Law of forgetting of its memories; fsrs when absent
    #[arg(long, value_enum)]
    law: Option<LawFlag>,
    /// Days until the retrievability of a new memory falls to 0.9
    #[arg(long, value_name = "DAYS", allow_negative_numbers = true)]
    stability: Option<f64>,
}

impl SpaceDecayFlags {
    pub(crate) fn decay(&self) -> Option<SpaceDecay> {
        let law = self.law.map(LawName::from);
        (law.is_some() || self.stability.is_some())
            .then(|| SpaceDecay { law: law.unwrap_or_default(), stability_days: self.stability })
    }
}
