//! How long a statement takes from text to plan: `cargo bench -p engram-query`.
//!
//! Prints one JSON object a line: the statement, its bytes, and the median of the rounds in microseconds.

#![expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]
#![expect(clippy::print_stdout, reason = "a benchmark prints what it measures")]

use std::hint::black_box;
use std::time::Instant;

use engram_query::{Parameters, compile, complete};
use serde_json::json;

/// Statements of a round, and rounds.
const STATEMENTS_PER_ROUND: u32 = 2_000;
const ROUNDS: usize = 15;

const NOW_NS: i64 = 1_769_904_000_000_000_000;

const SHORT: &str = "RECALL 'Where does Ada live?' LIMIT 5";
const TYPICAL: &str = "RECALL $question WHERE person = 'Ada' AND occurred_at >= now() - 30 days AND NOT (tag = 'draft' \
                       OR metadata.ticket.priority < 2) ORDER BY occurred_at DESC LIMIT 5 WITH (min_relevance = 0.25, neighbours = 1)";
const WRONG: &str = "RECALL 'Where does Ada live?' WHERE persn = 'Ada' LIMIT 5";

fn main() {
    let none = Parameters::none();
    let asked = Parameters::none().with("question", "Where does Ada live?");
    let vector: Vec<f64> = (0..384).map(|n| f64::from(n) / 384.0).collect();
    let near = Parameters::none().with("v", json!(vector));
    let ids: Vec<String> = (0..500).map(|n| format!("'chat-{n}'")).collect();
    let long = format!("RECALL WHERE id IN ({})", ids.join(", "));
    // The first statement reads the schemas.
    let start = Instant::now();
    let _ = black_box(compile(SHORT, &none, NOW_NS));
    report("first", SHORT, start.elapsed().as_secs_f64() * 1e6);
    measure("short", SHORT, || drop(black_box(compile(SHORT, &none, NOW_NS))));
    measure("typical", TYPICAL, || drop(black_box(compile(TYPICAL, &asked, NOW_NS))));
    measure("vector of 384", "RECALL VECTOR $v", || {
        drop(black_box(compile("RECALL VECTOR $v", &near, NOW_NS)));
    });
    measure("500 ids", &long, || drop(black_box(compile(&long, &none, NOW_NS))));
    measure("wrong", WRONG, || drop(black_box(compile(WRONG, &none, NOW_NS))));
    measure("complete", TYPICAL, || drop(black_box(complete(TYPICAL))));
}

fn measure(name: &str, statement: &str, run: impl Fn()) {
    let mut rounds: Vec<f64> = (0..ROUNDS)
        .map(|_| {
            let start = Instant::now();
            (0..STATEMENTS_PER_ROUND).for_each(|_| run());
            start.elapsed().as_secs_f64() * 1e6 / f64::from(STATEMENTS_PER_ROUND)
        })
        .collect();
    rounds.sort_by(f64::total_cmp);
    report(name, statement, rounds[ROUNDS / 2]);
}

fn report(name: &str, statement: &str, microseconds: f64) {
    let line = json!({"case": name, "bytes": statement.len(), "microseconds": (microseconds * 100.0).round() / 100.0});
    println!("{line}");
}
