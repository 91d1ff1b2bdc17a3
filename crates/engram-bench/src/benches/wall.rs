//! `wall`: what one space shows of another to whoever may not touch it, by the time that a refusal takes, and what a space at its quota
//! takes from others.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use engram_api::RoleName;
use serde_json::{Value, json};

use super::access::{create_key, with_header};
use super::options::BenchOptions;
use super::report::ReportBuilder;
use super::spaces::{fill, vector};
use crate::failure::BenchError;
use crate::grid::Grid;
use crate::numbers::{SplitMix, round};
use crate::stage::{ChildServer, Latencies, Load, Pace, Wire};

const MEMORIES: usize = 1_000;
const DIMENSION: usize = 64;
/// The space whose owner asks.
const OWN: &str = "tenant";
/// A space of somebody else, and one that is not there: names of one length.
const OTHER: &str = "others";
const ABSENT: &str = "nobody";
/// Requests of each sample.
const SAMPLE: usize = 10_000;
const SAMPLE_QUICK: usize = 500;
/// Two samples are told apart from this probability of chance on.
const CHANCE: f64 = 0.01;

const ROUNDS: usize = 5;
const SECONDS: u64 = 10;
const SECONDS_QUICK: u64 = 1;
/// Recalls a second of the owner, and requests a second of the other space.
const OWN_PER_SECOND: f64 = 200.0;
const OTHER_PER_SECOND: f64 = 1_000.0;
const CLIENTS: usize = 4;
const OTHER_READS_PER_SECOND: usize = 50;

/// Recalls of the owner while the other space does this.
#[derive(Clone, Copy, PartialEq)]
enum Beside {
    Nothing,
    /// It asks for more than its quota.
    AtItsQuota,
    /// It asks for as much, and has none.
    Unbounded,
}

const BESIDE: [(Beside, &str); 3] = [
    (Beside::Nothing, "nothing"),
    (Beside::AtItsQuota, "a space at its quota"),
    (Beside::Unbounded, "a space without one"),
];

pub(super) fn run(
    options: &BenchOptions,
    report: &mut ReportBuilder,
    progress: &mut dyn FnMut(&str),
) -> Result<(), BenchError> {
    progress("refusals");
    let mut server = ChildServer::start(&options.program)?;
    for space in [OWN, OTHER] {
        fill(&server, space, (MEMORIES, DIMENSION))?;
        server.settle(space)?;
    }
    server.set("auth.enabled=true");
    let keys = server.pause(|dir| {
        let own = create_key(dir, ("own", RoleName::Writer, OWN))?;
        Ok([own, create_key(dir, ("other", RoleName::Writer, OTHER))?])
    })?;
    let [own, other] = keys.map(|key| format!("authorization: Bearer {key}\r\n"));
    let sample = if options.quick { SAMPLE_QUICK } else { SAMPLE };
    let samples = refusals(&server, &own, sample, report)?;
    report.set("samples", samples);

    let seconds = options.seconds.unwrap_or(if options.quick { SECONDS_QUICK } else { SECONDS });
    let rounds = if options.quick { 1 } else { ROUNDS };
    let mut seen: Vec<(&str, Vec<Latencies>)> =
        BESIDE.iter().map(|(_, name)| (*name, Vec::new())).collect();
    for round in 0..rounds {
        for (place, (beside, name)) in BESIDE.into_iter().enumerate() {
            progress(&format!("round {} of {rounds}, beside {name}", round + 1));
            bound(&mut server, beside)?;
            let latencies = owner(&server, (&own, &other), beside, Duration::from_secs(seconds))?;
            seen[place].1.push(latencies);
        }
    }
    let beside = isolation(&seen, report, seconds);
    report.set("beside", beside);
    Ok(())
}

/// A request of an operation of a space.
fn request(space: &str, operation: &str, n: usize, header: &str) -> Vec<u8> {
    let path = format!("/api/v1/spaces/{space}");
    let bytes = match operation {
        "get_space" => Wire::get(&path),
        "recall" => {
            let cue = json!({ "vector": vector(n, DIMENSION), "mode": "similarity", "limit": 10, "observe": true });
            Wire::post(&format!("{path}/recall"), &cue.to_string())
        }
        _ => {
            let memory = json!({ "text": format!("note {n}"), "vector": vector(n, DIMENSION) });
            Wire::post(&format!("{path}/remember"), &memory.to_string())
        }
    };
    with_header(&bytes, header)
}

/// Times of refusals, of a space that is there and of one that is not, in a random order on one connection.
fn refusals(
    server: &ChildServer,
    header: &str,
    sample: usize,
    report: &mut ReportBuilder,
) -> Result<Value, BenchError> {
    let failed =
        |message: String| BenchError::Program { program: "engram start".to_owned(), message };
    let mut wire = Wire::connect(server.addr).map_err(|error| failed(error.to_string()))?;
    let mut rng = SplitMix::new(1);
    let title = format!(
        "Refusals of {sample} requests for each of two spaces that the key may not touch, in a random order: Mann and Whitney's U, two-sided; told apart where chance is below {CHANCE}."
    );
    let header_row =
        ["request", "space", "p50 us", "p99 us", "mean us", "z", "chance", "told apart"];
    let mut grid = Grid::new(title, &header_row);
    let mut all = Vec::new();
    for operation in ["get_space", "recall", "remember"] {
        let mut times = [Vec::with_capacity(sample), Vec::with_capacity(sample)];
        while times.iter().any(|times| times.len() < sample) {
            let which = rng.below(2);
            if times[which].len() == sample {
                continue;
            }
            let asked = request([OTHER, ABSENT][which], operation, times[which].len(), header);
            let begin = Instant::now();
            let status = wire.call(&asked).map_err(|error| failed(error.to_string()))?.status;
            times[which].push(begin.elapsed().as_secs_f64() * 1e3);
            if status != 404 {
                return Err(failed(format!(
                    "{operation} of a foreign space was answered with {status}"
                )));
            }
        }
        let (z, chance) = mann_whitney(&times[0], &times[1]);
        let told = if chance < CHANCE { "yes" } else { "no" };
        for (times, space) in times.into_iter().zip(["there", "not there"]) {
            let latencies = Latencies::of(times, 1.0);
            let us = |ms: f64| format!("{:.1}", ms * 1e3);
            let shown = [latencies.p50_ms, latencies.p99_ms, latencies.mean_ms].map(us);
            let mut row = vec![operation.to_owned(), space.to_owned()];
            row.extend(shown);
            row.extend([format!("{z:.2}"), format!("{chance:.3}"), told.to_owned()]);
            grid.rows.push(row);
            all.push(json!({ "request": operation, "space": space, "latencies": latencies, "z": round(z, 3), "chance": round(chance, 4) }));
        }
    }
    report.grid(grid);
    Ok(Value::Array(all))
}

/// Sets the quota of the other space: what it holds is all that it may hold.
fn bound(server: &mut ChildServer, beside: Beside) -> Result<(), BenchError> {
    let (memories, reads) = match beside {
        Beside::AtItsQuota => (MEMORIES, OTHER_READS_PER_SECOND),
        Beside::Nothing | Beside::Unbounded => (1 << 30, 1_000_000),
    };
    server.set(&format!("quotas.spaces.{OTHER}.memories={memories}"));
    server.set(&format!("quotas.spaces.{OTHER}.reads_per_second={reads}"));
    server.restart()
}

/// What the owner of a space sees while the other one asks.
fn owner(
    server: &ChildServer,
    (own, other): (&str, &str),
    beside: Beside,
    time_max: Duration,
) -> Result<Latencies, BenchError> {
    let recall = |n: usize| request(OWN, "recall", n % MEMORIES, own);
    let load = Load {
        addr: server.addr,
        clients: CLIENTS,
        pace: Pace::Open { per_second: OWN_PER_SECOND },
        requests_max: usize::MAX,
        time_max,
        request: &recall,
    };
    // The first requests open the space.
    Load { pace: Pace::Closed, requests_max: 500, ..load }.run()?;
    if beside == Beside::Nothing {
        return load.run();
    }
    let asks = |n: usize| match n % 2 {
        0 => request(OTHER, "remember", MEMORIES + n, other),
        _ => request(OTHER, "recall", n % MEMORIES, other),
    };
    let pace = Pace::Open { per_second: OTHER_PER_SECOND };
    let noise = Load { pace, request: &asks, ..load };
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let noisy = scope.spawn(|| noise.run_until(&done));
        let seen = load.run();
        done.store(true, Ordering::Release);
        let noise = noisy.join().expect("a load does not panic")?;
        let was_refused = noise.refused > noise.requests;
        if was_refused != (beside == Beside::AtItsQuota) {
            let message = format!("{} requests done, {} refused", noise.requests, noise.refused);
            return Err(BenchError::Program { program: "engram start".to_owned(), message });
        }
        seen
    })
}

fn isolation(seen: &[(&str, Vec<Latencies>)], report: &mut ReportBuilder, seconds: u64) -> Value {
    let title = format!(
        "{OWN_PER_SECOND} recalls a second at random times (open loop) in one space of {MEMORIES} memories, {seconds} s, beside {OTHER_PER_SECOND} requests a second of another space, half of \
         them writes; medians of {} rounds.",
        seen.first().map_or(0, |(_, rounds)| rounds.len())
    );
    let mut grid = Grid::new(title, &["beside", "p50 ms", "p99 ms", "p99 to alone"]);
    let median = |rounds: &[Latencies], of: fn(&Latencies) -> f64| {
        let mut values: Vec<f64> = rounds.iter().map(of).collect();
        values.sort_by(f64::total_cmp);
        values.get(values.len() / 2).copied().unwrap_or(0.0)
    };
    let alone = seen.first().map_or(0.0, |(_, rounds)| median(rounds, |seen| seen.p99_ms));
    let mut all = Vec::new();
    for (beside, rounds) in seen {
        let (p50, p99) = (median(rounds, |seen| seen.p50_ms), median(rounds, |seen| seen.p99_ms));
        let ratio = p99 / alone.max(1e-9);
        let cells = [format!("{p50:.3}"), format!("{p99:.3}"), format!("{ratio:.2}")];
        grid.rows.push(std::iter::once((*beside).to_owned()).chain(cells).collect());
        all.push(json!({ "beside": beside, "rounds": rounds, "p99_to_alone": round(ratio, 3) }));
    }
    report.grid(grid);
    Value::Array(all)
}

/// The U test of Mann and Whitney (1947) by the normal approximation, with ties: z, and the probability of so much by chance.
fn mann_whitney(one: &[f64], other: &[f64]) -> (f64, f64) {
    let mut all: Vec<(f64, bool)> = one.iter().map(|value| (*value, true)).collect();
    all.extend(other.iter().map(|value| (*value, false)));
    all.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (m, n) = (one.len() as f64, other.len() as f64);
    let total = m + n;
    let (mut ranks, mut ties, mut first) = (0.0, 0.0, 0);
    for run in all.chunk_by(|a, b| a.0 == b.0) {
        let rank = first as f64 + (run.len() as f64 + 1.0) / 2.0;
        ranks += rank * run.iter().filter(|(_, is_one)| *is_one).count() as f64;
        let tied = run.len() as f64;
        ties += tied * (tied * tied - 1.0);
        first += run.len();
    }
    let u = ranks - m * (m + 1.0) / 2.0;
    let variance = m * n / 12.0 * (total + 1.0 - ties / (total * (total - 1.0)));
    let z = (u - m * n / 2.0) / libm::sqrt(variance).max(1e-12);
    (z, libm::erfc(z.abs() / std::f64::consts::SQRT_2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_of_one_source_are_not_told_apart_and_shifted_ones_are() {
        let mut rng = SplitMix::new(7);
        let mut sample =
            |shift: f64| -> Vec<f64> { (0..2_000).map(|_| rng.unit() + shift).collect() };
        let (one, same, shifted) = (sample(0.0), sample(0.0), sample(0.05));
        assert!(mann_whitney(&one, &same).1 > CHANCE);
        let (z, chance) = mann_whitney(&one, &shifted);
        assert!(z < -4.0 && chance < 1e-4, "{z} {chance}");
    }

    #[test]
    fn ranks_are_those_of_the_textbook() {
        // Four and five values without ties: U = 3, mean 10, variance 50 / 3.
        let (z, _) = mann_whitney(&[1.0, 2.0, 3.0, 7.0], &[4.0, 5.0, 6.0, 8.0, 9.0]);
        assert!((z - (3.0 - 10.0) / libm::sqrt(50.0 / 3.0)).abs() < 1e-9, "{z}");
    }
}
