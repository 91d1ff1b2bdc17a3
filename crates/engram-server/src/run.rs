//! The server as a program: what `engram start` calls.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use engram_api::{ErrorCode, Problem};
use engram_store::Recovery;

use crate::config::Settings;
use crate::server::Server;

/// What a person who starts a server wants to see.
#[derive(Debug)]
pub enum ServerEvent<'a> {
    /// The address answers; the log is being read.
    Listening {
        /// Where.
        addr: SocketAddr,
        /// Where gRPC does.
        grpc: Option<SocketAddr>,
        /// Where the data is.
        data_dir: &'a Path,
    },
    /// Reads and writes are served.
    Ready {
        /// Where.
        addr: SocketAddr,
        /// Where gRPC is served.
        grpc: Option<SocketAddr>,
        /// Whether both speak TLS.
        tls: bool,
        /// What was found in the log.
        recovery: &'a Recovery,
    },
}

/// How a server ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// In order: drained and closed.
    InOrder,
    /// By another signal, at once: the next start recovers. Threads of the server may still run, so the caller must
    /// end the process.
    AtOnce,
}

/// A signal so soon after the first is the same one, delivered twice: a terminal signals the whole process group, and a
/// supervisor in it passes the signal on.
const SAME_SIGNAL: Duration = Duration::from_secs(2);

/// What a signal asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asked {
    InOrder,
    Nothing,
    AtOnce,
}

/// The signals so far.
#[derive(Clone, Copy, Debug, Default)]
struct Signals {
    first: Option<Instant>,
}

impl Signals {
    fn take(&mut self, now: Instant) -> Asked {
        match self.first {
            None => {
                self.first = Some(now);
                Asked::InOrder
            }
            Some(first) if now.duration_since(first) < SAME_SIGNAL => Asked::Nothing,
            Some(_) => Asked::AtOnce,
        }
    }
}

/// Serves until SIGTERM or SIGINT, then ends in order; another signal, two seconds later or more, ends at once.
///
/// # Errors
/// The address is taken, the data directory is locked, of a newer format or damaged, an embedder does not work, or the
/// log could not be closed.
pub fn run(
    settings: Settings,
    report: &mut dyn FnMut(ServerEvent<'_>),
) -> Result<Ended, Box<Problem>> {
    let server = Server::start(settings)?;
    let (ended, outcome) = mpsc::channel();
    let stop = server.stop_handle();
    let at_once = ended.clone();
    let mut signals = Signals::default();
    let on_signal = move || match signals.take(Instant::now()) {
        Asked::InOrder => stop.stop(),
        Asked::Nothing => {}
        // The receiver is gone when the server has ended already.
        Asked::AtOnce => drop(at_once.send(Ok(Ended::AtOnce))),
    };
    server.watch_signals(on_signal).map_err(|error| no_thread(&error))?;
    let (addr, grpc) = (server.addr(), server.grpc_addr());
    report(ServerEvent::Listening { addr, grpc, data_dir: server.data_dir() });
    if let Ok(recovery) = server.wait_ready() {
        let tls = server.speaks_tls();
        report(ServerEvent::Ready { addr, grpc, tls, recovery: &recovery });
    }
    // In a thread of its own, so that a second signal can end the wait for it.
    let join = move || drop(ended.send(server.join().map(|()| Ended::InOrder)));
    let thread = std::thread::Builder::new().name("engram-serve".to_owned());
    thread.spawn(join).map_err(|error| no_thread(&error))?;
    outcome.recv().unwrap_or_else(|_| {
        Err(Box::new(Problem::new(ErrorCode::Internal, "the server ended in a panic")))
    })
}

fn no_thread(error: &std::io::Error) -> Box<Problem> {
    Box::new(Problem::new(ErrorCode::IoFailed, error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signal_that_comes_twice_counts_once() {
        let first = Instant::now();
        let mut signals = Signals::default();
        let mut after = |millis| signals.take(first + Duration::from_millis(millis));
        assert_eq!(after(0), Asked::InOrder);
        assert_eq!(after(1), Asked::Nothing);
        assert_eq!(after(1_999), Asked::Nothing);
        assert_eq!(after(2_000), Asked::AtOnce);
    }
}
