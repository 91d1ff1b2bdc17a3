//! A server as a process of its own, so that its CPU time and memory can be told from those of its clients.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use engram_client::{Client, ClientOptions};
use serde_json::Value;
use tempfile::TempDir;

use super::machine::{anonymous_bytes, process_cpu_seconds};
use super::settle::settle;
use crate::failure::BenchError;

/// How long a server is watched, and how much of a core it may use to count as idle. It extends graphs of spaces that were
/// quiet for a while, longer for larger ones.
const IDLE: Duration = Duration::from_millis(2_500);
const IDLE_VECTORS_PER_SECOND: f64 = 40_000.0;
const IDLE_CPU_SHARE: f64 = 0.1;

/// A running `engram start`. It dies with this value, and its data too.
pub(crate) struct ChildServer {
    child: Child,
    program: PathBuf,
    settings: Vec<String>,
    pub(crate) addr: SocketAddr,
    data: TempDir,
}

impl ChildServer {
    /// Starts `program` on a free port with an empty data directory, and waits until it serves.
    pub(crate) fn start(program: &Path) -> Result<ChildServer, BenchError> {
        ChildServer::start_with(program, &[])
    }

    /// The same with settings of the form `key=value`.
    pub(crate) fn start_with(program: &Path, settings: &[&str]) -> Result<ChildServer, BenchError> {
        ChildServer::start_in(home()?, program, settings)
    }

    /// The same in a [`home`] whose data directory may be there already.
    pub(crate) fn start_in(
        data: TempDir,
        program: &Path,
        settings: &[&str],
    ) -> Result<ChildServer, BenchError> {
        let settings: Vec<String> = settings.iter().map(|&setting| setting.to_owned()).collect();
        let (child, addr) = spawn(program, data.path(), &settings)?;
        Ok(ChildServer { child, program: program.to_owned(), settings, addr, data })
    }

    /// A folder on the disk where its data is.
    pub(crate) fn scratch(&self) -> &Path {
        self.data.path()
    }

    /// Its data directory.
    pub(crate) fn data_dir(&self) -> PathBuf {
        data_dir(self.data.path())
    }

    /// A setting of the form `key=value` from the next start on.
    pub(crate) fn set(&mut self, setting: &str) {
        self.settings.push(setting.to_owned());
    }

    /// Kills it, works on its data directory and starts it again.
    pub(crate) fn pause<T>(
        &mut self,
        work: impl FnOnce(&Path) -> Result<T, BenchError>,
    ) -> Result<T, BenchError> {
        self.kill();
        let done = work(&self.data.path().join("data"))?;
        self.restart()?;
        Ok(done)
    }

    /// Kills it and starts it again on the same data.
    pub(crate) fn restart(&mut self) -> Result<(), BenchError> {
        self.kill();
        let data = self.data.path();
        (self.child, self.addr) = spawn(&self.program, data, &self.settings)?;
        Ok(())
    }

    pub(crate) fn client(&self) -> Result<Client, BenchError> {
        let options = ClientOptions::new(format!("http://{}", self.addr));
        Ok(Client::with_options(options)?)
    }

    /// Waits until it has done what follows its acknowledgements: its figures and its CPU time stand still.
    pub(crate) fn settle(&self, space: &str) -> Result<(), BenchError> {
        settle(self.addr, &[space], &mut |vectors| {
            let time = IDLE + Duration::from_secs_f64(vectors as f64 / IDLE_VECTORS_PER_SECOND);
            let before = self.cpu_seconds();
            std::thread::sleep(time);
            (self.cpu_seconds() - before) < IDLE_CPU_SHARE * time.as_secs_f64()
        })
    }

    /// CPU seconds so far.
    pub(crate) fn cpu_seconds(&self) -> f64 {
        process_cpu_seconds(self.child.id())
    }

    /// Anonymous memory, bytes.
    pub(crate) fn anonymous_bytes(&self) -> u64 {
        anonymous_bytes(self.child.id())
    }

    /// Files and sockets that it has open.
    pub(crate) fn open_files(&self) -> usize {
        let dir = format!("/proc/{}/fd", self.child.id());
        std::fs::read_dir(dir).map_or(0, Iterator::count)
    }

    /// Kills it; its data stay until this value goes.
    pub(crate) fn kill(&mut self) {
        // It may have ended by itself; there is nothing else to do about it.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for ChildServer {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A folder for a server.
pub(crate) fn home() -> Result<TempDir, BenchError> {
    TempDir::new().map_err(BenchError::file(&std::env::temp_dir()))
}

/// Where in its [`home`] a server has its data.
pub(crate) fn data_dir(home: &Path) -> PathBuf {
    home.join("data")
}

fn spawn(
    program: &Path,
    home: &Path,
    settings: &[String],
) -> Result<(Child, SocketAddr), BenchError> {
    let failed =
        |message: String| BenchError::Program { program: "engram start".to_owned(), message };
    let log = home.join("server.log");
    let log_file = std::fs::File::create(&log).map_err(BenchError::file(&log))?;
    let mut child = Command::new(program)
        .args([
            "start",
            "--output",
            "json",
            "--http",
            "127.0.0.1:0",
            "--grpc",
            "127.0.0.1:0",
            "--log-level",
            "error",
        ])
        .args(["--set", "default_space.name=", "--data-dir"])
        .arg(data_dir(home))
        .args(settings.iter().flat_map(|setting| ["--set", setting.as_str()]))
        // Nothing of the caller's configuration may shape the figures.
        .env_clear()
        .env("HOME", home)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(log_file)
        .spawn()
        .map_err(|error| failed(format!("{}: {error}", program.display())))?;
    let mut line = String::new();
    let stdout = child.stdout.take().expect("it is piped");
    let read = BufReader::new(stdout).read_line(&mut line);
    let url = serde_json::from_str::<Value>(&line).ok();
    let addr = url.and_then(|ready| {
        let url = ready["url"].as_str()?;
        url.strip_prefix("http://").or_else(|| url.strip_prefix("https://"))?.parse().ok()
    });
    match (read, addr) {
        (Ok(_), Some(addr)) => Ok((child, addr)),
        _ => {
            let _ = child.kill();
            let _ = child.wait();
            let said = std::fs::read_to_string(&log).unwrap_or_default();
            Err(failed(format!("it did not start: {line}{said}")))
        }
    }
}
