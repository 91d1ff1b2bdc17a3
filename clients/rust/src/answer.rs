//! What an answer comes to: its value, the problem that it tells, or what is wrong with it.

use std::io::ErrorKind;

use engram_api::{Problem, decode};
use serde::de::DeserializeOwned;

use crate::error::ClientError;

/// Why no answer came.
pub(crate) fn broken(error: ureq::Error, url: &str) -> ClientError {
    let timed_out = match &error {
        ureq::Error::Timeout(_) => true,
        ureq::Error::Io(error) => error.kind() == ErrorKind::TimedOut,
        _ => false,
    };
    ClientError::Transport { url: url.to_owned(), message: error.to_string(), timed_out }
}

/// The value of a good answer, or the problem of a bad one.
pub(crate) fn answer<T: DeserializeOwned>(
    status: u16,
    body: &[u8],
    url: &str,
) -> Result<T, ClientError> {
    if !(200..300).contains(&status) {
        return Err(match serde_json::from_slice::<Problem>(body) {
            Ok(problem) => ClientError::Api(Box::new(problem)),
            Err(_) => unreadable(status, body, url, "the body is no problem document"),
        });
    }
    decode(body).map_err(|problem| unreadable(status, body, url, &problem.detail))
}

/// What came is none of Engram's answers.
pub(crate) fn unreadable(status: u16, body: &[u8], url: &str, message: &str) -> ClientError {
    let start: String = String::from_utf8_lossy(body).chars().take(120).collect();
    let message = format!("{message}; it begins {start:?}");
    ClientError::Decode { url: url.to_owned(), status, message }
}
