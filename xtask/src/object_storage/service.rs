//! The S3 service: started, killed and started again on the same data and ports. It never outlives its value.

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::proof;

pub(super) const ACCESS_KEY: &str = "engram-suite-access";
pub(super) const SECRET_KEY: &str = "engram-suite-secret";
/// HTTP and gRPC of the master, the volume server, the filer and the S3 gateway.
const PORTS: [&str; 8] = [
    "master.port",
    "master.port.grpc",
    "volume.port",
    "volume.port.grpc",
    "filer.port",
    "filer.port.grpc",
    "s3.port",
    "s3.port.grpc",
];
const MASTER: usize = 0;
const S3: usize = 6;
/// Ports are free when they are chosen and may be taken a moment later.
const STARTS_MAX: u32 = 3;
const READY_MAX: Duration = Duration::from_secs(40);
const LOOK: Duration = Duration::from_millis(100);

/// A service and its data.
pub(super) struct Service {
    program: PathBuf,
    folder: PathBuf,
    ports: [u16; 8],
    child: Option<Child>,
}

impl Service {
    /// Starts an empty one in this folder.
    pub(super) fn start(program: &Path, folder: &Path) -> Result<Service, String> {
        let failed = |error: std::io::Error| format!("{}: {error}", folder.display());
        fs::create_dir_all(folder.join("data")).map_err(failed)?;
        let identities = format!(
            r#"{{"identities":[{{"name":"suite","credentials":[{{"accessKey":"{ACCESS_KEY}","secretKey":"{SECRET_KEY}"}}],
"actions":["Read","Write","List","Tagging"]}}]}}"#
        );
        fs::write(folder.join("s3.json"), identities).map_err(failed)?;
        let mut tries = 0;
        loop {
            tries += 1;
            let (program, folder) = (program.to_owned(), folder.to_owned());
            let mut service = Service { program, folder, ports: free_ports()?, child: None };
            match service.revive() {
                Err(_) if tries < STARTS_MAX => {}
                started => return started.map(|()| service),
            }
        }
    }

    /// Where S3 is spoken.
    pub(super) fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.ports[S3])
    }

    /// SIGKILL, and waits until the process is gone.
    pub(super) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Starts it on the data that is there and waits until it answers.
    pub(super) fn revive(&mut self) -> Result<(), String> {
        let failed = |error: std::io::Error| format!("cannot start the S3 service: {error}");
        let log = self.folder.join("service.log");
        let log = File::options().create(true).append(true).open(log).map_err(failed)?;
        let mut command = Command::new(&self.program);
        command.current_dir(&self.folder).args(["server", "-dir=data", "-filer", "-s3"]);
        // It is open to nobody else, and tells nobody of itself.
        command.args(["-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-master.telemetry=false"]);
        command.args(["-s3.config=s3.json", "-s3.autoCreateBucket=false"]);
        command.args(["-s3.port.iceberg=0", "-s3.port.lance=0"]);
        command.args(["-master.volumeSizeLimitMB=64", "-volume.max=100"]);
        command.args(["-filer.localSocket=filer.sock", "-s3.localSocket=s3.sock"]);
        command.args(PORTS.iter().zip(self.ports).map(|(name, port)| format!("-{name}={port}")));
        command.env_clear().env("HOME", &self.folder).env("TMPDIR", &self.folder);
        let other = log.try_clone().map_err(failed)?;
        command.stdin(Stdio::null()).stdout(other).stderr(log);
        proof::dies_with_us(&mut command);
        self.child = Some(command.spawn().map_err(failed)?);
        self.await_ready()
    }

    fn await_ready(&mut self) -> Result<(), String> {
        let start = Instant::now();
        while start.elapsed() < READY_MAX {
            if let Some(Ok(Some(status))) = self.child.as_mut().map(Child::try_wait) {
                return Err(format!("the S3 service ended with {status}: {}", self.last_words()));
            }
            if greets(self.ports[S3]) && self.shell("s3.bucket.list").is_ok() {
                return Ok(());
            }
            std::thread::sleep(LOOK);
        }
        Err(format!("the S3 service is not ready: {}", self.last_words()))
    }

    /// Makes a bucket.
    pub(super) fn create_bucket(&self, name: &str) -> Result<(), String> {
        let told = self.shell(&format!("s3.bucket.create -name {name}"))?;
        if told.contains("created bucket") { Ok(()) } else { Err(format!("no bucket: {told}")) }
    }

    /// Has its own shell carry out a command.
    fn shell(&self, line: &str) -> Result<String, String> {
        let failed = |error: std::io::Error| format!("the shell of the S3 service: {error}");
        let master = format!("127.0.0.1:{}.{}", self.ports[MASTER], self.ports[MASTER + 1]);
        let mut command = Command::new(&self.program);
        command.current_dir(&self.folder).args(["shell", "-master"]).arg(master);
        command.env_clear().env("HOME", &self.folder);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        proof::dies_with_us(&mut command);
        let mut child = command.spawn().map_err(failed)?;
        let mut stdin = child.stdin.take().expect("it is piped");
        stdin.write_all(format!("{line}\n").as_bytes()).map_err(failed)?;
        drop(stdin);
        let output = child.wait_with_output().map_err(failed)?;
        let told = [output.stdout, output.stderr].concat();
        let told = String::from_utf8_lossy(&told).into_owned();
        if output.status.success() && !told.contains("error") { Ok(told) } else { Err(told) }
    }

    fn last_words(&self) -> String {
        let said = fs::read_to_string(self.folder.join("service.log")).unwrap_or_default();
        let lines: Vec<&str> = said.lines().collect();
        lines[lines.len().saturating_sub(8)..].join("\n    ")
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.kill();
    }
}

fn free_ports() -> Result<[u16; 8], String> {
    let mut held = Vec::new();
    let mut ports = [0; 8];
    for port in &mut ports {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0));
        let listener = listener.map_err(|error| format!("no free port: {error}"))?;
        *port = listener.local_addr().map_err(|error| format!("no free port: {error}"))?.port();
        // All are held until the last is chosen: none comes twice.
        held.push(listener);
    }
    Ok(ports)
}

/// Whether the gateway answers, if only to say that an unsigned request may not come in.
fn greets(port: u16) -> bool {
    let ask = || -> std::io::Result<String> {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        stream.write_all(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    };
    ask().is_ok_and(|answer| answer.starts_with("HTTP/1.1 403") && answer.contains("SeaweedFS"))
}
