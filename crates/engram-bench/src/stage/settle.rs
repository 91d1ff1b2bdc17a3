//! Waiting until a server has done what follows its acknowledgements: associations are formed and graphs built behind
//! them, and a measurement that begins sooner measures that work as well.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use engram_api::{Method, Operation};
use serde_json::Value;

use super::wire::Wire;
use crate::failure::BenchError;

const POLL: Duration = Duration::from_millis(50);
/// Looks in a row that must show the same commit.
const LOOKS: u32 = 4;
const TIME_MAX: Duration = Duration::from_secs(7_200);

/// Figures of a space, of which only the ones that matter here are read: others may come and go.
pub(crate) fn space_stats(wire: &mut Wire, space: &str) -> Result<Value, BenchError> {
    let failed = |message: String| BenchError::Program { program: "stats".to_owned(), message };
    let operation = Operation::by_name("space_stats").expect("the table has it");
    let route = operation.routes.iter().find(|route| route.method == Method::Get);
    let path = route.expect("figures can be read").path.replace("{space}", space);
    let answer = wire.call(&Wire::get(&path)).map_err(|error| failed(error.to_string()))?;
    serde_json::from_slice(answer.body).map_err(|error| failed(error.to_string()))
}

/// Returns when no memory waits for its associations and no commit comes any more, with `idle` saying the same of
/// what the figures do not show, given the number of vectors.
///
/// # Errors
/// The server does not answer, or does not come to rest within two hours.
pub(crate) fn settle(
    addr: SocketAddr,
    spaces: &[&str],
    idle: &mut dyn FnMut(u64) -> bool,
) -> Result<(), BenchError> {
    let unreachable = |error: std::io::Error| BenchError::Program {
        program: "stats".to_owned(),
        message: error.to_string(),
    };
    let mut wire = Wire::connect(addr).map_err(unreachable)?;
    let started = Instant::now();
    let (mut before, mut looks) = (Vec::new(), 0);
    while started.elapsed() < TIME_MAX {
        let (mut seen, mut vectors) = (Vec::new(), 0);
        for space in spaces {
            let stats = space_stats(&mut wire, space)?;
            vectors += stats["vectors"].as_u64().unwrap_or(0);
            seen.push((stats["lsn"].as_u64(), stats["unlinked"].as_u64().unwrap_or(0)));
        }
        let quiet = seen == before && seen.iter().all(|(_, unlinked)| *unlinked == 0);
        looks = if quiet { looks + 1 } else { 0 };
        if looks >= LOOKS && idle(vectors) {
            return Ok(());
        }
        before = seen;
        std::thread::sleep(POLL);
    }
    let message = "the server did not come to rest within two hours".to_owned();
    Err(BenchError::Program { program: "engram start".to_owned(), message })
}
