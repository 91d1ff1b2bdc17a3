//! The time that a client gives its request.

use std::time::Duration;

use axum::http::HeaderMap;
use engram_api::ErrorCode;

use crate::node::Node;
use crate::refusal::Refusal;

pub(crate) const TIMEOUT: &str = "engram-timeout";

/// The time of the header `Engram-Timeout`, no longer than the settings give a request.
pub(crate) fn deadline(node: &Node, headers: &HeaderMap) -> Result<Duration, Refusal> {
    let limit = node.settings.limits.request_timeout;
    let Some(value) = headers.get(TIMEOUT) else { return Ok(limit) };
    let given = value.to_str().ok().and_then(timeout);
    given.map(|given| given.min(limit)).ok_or_else(|| {
        let detail = "Engram-Timeout is a whole number and a unit, ms or s: 250ms, 5s";
        Refusal::new(ErrorCode::InvalidValue, detail).with_field("Engram-Timeout")
    })
}

fn timeout(text: &str) -> Option<Duration> {
    let text = text.trim();
    let (digits, unit): (&str, fn(u64) -> Duration) = match text.strip_suffix("ms") {
        Some(digits) => (digits, Duration::from_millis),
        None => (text.strip_suffix('s')?, Duration::from_secs),
    };
    let is_plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    digits.parse().ok().filter(|count| is_plain && *count > 0).map(unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timeout_is_a_number_and_a_unit() {
        assert_eq!(timeout("250ms"), Some(Duration::from_millis(250)));
        assert_eq!(timeout(" 5s "), Some(Duration::from_secs(5)));
        for bad in ["", "s", "ms", "5", "5m", "-5s", "+5s", "0s", "1.5s", "99999999999999999999s"] {
            assert_eq!(timeout(bad), None, "{bad}");
        }
    }
}
