//! A server process: started, awaited, killed. It never outlives its value.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};

use super::json::Json;
use super::kernel;
use super::settings::{PASSED_ON, SETTINGS};

/// Time to read a log of some MiB with an unoptimised binary on a busy machine.
const READY_SECONDS_MAX: u64 = 60;
const LOG_LINES_SHOWN: usize = 12;

/// How servers on one data directory are started.
pub(crate) struct Setup {
    pub(crate) binary: PathBuf,
    pub(crate) data: PathBuf,
    /// Takes what the servers say, one after the other.
    pub(crate) log: PathBuf,
    /// Settings of this suite, over the common ones.
    pub(crate) settings: Vec<(&'static str, String)>,
}

/// A started server. Dropping it kills it.
pub(crate) struct Server {
    child: Child,
    lines: Receiver<String>,
    address: Option<SocketAddr>,
    log: PathBuf,
    /// Where in the log its own lines begin.
    log_start: u64,
    launched: Instant,
    /// From its launch until it was ready.
    pub(crate) start_time: Duration,
}

impl Setup {
    /// Starts a server and waits until it serves.
    pub(crate) fn start(&self) -> Result<Server, String> {
        let mut server = self.launch(&[])?;
        server.await_ready()?;
        Ok(server)
    }

    /// Starts a server, under the program `wrapper` if there is one, and waits for nothing.
    pub(crate) fn launch(&self, wrapper: &[String]) -> Result<Server, String> {
        let failed = |error: std::io::Error| format!("cannot start the server: {error}");
        let log = File::options().create(true).append(true).open(&self.log).map_err(failed)?;
        let log_start = log.metadata().map_err(failed)?.len();
        let mut words = wrapper.iter().map(Into::into).chain([self.binary.clone()]);
        let mut command = Command::new(words.next().expect("the binary is always there"));
        command.args(words).args([
            "start",
            "--output",
            "json",
            "--http",
            "127.0.0.1:0",
            "--grpc",
            "off",
            "--data-dir",
        ]);
        command.arg(&self.data).env_clear().envs(SETTINGS);
        command.envs(self.settings.iter().map(|(name, value)| (*name, value)));
        command.envs(
            std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with(PASSED_ON)),
        );
        // The program of a wrapper is looked for here, and so is a home.
        let kept = ["PATH", "HOME"].into_iter();
        command.envs(kept.filter_map(|name| Some((name, std::env::var_os(name)?))));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log);
        kernel::dies_with_us(&mut command);
        let launched = Instant::now();
        let mut child = command.spawn().map_err(failed)?;
        let stdout = child.stdout.take().expect("it is piped");
        let (sender, lines) = mpsc::channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                let _ = sender.send(line);
            }
        });
        Ok(Server {
            child,
            lines,
            address: None,
            log: self.log.clone(),
            log_start,
            launched,
            start_time: Duration::ZERO,
        })
    }
}

impl Server {
    /// Waits until it serves; the error says how it ended instead, with the end of its log.
    pub(crate) fn await_ready(&mut self) -> Result<(), String> {
        let line = self.lines.recv_timeout(Duration::from_secs(READY_SECONDS_MAX));
        let Ok(line) = line else {
            let end = match self.ended() {
                Some(status) => format!("ended with {status}"),
                None => format!("is not ready after {READY_SECONDS_MAX} s"),
            };
            return Err(format!("the server {end}: {}", self.last_words()));
        };
        let ready = Json::parse(&line)?;
        let address =
            ready.get("url").text().and_then(|url| url.strip_prefix("http://")?.parse().ok());
        self.start_time = self.launched.elapsed();
        self.address = Some(address.ok_or_else(|| format!("no address in {line}"))?);
        Ok(())
    }

    /// Its exit status, where it ends within a second.
    fn ended(&mut self) -> Option<String> {
        for _ in 0..100 {
            if let Ok(Some(status)) = self.child.try_wait() {
                return Some(status.to_string());
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        None
    }

    /// What it wrote to its log.
    pub(crate) fn said(&self) -> String {
        let bytes = fs::read(&self.log).unwrap_or_default();
        let own = usize::try_from(self.log_start).ok().and_then(|start| bytes.get(start..));
        String::from_utf8_lossy(own.unwrap_or_default()).into_owned()
    }

    fn last_words(&self) -> String {
        let said = self.said();
        let lines: Vec<&str> = said.lines().collect();
        lines[lines.len().saturating_sub(LOG_LINES_SHOWN)..].join("\n    ")
    }

    /// Where it listens; only after it was ready.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address.expect("asked for after it was ready")
    }

    /// Its process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// SIGKILL, and waits until the process is gone. Whether it had ended by itself.
    pub(crate) fn kill(mut self) -> bool {
        matches!(self.child.try_wait(), Ok(Some(_)))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
