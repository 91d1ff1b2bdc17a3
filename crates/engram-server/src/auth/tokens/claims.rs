//! What the claims of a signed token must say (RFC 7519, 4.1), and until when they count.

use engram_api::ErrorCode;
use serde_json::{Map, Value};

use crate::auth::caller::NEVER;
use crate::refusal::Refusal;

/// Longest `sub`, bytes: as OpenID Connect Core has it.
const SUBJECT_BYTES_MAX: usize = 255;
const SECOND_NS: i64 = 1_000_000_000;

/// What an issuer asks of the claims of its tokens.
pub(super) struct Expected {
    pub(super) issuer: String,
    pub(super) audience: Vec<String>,
    pub(super) skew_ns: i64,
}

/// Whose a token is, and until when.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Subject {
    pub(super) name: String,
    /// Nanoseconds UTC.
    pub(super) ends_ns: i64,
}

impl Expected {
    /// # Errors
    /// The token is of somebody else, for somebody else, or for another time. Whoever is told has a token that the issuer signed.
    pub(super) fn check(
        &self,
        claims: &Map<String, Value>,
        now_ns: i64,
    ) -> Result<Subject, Refusal> {
        let refused = |detail: &str| Refusal::new(ErrorCode::Unauthenticated, detail);
        if claims.get("iss").and_then(Value::as_str) != Some(self.issuer.as_str()) {
            return Err(refused("the token is of another issuer"));
        }
        if !self.is_meant(claims.get("aud")) {
            return Err(refused("the token is for another audience"));
        }
        let expires = claims.get("exp").and_then(instant);
        let Some(expires) = expires else {
            return Err(refused("the token does not say when it ends"));
        };
        let ends_ns = expires.saturating_add(self.skew_ns).min(NEVER - 1);
        if now_ns >= ends_ns {
            return Err(refused("the token has ended"));
        }
        if let Some(value) = claims.get("nbf") {
            let begins = instant(value).map(|begins| begins.saturating_sub(self.skew_ns));
            if begins.is_none_or(|begins| now_ns < begins) {
                return Err(refused("the token is not valid yet"));
            }
        }
        let name = claims.get("sub").and_then(Value::as_str).unwrap_or_default();
        let is_plain = name.bytes().all(|byte| matches!(byte, b' '..=b'~'));
        if name.is_empty() || name.len() > SUBJECT_BYTES_MAX || !is_plain {
            let detail = format!(
                "the claim sub of the token has 1 to {SUBJECT_BYTES_MAX} characters of ASCII"
            );
            return Err(refused(&detail));
        }
        Ok(Subject { name: name.to_owned(), ends_ns })
    }

    fn is_meant(&self, audience: Option<&Value>) -> bool {
        let is_own = |value: &Value| {
            value.as_str().is_some_and(|one| self.audience.iter().any(|own| own == one))
        };
        match audience {
            Some(Value::Array(all)) => all.iter().any(is_own),
            Some(one) => is_own(one),
            None => false,
        }
    }
}

/// Nanoseconds UTC of a number of seconds, which may be a fraction.
fn instant(value: &Value) -> Option<i64> {
    match value.as_i64() {
        Some(seconds) => Some(seconds.saturating_mul(SECOND_NS)),
        // The conversion saturates.
        None => value.as_f64().map(|seconds| (seconds * SECOND_NS as f64) as i64),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const NOW: i64 = 1_000 * SECOND_NS;

    fn check(change: &Value) -> Result<Subject, String> {
        let expected = Expected {
            issuer: "me".to_owned(),
            audience: vec!["engram".to_owned(), "memory".to_owned()],
            skew_ns: 30 * SECOND_NS,
        };
        let mut claims = json!({"iss": "me", "aud": "engram", "exp": 1_001, "sub": "agent|7"})
            .as_object()
            .unwrap()
            .clone();
        for (name, value) in change.as_object().unwrap() {
            claims.insert(name.clone(), value.clone());
        }
        claims.retain(|_, value| !value.is_null());
        expected.check(&claims, NOW).map_err(|refusal| refusal.0.detail)
    }

    #[test]
    fn what_is_asked_of_claims_is_asked_of_each() {
        let subject = check(&json!({})).unwrap();
        assert_eq!(subject, Subject { name: "agent|7".to_owned(), ends_ns: 1_031 * SECOND_NS });
        for good in [
            json!({"aud": ["other", "memory"]}),
            json!({"exp": 970.5}),
            json!({"exp": 1e30}),
            json!({"nbf": 1_030}),
            json!({"nbf": 0}),
        ] {
            assert!(check(&good).unwrap().ends_ns < NEVER, "{good}");
        }
        for (bad, told) in [
            (json!({"iss": "you"}), "issuer"),
            (json!({"iss": ["me"]}), "issuer"),
            (json!({"iss": null}), "issuer"),
            (json!({"aud": "other"}), "audience"),
            (json!({"aud": ["other"]}), "audience"),
            (json!({"aud": []}), "audience"),
            (json!({"aud": {"engram": 1}}), "audience"),
            (json!({"aud": null}), "audience"),
            (json!({"exp": null}), "when it ends"),
            (json!({"exp": "2000"}), "when it ends"),
            (json!({"exp": true}), "when it ends"),
            (json!({"exp": 970}), "has ended"),
            (json!({"exp": -1e30}), "has ended"),
            (json!({"nbf": 1_031}), "not valid yet"),
            (json!({"nbf": "0"}), "not valid yet"),
            (json!({"sub": null}), "sub"),
            (json!({"sub": ""}), "sub"),
            (json!({"sub": 7}), "sub"),
            (json!({"sub": "x".repeat(256)}), "sub"),
            (json!({"sub": "two\nlines"}), "sub"),
            (json!({"sub": "\u{202e}agent"}), "sub"),
        ] {
            let refused = check(&bad).unwrap_err();
            assert!(refused.contains(told), "{bad}: {refused}");
        }
    }
}
