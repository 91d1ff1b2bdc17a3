//! Where the public keys of an issuer are read: a file, or an address.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use engram_store::{Fs, read_all};
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem};

use crate::config::JwksSource;

/// Longest set of keys, bytes.
const JWKS_BYTES_MAX: u64 = 256 << 10;
/// Time for an issuer to answer.
const FETCH_TIMEOUT: Duration = Duration::from_secs(5);

/// Where the public keys of an issuer are read. Reading blocks.
pub(super) enum Source {
    File { fs: Arc<dyn Fs>, path: PathBuf },
    Url { agent: ureq::Agent, url: String },
}

impl Source {
    /// # Errors
    /// The certificates that vouch for the issuer's server cannot be read.
    pub(super) fn new(own: &JwksSource, fs: Arc<dyn Fs>) -> Result<Source, String> {
        match own {
            JwksSource::File(path) => Ok(Source::File { fs, path: path.clone() }),
            JwksSource::Url { url, ca_file } => {
                let roots = match ca_file {
                    None => RootCerts::WebPki,
                    Some(path) => authorities(&*fs, path)?,
                };
                let crypto = Arc::new(rustls::crypto::ring::default_provider());
                let tls = TlsConfig::builder()
                    .root_certs(roots)
                    .unversioned_rustls_crypto_provider(crypto)
                    .build();
                let settings = ureq::Agent::config_builder()
                    .timeout_global(Some(FETCH_TIMEOUT))
                    .proxy(None)
                    .max_redirects(0)
                    .max_redirects_will_error(false)
                    .http_status_as_error(false)
                    .tls_config(tls)
                    .build();
                Ok(Source::Url { agent: settings.into(), url: url.clone() })
            }
        }
    }

    /// Whether what was read stays true until it is read again.
    pub(super) fn is_file(&self) -> bool {
        matches!(self, Source::File { .. })
    }

    /// # Errors
    /// There is no answer in time, or not the one that was asked for.
    pub(super) fn read(&self) -> Result<Vec<u8>, String> {
        match self {
            Source::File { fs, path } => {
                let bytes = read_all(&**fs, path)
                    .map_err(|error| format!("{}: {error}", path.display()))?;
                match bytes.len() as u64 > JWKS_BYTES_MAX {
                    true => Err(format!("{}: longer than {JWKS_BYTES_MAX} bytes", path.display())),
                    false => Ok(bytes),
                }
            }
            Source::Url { agent, url } => {
                let failed = |error: ureq::Error| format!("{url}: {error}");
                let mut answer = agent.get(url).call().map_err(failed)?;
                if answer.status() != 200 {
                    return Err(format!("{url}: the answer has the status {}", answer.status()));
                }
                answer.body_mut().with_config().limit(JWKS_BYTES_MAX).read_to_vec().map_err(failed)
            }
        }
    }
}

fn authorities(fs: &dyn Fs, path: &Path) -> Result<RootCerts, String> {
    let unusable = |why: &str| format!("{}: {why}", path.display());
    let bytes = read_all(fs, path).map_err(|error| unusable(&error.to_string()))?;
    let mut all: Vec<Certificate<'static>> = Vec::new();
    for item in parse_pem(&bytes) {
        if let PemItem::Certificate(own) = item.map_err(|error| unusable(&error.to_string()))? {
            all.push(own);
        }
    }
    match all.is_empty() {
        true => Err(unusable("it holds no certificate (PEM)")),
        false => Ok(RootCerts::from(all)),
    }
}
