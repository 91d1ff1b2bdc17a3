//! Requests of `object_store` over the HTTP client that the workspace has already.
//!
//! Guarantees: one request takes no longer than its timeout, one with a long body so long for each part of it; no proxy is taken from the environment and no redirect followed; an answer
//! longer than what is ever asked for is refused. The client blocks, and so does a call here: whoever polls it is on a
//! thread that may wait, which `ObjectBlobs` sees to.

use std::time::Duration;

use async_trait::async_trait;
use http_body_util::BodyExt as _;
use object_store::ClientOptions;
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpService,
};
use ureq::http::{Method, Request, Response};

/// Objects up to this length are moved by one request, longer ones in parts of this length, in bytes. S3 takes parts from 5 MiB on.
pub(super) const PART_BYTES: usize = 8 << 20;

/// Longest answer that is read: more than the largest part of an object that is asked for, in bytes.
const ANSWER_BYTES_MAX: u64 = 8 * PART_BYTES as u64;

/// A blocking HTTP client with connections that are kept.
#[derive(Clone, Debug)]
pub(super) struct Transport {
    agent: ureq::Agent,
    timeout: Duration,
}

impl Transport {
    /// With this time for each request.
    pub(super) fn new(timeout: Duration) -> Transport {
        let settings = ureq::Agent::config_builder()
            .timeout_global(Some(timeout))
            .proxy(None)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .http_status_as_error(false)
            .build();
        Transport { agent: settings.into(), timeout }
    }

    /// The time for a request with such a body. What is created only where nothing is cannot go up in parts, and what is enough for a
    /// part is not for the file of a large space.
    fn time_for(&self, body_bytes: usize) -> Duration {
        let parts = body_bytes.div_ceil(PART_BYTES).max(1);
        self.timeout.saturating_mul(u32::try_from(parts).unwrap_or(u32::MAX))
    }
}

impl HttpConnector for Transport {
    fn connect(&self, _options: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(self.clone()))
    }
}

#[async_trait]
impl HttpService for Transport {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let (parts, body) = request.into_parts();
        let body = body.collect().await?.to_bytes();
        let has_body = matches!(parts.method, Method::PUT | Method::POST);
        let answer = if has_body {
            let request = Request::from_parts(parts, &body[..]);
            let time = self.time_for(body.len());
            self.agent.run(self.agent.configure_request(request).timeout_global(Some(time)).build())
        } else {
            self.agent.run(Request::from_parts(parts, ()))
        };
        let (parts, mut body) = answer.map_err(failure)?.into_parts();
        let bytes = body.with_config().limit(ANSWER_BYTES_MAX).read_to_vec().map_err(failure)?;
        Ok(Response::from_parts(parts, bytes.into()))
    }
}

/// The kind decides whether `object_store` tries again.
fn failure(error: ureq::Error) -> HttpError {
    let kind = match &error {
        ureq::Error::Timeout(_) => HttpErrorKind::Timeout,
        ureq::Error::ConnectionFailed | ureq::Error::HostNotFound => HttpErrorKind::Connect,
        ureq::Error::Io(source) => match source.kind() {
            std::io::ErrorKind::TimedOut => HttpErrorKind::Timeout,
            std::io::ErrorKind::ConnectionRefused => HttpErrorKind::Connect,
            // A kept connection that the server has closed, too.
            _ => HttpErrorKind::Interrupted,
        },
        ureq::Error::BodyExceedsLimit(_) => HttpErrorKind::Decode,
        _ => HttpErrorKind::Unknown,
    };
    HttpError::new(kind, error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_body_gets_the_time_of_its_parts() {
        let transport = Transport::new(Duration::from_secs(3));
        let seconds = |bytes| transport.time_for(bytes).as_secs();
        assert_eq!([0, 1, PART_BYTES].map(seconds), [3, 3, 3]);
        assert_eq!([PART_BYTES + 1, 10 * PART_BYTES].map(seconds), [6, 30]);
    }
}
