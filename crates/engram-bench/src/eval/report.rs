//! What an evaluation finds, in the form in which it is written as JSON.
//!
//! Everything but `times` is the same in every run of the same set by the same version.

use serde::{Serialize, Serializer};

use crate::bootstrap::PairedDifference;
use crate::calibration::CalibrationFigures;
use crate::metrics::RankMetrics;

/// Values by name, in an order that says something: of the modes, of the categories.
pub(crate) type Named<T> = Vec<(String, T)>;

fn as_map<T: Serialize, S: Serializer>(named: &Named<T>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(named.iter().map(|(name, value)| (name, value)))
}

/// The figures of one set.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct EvalReport {
    /// Name of its folder.
    pub set: String,
    /// `groups` (a space for each) or `pooled` (one space).
    pub scope: &'static str,
    /// Version of the engine.
    pub version: &'static str,
    /// Model that computed the vectors.
    pub embedder: String,
    /// Spaces that it was loaded into.
    pub spaces: usize,
    /// Memories stored.
    pub memories: u64,
    /// Their vectors.
    pub vectors: u64,
    /// Queries with an answer in the set that count for the overall figures.
    pub queries: usize,
    /// Categories shown, but left out of the overall figures.
    pub left_out: Vec<String>,
    /// Relevant documents that the corpus does not have; they count as never found.
    pub gold_missing: usize,
    /// Items asked for.
    pub limit: u32,
    /// Overall figures by mode.
    #[serde(serialize_with = "as_map")]
    pub modes: Named<RankMetrics>,
    /// Overall figures of what is measured against.
    #[serde(serialize_with = "as_map")]
    pub baselines: Named<RankMetrics>,
    /// R@10 of each mode less that of a reference, by `mode-reference`, overall.
    #[serde(serialize_with = "as_map")]
    pub differences: Named<PairedDifference>,
    /// The same by category.
    #[serde(serialize_with = "as_map")]
    pub categories: Named<CategoryReport>,
    /// Whether relevance means what it says, by mode.
    #[serde(serialize_with = "as_map")]
    pub calibration: Named<CalibrationReport>,
    /// Queries that nothing in the set answers, by mode; empty where there are none.
    #[serde(serialize_with = "as_map", skip_serializing_if = "Vec::is_empty")]
    pub no_answer: Named<NoAnswerFigures>,
    /// Queries asked in a space that is not theirs, by mode; empty where that was not asked for.
    #[serde(serialize_with = "as_map", skip_serializing_if = "Vec::is_empty")]
    pub cross: Named<CrossFigures>,
    /// How long things took: different in every run.
    pub times: EvalTimes,
}

/// The figures of one category.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CategoryReport {
    /// Its queries with an answer in the set.
    pub queries: usize,
    /// Figures by mode.
    #[serde(serialize_with = "as_map")]
    pub modes: Named<RankMetrics>,
    /// Figures of what is measured against.
    #[serde(serialize_with = "as_map")]
    pub baselines: Named<RankMetrics>,
    /// As the overall ones.
    #[serde(serialize_with = "as_map")]
    pub differences: Named<PairedDifference>,
}

/// Whether the relevance of the items of one mode means what it says.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct CalibrationReport {
    /// As shipped, over all queries.
    pub shipped: CalibrationFigures,
    /// Fitted on one half of the queries by isotonic regression, judged on the other.
    pub fitted: CalibrationFigures,
    /// As the engine learned it from judgements of one half, judged on the other; absent where that was not asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub learned: Option<LearnedFigures>,
}

/// What judgements of one half of the queries do to the relevance of the other half.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct LearnedFigures {
    /// Judgements given.
    pub judgements: usize,
    /// The other half before anything was judged.
    pub shipped: CalibrationFigures,
    /// The same half after it.
    pub learned: CalibrationFigures,
}

/// How one mode treats queries that nothing in the set answers.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct NoAnswerFigures {
    /// Such queries.
    pub queries: usize,
    /// Share of them answered `nothing matches`.
    pub nothing: f64,
    /// Share of the queries with an answer answered `nothing matches`.
    pub nothing_wrongly: f64,
    /// Probability that the first item of a query with an answer is more relevant than that of one without.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auroc: Option<f64>,
}

/// How one mode treats queries of one group in the space of the next.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct CrossFigures {
    /// Queries asked in both.
    pub queries: usize,
    /// Probability that the first item at home is more relevant than the first one abroad.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auroc: Option<f64>,
    /// Share answered `nothing matches` at home.
    pub nothing_home: f64,
    /// Share answered `nothing matches` abroad.
    pub nothing_abroad: f64,
}

/// How long things took.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct EvalTimes {
    /// Seconds to store everything, vectors included.
    pub load_seconds: f64,
    /// By mode.
    #[serde(serialize_with = "as_map")]
    pub recall: Named<ModeTimes>,
}

/// How long one recall took, one after the other, over HTTP.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct ModeTimes {
    /// Median, milliseconds.
    pub p50_ms: f64,
    /// 99th percentile, milliseconds.
    pub p99_ms: f64,
}
