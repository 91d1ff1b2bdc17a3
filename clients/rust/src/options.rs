//! How a client talks to its server.

use std::time::Duration;

/// Settings of a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientOptions {
    /// Address of the server, for example `http://127.0.0.1:7432`; a path in it is kept as a prefix.
    pub base_url: String,
    /// Longest time to open a connection.
    pub connect_timeout: Duration,
    /// Longest time of one request with its answer.
    pub request_timeout: Duration,
    /// How often a request is sent again after a problem that is retryable.
    pub retries_max: u32,
    /// Wait before the first retry where the server names none; doubled for each further one.
    pub retry_wait: Duration,
    /// Longest wait before a retry, whatever the server names.
    pub retry_wait_max: Duration,
    /// Largest answer that is read, bytes.
    pub answer_bytes_max: u64,
}

impl ClientOptions {
    /// The defaults for a server at `base_url`.
    pub fn new(base_url: impl Into<String>) -> ClientOptions {
        ClientOptions {
            base_url: base_url.into(),
            connect_timeout: Duration::from_secs(5),
            request_timeout: Duration::from_secs(120),
            retries_max: 4,
            retry_wait: Duration::from_millis(100),
            retry_wait_max: Duration::from_secs(5),
            answer_bytes_max: 256 << 20,
        }
    }
}
