//! Who may ask, what may listen where, and what is written down of it: safe unless somebody says that it is meant.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

use engram_api::RoleName;

use super::{Read, Settings};
use crate::config::error::ConfigError;
use crate::config::value::SettingValue;

/// The oldest version of TLS that is spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TlsVersion {
    /// TLS 1.2.
    Tls12,
    /// TLS 1.3.
    Tls13,
}

/// Certificates of the server, and who vouches for those of clients.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsSettings {
    /// The certificate with those that vouch for it.
    pub cert_file: PathBuf,
    /// Its private key.
    pub key_file: PathBuf,
    /// The oldest version that is spoken.
    pub min_version: TlsVersion,
    /// Who vouches for clients; none = clients show no certificate.
    pub client_ca_file: Option<PathBuf>,
    /// Whether a client must show one.
    pub needs_client: bool,
}

/// A client that is known by its certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateSettings {
    /// Name in the certificate.
    pub subject: String,
    /// What it may do.
    pub role: Option<RoleName>,
    /// Operations that it may call beside those of the role.
    pub operations: Vec<String>,
    /// Spaces that it may touch.
    pub spaces: Vec<String>,
}

/// What goes into the audit log; each has what the one before has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum AuditLevel {
    /// Nothing.
    Off,
    /// What concerns security.
    Security,
    /// And all that writes.
    Writes,
    /// Every request.
    All,
}

/// The audit log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditSettings {
    /// What goes into it.
    pub level: AuditLevel,
    /// Its folder; none = in the data directory.
    pub dir: Option<PathBuf>,
    /// How long lines are kept.
    pub kept: Duration,
}

impl Read<'_> {
    pub(super) fn is_on(&self, key: &str) -> bool {
        self.value(key) == Some(&SettingValue::Switch(true))
    }

    pub(super) fn check_bind(&self, settings: &Settings) -> Result<(), Box<ConfigError>> {
        let listening =
            [("http.addr", Some(settings.http_addr)), ("grpc.addr", settings.grpc_addr)];
        for (key, addr) in listening {
            let Some(addr) = addr.filter(|addr| !addr.ip().is_loopback()) else { continue };
            if !settings.authenticates && !self.is_on("insecure_no_auth") {
                let message = format!(
                    "{addr} can be reached from other machines and requests are not authenticated; set auth.enabled = true, \
                     listen on 127.0.0.1, or accept the risk with --insecure-no-auth (insecure_no_auth = true)"
                );
                return Err(self.conflict(key, &message));
            }
            let is_plain = settings.tls.is_none() && !self.is_on("insecure_no_tls");
            if settings.authenticates && is_plain {
                let message = format!(
                    "{addr} can be reached from other machines and keys would cross the network in plain text; set tls.cert_file and \
                     tls.key_file, or where something in front ends TLS, say so with --insecure-no-tls (insecure_no_tls = true)"
                );
                return Err(self.conflict(key, &message));
            }
        }
        Ok(())
    }

    pub(super) fn tls(&self) -> Result<Option<TlsSettings>, Box<ConfigError>> {
        let file = |key: &str| self.maybe_text(key).map(PathBuf::from);
        let client_ca_file = file("tls.client_ca_file");
        let needs_client = self.is_on("tls.client_required");
        if needs_client && client_ca_file.is_none() {
            return Err(self.conflict("tls.client_required", "needs tls.client_ca_file"));
        }
        let (cert_file, key_file) = match (file("tls.cert_file"), file("tls.key_file")) {
            (Some(cert), Some(key)) => (cert, key),
            (None, None) if client_ca_file.is_none() => return Ok(None),
            (None, _) => return Err(self.conflict("tls.cert_file", "is required for TLS")),
            (_, None) => return Err(self.conflict("tls.key_file", "is required for TLS")),
        };
        let min_version = match self.text("tls.min_version").as_str() {
            "1.2" => TlsVersion::Tls12,
            _ => TlsVersion::Tls13,
        };
        Ok(Some(TlsSettings { cert_file, key_file, min_version, client_ca_file, needs_client }))
    }

    pub(super) fn certificates(
        &self,
    ) -> Result<BTreeMap<String, CertificateSettings>, Box<ConfigError>> {
        let mut certificates = BTreeMap::new();
        for key in self.values.keys() {
            let name =
                key.strip_prefix("certificates.").and_then(|rest| rest.strip_suffix(".subject"));
            let Some(name) = name else { continue };
            let at = |field: &str| format!("certificates.{name}.{field}");
            let Some(subject) = self.maybe_text(key) else {
                return Err(self.conflict(key, "is required for a certificate"));
            };
            let role = role_named(&self.text(&at("role")));
            let settings = CertificateSettings {
                subject,
                role,
                operations: self.list(&at("operations")),
                spaces: self.list(&at("spaces")),
            };
            certificates.insert(name.to_owned(), settings);
        }
        let mut subjects = BTreeSet::new();
        for (name, own) in &certificates {
            if !subjects.insert(&own.subject) {
                let key = format!("certificates.{name}.subject");
                return Err(self.conflict(&key, "stands under another name too"));
            }
        }
        if let Some(name) = certificates.keys().next().filter(|_| !self.is_on("auth.enabled")) {
            let key = format!("certificates.{name}.subject");
            return Err(
                self.conflict(&key, "needs auth.enabled = true: else nobody is asked who he is")
            );
        }
        if !certificates.is_empty() && self.value("tls.client_ca_file").is_none() {
            let first = certificates.keys().next().map_or("", String::as_str);
            let key = format!("certificates.{first}.subject");
            return Err(
                self.conflict(&key, "needs tls.client_ca_file, which says who vouches for it")
            );
        }
        Ok(certificates)
    }

    pub(super) fn audit(&self) -> AuditSettings {
        let level = match self.text("audit.level").as_str() {
            "off" => AuditLevel::Off,
            "security" => AuditLevel::Security,
            "writes" => AuditLevel::Writes,
            "all" => AuditLevel::All,
            _ if self.is_on("auth.enabled") => AuditLevel::Security,
            _ => AuditLevel::Off,
        };
        AuditSettings {
            level,
            dir: self.maybe_text("audit.dir").map(PathBuf::from),
            kept: Duration::from_millis(self.number("audit.kept")),
        }
    }
}

/// The role of that name.
pub(super) fn role_named(word: &str) -> Option<RoleName> {
    match word {
        "reader" => Some(RoleName::Reader),
        "writer" => Some(RoleName::Writer),
        "curator" => Some(RoleName::Curator),
        "space_admin" => Some(RoleName::SpaceAdmin),
        "operator" => Some(RoleName::Operator),
        _ => None,
    }
}
