//! `ann`: the graph over vectors beside those of others, at equal recall.

use engram_index::{
    Hnsw, HnswBuilder, HnswScratch, HnswSettings, RowMajor, Serial, VectorFilter, VectorQuery,
};
use serde_json::{Value, json};

use super::foreign::{CurvePoint, EngineFigures, Foreign, GRAPHS, SearchPlan, rate_at, to_json};
use super::options::BenchOptions;
use super::report::ReportBuilder;
use crate::data::{VectorSet, exact_top};
use crate::failure::BenchError;
use crate::grid::Grid;
use crate::numbers::{quantile, round};
use crate::plot::{Chart, Scale, Series};
use crate::stage::ThreadCpu;

const K: usize = 10;
/// Parameters of the comparison; ours also runs as shipped.
const M: u32 = 32;
const EF_CONSTRUCTION: u32 = 200;
/// Recalls at which speeds are compared.
const RECALLS: [f64; 2] = [0.95, 0.985];
const EFS: [usize; 11] = [10, 14, 20, 28, 40, 56, 80, 112, 160, 224, 320];

type Outcome = (String, Result<EngineFigures, String>);

pub(super) fn run(
    options: &BenchOptions,
    report: &mut ReportBuilder,
    progress: &mut dyn FnMut(&str),
) -> Result<(), BenchError> {
    let set = VectorSet::read(options.data()?)?;
    let rows = options.size(set.len(), 10_000).min(set.len());
    let plan = SearchPlan {
        rows,
        queries: set.query_texts.len(),
        m: M,
        ef_construction: EF_CONSTRUCTION,
        efs: EFS.to_vec(),
        rounds: if options.quick { 1 } else { 3 },
    };
    let base = set.unit_vectors(rows);
    let ours =
        Ours { set: &set, base: &base, truth: exact_top(&base, &set.queries, set.dimension, K) };
    let mut outcomes: Vec<Outcome> = Vec::new();
    let shipped = HnswSettings::default();
    for (name, m, ef_construction) in
        [("engram, as shipped", shipped.m, shipped.ef_construction), ("engram", M, EF_CONSTRUCTION)]
    {
        progress(&format!("{name}, M {m}"));
        let settings = HnswSettings { m, ef_construction, ..shipped };
        outcomes.push((name.to_owned(), Ok(ours.measure(settings, &plan))));
    }
    let foreign = Foreign::new(options, &set, &base)?;
    for engine in &GRAPHS {
        progress(engine.name);
        outcomes.push((engine.name.to_owned(), foreign.run(engine, &plan)));
    }
    report.set("set", json!({ "name": set.name, "rows": rows, "dimension": set.dimension }));
    report.set("m", M);
    report.set("ef_construction", EF_CONSTRUCTION);
    let engines: serde_json::Map<String, Value> =
        outcomes.iter().map(|(name, outcome)| (name.clone(), to_json(outcome))).collect();
    report.set("engines", Value::Object(engines));
    report.set("absent_always", json!(["qdrant-edge", "zvec"]));
    report.set("speed_over_best", over_best(&outcomes));
    report.grid(grid(&outcomes, rows));
    report.plot(chart(&outcomes).draw("ann-speed.svg"));
    Ok(())
}

/// Our graph over the rows of a set.
struct Ours<'a> {
    set: &'a VectorSet,
    base: &'a [f32],
    truth: Vec<Vec<(u32, f32)>>,
}

impl Ours<'_> {
    fn measure(&self, settings: HnswSettings, plan: &SearchPlan) -> EngineFigures {
        let cpu = ThreadCpu::start();
        let mut builder = HnswBuilder::new(settings, self.set.dimension);
        for vector in self.base.chunks_exact(self.set.dimension) {
            builder.push(vector);
        }
        while builder.step(&Serial) > 0 {}
        let graph = builder.finish(&Serial);
        let build_cpu_seconds = round(cpu.seconds(), 3);
        EngineFigures {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            build_cpu_seconds,
            // The vectors themselves, for the last ranking, and the graph with its codes.
            bytes: (graph.bytes().len() + size_of_val(self.base)) as u64,
            curve: plan.efs.iter().map(|ef| self.point(&graph, *ef, plan.rounds)).collect(),
            batch_per_cpu_second: None,
        }
    }

    fn point(&self, graph: &Hnsw, ef: usize, rounds: usize) -> CurvePoint {
        let rows = RowMajor::new(self.set.dimension, self.base);
        let mut scratch = HnswScratch::default();
        let (mut rates, mut hits) = (Vec::new(), 0);
        for _ in 0..rounds {
            hits = 0;
            let mut found: Vec<Vec<u32>> = Vec::with_capacity(self.truth.len());
            let cpu = ThreadCpu::start();
            for vector in self.set.queries.chunks_exact(self.set.dimension) {
                let query = VectorQuery { vector, k: K, ef, filter: VectorFilter::All };
                graph.search(&query, &rows, &mut scratch);
                found.push(scratch.hits().iter().map(|hit| hit.0).collect());
            }
            rates.push(found.len() as f64 / cpu.seconds());
            for (found, truth) in found.iter().zip(&self.truth) {
                hits += truth.iter().filter(|(row, _)| found.contains(row)).count();
            }
        }
        rates.sort_by(f64::total_cmp);
        let wanted: usize = self.truth.iter().map(Vec::len).sum();
        CurvePoint {
            ef,
            recall: round(hits as f64 / wanted.max(1) as f64, 5),
            per_cpu_second: round(quantile(&rates, 0.5), 1),
        }
    }
}

/// By recall: our best speed over the best of the others.
fn over_best(outcomes: &[Outcome]) -> Value {
    let best = |ours: bool, recall: f64| {
        let rates = outcomes.iter().filter(|(name, _)| name.starts_with("engram") == ours);
        let rates = rates.filter_map(|(_, one)| rate_at(&one.as_ref().ok()?.curve, recall));
        rates.fold(None, |best: Option<f64>, rate| Some(best.map_or(rate, |best| best.max(rate))))
    };
    let ratio = |recall: f64| Some(round(best(true, recall)? / best(false, recall)?, 3));
    let by_recall = RECALLS.iter().map(|recall| (recall.to_string(), json!(ratio(*recall))));
    Value::Object(by_recall.collect())
}

fn grid(outcomes: &[Outcome], rows: usize) -> Grid {
    let title = format!(
        "Nearest {K} of {rows} vectors, one thread, one query a call: queries per CPU second at equal recall. Ours as \
         shipped, and with M {M} and efConstruction {EF_CONSTRUCTION} like the others."
    );
    let mut header = vec!["engine", "version", "build CPU s", "MB"];
    let names: Vec<String> = RECALLS.iter().map(|recall| format!("at {recall}")).collect();
    header.extend(names.iter().map(String::as_str));
    header.push("best recall");
    let mut grid = Grid::new(title, &header);
    for (name, outcome) in outcomes {
        let mut row = vec![name.clone()];
        match outcome {
            Ok(one) => {
                row.push(one.version.clone());
                row.push(format!("{:.1}", one.build_cpu_seconds));
                row.push(format!("{:.0}", one.bytes as f64 / 1e6));
                for recall in RECALLS {
                    let rate = rate_at(&one.curve, recall);
                    row.push(
                        rate.map_or_else(|| "not reached".to_owned(), |rate| format!("{rate:.0}")),
                    );
                }
                let best = one.curve.iter().map(|point| point.recall).fold(0.0, f64::max);
                row.push(format!("{best:.3}"));
            }
            Err(why) => {
                row.push(format!("absent: {why}"));
                row.resize(header.len(), String::new());
            }
        }
        grid.rows.push(row);
    }
    grid
}

fn chart(outcomes: &[Outcome]) -> Chart<'static> {
    let series = outcomes.iter().filter_map(|(name, outcome)| {
        let curve = &outcome.as_ref().ok()?.curve;
        let points = curve.iter().filter(|point| point.recall < 1.0);
        Some(Series {
            name: name.clone(),
            points: points.map(|point| (1.0 - point.recall, point.per_cpu_second)).collect(),
        })
    });
    Chart {
        title: "Speed by what is missed",
        x: "share of the nearest ten that is missed",
        y: "queries per CPU second",
        scale: Scale::Decades,
        series: series.collect(),
    }
}
