//! The forgetting curve of 1885: savings at relearning lists of syllables (Ebbinghaus, "Über das Gedächtnis", 1885, § 28).

use engram_api::LawName;
use serde_json::json;

use super::report::Findings;
use super::subject::{DAY_NS, HOUR_NS, MINUTE_NS, START_NS, Subject, item, lag};
use crate::failure::BenchError;
use crate::grid::Grid;
use crate::local::LocalServer;
use crate::numbers::round;
use crate::plot::{Chart, Scale, Series};

/// Lags and the savings that were measured after them.
const SAVINGS: [(i64, f64); 7] = [
    (20 * MINUTE_NS, 0.58),
    (HOUR_NS, 0.44),
    (9 * HOUR_NS, 0.36),
    (DAY_NS, 0.33),
    (2 * DAY_NS, 0.28),
    (6 * DAY_NS, 0.25),
    (31 * DAY_NS, 0.21),
];
/// How far from it each point may lie.
const TOLERANCE: f64 = 0.05;

pub(super) fn run(server: &LocalServer, findings: &mut Findings) -> Result<(), BenchError> {
    let mut curves = Vec::new();
    for law in LawName::ALL {
        let subject = Subject::new(server, &format!("forgetting-{}", name(law)), law)?;
        subject.study(START_NS, item("list", "zof tup rik lam nar"))?;
        let mut points = Vec::new();
        for (lag_ns, _) in SAVINGS {
            let strength = subject.strength(START_NS + lag_ns, "list")?;
            points.push((lag_ns, f64::from(strength.retrievability)));
        }
        curves.push((law, points));
    }
    let mut grid = Grid::new(
        "Forgetting: retrievability after a lag, beside the savings of 1885.",
        &["lag", "1885", "ebbinghaus", "act_r", "exponential", "power", "fsrs"],
    );
    let of = |law: LawName, place: usize| {
        let curve = curves.iter().find(|(other, _)| *other == law);
        curve.map_or(f64::NAN, |(_, points)| points[place].1)
    };
    let mut worst: f64 = 0.0;
    for (place, (lag_ns, savings)) in SAVINGS.into_iter().enumerate() {
        worst = worst.max((of(LawName::Ebbinghaus, place) - savings).abs());
        let laws = [
            LawName::Ebbinghaus,
            LawName::ActR,
            LawName::Exponential,
            LawName::Power,
            LawName::Fsrs,
        ];
        let mut row = vec![lag(lag_ns), format!("{savings:.2}")];
        row.extend(laws.map(|law| format!("{:.3}", of(law, place))));
        grid.rows.push(row);
    }
    findings.grid(grid);
    let found = (format!("worst point off by {worst:.3}"), worst <= TOLERANCE);
    let claim = format!("law ebbinghaus within {TOLERANCE} of each of the seven points");
    findings.claim("forgetting", claim, found);
    let told = |(law, points): &(LawName, Vec<(i64, f64)>)| {
        (law.as_str().to_owned(), points.iter().map(|(_, r)| round(*r, 4)).collect::<Vec<f64>>())
    };
    let curves_json: std::collections::BTreeMap<String, Vec<f64>> =
        curves.iter().map(told).collect();
    let lags: Vec<i64> = SAVINGS.iter().map(|(lag_ns, _)| lag_ns / 1_000_000_000).collect();
    findings.set("forgetting", json!({ "lag_seconds": lags, "retrievability": curves_json }));
    findings.plot(chart(&curves));
    Ok(())
}

fn name(law: LawName) -> String {
    law.as_str().replace('_', "-")
}

fn chart(curves: &[(LawName, Vec<(i64, f64)>)]) -> crate::plot::Plot {
    let minutes = |lag_ns: i64| lag_ns as f64 / MINUTE_NS as f64;
    let measured = Series {
        name: "1885".to_owned(),
        points: SAVINGS.iter().map(|(lag_ns, savings)| (minutes(*lag_ns), *savings)).collect(),
    };
    let curve = |(law, points): &(LawName, Vec<(i64, f64)>)| Series {
        name: law.as_str().to_owned(),
        points: points.iter().map(|(lag_ns, r)| (minutes(*lag_ns), *r)).collect(),
    };
    let chart = Chart {
        title: "Forgetting",
        x: "minutes after learning",
        y: "retrievability",
        scale: Scale::Shares,
        series: std::iter::once(measured).chain(curves.iter().map(curve)).collect(),
    };
    chart.draw("lab-forgetting.svg")
}
