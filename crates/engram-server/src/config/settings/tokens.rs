//! Who vouches for bearer tokens, and what their claims give.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use axum::http::Uri;
use engram_api::RoleName;

use super::Read;
use super::security::role_named;
use crate::config::error::ConfigError;

/// Issuers of a configuration: each has a task of its own.
const ISSUERS_MAX: usize = 16;

/// Where the public keys of an issuer come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JwksSource {
    /// A file.
    File(PathBuf),
    /// An address.
    Url {
        /// The address; `https`, or `http` to this machine.
        url: String,
        /// Who vouches for its server; none = the public authorities.
        ca_file: Option<PathBuf>,
    },
}

/// How a token may be signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenAlgorithm {
    /// RSA, PKCS #1 v1.5, SHA-256.
    Rs256,
    /// ECDSA on P-256, SHA-256.
    Es256,
    /// Ed25519.
    EdDsa,
}

/// An issuer of tokens.
#[derive(Clone, Debug, PartialEq)]
pub struct TokenSettings {
    /// Its claim `iss`.
    pub issuer: String,
    /// Values of `aud` that are meant for this server.
    pub audience: Vec<String>,
    /// Where its keys come from.
    pub source: JwksSource,
    /// How often they are fetched.
    pub refresh: Duration,
    /// How long they are used without being fetched again.
    pub max_age: Duration,
    /// Signatures that are accepted.
    pub algorithms: Vec<TokenAlgorithm>,
    /// How far its clock may differ.
    pub clock_skew: Duration,
    /// The most that a token may do.
    pub role: Option<RoleName>,
    /// Claim with the role; none = what `role` says.
    pub role_claim: Option<String>,
    /// Roles by values of the claim; empty = the names of the roles.
    pub role_names: BTreeMap<String, RoleName>,
    /// Operations that a token may call beside those of the role.
    pub operations: Vec<String>,
    /// Claim with operations; none = what `operations` says.
    pub operations_claim: Option<String>,
    /// Spaces that a token may touch.
    pub spaces: Vec<String>,
    /// Claim with spaces; none = what `spaces` says.
    pub spaces_claim: Option<String>,
    /// Most trust that its memories may claim; none = no bound.
    pub trust_max: Option<f32>,
}

impl Read<'_> {
    pub(super) fn tokens(&self) -> Result<BTreeMap<String, TokenSettings>, Box<ConfigError>> {
        let mut tokens = BTreeMap::new();
        let mut issuers = BTreeSet::new();
        for key in self.values.keys() {
            let name = key.strip_prefix("tokens.").and_then(|rest| rest.strip_suffix(".issuer"));
            let Some(name) = name else { continue };
            if !self.is_on("auth.enabled") {
                let message = "needs auth.enabled = true: else nobody is asked who he is";
                return Err(self.conflict(key, message));
            }
            let settings = self.issuer(name)?;
            if !issuers.insert(settings.issuer.clone()) {
                return Err(self.conflict(key, "stands under another name too"));
            }
            tokens.insert(name.to_owned(), settings);
            if tokens.len() > ISSUERS_MAX {
                let message = format!("there are at most {ISSUERS_MAX} issuers");
                return Err(self.conflict(key, &message));
            }
        }
        Ok(tokens)
    }

    fn issuer(&self, name: &str) -> Result<TokenSettings, Box<ConfigError>> {
        let at = |field: &str| format!("tokens.{name}.{field}");
        let span = |field: &str| Duration::from_millis(self.number(&at(field)));
        let claim = |field: &str| self.maybe_text(&at(field)).filter(|claim| !claim.is_empty());
        let issuer = self.maybe_text(&at("issuer")).filter(|issuer| !issuer.is_empty());
        let Some(issuer) = issuer else {
            return Err(self.conflict(&at("issuer"), "is required: the claim iss of its tokens"));
        };
        let audience = self.list(&at("audience"));
        if audience.is_empty() {
            let message =
                "is required: tokens for others must not be taken for tokens for this server";
            return Err(self.conflict(&at("audience"), message));
        }
        let (refresh, max_age) = (span("jwks_refresh"), span("jwks_max_age"));
        if max_age <= refresh {
            return Err(self.conflict(&at("jwks_max_age"), "must be longer than jwks_refresh"));
        }
        let role = role_named(&self.text(&at("role")));
        let role_claim = claim("role_claim");
        if role_claim.is_some() && role.is_none() {
            let message = "needs role, the most that the claim can give";
            return Err(self.conflict(&at("role_claim"), message));
        }
        Ok(TokenSettings {
            issuer,
            audience,
            source: self.jwks_source(name)?,
            refresh,
            max_age,
            algorithms: self.algorithms(&at("algorithms"))?,
            clock_skew: span("clock_skew"),
            role,
            role_claim,
            role_names: self.role_names(&at("role_names"))?,
            operations: self.list(&at("operations")),
            operations_claim: claim("operations_claim"),
            spaces: self.list(&at("spaces")),
            spaces_claim: claim("spaces_claim"),
            trust_max: self.value(&at("trust_max")).map(|_| self.share(&at("trust_max"))),
        })
    }

    fn jwks_source(&self, name: &str) -> Result<JwksSource, Box<ConfigError>> {
        let at = |field: &str| format!("tokens.{name}.{field}");
        let ca_file = self.maybe_text(&at("jwks_ca_file")).map(PathBuf::from);
        let (url, file) = (self.maybe_text(&at("jwks_url")), self.maybe_text(&at("jwks_file")));
        match (url, file) {
            (Some(_), Some(_)) => {
                Err(self.conflict(&at("jwks_file"), "and jwks_url exclude each other"))
            }
            (None, None) => {
                Err(self.conflict(&at("jwks_url"), "is required, unless jwks_file is set"))
            }
            (None, Some(_)) if ca_file.is_some() => {
                Err(self.conflict(&at("jwks_ca_file"), "needs jwks_url"))
            }
            (None, Some(file)) => Ok(JwksSource::File(PathBuf::from(file))),
            (Some(url), None) if is_safe(&url) => Ok(JwksSource::Url { url, ca_file }),
            (Some(_), None) => {
                let message = "is not of the form https://host/path; plain http is for this machine alone, and a password has no place in it";
                Err(self.conflict(&at("jwks_url"), message))
            }
        }
    }

    fn algorithms(&self, key: &str) -> Result<Vec<TokenAlgorithm>, Box<ConfigError>> {
        let words = self.list(key);
        let read = |word: &String| match word.as_str() {
            "RS256" => Ok(TokenAlgorithm::Rs256),
            "ES256" => Ok(TokenAlgorithm::Es256),
            "EdDSA" => Ok(TokenAlgorithm::EdDsa),
            _ => {
                let message = format!("`{word}` is not one of RS256, ES256, EdDSA");
                Err(self.conflict(key, &message))
            }
        };
        if words.is_empty() {
            return Err(self.conflict(key, "names at least one of RS256, ES256, EdDSA"));
        }
        words.iter().map(read).collect()
    }

    fn role_names(&self, key: &str) -> Result<BTreeMap<String, RoleName>, Box<ConfigError>> {
        let mut roles = BTreeMap::new();
        for entry in self.list(key) {
            // A value may hold the sign itself, a role does not.
            let read = entry.rsplit_once('=').and_then(|(value, role)| {
                Some((value.trim().to_owned(), role_named(role.trim())?))
            });
            let Some((value, role)) = read.filter(|(value, _)| !value.is_empty()) else {
                let message = format!(
                    "`{entry}` is not of the form VALUE=ROLE, with a role of reader, writer, curator, space_admin, operator"
                );
                return Err(self.conflict(key, &message));
            };
            roles.insert(value, role);
        }
        Ok(roles)
    }
}

/// Whether keys that come from there are the issuer's: who is on the way to a server in plain text could put in his own.
fn is_safe(url: &str) -> bool {
    let Ok(url) = url.parse::<Uri>() else { return false };
    let (Some(host), Some(authority)) = (url.host(), url.authority()) else { return false };
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let is_here = host == "localhost" || host.parse().is_ok_and(|ip: IpAddr| ip.is_loopback());
    let is_secret = match url.scheme_str() {
        Some("https") => true,
        Some("http") => is_here,
        _ => false,
    };
    is_secret && !host.is_empty() && !authority.as_str().contains('@')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{ConfigSources, Settings};

    #[test]
    fn keys_come_over_a_safe_way_only() {
        for url in [
            "https://id.example.org/certs",
            "https://id.example.org:8443/a?b=c",
            "http://127.0.0.1:8080/certs",
            "http://[::1]/certs",
            "http://localhost/certs",
        ] {
            assert!(is_safe(url), "{url}");
        }
        for url in [
            "http://id.example.org/certs",
            "http://127.0.0.1.example.org/certs",
            "http://localhost@id.example.org/",
            "https://name:password@id.example.org/",
            "ftp://127.0.0.1/",
            "file:///etc/jwks.json",
            "id.example.org",
            "/certs",
            "",
        ] {
            assert!(!is_safe(url), "{url}");
        }
    }

    /// What is wrong with the settings of an issuer: key and message.
    fn refused(more: &[(&str, &str)]) -> String {
        let mut flags = vec![
            ("data_dir", "data"),
            ("auth.enabled", "true"),
            ("tokens.main.issuer", "https://id.example.org"),
            ("tokens.main.audience", "engram"),
            ("tokens.main.jwks_file", "jwks.json"),
            ("tokens.main.role", "reader"),
        ];
        for (key, value) in more {
            flags.retain(|(other, _)| other != key);
            flags.push((key, value));
        }
        flags.retain(|(_, value)| *value != "absent");
        let own = |(key, value): (&str, &str)| (key.to_owned(), value.to_owned());
        let flags = flags.into_iter().map(own).collect();
        match Settings::load(&ConfigSources { flags, ..ConfigSources::default() }) {
            Ok(_) => String::new(),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn what_is_missing_or_contradicts_itself_is_named() {
        assert_eq!(refused(&[]), "");
        let cases = [
            (("tokens.main.audience", "absent"), "tokens.main.audience"),
            (("tokens.main.issuer", "absent"), "tokens.main.issuer"),
            (("tokens.main.jwks_file", "absent"), "tokens.main.jwks_url"),
            (("tokens.main.jwks_url", "https://id.example.org/certs"), "tokens.main.jwks_file"),
            (("tokens.main.jwks_ca_file", "ca.pem"), "tokens.main.jwks_ca_file"),
            (("tokens.main.jwks_max_age", "5m"), "tokens.main.jwks_max_age"),
            (("tokens.main.algorithms", "HS256"), "tokens.main.algorithms"),
            (("tokens.main.algorithms", "none"), "tokens.main.algorithms"),
            (("tokens.main.role_names", "a=root"), "tokens.main.role_names"),
            (("tokens.main.role_names", "=reader"), "tokens.main.role_names"),
            (("auth.enabled", "false"), "auth.enabled"),
            (("tokens.other.issuer", "https://id.example.org"), "tokens.other.audience"),
        ];
        for (change, named) in cases {
            let told = refused(&[change]);
            assert!(told.contains(named), "{change:?}: {told:?}");
        }
        let claim = [("tokens.main.role", "absent"), ("tokens.main.role_claim", "role")];
        assert!(refused(&claim).contains("tokens.main.role_claim"));
        let twice = [
            ("tokens.other.issuer", "https://id.example.org"),
            ("tokens.other.audience", "engram"),
            ("tokens.other.jwks_file", "jwks.json"),
        ];
        assert!(refused(&twice).contains("another name"));
    }
}
