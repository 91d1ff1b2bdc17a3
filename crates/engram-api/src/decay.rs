//! How memories fade.

use serde::{Deserialize, Serialize};

/// A law of forgetting. Each is a curve of one parameter, the stability: the time until retrievability falls to 0.9.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LawName {
    /// The forgetting curve of FSRS-4.5, a power law with exponent -1/2.
    #[default]
    Fsrs,
    /// A power law with exponent -1.
    Power,
    /// An exponential.
    Exponential,
    /// Base-level activation of ACT-R whose decay depends on the spacing of uses.
    ActR,
    /// The savings of Ebbinghaus's study of 1885: nine tenths are there for two minutes.
    Ebbinghaus,
}

impl LawName {
    /// All laws.
    pub const ALL: [LawName; 5] =
        [LawName::Fsrs, LawName::Power, LawName::Exponential, LawName::ActR, LawName::Ebbinghaus];

    /// The name as it stands in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            LawName::Fsrs => "fsrs",
            LawName::Power => "power",
            LawName::Exponential => "exponential",
            LawName::ActR => "act_r",
            LawName::Ebbinghaus => "ebbinghaus",
        }
    }
}

/// How one memory fades, where that is not as its space says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MemoryDecay {
    /// True: it does not fade; then the other fields say nothing.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub pinned: bool,
    /// Its law; that of the space when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub law: Option<LawName>,
    /// Days until half of its retrievability is lost, 0.0001 to 36,500; what the law begins with when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub half_life_days: Option<f64>,
}

/// How the memories of a space fade.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SpaceDecay {
    /// The law; `fsrs` when absent.
    #[serde(default)]
    pub law: LawName,
    /// Stability of a new memory: days until its retrievability falls to 0.9, 0.000001 to 36,500. When absent 30, and 1.9 minutes
    /// with `ebbinghaus`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stability_days: Option<f64>,
}
