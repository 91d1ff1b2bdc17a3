//! The server as a program: what `engram start` calls.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::mpsc;

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
        /// Where the data is.
        data_dir: &'a Path,
    },
    /// Reads and writes are served.
    Ready {
        /// Where.
        addr: SocketAddr,
        /// What was found in the log.
        recovery: &'a Recovery,
    },
}

/// How a server ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// In order: drained and closed.
    InOrder,
    /// By a second signal, at once: the next start recovers. Threads of the server may still run, so the caller must
    /// end the process.
    AtOnce,
}

/// Serves until SIGTERM or SIGINT, then ends in order; a second signal ends at once.
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
    let mut signals = 0;
    let on_signal = move || {
        signals += 1;
        if signals == 1 {
            stop.stop();
        } else {
            // The receiver is gone when the server has ended already.
            drop(at_once.send(Ok(Ended::AtOnce)));
        }
    };
    server.watch_signals(on_signal).map_err(|error| no_thread(&error))?;
    let addr = server.addr();
    report(ServerEvent::Listening { addr, data_dir: server.data_dir() });
    if let Ok(recovery) = server.wait_ready() {
        report(ServerEvent::Ready { addr, recovery: &recovery });
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
