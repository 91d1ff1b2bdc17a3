//! `engram start`, and the flags of a server, which `engram config show` takes as well.

use std::fs;
use std::io::{self, Write as _};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};

use clap::Args;
use engram_api::{ErrorCode, Problem};
use engram_server::{ConfigError, ConfigSources, Ended, ServerEvent, Settings, init_logs, run};
use serde_json::json;

use crate::failure::Failure;
use crate::output::{OutputFormat, note};

/// Variables of the environment that begin like settings but belong to the command line.
const ENV_RESERVED: [&str; 8] = [
    "ENGRAM_SERVER",
    "ENGRAM_SPACE",
    "ENGRAM_CONFIG",
    "ENGRAM_CA_FILE",
    "ENGRAM_CLIENT_CERT_FILE",
    "ENGRAM_CLIENT_KEY_FILE",
    "ENGRAM_API_KEY_FILE",
    "ENGRAM_API_KEY",
];

#[derive(Debug, Args)]
pub(crate) struct Start {
    #[command(flatten)]
    server: ServerFlags,
}

impl Start {
    /// Serves until a signal comes.
    pub(crate) fn run(&self, output: OutputFormat) -> Result<(), Failure> {
        let settings = self.server.settings()?;
        init_logs(settings.log);
        let (space, has_keys) = (settings.default_space.clone(), settings.authenticates);
        let mut report = |event: ServerEvent<'_>| match event {
            ServerEvent::Listening { addr, grpc, data_dir } => {
                let grpc = grpc.map_or_else(String::new, |addr| format!(" and {addr} (gRPC)"));
                note(&format!("listening on {addr}{grpc}, reading {}", data_dir.display()));
            }
            ServerEvent::Ready { addr, grpc, tls, .. } => {
                let url = url(addr, tls);
                let text = match output {
                    OutputFormat::Table => welcome(&url, &space, has_keys),
                    OutputFormat::Json => {
                        let grpc = grpc.map(|addr| reachable(addr).to_string());
                        json!({"ready": true, "url": url, "grpc": grpc}).to_string()
                    }
                };
                // A server serves on when nobody reads its greeting.
                let mut out = io::stdout().lock();
                let _ = writeln!(out, "{text}").and_then(|()| out.flush());
            }
        };
        match run(settings, &mut report)? {
            Ended::InOrder => Ok(()),
            // Returning ends the process, and with it what still runs.
            Ended::AtOnce => {
                Err(Failure::Partly("stopped at once; the next start recovers".to_owned()))
            }
        }
    }
}

/// The address that a client on this machine calls.
fn url(addr: SocketAddr, tls: bool) -> String {
    let scheme = if tls { "https" } else { "http" };
    format!("{scheme}://{}", reachable(addr))
}

fn reachable(mut addr: SocketAddr) -> SocketAddr {
    if addr.ip().is_unspecified() {
        addr.set_ip(match addr.is_ipv4() {
            true => Ipv4Addr::LOCALHOST.into(),
            false => Ipv6Addr::LOCALHOST.into(),
        });
    }
    addr
}

/// What to try first.
fn welcome(url: &str, space: &str, has_keys: bool) -> String {
    let header = match has_keys {
        false => "-H 'content-type: application/json'",
        true => "-H 'content-type: application/json' -H \"authorization: Bearer $ENGRAM_API_KEY\"",
    };
    if space.is_empty() {
        return format!(
            "Engram is ready at {url}. Create a space first:\n  curl {url}/api/v1/spaces {header} \\\n    \
             -d '{{\"name\": \"notes\"}}'"
        );
    }
    let spaces = format!("{url}/api/v1/spaces/{space}");
    format!(
        "Engram is ready at {url}. Try:\n  \
         curl {spaces}/remember {header} \\\n    -d '{{\"text\": \"Ada moved to Zurich last week\"}}'\n  \
         curl {spaces}/recall {header} \\\n    -d '{{\"text\": \"where does Ada live?\", \"explain\": true}}'"
    )
}

/// Flags that set settings, and win over file and environment.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Server")]
pub(crate) struct ServerFlags {
    /// Address and port to listen on (setting http.addr)
    #[arg(long, value_name = "ADDR")]
    http: Option<String>,
    /// Address and port to listen on for gRPC, or `off` (setting grpc.addr)
    #[arg(long, value_name = "ADDR")]
    grpc: Option<String>,
    /// Directory of the data (setting data_dir)
    #[arg(long, value_name = "DIR")]
    data_dir: Option<String>,
    /// Configuration file (TOML)
    #[arg(long, value_name = "FILE", env = "ENGRAM_CONFIG", hide_env_values = true)]
    config: Option<PathBuf>,
    /// Requests must carry a key (setting auth.enabled)
    #[arg(long)]
    auth: bool,
    /// Listen on an address that other machines can reach although requests are not authenticated
    #[arg(long)]
    insecure_no_auth: bool,
    /// Listen on an address that other machines can reach although keys and memories cross the network in plain text
    #[arg(long)]
    insecure_no_tls: bool,
    /// Least severity that is logged: error, warn, info, debug, trace (setting log.level)
    #[arg(long, value_name = "LEVEL")]
    log_level: Option<String>,
    /// Form of the log: json or text (setting log.format)
    #[arg(long, value_name = "FORM")]
    log_format: Option<String>,
    /// Any other setting; may be repeated
    #[arg(long = "set", value_name = "KEY=VALUE", value_parser = assignment)]
    settings: Vec<(String, String)>,
}

fn assignment(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.trim().to_owned(), value.to_owned())),
        _ => Err("expected KEY=VALUE".to_owned()),
    }
}

impl ServerFlags {
    /// The flags of a command that needs to know the data directory only.
    pub(crate) fn for_directory(data_dir: Option<String>, config: Option<PathBuf>) -> ServerFlags {
        ServerFlags { data_dir, config, ..ServerFlags::default() }
    }

    /// The configuration file, where there is one.
    pub(crate) fn config_file(&self) -> Option<&Path> {
        self.config.as_deref()
    }

    /// The configuration: defaults, file, environment, flags.
    pub(crate) fn settings(&self) -> Result<Settings, Failure> {
        let mut flags = Vec::new();
        let mut flag = |key: &str, value: &Option<String>| {
            if let Some(value) = value {
                flags.push((key.to_owned(), value.clone()));
            }
        };
        flag("http.addr", &self.http);
        flag("grpc.addr", &self.grpc);
        flag("data_dir", &self.data_dir);
        flag("log.level", &self.log_level);
        flag("log.format", &self.log_format);
        let switch = |on: bool| on.then(|| "true".to_owned());
        flag("auth.enabled", &switch(self.auth));
        flag("insecure_no_auth", &switch(self.insecure_no_auth));
        flag("insecure_no_tls", &switch(self.insecure_no_tls));
        flags.extend(self.settings.iter().cloned());
        let file = match &self.config {
            Some(path) => {
                let name = path.display().to_string();
                let text = fs::read_to_string(path).map_err(|error| {
                    invalid(&ConfigError::Unreadable {
                        file: name.clone(),
                        message: error.to_string(),
                    })
                })?;
                Some((name, text))
            }
            None => None,
        };
        // Variables that are not UTF-8 cannot be settings.
        let env = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect();
        let env_reserved = ENV_RESERVED.map(str::to_owned).to_vec();
        Settings::load(&ConfigSources { file, env, env_reserved, flags })
            .map_err(|error| invalid(&error))
    }
}

fn invalid(error: &ConfigError) -> Failure {
    let mut problem = Problem::new(ErrorCode::ConfigInvalid, error.to_string());
    if let ConfigError::BadValue { key, example, .. } = error {
        problem.example = format!("--set {key}={example}");
    }
    Failure::Problem(Box::new(problem))
}
