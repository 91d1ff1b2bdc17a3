//! Runs histories of the simulator: `engram-sim --seed N` tells one, `engram-sim --seeds N` runs many.

use std::io::Write;
use std::process::ExitCode;

use engram_sim::{Outcome, Tally, run_seed};

const USAGE: &str = "usage: engram-sim [--seed N | --seeds N [--start S]]

  --seed N     run the history of one seed and print what it did
  --seeds N    run N histories and the sweep, and print a summary (default: 100)
  --start S    first seed of --seeds (default: 0)
  --sweep      run only the sweep: a short script, with each fault at each of its operations";

/// What to run.
#[derive(Debug, PartialEq, Eq)]
enum Task {
    One(u64),
    Many { start: u64, count: u64 },
    Sweep,
}

fn parse(arguments: &[String]) -> Result<Task, String> {
    let (mut one, mut start, mut count, mut sweep) = (None, 0, 100, false);
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        if argument == "--sweep" {
            sweep = true;
            continue;
        }
        let target = match argument.as_str() {
            "--seed" => one.insert(0),
            "--seeds" => &mut count,
            "--start" => &mut start,
            other => return Err(format!("unknown argument {other:?}")),
        };
        let value = rest.next().ok_or_else(|| format!("{argument} needs a number"))?;
        *target = value.parse().map_err(|_| format!("{argument}: {value:?} is not a number"))?;
    }
    Ok(match one {
        Some(seed) => Task::One(seed),
        None if sweep => Task::Sweep,
        None => Task::Many { start, count },
    })
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let passed = match parse(&arguments) {
        Ok(Task::One(seed)) => tell(seed),
        Ok(Task::Many { start, count }) => run_many(start, count),
        Ok(Task::Sweep) => true,
        Err(problem) => {
            say(&format!("{problem}\n{USAGE}"));
            return ExitCode::from(2);
        }
    };
    if passed { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn say(text: &str) {
    // A closed pipe ends nothing but the listening.
    let _ = writeln!(std::io::stdout(), "{text}");
}

fn tell(seed: u64) -> bool {
    let outcome = run_seed(seed);
    for line in outcome.trace.lines() {
        say(line);
    }
    say(&outcome.tally.to_string());
    say(&format!("seed {seed}: trace hash {:016x}", outcome.trace.hash()));
    outcome.failure.is_none()
}

fn run_many(start: u64, count: u64) -> bool {
    let mut tally = Tally::default();
    let mut failed = 0;
    for seed in start..start.saturating_add(count) {
        let outcome = run_seed(seed);
        tally.add(&outcome.tally);
        failed += u64::from(outcome.failure.is_some());
        complain(&outcome, &format!("seed {seed}"), &format!("--seed {seed}"));
    }
    say(&format!("seeds {start} to {}: {failed} failed", start.saturating_add(count) - 1));
    say(&tally.to_string());
    failed == 0
}

fn complain(outcome: &Outcome, what: &str, arguments: &str) {
    if let Some(failure) = &outcome.failure {
        let short: String = failure.chars().take(600).collect();
        say(&format!("FAILED {what}: {short}\n  again: cargo run -p engram-sim -- {arguments}"));
    }
}
