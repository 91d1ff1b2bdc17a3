//! Runs histories of the simulator: `engram-sim --seed N` tells one, `engram-sim --seeds N` runs many.

#![forbid(unsafe_code)]

use std::io::Write;
use std::num::NonZero;
use std::ops::Range;
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

#[cfg(feature = "deliberate-bugs")]
use engram_sim::hunt;
use engram_sim::{CaseReport, OPERATIONS_MAX, Tally, Trouble, run_backups, run_seed, sweep_one};
use engram_store::Bug;

const USAGE: &str =
    "usage: engram-sim [--seed N | --seeds N [--start S] | --sweep [--fault NAME --at N]
                   | --backup N | --backups N [--start S] | --bugs]

  --seed N     run the history of one seed and print what it did
  --seeds N    run N histories and the sweep, and print a summary (default: 100)
  --start S    first seed of --seeds and --backups (default: 0)
  --backup N   run the case with backups of one seed and print what it did
  --backups N  run N cases with backups, and print a summary
  --sweep      run only the sweep: a short script, with each fault at each of its operations
  --fault F    with --at: only this fault (io, io-for-good, full, full-for-good, short-write, crash; of the cold
               store: store-refused, store-away, store-lost, store-denied, store-short, store-garbled, store-crash)
  --at N       only at this operation, and print what happened
  --bugs       with each deliberate bug in the engine, the history that must find it
  --bug NAME   run all else with this bug; both need a build with --features deliberate-bugs";

/// Failures that are told one by one; all are counted.
const FAILURES_SHOWN: u64 = 20;

/// What to run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Task {
    One(u64),
    Many { start: u64, count: u64 },
    Backup(u64),
    Backups { start: u64, count: u64 },
    Sweep,
    SweepOne { fault: Trouble, at: u64 },
    Bugs,
}

/// What the command line says.
#[derive(Default)]
struct Arguments {
    one: Option<u64>,
    start: u64,
    count: Option<u64>,
    backup: Option<u64>,
    backups: Option<u64>,
    fault: Option<Trouble>,
    at: Option<u64>,
    sweep: bool,
    bugs: bool,
    bug: Option<Bug>,
}

impl Arguments {
    fn parse(words: &[String]) -> Result<Arguments, String> {
        let mut told = Arguments::default();
        let mut rest = words.iter();
        while let Some(word) = rest.next() {
            match word.as_str() {
                "--sweep" => told.sweep = true,
                "--bugs" => told.bugs = true,
                _ => {
                    let value = rest.next().ok_or_else(|| format!("{word} needs a value"))?;
                    told.set(word, value)?;
                }
            }
        }
        if cfg!(not(feature = "deliberate-bugs")) && (told.bugs || told.bug.is_some()) {
            return Err("this build has no deliberate bugs".to_owned());
        }
        Ok(told)
    }

    fn set(&mut self, word: &str, value: &str) -> Result<(), String> {
        let number = || value.parse().map_err(|_| format!("{word}: {value:?} is not a number"));
        match word {
            "--seed" => self.one = Some(number()?),
            "--at" => self.at = Some(number()?),
            "--seeds" => self.count = Some(number()?),
            "--backup" => self.backup = Some(number()?),
            "--backups" => self.backups = Some(number()?),
            "--start" => self.start = number()?,
            "--fault" => {
                let known = Trouble::all().find(|fault| fault.name() == value);
                self.fault = Some(known.ok_or_else(|| format!("unknown fault {value:?}"))?);
            }
            "--bug" => {
                let known = Bug::ALL.into_iter().find(|bug| format!("{bug:?}") == value);
                self.bug = Some(known.ok_or_else(|| format!("unknown bug {value:?}"))?);
            }
            other => return Err(format!("unknown argument {other:?}")),
        }
        Ok(())
    }

    fn task(&self) -> Result<Task, String> {
        match (self.backup, self.backups) {
            (Some(seed), None) => return Ok(Task::Backup(seed)),
            (None, Some(count)) => return Ok(Task::Backups { start: self.start, count }),
            (None, None) => {}
            _ => return Err("--backup is one case, --backups are many".to_owned()),
        }
        match (self.one, self.fault, self.at) {
            (None, Some(fault), Some(at)) => Ok(Task::SweepOne { fault, at }),
            (_, None, None) => Ok(match self.one {
                _ if self.bugs => Task::Bugs,
                Some(seed) => Task::One(seed),
                None if self.sweep => Task::Sweep,
                None => Task::Many { start: self.start, count: self.count.unwrap_or(100) },
            }),
            _ => Err("--fault and --at belong together, and to no seed".to_owned()),
        }
    }
}

/// Runs a history with the bug that was asked for.
#[cfg(feature = "deliberate-bugs")]
fn with_bug<T>(bug: Option<Bug>, work: impl FnOnce() -> T) -> T {
    match bug {
        Some(bug) => bug.during(work),
        None => work(),
    }
}

/// Runs a history: there are no bugs in this build.
#[cfg(not(feature = "deliberate-bugs"))]
fn with_bug<T>(_: Option<Bug>, work: impl FnOnce() -> T) -> T {
    work()
}

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let parsed = Arguments::parse(&words).and_then(|told| Ok((told.task()?, told.bug)));
    let passed = match parsed {
        Ok((Task::One(seed), bug)) => {
            tell(&format!("seed {seed}"), &with_bug(bug, || run_seed(seed)))
        }
        Ok((Task::SweepOne { fault, at }, bug)) => match with_bug(bug, || sweep_one(fault, at)) {
            Some(outcome) => tell("sweep", &outcome),
            None => {
                say("the script has fewer operations");
                true
            }
        },
        Ok((Task::Many { start, count }, bug)) => run_many((start, count), bug),
        Ok((Task::Backup(seed), bug)) => {
            tell(&format!("backups, seed {seed}"), &with_bug(bug, || run_backups(seed)))
        }
        Ok((Task::Backups { start, count }, bug)) => run_many_backups((start, count), bug),
        Ok((Task::Sweep, bug)) => run_sweep(bug),
        Ok((Task::Bugs, _)) => run_bugs(),
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

fn run_many((start, count): (u64, u64), bug: Option<Bug>) -> bool {
    let end = start.saturating_add(count);
    let Summary { tally, failed } = on_all_cores(start..end, &|seed| {
        let outcome = with_bug(bug, || run_seed(seed));
        let arguments = (format!("seed {seed}"), format!("--seed {seed}"));
        Some((outcome, arguments))
    });
    say(&format!("seeds from {start} up to {end}: {failed} failed\n{tally}"));
    let swept = run_sweep(bug);
    failed == 0 && swept
}

fn run_many_backups((start, count): (u64, u64), bug: Option<Bug>) -> bool {
    let end = start.saturating_add(count);
    let Summary { tally, failed } = on_all_cores(start..end, &|seed| {
        let outcome = with_bug(bug, || run_backups(seed));
        let arguments = (format!("backups, seed {seed}"), format!("--backup {seed}"));
        Some((outcome, arguments))
    });
    say(&format!("backups, seeds from {start} up to {end}: {failed} failed\n{tally}"));
    failed == 0
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
    let summary = Mutex::new(Summary::default());
    each(numbers, &|number| {
        let Some((outcome, (what, arguments))) = run(number) else { return More::No };
        let mut summary = summary.lock().unwrap_or_else(PoisonError::into_inner);
        summary.tally.add(&outcome.tally);
        summary.failed += u64::from(outcome.failure.is_some());
        if summary.failed <= FAILURES_SHOWN {
            complain(&outcome, &what, &arguments);
        }
        More::Yes
    });
    summary.into_inner().unwrap_or_else(PoisonError::into_inner)
}

/// Whether there is more to run.
#[derive(PartialEq, Eq)]
enum More {
    Yes,
    No,
}

/// Calls `work` with each number, on as many threads as there are cores, until it says that there are no more.
fn each(numbers: Range<u64>, work: &(dyn Fn(u64) -> More + Sync)) {
    let next = AtomicU64::new(numbers.start);
    let work_off = || {
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= numbers.end || work(number) == More::No {
                next.store(numbers.end, Ordering::Relaxed);
                return;
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
}

/// Looks for every deliberate bug.
#[cfg(feature = "deliberate-bugs")]
fn run_bugs() -> bool {
    let missed = AtomicU64::new(0);
    each(0..Bug::ALL.len() as u64, &|number| {
        let bug = Bug::ALL[number as usize];
        match hunt(bug) {
            Ok(catch) => {
                let short: String = catch.failure.chars().take(120).collect();
                say(&format!("{bug:?}: {} says: {short}", catch.case));
            }
            Err(what) => {
                say(&format!("FAILED {bug:?}: {what}"));
                missed.fetch_add(1, Ordering::Relaxed);
            }
        }
        More::Yes
    });
    let missed = missed.into_inner();
    say(&format!("{} deliberate bugs: {missed} were not found", Bug::ALL.len()));
    missed == 0
}

#[cfg(not(feature = "deliberate-bugs"))]
fn run_bugs() -> bool {
    false
}

fn run_sweep(bug: Option<Bug>) -> bool {
    let mut tally = Tally::default();
    let mut failed = 0;
    for fault in Trouble::all() {
        let name = fault.name();
        let swept = on_all_cores(0..OPERATIONS_MAX, &|at| {
            let outcome = with_bug(bug, || sweep_one(fault, at))?;
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
