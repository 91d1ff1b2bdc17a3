//! TLS for every door: certificates from files, read again when they change, and who a client's certificate is from.
//!
//! Guarantees that a new certificate is taken without dropping a connection, and that files which cannot be used leave the old one in
//! place: a bad rotation is told in the log and counted, and costs nobody the service.

use std::fmt;
use std::path::Path;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::SystemTime;

use engram_api::{ErrorCode, Problem};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::version::{TLS12, TLS13};
use rustls::{RootCertStore, ServerConfig, SupportedProtocolVersion};
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer as _, X509Certificate};

use crate::config::{TlsSettings, TlsVersion};

/// The protocol that is spoken inside, as ALPN names it (RFC 7301).
const HTTP1: &[u8] = b"http/1.1";
const HTTP2: &[u8] = b"h2";
const SECOND_NS: i64 = 1_000_000_000;

/// The certificates of a server.
pub(crate) struct Tls {
    settings: TlsSettings,
    current: RwLock<Doors>,
    /// When the files were last written, as far as they were looked at.
    seen: RwLock<Stamps>,
    expires_ns: AtomicI64,
    failures: AtomicU64,
}

/// A configuration for each protocol.
#[derive(Clone)]
struct Doors {
    http1: Arc<ServerConfig>,
    http2: Arc<ServerConfig>,
}

type Stamps = Vec<Option<(SystemTime, u64)>>;

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").field("settings", &self.settings).finish_non_exhaustive()
    }
}

/// A client whose certificate was verified.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct PeerCertificate {
    /// Names under which it was issued: DNS names, addresses of mail and URIs of the subject alternative name, else the common name.
    pub(crate) names: Vec<String>,
    /// When it ends, nanoseconds UTC.
    pub(crate) expires_ns: i64,
}

impl Tls {
    /// Reads the files.
    ///
    /// # Errors
    /// One cannot be read, holds no certificate or key, or they do not belong together.
    pub(crate) fn open(settings: TlsSettings) -> Result<Tls, Box<Problem>> {
        let seen = stamps(&settings);
        let (doors, expires_ns) = read(&settings)?;
        Ok(Tls {
            settings,
            current: RwLock::new(doors),
            seen: RwLock::new(seen),
            expires_ns: AtomicI64::new(expires_ns),
            failures: AtomicU64::new(0),
        })
    }

    pub(crate) fn http1(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner).http1)
    }

    pub(crate) fn http2(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner).http2)
    }

    /// When the certificate ends, nanoseconds UTC.
    pub(crate) fn expires_ns(&self) -> i64 {
        self.expires_ns.load(Ordering::Relaxed)
    }

    /// How often files that were new could not be used.
    pub(crate) fn failures(&self) -> u64 {
        self.failures.load(Ordering::Relaxed)
    }

    /// Reads the files again if one of them changed. Connections that are open keep what they began with.
    pub(crate) fn look(&self) {
        let now = stamps(&self.settings);
        let mut seen = self.seen.write().unwrap_or_else(PoisonError::into_inner);
        // What could not be used is tried again: it may lack no more than a permission.
        if *seen != now && self.reload() {
            *seen = now;
        }
    }

    /// Reads the files again; false where they cannot be used.
    pub(crate) fn reload(&self) -> bool {
        match read(&self.settings) {
            Ok((doors, expires_ns)) => {
                *self.current.write().unwrap_or_else(PoisonError::into_inner) = doors;
                self.expires_ns.store(expires_ns, Ordering::Relaxed);
                tracing::info!(
                    expires_seconds = expires_ns / SECOND_NS,
                    "the certificate was read again"
                );
                true
            }
            Err(problem) => {
                self.failures.fetch_add(1, Ordering::Relaxed);
                tracing::error!(detail = problem.detail, "the certificate was not replaced");
                false
            }
        }
    }
}

/// What stands in the files of TLS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFacts {
    /// When the certificate ends, nanoseconds UTC.
    pub expires_ns: i64,
    /// Names of the certificate that the next one in the file does not vouch for; none = each is vouched for by the next.
    pub broken_at: Option<String>,
    /// When the first of those that vouch for clients ends, nanoseconds UTC.
    pub client_ca_expires_ns: Option<i64>,
}

/// Reads the files of TLS as a start does, and says what stands in them.
///
/// # Errors
/// One cannot be read, holds no certificate or key, or they do not belong together.
pub fn look_at_tls(settings: &TlsSettings) -> Result<TlsFacts, Box<Problem>> {
    let (_, expires_ns) = read(settings)?;
    let chain = certificates("tls.cert_file", &settings.cert_file)?;
    let broken = chain.windows(2).find(|pair| !vouches(&pair[1], &pair[0]));
    let client_ca_expires_ns = match &settings.client_ca_file {
        None => None,
        Some(path) => {
            let roots = certificates("tls.client_ca_file", path)?;
            roots.iter().filter_map(parsed).map(|root| root.expires_ns).min()
        }
    };
    Ok(TlsFacts {
        expires_ns,
        broken_at: broken.map(|pair| parsed(&pair[0]).unwrap_or_default().names.join(", ")),
        client_ca_expires_ns,
    })
}

/// Whether one certificate names the other as its issuer.
fn vouches(issuer: &CertificateDer<'_>, issued: &CertificateDer<'_>) -> bool {
    let read = (X509Certificate::from_der(issuer), X509Certificate::from_der(issued));
    let (Ok((_, issuer)), Ok((_, issued))) = read else { return false };
    issuer.subject() == issued.issuer()
}

/// When the files were written, and how long they are; none where a file is missing.
fn stamps(settings: &TlsSettings) -> Stamps {
    let files =
        [Some(&settings.cert_file), Some(&settings.key_file), settings.client_ca_file.as_ref()];
    let stamp = |path: &Path| {
        let found = std::fs::metadata(path).ok()?;
        Some((found.modified().ok()?, found.len()))
    };
    files.into_iter().flatten().map(|path| stamp(path)).collect()
}

fn read(settings: &TlsSettings) -> Result<(Doors, i64), Box<Problem>> {
    let chain = certificates("tls.cert_file", &settings.cert_file)?;
    let (leaf, key_file) = (&chain[0], &settings.key_file);
    let expires_ns = parsed(leaf)
        .ok_or_else(|| {
            unusable("tls.cert_file", &settings.cert_file, "its first certificate cannot be read")
        })?
        .expires_ns;
    let key = PrivateKeyDer::from_pem_file(key_file)
        .map_err(|error| unusable("tls.key_file", key_file, &error.to_string()))?;
    let versions: &[&SupportedProtocolVersion] = match settings.min_version {
        TlsVersion::Tls12 => &[&TLS13, &TLS12],
        TlsVersion::Tls13 => &[&TLS13],
    };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(versions)
        .map_err(|error| unusable("tls.min_version", key_file, &error.to_string()))?;
    let builder = match &settings.client_ca_file {
        None => builder.with_no_client_auth(),
        Some(path) => {
            let failed =
                |error: &dyn fmt::Display| unusable("tls.client_ca_file", path, &error.to_string());
            let mut roots = RootCertStore::empty();
            for root in certificates("tls.client_ca_file", path)? {
                roots.add(root).map_err(|error| failed(&error))?;
            }
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
            let verifier = match settings.needs_client {
                true => verifier,
                false => verifier.allow_unauthenticated(),
            };
            builder.with_client_cert_verifier(verifier.build().map_err(|error| failed(&error))?)
        }
    };
    let mut config = builder
        .with_single_cert(chain, key)
        .map_err(|error| unusable("tls.key_file", key_file, &error.to_string()))?;
    config.alpn_protocols = vec![HTTP1.to_vec()];
    let mut http2 = config.clone();
    http2.alpn_protocols = vec![HTTP2.to_vec()];
    Ok((Doors { http1: Arc::new(config), http2: Arc::new(http2) }, expires_ns))
}

fn certificates(key: &str, path: &Path) -> Result<Vec<CertificateDer<'static>>, Box<Problem>> {
    let failed = |error: &dyn fmt::Display| unusable(key, path, &error.to_string());
    let all = CertificateDer::pem_file_iter(path).map_err(|error| failed(&error))?;
    let all: Vec<_> = all.collect::<Result<_, _>>().map_err(|error| failed(&error))?;
    if all.is_empty() {
        return Err(unusable(key, path, "it holds no certificate (PEM)"));
    }
    Ok(all)
}

fn unusable(key: &str, path: &Path, why: &str) -> Box<Problem> {
    let detail = format!("{key}: {} cannot be used: {why}", path.display());
    Box::new(Problem::new(ErrorCode::ConfigInvalid, detail).with_field(key))
}

/// Who a certificate is from, and until when.
pub(crate) fn parsed(certificate: &CertificateDer<'_>) -> Option<PeerCertificate> {
    let (_, read) = X509Certificate::from_der(certificate).ok()?;
    let mut names: Vec<String> = Vec::new();
    if let Ok(Some(alternative)) = read.subject_alternative_name() {
        names.extend(alternative.value.general_names.iter().filter_map(|name| match name {
            GeneralName::DNSName(name) | GeneralName::RFC822Name(name) | GeneralName::URI(name) => {
                Some((*name).to_owned())
            }
            _ => None,
        }));
    }
    if names.is_empty() {
        let common = read.subject().iter_common_name().filter_map(|name| name.as_str().ok());
        names.extend(common.map(str::to_owned));
    }
    let seconds = read.validity().not_after.timestamp();
    Some(PeerCertificate { names, expires_ns: seconds.saturating_mul(SECOND_NS) })
}
