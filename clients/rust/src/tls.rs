//! TLS as a client has it: whom it trusts, as whom it shows itself, and how old a protocol may be.
//!
//! Certificates and keys are checked when they are read, so that a wrong one is told before the first call, with its place. No key is
//! ever shown.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use rustls::{ProtocolVersion, RootCertStore};
use ureq::tls::{Certificate, ClientCert, PemItem, PrivateKey, RootCerts, TlsConfig, parse_pem};

/// What a client asks of TLS.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientTls {
    /// Who vouches for the server; the authorities that browsers know when absent.
    pub authorities: Option<ClientAuthorities>,
    /// As whom the client shows itself to a server that asks; as nobody when absent.
    pub identity: Option<ClientIdentity>,
    /// The oldest protocol that is spoken.
    pub oldest: OldestTls,
}

/// Versions of TLS with which a client can begin.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OldestTls {
    /// TLS 1.2 (RFC 5246).
    #[default]
    V1_2,
    /// TLS 1.3 (RFC 8446).
    V1_3,
}

/// Certificates of authorities; a server's own certificate can be one of them.
#[derive(Clone)]
pub struct ClientAuthorities(Arc<Vec<Certificate<'static>>>);

/// The certificate of a client, those between it and its authority, and its key.
#[derive(Clone)]
pub struct ClientIdentity(ClientCert);

/// A certificate or key that cannot be used. It says where that came from, and nothing that stands there.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {message}")]
pub struct ClientTlsError {
    place: String,
    message: String,
}

impl ClientAuthorities {
    /// The certificates of a text of PEM; there must be one, all must be sound, and what is no certificate is passed over.
    ///
    /// # Errors
    /// [`ClientTlsError`].
    pub fn from_pem(pem: &[u8]) -> Result<ClientAuthorities, ClientTlsError> {
        ClientAuthorities::read("authorities", pem)
    }

    /// Those of a file.
    ///
    /// # Errors
    /// [`ClientTlsError`].
    pub fn from_file(path: &Path) -> Result<ClientAuthorities, ClientTlsError> {
        ClientAuthorities::read(&path.display().to_string(), &content(path)?)
    }

    fn read(place: &str, pem: &[u8]) -> Result<ClientAuthorities, ClientTlsError> {
        let certificates = certificates(place, pem)?;
        let mut store = RootCertStore::empty();
        for (at, certificate) in certificates.iter().enumerate() {
            let added = store.add(CertificateDer::from(certificate.der()));
            added.map_err(|error| {
                let message = format!("certificate {} is not one of an authority: {error}", at + 1);
                fault(place, message)
            })?;
        }
        Ok(ClientAuthorities(Arc::new(certificates)))
    }
}

impl ClientIdentity {
    /// From texts of PEM: the client's certificate, followed by those between it and its authority, and its key. Both may be the same
    /// text.
    ///
    /// # Errors
    /// [`ClientTlsError`].
    pub fn from_pem(chain: &[u8], key: &[u8]) -> Result<ClientIdentity, ClientTlsError> {
        ClientIdentity::read(("client certificate", chain), ("client key", key))
    }

    /// From files.
    ///
    /// # Errors
    /// [`ClientTlsError`].
    pub fn from_files(chain: &Path, key: &Path) -> Result<ClientIdentity, ClientTlsError> {
        let (chain_place, key_place) = (chain.display().to_string(), key.display().to_string());
        ClientIdentity::read((&chain_place, &content(chain)?), (&key_place, &content(key)?))
    }

    fn read(
        (chain_place, chain): (&str, &[u8]),
        (key_place, key): (&str, &[u8]),
    ) -> Result<ClientIdentity, ClientTlsError> {
        let chain = certificates(chain_place, chain)?;
        let no_key = "no private key is there: it needs a block `BEGIN PRIVATE KEY` (PEM), without a passphrase";
        let key = PrivateKey::from_pem(key).map_err(|_| fault(key_place, no_key))?;
        // What of a key does not fit is no one's to read: it is not repeated.
        let wrong_key = |_| fault(key_place, "the private key is damaged, or of an unknown sort");
        let der = PrivateKeyDer::try_from(key.der().to_vec()).map_err(wrong_key)?;
        let own: Vec<_> =
            chain.iter().map(|own| CertificateDer::from(own.der()).into_owned()).collect();
        CertifiedKey::from_der(own, der, &rustls::crypto::ring::default_provider()).map_err(
            |error| fault(key_place, format!("the key does not fit {chain_place}: {error}")),
        )?;
        Ok(ClientIdentity(ClientCert::new_with_certs(&chain, key)))
    }
}

impl ClientTls {
    pub(crate) fn config(&self) -> TlsConfig {
        let roots = match &self.authorities {
            Some(authorities) => RootCerts::Specific(Arc::clone(&authorities.0)),
            None => RootCerts::WebPki,
        };
        TlsConfig::builder()
            .root_certs(roots)
            .client_cert(self.identity.as_ref().map(|identity| identity.0.clone()))
            .unversioned_rustls_crypto_provider(Arc::new(provider(self.oldest)))
            .build()
    }
}

/// Without suites of an older protocol none of it is offered.
fn provider(oldest: OldestTls) -> CryptoProvider {
    let mut provider = rustls::crypto::ring::default_provider();
    if oldest == OldestTls::V1_3 {
        provider.cipher_suites.retain(|suite| suite.version().version == ProtocolVersion::TLSv1_3);
    }
    provider
}

fn certificates(place: &str, pem: &[u8]) -> Result<Vec<Certificate<'static>>, ClientTlsError> {
    let mut found = Vec::new();
    for item in parse_pem(pem) {
        match item {
            Ok(PemItem::Certificate(certificate)) => found.push(certificate),
            Ok(_) => {}
            Err(error) => return Err(fault(place, format!("it is no PEM: {error}"))),
        }
    }
    if found.is_empty() {
        let message = "no certificate is there: it needs blocks `BEGIN CERTIFICATE` (PEM)";
        return Err(fault(place, message));
    }
    Ok(found)
}

fn content(path: &Path) -> Result<Vec<u8>, ClientTlsError> {
    let place = || path.display().to_string();
    std::fs::read(path).map_err(|error| fault(&place(), format!("it cannot be read: {error}")))
}

fn fault(place: &str, message: impl Into<String>) -> ClientTlsError {
    ClientTlsError { place: place.to_owned(), message: message.into() }
}

fn ders<'a>(certificates: &'a [Certificate<'static>]) -> impl Iterator<Item = &'a [u8]> {
    certificates.iter().map(Certificate::der)
}

impl PartialEq for ClientAuthorities {
    fn eq(&self, other: &ClientAuthorities) -> bool {
        ders(&self.0).eq(ders(&other.0))
    }
}

impl Eq for ClientAuthorities {}

impl PartialEq for ClientIdentity {
    fn eq(&self, other: &ClientIdentity) -> bool {
        ders(self.0.certs()).eq(ders(other.0.certs()))
            && self.0.private_key().der() == other.0.private_key().der()
    }
}

impl Eq for ClientIdentity {}

impl fmt::Debug for ClientAuthorities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ClientAuthorities({})", self.0.len())
    }
}

impl fmt::Debug for ClientIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClientIdentity(…)")
    }
}
