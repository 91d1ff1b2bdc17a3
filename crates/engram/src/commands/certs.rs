//! `engram certs`: an authority of one's own, and certificates for servers and clients.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use clap::{Args, Subcommand};
use engram_api::{ErrorCode, Problem, Timestamp};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, date_time_ymd,
};
use serde::Serialize;

use crate::failure::Failure;
use crate::output::{OutputFormat, note, pairs, print};

/// Files of the authority.
const CA_CERT: &str = "ca.pem";
const CA_KEY: &str = "ca.key";
/// Certificates hold from an hour ago: clocks of clients are not all right.
const BEFORE: Duration = Duration::from_secs(3_600);
const DAY_SECONDS: u64 = 86_400;
/// Longest life of a certificate, days.
const DAYS_MAX: u32 = 36_500;
/// Only the owner may read a private key.
const KEY_MODE: u32 = 0o600;
const CERT_MODE: u32 = 0o644;

#[derive(Debug, Subcommand)]
pub(crate) enum Certs {
    /// Create an authority that vouches for certificates: ca.pem and ca.key
    CreateCa(CreateCa),
    /// Issue a certificate for a server or a client: NAME.pem and NAME.key
    Issue(Issue),
}

impl Certs {
    pub(crate) fn run(self, output: OutputFormat) -> Result<(), Failure> {
        match self {
            Certs::CreateCa(command) => command.run(output),
            Certs::Issue(command) => command.run(output),
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct CreateCa {
    /// Folder of the files; it is created when absent
    #[arg(long, value_name = "DIR")]
    dir: PathBuf,
    /// Name of the authority
    #[arg(long, value_name = "NAME", default_value = "Engram CA")]
    name: String,
    /// Days that it holds
    #[arg(long, value_name = "N", default_value_t = 3_650, value_parser = clap::value_parser!(u32).range(1..=i64::from(DAYS_MAX)))]
    days: u32,
}

impl CreateCa {
    fn run(self, output: OutputFormat) -> Result<(), Failure> {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, &self.name);
        // It vouches for certificates of servers and clients, not for further authorities.
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        hold(&mut params, self.days);
        let key = KeyPair::generate().map_err(not_made)?;
        let cert = params.self_signed(&key).map_err(not_made)?;
        made(fs::DirBuilder::new().recursive(true).create(&self.dir), &self.dir)?;
        let files = Files {
            cert: self.dir.join(CA_CERT),
            key: self.dir.join(CA_KEY),
            ends: shown(&params),
        };
        files.write((&cert.pem(), &key.serialize_pem()), Existing::Stay)?;
        note(
            "Keep the key of the authority away from servers: whoever has it is whoever he likes.",
        );
        files.show(output)
    }
}

#[derive(Debug, Args)]
pub(crate) struct Issue {
    /// Name of the files; for a client also the name in the certificate
    name: String,
    /// Folder with ca.pem and ca.key, where the files go too
    #[arg(long, value_name = "DIR")]
    dir: PathBuf,
    /// For a client, not for a server
    #[arg(long)]
    client: bool,
    /// A name of the server, as clients call it; may be repeated. Without any it is localhost and the loopback addresses
    #[arg(long = "host", value_name = "NAME|IP")]
    hosts: Vec<String>,
    /// Days that it holds
    #[arg(long, value_name = "N", default_value_t = 90, value_parser = clap::value_parser!(u32).range(1..=i64::from(DAYS_MAX)))]
    days: u32,
    /// Replace the files that are there; a server takes the new ones by itself
    #[arg(long)]
    renew: bool,
}

impl Issue {
    fn run(self, output: OutputFormat) -> Result<(), Failure> {
        let letter = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '@');
        if self.name.is_empty() || self.name.starts_with('.') || !self.name.chars().all(letter) {
            return Err(Failure::usage(
                "a name has letters, digits and - _ . @, and begins with no dot".to_owned(),
            ));
        }
        if self.client && !self.hosts.is_empty() {
            return Err(Failure::usage(
                "--host is of servers; the name of a client is its NAME".to_owned(),
            ));
        }
        let names = match (self.client, self.hosts.is_empty()) {
            (true, _) => vec![self.name.clone()],
            (false, true) => ["localhost", "127.0.0.1", "::1"].map(str::to_owned).to_vec(),
            (false, false) => self.hosts.clone(),
        };
        let issuer = self.issuer()?;
        let mut params = CertificateParams::new(names.clone()).map_err(|error| {
            Failure::usage(format!("{} cannot stand in a certificate: {error}", names.join(", ")))
        })?;
        params.distinguished_name.push(DnType::CommonName, &self.name);
        params.is_ca = IsCa::ExplicitNoCa;
        params.use_authority_key_identifier_extension = true;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![match self.client {
            true => ExtendedKeyUsagePurpose::ClientAuth,
            false => ExtendedKeyUsagePurpose::ServerAuth,
        }];
        hold(&mut params, self.days);
        let key = KeyPair::generate().map_err(not_made)?;
        let cert = params.signed_by(&key, &issuer).map_err(not_made)?;
        let files = Files {
            cert: self.dir.join(format!("{}.pem", self.name)),
            key: self.dir.join(format!("{}.key", self.name)),
            ends: shown(&params),
        };
        let existing = if self.renew { Existing::Replaced } else { Existing::Stay };
        files.write((&cert.pem(), &key.serialize_pem()), existing)?;
        files.show(output)
    }

    fn issuer(&self) -> Result<Issuer<'static, KeyPair>, Failure> {
        let read = |name: &str| {
            let path = self.dir.join(name);
            fs::read_to_string(&path).map_err(|error| unusable(&path, &error.to_string()))
        };
        let (cert, key) = (read(CA_CERT)?, read(CA_KEY)?);
        let key = KeyPair::from_pem(&key)
            .map_err(|error| unusable(&self.dir.join(CA_KEY), &error.to_string()))?;
        Issuer::from_ca_cert_pem(&cert, key)
            .map_err(|error| unusable(&self.dir.join(CA_CERT), &error.to_string()))
    }
}

/// What becomes of files that are there.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Existing {
    Stay,
    Replaced,
}

/// A certificate and its key.
#[derive(Debug, Serialize)]
struct Files {
    cert: PathBuf,
    key: PathBuf,
    ends: String,
}

impl Files {
    fn write(&self, (cert, key): (&str, &str), existing: Existing) -> Result<(), Failure> {
        for path in [&self.cert, &self.key] {
            if existing == Existing::Stay && path.exists() {
                let detail = format!("{} is there already", path.display());
                return Err(Failure::usage(format!(
                    "{detail}; take another folder or name, or --renew"
                )));
            }
        }
        // The key first: a server that looks in between finds two files that do not fit, and keeps the old ones.
        made(put(&self.key, key, KEY_MODE), &self.key)?;
        made(put(&self.cert, cert, CERT_MODE), &self.cert)
    }

    fn show(&self, output: OutputFormat) -> Result<(), Failure> {
        print(output, self, |files| {
            pairs(&[
                ("certificate", Some(files.cert.display().to_string())),
                ("key", Some(files.key.display().to_string())),
                ("ends", Some(files.ends.clone())),
            ])
        })?;
        Ok(())
    }
}

/// Puts a file in place as a whole, with its mode from the first byte on.
fn put(path: &Path, text: &str, mode: u32) -> io::Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    let new = path.with_file_name(name);
    match fs::remove_file(&new) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(&new)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&new, path)
}

fn hold(params: &mut CertificateParams, days: u32) {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let epoch = date_time_ymd(1970, 1, 1);
    params.not_before = epoch + now.saturating_sub(BEFORE);
    params.not_after = epoch + now + Duration::from_secs(u64::from(days) * DAY_SECONDS);
}

fn shown(params: &CertificateParams) -> String {
    Timestamp(params.not_after.unix_timestamp() * 1_000_000_000).to_string()
}

fn made<T>(result: io::Result<T>, path: &Path) -> Result<T, Failure> {
    result.map_err(|error| {
        let detail = format!("{}: {error}", path.display());
        Failure::Problem(Box::new(Problem::new(ErrorCode::IoFailed, detail)))
    })
}

fn not_made(error: rcgen::Error) -> Failure {
    Failure::Problem(Box::new(Problem::new(ErrorCode::Internal, error.to_string())))
}

fn unusable(path: &Path, why: &str) -> Failure {
    let detail =
        format!("{} cannot be used: {why}; make it by `engram certs create-ca`", path.display());
    Failure::Problem(Box::new(Problem::new(ErrorCode::ConfigInvalid, detail)))
}
