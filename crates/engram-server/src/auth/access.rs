//! The one place that says who a request is from and whether it may be done.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicI64;
use std::time::Instant;

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use engram_api::{ErrorCode, Operation};
use engram_store::Clock;

use crate::auth::caller::Caller;
use crate::auth::grant::Grant;
use crate::auth::ring::{KeyRing, RingParts};
use crate::auth::tokens::{Issuer, IssuerFigures, Tokens};
use crate::config::Settings;
use crate::refusal::Refusal;
use crate::tls::PeerCertificate;

/// What a request proves of whoever sent it.
#[derive(Clone, Copy)]
pub(crate) struct Credentials<'a> {
    pub(crate) headers: &'a HeaderMap,
    /// The certificate of its connection, where a client showed one.
    pub(crate) peer: Option<&'a PeerCertificate>,
}

/// Says who a request is from and whether it may be done.
pub(crate) struct Access {
    /// None where nobody has to say who they are.
    keys: Option<Arc<KeyRing>>,
    /// Name and grant of clients by the subjects of their certificates.
    certificates: BTreeMap<String, (String, Arc<Grant>)>,
    tokens: Tokens,
    anybody: Caller,
    clock: Arc<dyn Clock>,
    started: Instant,
}

impl Access {
    /// Reads the keys, where requests are authenticated, and those of issuers that stand in files.
    ///
    /// # Errors
    /// They cannot be read: then nobody is let in, so the server does not start.
    pub(crate) fn open(settings: &Settings, parts: &RingParts) -> Result<Access, Refusal> {
        let keys = match settings.authenticates {
            true => Some(Arc::new(KeyRing::open(parts.clone(), settings.data_dir.clone())?)),
            false => None,
        };
        let clock = Arc::clone(&parts.clock);
        let mut certificates = BTreeMap::new();
        for (name, own) in &settings.certificates {
            let granted = Grant::read(own.role, &own.operations, own.spaces.clone(), None);
            let grant = granted.map_err(|refusal| {
                let detail = format!("certificates.{name}: {}", refusal.0.detail);
                Refusal::new(ErrorCode::ConfigInvalid, detail)
            })?;
            certificates.insert(own.subject.clone(), (name.clone(), Arc::new(grant)));
        }
        Ok(Access {
            keys,
            certificates,
            tokens: Tokens::open(&settings.tokens, &parts.fs, &clock)?,
            anybody: Caller::anybody(),
            clock,
            started: Instant::now(),
        })
    }

    /// Whether requests have to say whose they are.
    pub(crate) fn is_on(&self) -> bool {
        self.keys.is_some()
    }

    /// Whether anybody can come in at all.
    pub(crate) fn lets_somebody_in(&self) -> bool {
        self.keys.as_ref().is_none_or(|keys| keys.has_valid())
            || !self.certificates.is_empty()
            || !self.tokens.is_empty()
    }

    /// The keys, to manage them.
    ///
    /// # Errors
    /// Nobody has to say who they are, so that a key would mean nothing.
    pub(crate) fn keys(&self) -> Result<&KeyRing, Refusal> {
        self.keys.as_deref().ok_or_else(|| {
            let detail = "this server authenticates nobody (auth.enabled is false), so that a key would mean nothing";
            Refusal::new(ErrorCode::Forbidden, detail)
        })
    }

    /// The issuers of tokens, to keep their keys fresh.
    pub(crate) fn issuers(&self) -> impl Iterator<Item = &Arc<Issuer>> {
        self.tokens.issuers()
    }

    /// What a scrape shows of the issuers, by name.
    pub(crate) fn issuer_figures(&self) -> Vec<(String, IssuerFigures)> {
        self.tokens.figures()
    }

    /// Who a request is from. It may wait a moment for the keys of an issuer.
    ///
    /// # Errors
    /// It does not prove that.
    pub(crate) async fn identify(&self, credentials: Credentials<'_>) -> Result<Caller, Refusal> {
        let Some(keys) = &self.keys else { return Ok(self.anybody.clone()) };
        let refused = |detail: &str| Refusal::new(ErrorCode::Unauthenticated, detail);
        let mut values = credentials.headers.get_all(AUTHORIZATION).iter();
        let value = match (values.next(), values.next()) {
            (None, _) => return self.by_certificate(credentials.peer),
            (Some(_), Some(_)) => return Err(refused("the request carries two credentials")),
            (Some(value), None) => value.to_str().unwrap_or_default(),
        };
        let Some((scheme, token)) = value.split_once(' ') else {
            return Err(refused("the header Authorization is not of the form Bearer KEY"));
        };
        if !scheme.eq_ignore_ascii_case("bearer") {
            return Err(refused("the header Authorization is not of the form Bearer KEY"));
        }
        let token = token.trim();
        if self.tokens.is_token(token) {
            return self.tokens.find(token).await;
        }
        let (caller, is_stale) = keys.find(token)?;
        if is_stale {
            let keys = Arc::clone(keys);
            // No request waits for the disk, and a use that is not on it is no reason to refuse one.
            drop(tokio::task::spawn_blocking(move || keys.save()));
        }
        Ok(caller)
    }

    /// Reads the keys again and lets them be written: from now on the data directory is this server's alone.
    ///
    /// # Errors
    /// They cannot be read.
    pub(crate) fn own(&self) -> Result<(), Refusal> {
        self.keys.as_ref().map_or(Ok(()), |keys| keys.own())
    }

    /// Who comes with a certificate and nothing else.
    fn by_certificate(&self, peer: Option<&PeerCertificate>) -> Result<Caller, Refusal> {
        let refused = |detail: &str| Err(Refusal::new(ErrorCode::Unauthenticated, detail));
        let Some(peer) = peer else { return refused("the request carries no credential") };
        let mut found = peer.names.iter().filter_map(|name| self.certificates.get(name));
        let Some((name, grant)) = found.next() else {
            return refused("the certificate is of nobody whom this server knows");
        };
        if found.next().is_some_and(|(other, _)| other != name) {
            return refused("the certificate has the names of two clients");
        }
        let ends_at = Arc::new(AtomicI64::new(peer.expires_ns));
        let caller = Caller::known(format!("certificate:{name}"), Arc::clone(grant), ends_at, None);
        self.still(&caller)?;
        Ok(caller)
    }

    /// Whether a caller may call an operation of a space now; `space` is empty for those of the node.
    ///
    /// # Errors
    /// Its credential has ended, the space is none of its own, or a permission is missing.
    pub(crate) fn authorise(
        &self,
        caller: &Caller,
        operation: &Operation,
        space: &str,
    ) -> Result<(), Refusal> {
        self.still(caller)?;
        caller.may(operation, space)
    }

    /// Whether a caller's credential is still valid.
    ///
    /// # Errors
    /// It has ended.
    pub(crate) fn still(&self, caller: &Caller) -> Result<(), Refusal> {
        if !caller.is_known() {
            return Ok(());
        }
        caller.is_valid(self.clock.now_ns())
    }

    /// Counts a request against the limit of its caller.
    ///
    /// # Errors
    /// It comes too soon.
    pub(crate) fn charge(&self, caller: &Caller) -> Result<(), Refusal> {
        let now_ns = u64::try_from(self.started.elapsed().as_nanos()).unwrap_or(u64::MAX);
        caller.charge(now_ns)
    }
}
