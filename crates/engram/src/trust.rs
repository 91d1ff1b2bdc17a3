//! Whom a command trusts, and as whom it shows itself: global flags, and the settings of the client that they come to.
//!
//! Secrets come from files or the environment, never from the command line, which every user of the machine can read. No message
//! repeats one.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use clap::Args;
use engram_client::{ApiKey, ClientAuthorities, ClientIdentity, ClientOptions, ClientTls};

use crate::failure::Failure;

/// The variable that holds an API key itself.
const API_KEY: &str = "ENGRAM_API_KEY";

#[derive(Clone, Debug, Args)]
pub(crate) struct TrustFlags {
    /// File of the authorities (PEM) that vouch for the server over TLS, instead of those that browsers know
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        env = "ENGRAM_CA_FILE",
        hide_env_values = true
    )]
    ca_file: Option<PathBuf>,
    /// File of the certificate (PEM) by which the server knows this client; needs --client-key-file
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        env = "ENGRAM_CLIENT_CERT_FILE",
        hide_env_values = true
    )]
    client_cert_file: Option<PathBuf>,
    /// File of the key of that certificate (PEM, without a passphrase)
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        env = "ENGRAM_CLIENT_KEY_FILE",
        hide_env_values = true
    )]
    client_key_file: Option<PathBuf>,
    /// File with the API key; without one, the key itself in the environment variable ENGRAM_API_KEY counts
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        env = "ENGRAM_API_KEY_FILE",
        hide_env_values = true
    )]
    api_key_file: Option<PathBuf>,
}

impl TrustFlags {
    /// The settings of a client of this server.
    pub(crate) fn options(&self, server: &str) -> Result<ClientOptions, Failure> {
        let tls = ClientTls {
            authorities: self.authorities()?,
            identity: self.identity()?,
            ..ClientTls::default()
        };
        let api_key = self.api_key(std::env::var_os(API_KEY).as_deref())?;
        Ok(ClientOptions { tls, api_key, ..ClientOptions::new(server) })
    }

    fn authorities(&self) -> Result<Option<ClientAuthorities>, Failure> {
        let read = |path: &PathBuf| ClientAuthorities::from_file(path);
        let read = self.ca_file.as_ref().map(read).transpose();
        read.map_err(|error| Failure::usage(format!("--ca-file {error}")))
    }

    fn identity(&self) -> Result<Option<ClientIdentity>, Failure> {
        match (&self.client_cert_file, &self.client_key_file) {
            (None, None) => Ok(None),
            (Some(chain), Some(key)) => {
                let read = ClientIdentity::from_files(chain, key).map(Some);
                read.map_err(|error| Failure::usage(format!("the client's certificate: {error}")))
            }
            _ => Err(Failure::usage(
                "--client-cert-file and --client-key-file belong together: give both or neither",
            )),
        }
    }

    fn api_key(&self, variable: Option<&OsStr>) -> Result<Option<ApiKey>, Failure> {
        let (place, text) = match (&self.api_key_file, variable) {
            (Some(path), _) => (format!("--api-key-file {}", path.display()), content(path)?),
            (None, Some(text)) => (API_KEY.to_owned(), text.to_string_lossy().into_owned()),
            (None, None) => return Ok(None),
        };
        // Editors and `echo` end a file with a line break, which no key has.
        let key = ApiKey::new(text.trim());
        key.map(Some).map_err(|error| Failure::usage(format!("{place}: {error}")))
    }
}

fn content(path: &Path) -> Result<String, Failure> {
    std::fs::read_to_string(path).map_err(|error| {
        Failure::usage(format!("--api-key-file {}: it cannot be read: {error}", path.display()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flags(api_key_file: Option<PathBuf>) -> TrustFlags {
        TrustFlags { ca_file: None, client_cert_file: None, client_key_file: None, api_key_file }
    }

    #[test]
    fn a_key_comes_from_a_file_or_else_from_the_environment() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        std::fs::write(&path, "engram_a_file_c\n").unwrap();
        let variable = OsStr::new("engram_a_variable_c");
        let known = |text: &str| Some(ApiKey::new(text).unwrap());
        let from_file = flags(Some(path)).api_key(Some(variable)).unwrap();
        assert_eq!(from_file, known("engram_a_file_c"));
        assert_eq!(flags(None).api_key(Some(variable)).unwrap(), known("engram_a_variable_c"));
        assert_eq!(flags(None).api_key(None).unwrap(), None);
    }

    #[test]
    fn what_is_no_key_is_told_by_its_place_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        std::fs::write(&path, "secret one\nsecret two\n").unwrap();
        for (flags, variable, place) in [
            (flags(Some(path)), None, "--api-key-file"),
            (flags(None), Some(OsStr::new("")), API_KEY),
            (flags(Some(folder.path().join("missing"))), None, "missing"),
        ] {
            let Err(Failure::Problem(problem)) = flags.api_key(variable) else { panic!("{place}") };
            assert!(problem.detail.contains(place), "{problem}");
            assert!(!problem.to_string().contains("secret"), "{problem}");
        }
    }
}
