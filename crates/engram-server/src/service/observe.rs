//! What is seen of a request from outside: its id, its place among those under way, how it ended and when.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use engram_store::{Entropy, OsEntropy};

use crate::metrics::{Metrics, RequestSample};

/// Longest request id taken from a client, bytes.
const REQUEST_ID_BYTES_MAX: usize = 128;

/// The way that a request came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Door {
    Rest,
    Grpc,
    Mcp,
}

impl Door {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Door::Rest => "rest",
            Door::Grpc => "grpc",
            Door::Mcp => "mcp",
        }
    }
}

/// Where a request comes from, for the audit log.
#[derive(Clone, Debug)]
pub(crate) struct Origin {
    pub(crate) door: Door,
    pub(crate) request_id: String,
    /// Address of the client's end of the connection.
    pub(crate) client: Option<SocketAddr>,
}

/// A request that is counted as under way until it is answered, or its client goes away.
pub(crate) struct Observed<'a> {
    metrics: &'a Metrics,
    door: Door,
    operation: &'static str,
    id: &'a str,
    started: Instant,
}

impl<'a> Observed<'a> {
    /// `operation` is `none` where the request belongs to none.
    pub(crate) fn begin(
        metrics: &'a Metrics,
        door: Door,
        operation: &'static str,
        id: &'a str,
    ) -> Observed<'a> {
        metrics.in_flight.inc();
        Observed { metrics, door, operation, id, started: Instant::now() }
    }

    /// Counts the answer by its status, as HTTP has it.
    pub(crate) fn end(self, status: u16) {
        let elapsed = self.started.elapsed();
        let (door, operation, id) = (self.door.name(), self.operation, self.id);
        self.metrics.request(&RequestSample { door, operation, status, elapsed });
        let elapsed_us = micros(elapsed);
        if status >= 500 {
            tracing::warn!(request_id = %id, door, operation, status, elapsed_us, "request failed");
        } else {
            tracing::debug!(request_id = %id, door, operation, status, elapsed_us, "request");
        }
    }
}

impl Drop for Observed<'_> {
    fn drop(&mut self) {
        self.metrics.in_flight.dec();
    }
}

fn micros(elapsed: Duration) -> u64 {
    u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX)
}

/// The client's id where it is sane, else a new one of 64 random bits.
pub(crate) fn request_id(given: Option<&str>) -> String {
    let sane = |text: &&str| {
        let letter = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b':');
        (1..=REQUEST_ID_BYTES_MAX).contains(&text.len()) && text.bytes().all(letter)
    };
    if let Some(text) = given.filter(sane) {
        return text.to_owned();
    }
    let mut bytes = [0; 8];
    OsEntropy.fill(&mut bytes);
    format!("{:016x}", u64::from_be_bytes(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_sane_request_ids_are_kept() {
        assert_eq!(request_id(Some("trace-1.2:3_4")), "trace-1.2:3_4");
        for bad in ["", "a b", "a\"b", "{}"] {
            assert_eq!(request_id(Some(bad)).len(), 16, "{bad:?}");
        }
        assert_ne!(request_id(None), request_id(None));
    }
}
