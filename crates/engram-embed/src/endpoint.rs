//! One address of a provider over HTTP: bounded in time and size, nothing is repeated, the key is sent and never shown.

use std::fmt;
use std::time::Duration;

use serde_json::Value;

use crate::error::EmbedError;

/// Bytes of an answer beyond which it is refused.
const ANSWER_BYTES_MAX: u64 = 256 << 20;
/// Characters of a provider's error text that are passed on.
const ERROR_CHARS_MAX: usize = 300;

/// Where requests are posted.
pub(crate) struct Endpoint {
    url: String,
    key: Option<String>,
    agent: ureq::Agent,
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Endpoint").field("url", &self.url).finish_non_exhaustive()
    }
}

impl Endpoint {
    /// Nothing is sent yet.
    ///
    /// # Errors
    /// [`EmbedError::Refused`] for an address that is not HTTP, or no time.
    pub(crate) fn new(
        url: String,
        key: Option<String>,
        timeout: Duration,
    ) -> Result<Endpoint, EmbedError> {
        if !url.starts_with("http://") && !url.starts_with("https://") {
            return Err(EmbedError::refused("the address must start with http:// or https://"));
        }
        if timeout.is_zero() {
            return Err(EmbedError::refused("the timeout must be above zero"));
        }
        // No proxy from the environment, no redirect that could carry the key elsewhere.
        let settings = ureq::Agent::config_builder()
            .timeout_global(Some(timeout))
            .proxy(None)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .http_status_as_error(false)
            .build();
        Ok(Endpoint { url, key, agent: settings.into() })
    }

    /// The address of a protocol's path below a base address, which may carry the path, or its `/v1`, already.
    pub(crate) fn address(base: &str, path: &str) -> String {
        let base = base.trim_end_matches('/');
        if base.ends_with(path) {
            return base.to_owned();
        }
        // `https://host/v1` is how this form's base address is commonly written.
        let path = if base.ends_with("/v1") { path.trim_start_matches("/v1") } else { path };
        format!("{base}{path}")
    }

    /// The body of the answer.
    pub(crate) fn post(&self, request: &Value) -> Result<Vec<u8>, EmbedError> {
        let mut call = self.agent.post(&self.url);
        if let Some(key) = &self.key {
            call = call.header("authorization", format!("Bearer {key}"));
        }
        let unavailable = |error: ureq::Error| {
            EmbedError::unavailable(self.without_key(&format!("{}: {error}", self.url)))
        };
        let mut answer = call.send_json(request).map_err(unavailable)?;
        let status = answer.status().as_u16();
        let body = answer.body_mut().with_config().limit(ANSWER_BYTES_MAX).read_to_vec();
        let body = body.map_err(unavailable)?;
        if status == 200 {
            return Ok(body);
        }
        let text: String = String::from_utf8_lossy(&body).chars().take(ERROR_CHARS_MAX).collect();
        let message = self.without_key(&format!("{}: status {status}: {text}", self.url));
        // Timeout, too early, too many requests and the server's own failures pass; the rest stays.
        Err(match status {
            408 | 425 | 429 | 500..=599 => EmbedError::unavailable(message),
            _ => EmbedError::refused(message),
        })
    }

    /// That what came is no answer of this protocol.
    pub(crate) fn unexpected(&self, what: impl fmt::Display) -> EmbedError {
        EmbedError::bad_model(format!("{}: not the expected answer: {what}", self.url))
    }

    /// Providers may repeat the key in their error texts.
    fn without_key(&self, message: &str) -> String {
        match self.key.as_deref() {
            Some(key) if !key.is_empty() => message.replace(key, "(key)"),
            _ => message.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_is_never_shown() {
        let key = Some("sekret".to_owned());
        let endpoint = Endpoint::new("http://h".to_owned(), key, Duration::from_secs(1)).unwrap();
        assert!(!format!("{endpoint:?}").contains("sekret"));
        assert_eq!(endpoint.without_key("wrong key sekret"), "wrong key (key)");
    }
}
