//! `access`: what it costs to ask who calls, and to speak TLS, on connections that stay open. The baseline is the same server that asks
//! nobody and speaks plain text.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use engram_api::{CreateKeyRequest, RoleName};
use engram_server::OfflineKeys;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::options::BenchOptions;
use super::report::ReportBuilder;
use super::spaces::{fill, vector};
use crate::failure::BenchError;
use crate::grid::Grid;
use crate::numbers::round;
use crate::stage::{ChildServer, Latencies, Load, Pace, Wire};

const CLIENTS: usize = 8;
const SECONDS: u64 = 10;
const SECONDS_QUICK: u64 = 1;
const SPACE: &str = "asked";
const MEMORIES: usize = 1_000;
const DIMENSION: usize = 64;
/// Different recalls, made beforehand.
const RECALLS: usize = 256;

/// One way to serve.
struct Way {
    name: &'static str,
    has_keys: bool,
    has_tls: bool,
}

const WAYS: [Way; 3] = [
    Way { name: "nobody asked, plain text", has_keys: false, has_tls: false },
    Way { name: "keys, plain text", has_keys: true, has_tls: false },
    Way { name: "keys and TLS 1.3", has_keys: true, has_tls: true },
];

/// What one way showed of one sort of request.
struct Cost {
    latencies: Latencies,
    /// CPU time of the server for a request, microseconds.
    cpu_us: f64,
}

pub(super) fn run(
    options: &BenchOptions,
    report: &mut ReportBuilder,
    progress: &mut dyn FnMut(&str),
) -> Result<(), BenchError> {
    let seconds = options.seconds.unwrap_or(if options.quick { SECONDS_QUICK } else { SECONDS });
    let files = TempDir::new().map_err(BenchError::file(&std::env::temp_dir()))?;
    let config = certificates(&options.program, files.path())?;
    let title = format!(
        "{CLIENTS} clients on open connections, each as fast as it can, {seconds} s: a space shown, and recall (similarity) among {MEMORIES} memories."
    );
    let header = ["served", "request", "answers per s", "p50 ms", "p99 ms", "server CPU us"];
    let mut grid = Grid::new(title, &header);
    let mut figures = Vec::new();
    for way in WAYS {
        progress(way.name);
        for (request, cost) in measure(&options.program, (&way, files.path(), &config), seconds)? {
            let ms = |number: f64| format!("{number:.3}");
            grid.rows.push(vec![
                way.name.to_owned(),
                request.to_owned(),
                format!("{:.0}", cost.latencies.per_second),
                ms(cost.latencies.p50_ms),
                ms(cost.latencies.p99_ms),
                format!("{:.1}", cost.cpu_us),
            ]);
            figures.push(json!({
                "served": way.name,
                "request": request,
                "latencies": cost.latencies,
                "server_cpu_us": round(cost.cpu_us, 2),
            }));
        }
    }
    report.set("ways", Value::Array(figures));
    report.grid(grid);
    Ok(())
}

/// Both sorts of requests on a server of its own.
fn measure(
    program: &Path,
    (way, files, config): (&Way, &Path, &Arc<ClientConfig>),
    seconds: u64,
) -> Result<Vec<(&'static str, Cost)>, BenchError> {
    let mut server = ChildServer::start(program)?;
    fill(&server, SPACE, (MEMORIES, DIMENSION))?;
    server.settle(SPACE)?;
    if way.has_tls {
        server.set(&format!("tls.cert_file={}", files.join("server.pem").display()));
        server.set(&format!("tls.key_file={}", files.join("server.key").display()));
    }
    if way.has_keys {
        server.set("auth.enabled=true");
    }
    let key = server.pause(|dir| {
        let create = || create_key(dir, ("bench", RoleName::Reader, SPACE));
        way.has_keys.then(create).transpose()
    })?;
    let header = key.map(|key| format!("authorization: Bearer {key}\r\n")).unwrap_or_default();
    let look = with_header(&Wire::get(&format!("/api/v1/spaces/{SPACE}")), &header);
    let recall = |n: usize| {
        let vector = vector(n, DIMENSION);
        let body = json!({ "vector": vector, "mode": "similarity", "limit": 10, "observe": true });
        let path = format!("/api/v1/spaces/{SPACE}/recall");
        with_header(&Wire::post(&path, &body.to_string()), &header)
    };
    let recalls: Vec<Vec<u8>> = (0..RECALLS).map(recall).collect();
    let one = |request: &(dyn Fn(usize) -> Vec<u8> + Sync)| {
        let load = Load {
            addr: server.addr,
            clients: CLIENTS,
            pace: Pace::Closed,
            requests_max: usize::MAX,
            time_max: Duration::from_secs(seconds),
            request,
        };
        let before = server.cpu_seconds();
        let latencies = match way.has_tls {
            true => load.run_over(&|addr| Wire::secured(addr, Arc::clone(config))),
            false => load.run(),
        }?;
        if latencies.refused > 0 {
            let message = format!("{} requests were refused", latencies.refused);
            return Err(BenchError::Program { program: "engram start".to_owned(), message });
        }
        let used = server.cpu_seconds() - before;
        Ok(Cost { latencies, cpu_us: used * 1e6 / latencies.requests.max(1) as f64 })
    };
    // The first requests find nothing open.
    one(&|n| recalls[n % RECALLS].clone())?;
    Ok(vec![
        ("get_space", one(&|_| look.clone())?),
        ("recall", one(&|n| recalls[n % RECALLS].clone())?),
    ])
}

/// A request with one more line in its head.
pub(super) fn with_header(request: &[u8], header: &str) -> Vec<u8> {
    let line = request.windows(2).position(|pair| pair == b"\r\n").map_or(0, |at| at + 2);
    [&request[..line], header.as_bytes(), &request[line..]].concat()
}

/// Makes a key of that name, with that role in that space.
pub(super) fn create_key(
    dir: &Path,
    (name, role, space): (&str, RoleName, &str),
) -> Result<String, BenchError> {
    let request = CreateKeyRequest {
        name: name.to_owned(),
        role: Some(role),
        spaces: vec![space.to_owned()],
        ..CreateKeyRequest::default()
    };
    let created = OfflineKeys::open(dir).and_then(|keys| keys.create(request));
    created.map(|issued| issued.secret).map_err(|problem| BenchError::Program {
        program: "engram key create".to_owned(),
        message: problem.to_string(),
    })
}

/// Has the program make an authority and a certificate of the server; gives what a client needs to trust it.
fn certificates(program: &Path, dir: &Path) -> Result<Arc<ClientConfig>, BenchError> {
    let failed =
        |message: String| BenchError::Program { program: "engram certs".to_owned(), message };
    for arguments in [&["create-ca"][..], &["issue", "server"]] {
        let done = Command::new(program)
            .arg("certs")
            .args(arguments)
            .arg("--dir")
            .arg(dir)
            .output()
            .map_err(|error| failed(error.to_string()))?;
        if !done.status.success() {
            return Err(failed(String::from_utf8_lossy(&done.stderr).into_owned()));
        }
    }
    let mut roots = RootCertStore::empty();
    let ca = CertificateDer::from_pem_file(dir.join("ca.pem"));
    let ca = ca.map_err(|error| failed(error.to_string()))?;
    roots.add(ca).map_err(|error| failed(error.to_string()))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| failed(error.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(config))
}
