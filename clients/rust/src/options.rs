//! How a client talks to its server.

use std::fmt;
use std::time::Duration;

use crate::tls::ClientTls;

/// A secret that says who asks, sent as `Authorization: Bearer …`. It is never shown, not by `Debug` either.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiKey(String);

/// A text that no header can carry, and so no API key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an API key is one or more printable characters of ASCII")]
pub struct ApiKeyError;

impl ApiKey {
    /// The key of this text.
    ///
    /// # Errors
    /// [`ApiKeyError`], which does not repeat the text.
    pub fn new(text: impl Into<String>) -> Result<ApiKey, ApiKeyError> {
        let text = text.into();
        let fits = !text.is_empty() && text.bytes().all(|byte| matches!(byte, b' '..=b'~'));
        if fits { Ok(ApiKey(text)) } else { Err(ApiKeyError) }
    }

    pub(crate) fn header(&self) -> String {
        format!("Bearer {}", self.0)
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApiKey(…)")
    }
}

/// Settings of a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientOptions {
    /// Address of the server, for example `http://127.0.0.1:7432`; a path in it is kept as a prefix.
    pub base_url: String,
    /// Who asks; nobody in particular when absent.
    pub api_key: Option<ApiKey>,
    /// Whom to trust, and as whom to show up, where the address begins with `https://`.
    pub tls: ClientTls,
    /// Longest time to open a connection.
    pub connect_timeout: Duration,
    /// Longest time of one request with its answer.
    pub request_timeout: Duration,
    /// How often a request is sent again, where that is safe.
    pub retries_max: u32,
    /// Wait before the first retry where the server names none; doubled for each further one.
    pub retry_wait: Duration,
    /// Longest wait before a retry, whatever the server names.
    pub retry_wait_max: Duration,
    /// How long a feed of changes tries to get back to a server that is away.
    pub follow_away_max: Duration,
    /// Largest answer that is read, bytes.
    pub answer_bytes_max: u64,
}

impl ClientOptions {
    /// The defaults for a server at `base_url`.
    pub fn new(base_url: impl Into<String>) -> ClientOptions {
        ClientOptions {
            base_url: base_url.into(),
            api_key: None,
            tls: ClientTls::default(),
            connect_timeout: Duration::from_secs(5),
            request_timeout: Duration::from_secs(120),
            retries_max: 4,
            retry_wait: Duration::from_millis(100),
            retry_wait_max: Duration::from_secs(5),
            follow_away_max: Duration::from_secs(600),
            answer_bytes_max: 256 << 20,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_checked_and_never_shown() {
        for bad in ["", "two\nlines", "schlüssel"] {
            assert_eq!(ApiKey::new(bad), Err(ApiKeyError), "{bad:?}");
        }
        let api_key = ApiKey::new("secret 1").ok();
        assert!(api_key.is_some());
        let options = ClientOptions { api_key, ..ClientOptions::new("http://127.0.0.1:7432") };
        assert!(!format!("{options:?}").contains("secret"), "{options:?}");
    }
}
