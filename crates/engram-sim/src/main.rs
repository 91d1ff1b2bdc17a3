//! Runs histories of the simulator: `engram-sim --seed N` tells one, `engram-sim --seeds N` runs many.

use std::io::Write;
use std::num::NonZero;
use std::ops::Range;
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use engram_sim::{CaseReport, Fault, OPERATIONS_MAX, Tally, run_seed, sweep_one};

const USAGE: &str =
    "usage: engram-sim [--seed N | --seeds N [--start S] | --sweep [--fault NAME --at N]]

  --seed N     run the history of one seed and print what it did
  --seeds N    run N histories and the sweep, and print a summary (default: 100)
  --start S    first seed of --seeds (default: 0)
  --sweep      run only the sweep: a short script, with each fault at each of its operations
  --fault F    with --at: only this fault (io, io-for-good, full, full-for-good, short-write, crash)
  --at N       only at this operation, and print what happened";

/// Failures that are told one by one; all are counted.
const FAILURES_SHOWN: u64 = 20;

/// What to run.
#[derive(Debug, PartialEq, Eq)]
enum Task {
    One(u64),
    Many { start: u64, count: u64 },
    Sweep,
    SweepOne { fault: Fault, at: u64 },
}

fn parse(arguments: &[String]) -> Result<Task, String> {
    let (mut one, mut start, mut count, mut sweep) = (None, 0, 100, false);
    let (mut fault, mut at) = (None, None);
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        if argument == "--sweep" {
            sweep = true;
            continue;
        }
        if argument == "--fault" {
            let name = rest.next().ok_or("--fault needs a name")?;
            let known = Fault::ALL.into_iter().find(|fault| fault.name() == name);
            fault = Some(known.ok_or_else(|| format!("unknown fault {name:?}"))?);
            continue;
        }
        let target = match argument.as_str() {
            "--seed" => one.insert(0),
            "--at" => at.insert(0),
            "--seeds" => &mut count,
            "--start" => &mut start,
            other => return Err(format!("unknown argument {other:?}")),
        };
        let value = rest.next().ok_or_else(|| format!("{argument} needs a number"))?;
        *target = value.parse().map_err(|_| format!("{argument}: {value:?} is not a number"))?;
    }
    match (one, fault, at) {
        (None, Some(fault), Some(at)) => Ok(Task::SweepOne { fault, at }),
        (_, None, None) => Ok(match one {
            Some(seed) => Task::One(seed),
            None if sweep => Task::Sweep,
            None => Task::Many { start, count },
        }),
        _ => Err("--fault and --at belong together, and to no seed".to_owned()),
    }
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let passed = match parse(&arguments) {
        Ok(Task::One(seed)) => tell(&format!("seed {seed}"), &run_seed(seed)),
        Ok(Task::SweepOne { fault, at }) => match sweep_one(fault, at) {
            Some(outcome) => tell("sweep", &outcome),
            None => {
                say("the script has fewer operations");
                true
            }
        },
        Ok(Task::Many { start, count }) => run_many(start, count),
        Ok(Task::Sweep) => run_sweep(),
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

fn tell(what: &str, outcome: &CaseReport) -> bool {
    for line in outcome.trace.lines() {
        say(line);
    }
    say(&outcome.tally.to_string());
    say(&format!("{what}: trace hash {:016x}", outcome.trace.hash()));
    outcome.failure.is_none()
}

fn run_many(start: u64, count: u64) -> bool {
    let end = start.saturating_add(count);
    let Summary { tally, failed } = on_all_cores(start..end, &|seed| {
        let outcome = run_seed(seed);
        let arguments = (format!("seed {seed}"), format!("--seed {seed}"));
        Some((outcome, arguments))
    });
    say(&format!("seeds from {start} up to {end}: {failed} failed\n{tally}"));
    let swept = run_sweep();
    failed == 0 && swept
}

/// What many histories came to.
#[derive(Default)]
struct Summary {
    tally: Tally,
    failed: u64,
}

/// Runs numbered histories, each by itself, on as many threads as there are cores; ends early where one is `None`. Every history is
/// the same whatever runs beside it.
fn on_all_cores(
    numbers: Range<u64>,
    run: &(dyn Fn(u64) -> Option<(CaseReport, (String, String))> + Sync),
) -> Summary {
    let next = AtomicU64::new(numbers.start);
    let summary = Mutex::new(Summary::default());
    let work_off = || {
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let done = if number < numbers.end { run(number) } else { None };
            let Some((outcome, (what, arguments))) = done else {
                next.store(numbers.end, Ordering::Relaxed);
                return;
            };
            let mut summary = summary.lock().unwrap_or_else(PoisonError::into_inner);
            summary.tally.add(&outcome.tally);
            summary.failed += u64::from(outcome.failure.is_some());
            if summary.failed <= FAILURES_SHOWN {
                complain(&outcome, &what, &arguments);
            }
        }
    };
    let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
    std::thread::scope(|scope| {
        for _ in 1..cores {
            scope.spawn(work_off);
        }
        work_off();
    });
    summary.into_inner().unwrap_or_else(PoisonError::into_inner)
}

fn run_sweep() -> bool {
    let mut tally = Tally::default();
    let mut failed = 0;
    for fault in Fault::ALL {
        let name = fault.name();
        let swept = on_all_cores(0..OPERATIONS_MAX, &|at| {
            let outcome = sweep_one(fault, at)?;
            let arguments = format!("--sweep --fault {name} --at {at}");
            Some((outcome, (format!("sweep, {name} at operation {at}"), arguments)))
        });
        tally.add(&swept.tally);
        failed += swept.failed;
    }
    say(&format!("sweep: {failed} failed\n{tally}"));
    failed == 0
}

fn complain(outcome: &CaseReport, what: &str, arguments: &str) {
    if let Some(failure) = &outcome.failure {
        let short: String = failure.chars().take(500).collect();
        say(&format!("FAILED {what}: {short}\n  again: cargo run -p engram-sim -- {arguments}"));
    }
}
