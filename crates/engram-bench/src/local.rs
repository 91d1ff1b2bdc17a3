//! A server in this process, with a clock that the caller sets and a data directory that goes with it.

use std::sync::Arc;

use engram_client::Client;
use engram_server::{ConfigSources, RunningServer, Server, ServerParts, Settings};
use engram_store::ManualClock;
use tempfile::TempDir;

use crate::failure::BenchError;
use crate::stage::settle;

/// A running server on a free port of this machine.
pub(crate) struct LocalServer {
    running: RunningServer,
    data: TempDir,
    pub(crate) client: Client,
    pub(crate) clock: ManualClock,
}

impl LocalServer {
    /// Starts it with the built-in embedder, no space, and its clock at `now_ns`.
    pub(crate) fn start(now_ns: i64) -> Result<LocalServer, BenchError> {
        LocalServer::start_with(now_ns, &[])
    }

    /// The same with other settings.
    pub(crate) fn start_with(
        now_ns: i64,
        more: &[(&str, String)],
    ) -> Result<LocalServer, BenchError> {
        let data = TempDir::new().map_err(BenchError::file(&std::env::temp_dir()))?;
        let flags = [
            ("http.addr", "127.0.0.1:0".to_owned()),
            ("grpc.addr", "127.0.0.1:0".to_owned()),
            ("data_dir", data.path().to_string_lossy().into_owned()),
            ("default_space.name", String::new()),
            ("limits.drain_timeout", "1s".to_owned()),
        ];
        let flags = flags.into_iter().chain(more.iter().cloned());
        let flags = flags.map(|(key, value)| (key.to_owned(), value)).collect();
        let settings = Settings::load(&ConfigSources { flags, ..ConfigSources::default() })
            .map_err(|error| BenchError::BadOption(error.to_string()))?;
        let clock = ManualClock::new(now_ns);
        let parts = ServerParts { clock: Arc::new(clock.clone()), ..ServerParts::default() };
        let running = Server::start_with(settings, parts)?;
        running.wait_ready()?;
        let client = Client::new(&format!("http://{}", running.addr()))?;
        Ok(LocalServer { running, data, client, clock })
    }

    /// Waits until it has done what follows its acknowledgements in these spaces.
    pub(crate) fn settle(&self, spaces: &[&str]) -> Result<(), BenchError> {
        settle(self.running.addr(), spaces, &mut |_| true)
    }

    /// Ends it in order and removes its data.
    pub(crate) fn stop(self) -> Result<(), BenchError> {
        // Idle connections of the client would be waited for.
        drop(self.client);
        self.running.stop_handle().stop();
        self.running.join()?;
        let path = self.data.path().to_owned();
        self.data.close().map_err(BenchError::file(&path))
    }
}
