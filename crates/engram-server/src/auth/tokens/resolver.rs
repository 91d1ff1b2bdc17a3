//! Who comes with a token.

use std::collections::BTreeMap;
use std::sync::Arc;

use engram_api::ErrorCode;
use engram_store::{Clock, Fs};
use jsonwebtoken::dangerous::insecure_decode_claims;
use jsonwebtoken::{Algorithm, decode_header};
use serde::Deserialize;

use crate::auth::caller::Caller;
use crate::auth::tokens::issuer::{Issuer, IssuerFigures};
use crate::auth::tokens::signature;
use crate::config::TokenSettings;
use crate::refusal::Refusal;

/// Longest token, bytes.
const TOKEN_BYTES_MAX: usize = 8 << 10;
/// What a token may say that it is; one for another use, as a note of a logout, is none for this server (RFC 8725, 3.11).
const TYPES: [&str; 4] = ["jwt", "application/jwt", "at+jwt", "application/at+jwt"];

/// The issuers whose tokens are accepted.
pub(crate) struct Tokens {
    /// By their claim `iss`.
    issuers: BTreeMap<String, Arc<Issuer>>,
}

/// What a token says of itself before anybody knows whether it is true.
struct Alleged {
    issuer: String,
    algorithm: Algorithm,
    key_id: Option<String>,
}

#[derive(Deserialize)]
struct AllegedClaims {
    iss: String,
}

impl Tokens {
    /// # Errors
    /// A file of keys cannot be used, or an issuer gives nothing.
    pub(crate) fn open(
        settings: &BTreeMap<String, TokenSettings>,
        fs: &Arc<dyn Fs>,
        clock: &Arc<dyn Clock>,
    ) -> Result<Tokens, Refusal> {
        signature::install();
        let mut issuers = BTreeMap::new();
        for (name, own) in settings {
            let issuer = Issuer::open(name, own, (Arc::clone(fs), Arc::clone(clock)))?;
            issuers.insert(own.issuer.clone(), Arc::new(issuer));
        }
        Ok(Tokens { issuers })
    }

    /// Whether a credential is to be read as a token.
    pub(crate) fn is_token(&self, credential: &str) -> bool {
        !self.issuers.is_empty() && credential.bytes().filter(|byte| *byte == b'.').count() == 2
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.issuers.is_empty()
    }

    pub(crate) fn issuers(&self) -> impl Iterator<Item = &Arc<Issuer>> {
        self.issuers.values()
    }

    /// What a scrape shows, by the names of the issuers.
    pub(crate) fn figures(&self) -> Vec<(String, IssuerFigures)> {
        self.issuers().map(|issuer| (issuer.name.clone(), issuer.figures())).collect()
    }

    /// Who comes with this token.
    ///
    /// # Errors
    /// No key of an issuer signed it, or it does not count here and now.
    pub(crate) async fn find(&self, token: &str) -> Result<Caller, Refusal> {
        // The same words whatever is wrong: whoever cannot sign is not told which issuers and keys there are.
        let unknown = || {
            let detail = "the token is not one that this server accepts";
            Refusal::new(ErrorCode::Unauthenticated, detail)
        };
        let alleged = Alleged::read(token).ok_or_else(unknown)?;
        let issuer = self.issuers.get(&alleged.issuer).ok_or_else(unknown)?;
        if !issuer.accepts(alleged.algorithm) {
            return Err(unknown());
        }
        let key = || issuer.key(alleged.key_id.as_deref(), alleged.algorithm);
        let key = match key() {
            Some(key) => key,
            None => {
                issuer.refreshed(|| key().is_some()).await;
                key().ok_or_else(unknown)?
            }
        };
        let claims = key.verified(token).ok_or_else(unknown)?;
        issuer.caller(&claims, &key)
    }
}

impl Alleged {
    fn read(token: &str) -> Option<Alleged> {
        if token.len() > TOKEN_BYTES_MAX {
            return None;
        }
        let header = decode_header(token).ok()?;
        let kind = header.typ.map(|kind| kind.to_ascii_lowercase());
        let is_usual = kind.is_none_or(|kind| TYPES.contains(&kind.as_str()));
        // What a token calls critical nobody here understands (RFC 7515, 4.1.11).
        if !is_usual || header.crit.is_some() {
            return None;
        }
        let claims: AllegedClaims = insecure_decode_claims(token).ok()?;
        Some(Alleged { issuer: claims.iss, algorithm: header.alg, key_id: header.kid })
    }
}
