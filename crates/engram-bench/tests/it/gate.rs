//! The project's own set keeps its figures: what a change of ranking loses shows here first.

use std::path::Path;

use engram_api::ModeName;
use engram_bench::{EvalOptions, EvalReport, EvalScope, RankMetrics, evaluate};

/// Least R@10 of a mode, about two questions below what was measured.
fn floor(mode: &str) -> f64 {
    match mode {
        "keyword" => 0.855,
        "similarity" => 0.875,
        // Every mode that uses both words and vectors.
        _ => 0.93,
    }
}

fn report() -> EvalReport {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../eval");
    let options = EvalOptions {
        dir,
        modes: ModeName::ALL.to_vec(),
        scope: EvalScope::Groups,
        limit: 10,
        with_adversarial: false,
        cross: false,
        calibrate: false,
    };
    evaluate(&options, &mut |_| {}).unwrap()
}

#[test]
fn recall_stays_above_its_floors() {
    let report = report();
    let tables: Vec<String> = report.grids().iter().map(|grid| grid.markdown()).collect();
    let tables = tables.join("\n");
    assert_eq!((report.spaces, report.memories, report.gold_missing), (4, 326, 0));
    let r10 = |(name, metrics): &(String, RankMetrics)| (name.clone(), metrics.r10);
    let modes: Vec<(String, f64)> = report.modes.iter().map(r10).collect();
    for (mode, r10) in &modes {
        assert!(*r10 >= floor(mode), "{mode} finds {r10}\n{tables}");
    }
    let best = modes.iter().map(|(_, r10)| *r10).fold(0.0, f64::max);
    let default = ModeName::default().as_str();
    let shipped = modes.iter().find(|(name, _)| name == default).unwrap().1;
    assert!(shipped >= best - 0.01, "{default} finds {shipped}, another mode {best}\n{tables}");
    let bm25 = report.baselines[0].1.r10;
    assert!(shipped >= bm25 + 0.06, "{default} finds {shipped}, BM25 {bm25}\n{tables}");
}
