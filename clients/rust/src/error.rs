//! What a call can end with instead of its answer.

use engram_api::Problem;

/// A call that failed.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ClientError {
    /// The server refused or failed; the problem says what to do.
    #[error("{0}")]
    Api(Box<Problem>),
    /// No answer came: no connection, a broken one, or a time-out. A write may or may not have been stored.
    #[error("no answer from {url}: {message}")]
    Transport {
        /// What was called.
        url: String,
        /// Why there is no answer.
        message: String,
        /// Whether the time that the options give was over, and not the connection broken.
        timed_out: bool,
    },
    /// An answer came that is not one of Engram's.
    #[error("{url} answered with status {status}, but not as Engram does: {message}")]
    Decode {
        /// What was called.
        url: String,
        /// HTTP status of the answer.
        status: u16,
        /// What is wrong with the answer.
        message: String,
    },
    /// The base URL cannot be used.
    #[error("`{url}` is not the address of a server: {message}")]
    BaseUrl {
        /// What was given.
        url: String,
        /// What is wrong with it.
        message: &'static str,
    },
}

impl ClientError {
    /// The problem that the server sent, if it sent one.
    pub fn problem(&self) -> Option<&Problem> {
        match self {
            ClientError::Api(problem) => Some(problem),
            _ => None,
        }
    }
}
