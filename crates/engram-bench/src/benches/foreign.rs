//! The engines that vectors are compared with, run by a script in an environment of their own.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tempfile::TempDir;

use super::options::BenchOptions;
use crate::data::VectorSet;
use crate::failure::BenchError;
use crate::stage::{Python, lay_out};

const SCRIPT: &str = include_str!("../../baselines/vectors.py");

/// An engine, its package and the module that the package brings.
pub(super) struct ForeignEngine {
    pub(super) name: &'static str,
    package: &'static str,
    module: &'static str,
}

/// Exact scan.
pub(super) const FLAT: ForeignEngine =
    ForeignEngine { name: "faiss-flat", package: "faiss-cpu", module: "faiss" };

/// Graphs.
pub(super) const GRAPHS: [ForeignEngine; 5] = [
    ForeignEngine { name: "hnswlib", package: "hnswlib", module: "hnswlib" },
    ForeignEngine { name: "faiss-hnsw", package: "faiss-cpu", module: "faiss" },
    ForeignEngine { name: "faiss-hnsw-sq8", package: "faiss-cpu", module: "faiss" },
    ForeignEngine { name: "usearch-f32", package: "usearch", module: "usearch" },
    ForeignEngine { name: "usearch-f16", package: "usearch", module: "usearch" },
];

/// How searches are made, the same for all engines.
#[derive(Clone, Debug)]
pub(super) struct SearchPlan {
    pub(super) rows: usize,
    pub(super) queries: usize,
    pub(super) m: u32,
    pub(super) ef_construction: u32,
    pub(super) efs: Vec<usize>,
    pub(super) rounds: usize,
}

/// One point of a curve: what was found, and how fast.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(super) struct CurvePoint {
    pub(super) ef: usize,
    pub(super) recall: f64,
    pub(super) per_cpu_second: f64,
}

/// What one engine did.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(super) struct EngineFigures {
    pub(super) version: String,
    pub(super) build_cpu_seconds: f64,
    pub(super) bytes: u64,
    pub(super) curve: Vec<CurvePoint>,
    /// All queries in one call, for engines that have such a call.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) batch_per_cpu_second: Option<f64>,
}

/// A line of the script.
#[derive(Deserialize)]
#[serde(tag = "what", rename_all = "snake_case")]
enum Line {
    Build { version: String, build_cpu_seconds: f64, anonymous_bytes: i64 },
    Search { ef: usize, recall: f64, per_cpu_second: f64 },
    Batch { per_cpu_second: f64 },
}

/// The environment with the vectors of one benchmark laid out for it.
pub(super) struct Foreign {
    python: Result<Python, String>,
    data: TempDir,
}

impl Foreign {
    pub(super) fn new(
        options: &BenchOptions,
        set: &VectorSet,
        base: &[f32],
    ) -> Result<Foreign, BenchError> {
        let data = TempDir::new().map_err(BenchError::file(&std::env::temp_dir()))?;
        lay_out(data.path(), set.dimension, base, &set.queries)?;
        Ok(Foreign { python: Python::open(&options.cache_dir), data })
    }

    /// Runs one engine; the error says why it is absent.
    pub(super) fn run(
        &self,
        engine: &ForeignEngine,
        plan: &SearchPlan,
    ) -> Result<EngineFigures, String> {
        let python = self.python.as_ref().map_err(Clone::clone)?;
        python.need("numpy", "numpy")?;
        python.need(engine.package, engine.module)?;
        let efs: Vec<String> = plan.efs.iter().map(ToString::to_string).collect();
        let args = [
            engine.name.to_owned(),
            self.data.path().to_string_lossy().into_owned(),
            plan.rows.to_string(),
            plan.queries.to_string(),
            plan.m.to_string(),
            plan.ef_construction.to_string(),
            efs.join(","),
            plan.rounds.to_string(),
        ];
        read(&python.script("vectors.py", SCRIPT, &args)?)
    }
}

fn read(said: &str) -> Result<EngineFigures, String> {
    let mut figures = EngineFigures::default();
    for line in said.lines() {
        match serde_json::from_str(line).map_err(|error| format!("{error}: {line}"))? {
            Line::Build { version, build_cpu_seconds, anonymous_bytes } => {
                figures.version = version;
                figures.build_cpu_seconds = build_cpu_seconds;
                figures.bytes = u64::try_from(anonymous_bytes).unwrap_or(0);
            }
            Line::Search { ef, recall, per_cpu_second } => {
                figures.curve.push(CurvePoint { ef, recall, per_cpu_second });
            }
            Line::Batch { per_cpu_second } => figures.batch_per_cpu_second = Some(per_cpu_second),
        }
    }
    Ok(figures)
}

/// An engine's place in a report.
pub(super) fn to_json(outcome: &Result<EngineFigures, String>) -> Value {
    match outcome {
        Ok(figures) => serde_json::json!(figures),
        Err(why) => serde_json::json!({ "absent": why }),
    }
}

/// Speed of a curve at a recall, between its points on a logarithmic scale; none where the curve does not reach so far
/// down or up.
pub(super) fn rate_at(curve: &[CurvePoint], recall: f64) -> Option<f64> {
    let mut sorted = curve.to_vec();
    sorted.sort_by(|a, b| {
        a.recall.total_cmp(&b.recall).then(a.per_cpu_second.total_cmp(&b.per_cpu_second))
    });
    let above = sorted.iter().position(|point| point.recall >= recall)?;
    let high = sorted[above];
    if above == 0 || high.recall == recall {
        // A curve that begins above the recall is at least as fast there.
        return Some(high.per_cpu_second);
    }
    let low = sorted[above - 1];
    let share = (recall - low.recall) / (high.recall - low.recall);
    let log = |point: CurvePoint| libm::log(point.per_cpu_second);
    Some(libm::exp(log(low) + share * (log(high) - log(low))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(recall: f64, per_cpu_second: f64) -> CurvePoint {
        CurvePoint { ef: 1, recall, per_cpu_second }
    }

    #[test]
    fn speed_is_read_between_points() {
        let curve = [point(0.99, 1_000.0), point(0.9, 4_000.0)];
        let middle = rate_at(&curve, 0.945).unwrap();
        assert!((middle - 2_000.0).abs() < 1e-6, "{middle}");
        assert_eq!(rate_at(&curve, 0.99), Some(1_000.0));
        assert_eq!(rate_at(&curve, 0.5), Some(4_000.0));
        assert_eq!(rate_at(&curve, 0.995), None);
        assert_eq!(rate_at(&[], 0.9), None);
    }

    #[test]
    fn the_script_is_understood() {
        let said = "{\"what\":\"build\",\"engine\":\"x\",\"version\":\"1\",\"build_cpu_seconds\":2.5,\"anonymous_bytes\":-4}\n\
                    {\"what\":\"search\",\"engine\":\"x\",\"ef\":8,\"recall\":0.5,\"per_cpu_second\":10.0}\n\
                    {\"what\":\"batch\",\"engine\":\"x\",\"per_cpu_second\":20.0}\n";
        let figures = read(said).unwrap();
        assert_eq!((figures.version.as_str(), figures.bytes), ("1", 0));
        assert_eq!(figures.curve, [CurvePoint { ef: 8, recall: 0.5, per_cpu_second: 10.0 }]);
        assert_eq!(figures.batch_per_cpu_second, Some(20.0));
        assert!(read("nonsense").is_err());
    }
}
