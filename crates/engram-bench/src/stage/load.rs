//! Clients that put a server under load, and the latencies that they see.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde::Serialize;

use super::machine::ThreadCpu;
use super::wire::Wire;
use crate::failure::BenchError;
use crate::numbers::{SplitMix, mean, quantile, round};

/// Time to connect one client.
const CONNECT_SECONDS: f64 = 0.000_5;

/// How requests follow each other.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Pace {
    /// Each client sends its next request when it has the answer to the last.
    Closed,
    /// Requests arrive at random at so many a second, whatever the answers do; a latency counts from the arrival, so
    /// that a stalled server cannot hide behind clients that wait for it.
    Open {
        /// Mean arrivals a second.
        per_second: f64,
    },
}

/// What is sent, by how many, and when it ends.
#[derive(Clone, Copy)]
pub(crate) struct Load<'a> {
    pub(crate) addr: SocketAddr,
    pub(crate) clients: usize,
    pub(crate) pace: Pace,
    /// Ends after so many requests…
    pub(crate) requests_max: usize,
    /// …or after this time, whichever comes first.
    pub(crate) time_max: Duration,
    /// Bytes of request `n`.
    pub(crate) request: &'a (dyn Fn(usize) -> Vec<u8> + Sync),
}

/// How a client connects.
pub(crate) type Connect<'a> = dyn Fn(SocketAddr) -> std::io::Result<Wire> + Sync + 'a;

/// What the clients saw.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub(crate) struct Latencies {
    /// Clients.
    pub(crate) clients: usize,
    /// Answers with a status of success.
    pub(crate) requests: usize,
    /// Other answers.
    pub(crate) refused: usize,
    /// Answers a second.
    pub(crate) per_second: f64,
    /// Mean, milliseconds.
    pub(crate) mean_ms: f64,
    /// Median, milliseconds.
    pub(crate) p50_ms: f64,
    /// 99th percentile, milliseconds.
    pub(crate) p99_ms: f64,
    /// The longest, milliseconds.
    pub(crate) max_ms: f64,
    /// CPU seconds of the clients.
    pub(crate) client_cpu_seconds: f64,
}

#[derive(Default)]
struct Seen {
    milliseconds: Vec<f64>,
    refused: usize,
    cpu_seconds: f64,
}

impl Latencies {
    /// Of latencies in milliseconds, over a time in seconds.
    pub(crate) fn of(mut milliseconds: Vec<f64>, seconds: f64) -> Latencies {
        milliseconds.sort_by(f64::total_cmp);
        Latencies {
            clients: 1,
            requests: milliseconds.len(),
            per_second: round(milliseconds.len() as f64 / seconds.max(1e-9), 1),
            mean_ms: round(mean(&milliseconds), 4),
            p50_ms: round(quantile(&milliseconds, 0.5), 4),
            p99_ms: round(quantile(&milliseconds, 0.99), 4),
            max_ms: round(milliseconds.last().copied().unwrap_or(0.0), 4),
            ..Latencies::default()
        }
    }
}

impl Load<'_> {
    /// Runs it to its end.
    pub(crate) fn run(&self) -> Result<Latencies, BenchError> {
        self.run_until(&AtomicBool::new(false))
    }

    /// Runs it to its end over connections that are made otherwise.
    pub(crate) fn run_over(&self, connect: &Connect<'_>) -> Result<Latencies, BenchError> {
        self.run_with(&AtomicBool::new(false), connect)
    }

    /// Runs it to its end, or until `done`.
    pub(crate) fn run_until(&self, done: &AtomicBool) -> Result<Latencies, BenchError> {
        self.run_with(done, &Wire::connect)
    }

    fn run_with(&self, done: &AtomicBool, connect: &Connect<'_>) -> Result<Latencies, BenchError> {
        let schedule = self.schedule();
        let next = AtomicUsize::new(0);
        let started = Instant::now();
        let seen: Vec<std::io::Result<Seen>> = std::thread::scope(|scope| {
            let client = || self.client((&next, done), (started, schedule.as_deref()), connect);
            let threads: Vec<_> = (0..self.clients).map(|_| scope.spawn(client)).collect();
            let join = |thread: std::thread::ScopedJoinHandle<'_, _>| {
                thread.join().expect("a client does not panic")
            };
            threads.into_iter().map(join).collect()
        });
        let seconds = started.elapsed().as_secs_f64();
        let mut all = Seen::default();
        for one in seen {
            let one = one.map_err(|error| BenchError::Program {
                program: "load client".to_owned(),
                message: error.to_string(),
            })?;
            all.milliseconds.extend(one.milliseconds);
            all.refused += one.refused;
            all.cpu_seconds += one.cpu_seconds;
        }
        Ok(Latencies {
            clients: self.clients,
            refused: all.refused,
            client_cpu_seconds: round(all.cpu_seconds, 3),
            ..Latencies::of(all.milliseconds, seconds)
        })
    }

    /// Arrival of each request in an open loop: a Poisson process.
    fn schedule(&self) -> Option<Vec<Duration>> {
        let Pace::Open { per_second } = self.pace else { return None };
        let mut rng = SplitMix::new(self.clients as u64);
        // Not before all are connected.
        let mut at = self.clients as f64 * CONNECT_SECONDS;
        let mut arrivals = Vec::new();
        while arrivals.len() < self.requests_max && at < self.time_max.as_secs_f64() {
            at -= libm::log(rng.unit()) / per_second;
            arrivals.push(Duration::from_secs_f64(at));
        }
        Some(arrivals)
    }

    fn client(
        &self,
        (next, done): (&AtomicUsize, &AtomicBool),
        (started, schedule): (Instant, Option<&[Duration]>),
        connect: &Connect<'_>,
    ) -> std::io::Result<Seen> {
        let cpu = ThreadCpu::start();
        let mut wire = connect(self.addr)?;
        let mut seen = Seen::default();
        loop {
            let n = next.fetch_add(1, Ordering::Relaxed);
            let arrival = match schedule {
                Some(arrivals) => match arrivals.get(n) {
                    Some(arrival) => Some(started + *arrival),
                    None => break,
                },
                None if n >= self.requests_max || started.elapsed() >= self.time_max => break,
                None => None,
            };
            let request = (self.request)(n);
            let begin = match arrival {
                Some(arrival) => {
                    std::thread::sleep(arrival.saturating_duration_since(Instant::now()));
                    arrival
                }
                // Making the request is the client's time, not the server's.
                None => Instant::now(),
            };
            if done.load(Ordering::Acquire) {
                break;
            }
            let status = wire.call(&request)?.status;
            seen.milliseconds.push(begin.elapsed().as_secs_f64() * 1e3);
            if !(200..300).contains(&status) {
                seen.milliseconds.pop();
                seen.refused += 1;
            }
        }
        seen.cpu_seconds = cpu.seconds();
        Ok(seen)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrivals_keep_their_rate() {
        let load = Load {
            addr: ([127, 0, 0, 1], 1).into(),
            clients: 8,
            pace: Pace::Open { per_second: 100.0 },
            requests_max: 5_000,
            time_max: Duration::from_secs(1_000),
            request: &|_| Vec::new(),
        };
        let arrivals = load.schedule().unwrap();
        let seconds = arrivals.last().unwrap().as_secs_f64();
        assert!((47.0..53.0).contains(&seconds), "{seconds}");
        assert!(arrivals.is_sorted());
        assert_eq!(Load { pace: Pace::Closed, ..load }.schedule(), None);
    }

    #[test]
    fn latencies_are_summed_up() {
        let all = Latencies::of((1..=100).map(f64::from).collect(), 10.0);
        assert_eq!((all.requests, all.per_second, all.p50_ms), (100, 10.0, 50.0));
        assert_eq!((all.p99_ms, all.max_ms, all.mean_ms), (99.0, 100.0, 50.5));
        assert_eq!(Latencies::of(Vec::new(), 0.0).p99_ms, 0.0);
    }
}
