//! The spacing effect: two study trials apart are worth more in the long run than two at once, and less in the short run (Cepeda,
//! Pashler, Vul, Wixted and Rohrer, "Distributed practice in verbal recall tasks", 2006; Pavlik and Anderson 2005).

use engram_api::LawName;
use serde_json::{Value, json};

use super::report::Findings;
use super::subject::{DAY_NS, HOUR_NS, MINUTE_NS, SECOND_NS, START_NS, Subject, item, lag};
use crate::failure::BenchError;
use crate::grid::Grid;
use crate::local::LocalServer;
use crate::numbers::round;
use crate::plot::{Chart, Plot, Scale, Series};

/// Time between the two study trials; the first is massed study.
const GAPS: [i64; 4] = [SECOND_NS, DAY_NS, 7 * DAY_NS, 30 * DAY_NS];
/// Time from the second trial to the test.
const LAGS: [i64; 8] = [
    10 * SECOND_NS,
    MINUTE_NS,
    10 * MINUTE_NS,
    HOUR_NS,
    DAY_NS,
    7 * DAY_NS,
    60 * DAY_NS,
    365 * DAY_NS,
];
/// From this lag on each spaced condition must be above the massed one; at the longest by so much where the gap is about a tenth of
/// the lag, which is what serves best (Cepeda, Vul, Rohrer, Wixted and Pashler, "Spacing effects in learning", 2008).
const LONG_NS: i64 = 7 * DAY_NS;
const ADVANTAGE: f64 = 0.02;
const BEST_GAP: usize = 3;
/// The law with a crossover, and the default one, which has none: it gives a repetition at once no worth at all.
const LAWS: [LawName; 2] = [LawName::ActR, LawName::Fsrs];

/// Retrievability by gap, then by lag.
type Table = Vec<Vec<f64>>;

pub(super) fn run(server: &LocalServer, findings: &mut Findings) -> Result<(), BenchError> {
    let mut told = serde_json::Map::new();
    for law in LAWS {
        let table = measure(server, law)?;
        findings.grid(grid(law, &table));
        told.insert(law.as_str().to_owned(), json(&table));
        judge(law, &table, findings);
        if law == LawName::ActR {
            findings.plot(chart(&table));
        }
    }
    findings.set("spacing", Value::Object(told));
    Ok(())
}

fn measure(server: &LocalServer, law: LawName) -> Result<Table, BenchError> {
    let mut table = Vec::new();
    for (place, gap) in GAPS.into_iter().enumerate() {
        let name = format!("spacing-{}-{place}", law.as_str().replace('_', "-"));
        let subject = Subject::new(server, &name, law)?;
        let words = "der Hund heißt auf Japanisch inu";
        subject.study(START_NS, item("pair", words))?;
        subject.study(START_NS + gap, item("again", words))?;
        let mut row = Vec::new();
        for lag_ns in LAGS {
            let strength = subject.strength(START_NS + gap + lag_ns, "pair")?;
            row.push(f64::from(strength.retrievability));
        }
        table.push(row);
    }
    Ok(table)
}

fn judge(law: LawName, table: &Table, findings: &mut Findings) {
    let massed = &table[0];
    let name = law.as_str();
    let above = |place: usize| table[1..].iter().all(|spaced| spaced[place] > massed[place]);
    let long = (0..LAGS.len()).filter(|place| LAGS[*place] >= LONG_NS).all(above);
    let last = LAGS.len() - 1;
    let gain = table[BEST_GAP][last] - massed[last];
    let found = format!("advantage after a year {gain:.3}");
    let claim = format!(
        "{name}: spaced above massed from a lag of {} on, by {ADVANTAGE} after a year where {} apart",
        lag(LONG_NS),
        lag(GAPS[BEST_GAP])
    );
    findings.claim("spacing", claim, (found, long && gain >= ADVANTAGE));
    if law == LawName::ActR {
        let early = table[1..].iter().all(|spaced| massed[0] > spaced[0]);
        let crossed = (0..LAGS.len()).find(|place| above(*place));
        let at = crossed.map_or("never".to_owned(), |place| lag(LAGS[place]));
        let claim = format!("{name}: massed above spaced at a lag of {}", lag(LAGS[0]));
        findings.claim("spacing", claim, (format!("all spaced above massed from {at} on"), early));
    }
}

fn grid(law: LawName, table: &Table) -> Grid {
    let mut header = vec!["lag".to_owned(), "massed".to_owned()];
    header.extend(GAPS[1..].iter().map(|gap| format!("{} apart", lag(*gap))));
    let header: Vec<&str> = header.iter().map(String::as_str).collect();
    let title = format!(
        "Spacing, law {}: retrievability at a lag after the second of two study trials.",
        law.as_str()
    );
    let mut grid = Grid::new(title, &header);
    for (place, lag_ns) in LAGS.into_iter().enumerate() {
        let mut row = vec![lag(lag_ns)];
        row.extend(table.iter().map(|gap| format!("{:.3}", gap[place])));
        grid.rows.push(row);
    }
    grid
}

fn json(table: &Table) -> Value {
    let rows = GAPS.iter().zip(table).map(|(gap, row)| {
        let row: Vec<f64> = row.iter().map(|r| round(*r, 4)).collect();
        json!({ "gap_seconds": gap / SECOND_NS, "retrievability": row })
    });
    let lags: Vec<i64> = LAGS.iter().map(|lag_ns| lag_ns / SECOND_NS).collect();
    json!({ "lag_seconds": lags, "gaps": rows.collect::<Vec<_>>() })
}

fn chart(table: &Table) -> Plot {
    let series = GAPS.iter().zip(table).map(|(gap, row)| Series {
        name: if *gap == GAPS[0] { "massed".to_owned() } else { format!("{} apart", lag(*gap)) },
        points: LAGS.iter().zip(row).map(|(at, r)| (*at as f64 / MINUTE_NS as f64, *r)).collect(),
    });
    let chart = Chart {
        title: "Spacing, law act_r",
        x: "minutes after the second trial",
        y: "retrievability",
        scale: Scale::Shares,
        series: series.collect(),
    };
    chart.draw("lab-spacing.svg")
}
