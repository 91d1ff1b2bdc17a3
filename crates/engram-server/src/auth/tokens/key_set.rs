//! The public keys of an issuer (JWKS, RFC 7517), each with the one algorithm that it is for and the instant at which it ends.
//!
//! A key keeps its instant from one reading to the next, so that whoever is at work with a token of it can be told when it is withdrawn.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use jsonwebtoken::jwk::{
    AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, KeyOperations, PublicKeyUse,
};
use jsonwebtoken::{Algorithm, DecodingKey, DecodingKeyKind, Validation, decode};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::auth::caller::EndsAt;

/// Keys of a set that are looked at.
const KEYS_MAX: usize = 100;
/// Lengths of public keys, bytes.
const RSA_BYTES: std::ops::RangeInclusive<usize> = 256..=1_024;
const P256_BYTES: usize = 65;
const ED25519_BYTES: usize = 32;

/// A public key of an issuer.
pub(super) struct TokenKey {
    id: Option<String>,
    algorithm: Algorithm,
    key: DecodingKey,
    /// When tokens of it end: never, or when it was fetched so long ago that it may have been withdrawn.
    pub(super) ends_at: EndsAt,
}

/// The keys of an issuer that can be used.
#[derive(Default)]
pub(super) struct KeySet(Vec<Arc<TokenKey>>);

#[derive(Deserialize)]
struct Jwks {
    keys: Vec<Value>,
}

impl KeySet {
    /// Reads a set. Keys for something else, or of a sort that is not accepted, are left out.
    ///
    /// # Errors
    /// It is no JWKS, or too long.
    pub(super) fn read(bytes: &[u8], algorithms: &[Algorithm]) -> Result<KeySet, String> {
        let jwks: Jwks = serde_json::from_slice(bytes).map_err(|_| "it is no JWKS".to_owned())?;
        if jwks.keys.len() > KEYS_MAX {
            return Err(format!("it holds more than {KEYS_MAX} keys"));
        }
        let keys = jwks.keys.into_iter().filter_map(TokenKey::read);
        let keys = keys.filter(|key| algorithms.contains(&key.algorithm));
        Ok(KeySet(keys.map(Arc::new).collect()))
    }

    /// Lets its keys work until an instant, and ends those of the set before it that it has no more.
    pub(super) fn succeed(self, before: &KeySet, ends_at: i64) -> KeySet {
        let known = |key: Arc<TokenKey>| {
            let same = before.0.iter().find(|old| old.is(&key));
            same.map_or(key, Arc::clone)
        };
        let set = KeySet(self.0.into_iter().map(known).collect());
        for old in &before.0 {
            if !set.0.iter().any(|key| key.is(old)) {
                old.ends_at.store(i64::MIN, Ordering::Release);
            }
        }
        for key in &set.0 {
            key.ends_at.store(ends_at, Ordering::Release);
        }
        set
    }

    /// The key that a token names and that is for its algorithm; a token that names none has the only one that there is.
    pub(super) fn find(
        &self,
        id: Option<&str>,
        algorithm: Algorithm,
        now_ns: i64,
    ) -> Option<Arc<TokenKey>> {
        let found = match (id, self.0.as_slice()) {
            (Some(id), keys) => keys
                .iter()
                .find(|key| key.id.as_deref() == Some(id) && key.algorithm == algorithm)?,
            (None, [only]) if only.algorithm == algorithm => only,
            (None, _) => return None,
        };
        (now_ns < found.ends_at.load(Ordering::Acquire)).then(|| Arc::clone(found))
    }

    /// How many of its keys are used.
    pub(super) fn count(&self, now_ns: i64) -> usize {
        self.0.iter().filter(|key| now_ns < key.ends_at.load(Ordering::Acquire)).count()
    }
}

impl TokenKey {
    fn read(value: Value) -> Option<TokenKey> {
        let jwk: Jwk = serde_json::from_value(value).ok()?;
        let algorithm = match &jwk.algorithm {
            AlgorithmParameters::RSA(_) => Algorithm::RS256,
            AlgorithmParameters::EllipticCurve(own) if own.curve == EllipticCurve::P256 => {
                Algorithm::ES256
            }
            AlgorithmParameters::OctetKeyPair(own) if own.curve == EllipticCurve::Ed25519 => {
                Algorithm::EdDSA
            }
            // A shared secret above all: whoever can check a token could make one.
            _ => return None,
        };
        let common = &jwk.common;
        let is_for_signatures =
            matches!(common.public_key_use, None | Some(PublicKeyUse::Signature))
                && common
                    .key_operations
                    .as_ref()
                    .is_none_or(|all| all.contains(&KeyOperations::Verify));
        let is_for_another =
            common.key_algorithm.is_some_and(|own| own != KeyAlgorithm::from(algorithm));
        let key = DecodingKey::from_jwk(&jwk).ok()?;
        let has_its_length = match key.kind() {
            DecodingKeyKind::RsaModulusExponent { n, .. } => RSA_BYTES.contains(&n.len()),
            DecodingKeyKind::SecretOrDer(point) if algorithm == Algorithm::ES256 => {
                point.len() == P256_BYTES
            }
            DecodingKeyKind::SecretOrDer(point) => point.len() == ED25519_BYTES,
        };
        if !is_for_signatures || is_for_another || !has_its_length {
            return None;
        }
        let ends_at = Arc::new(AtomicI64::new(i64::MIN));
        Some(TokenKey { id: jwk.common.key_id, algorithm, key, ends_at })
    }

    /// Whether it is the same key under the same name.
    fn is(&self, other: &TokenKey) -> bool {
        let material = |key: &TokenKey| match key.key.kind() {
            DecodingKeyKind::RsaModulusExponent { n, e } => (n.clone(), e.clone()),
            DecodingKeyKind::SecretOrDer(point) => (point.clone(), Vec::new()),
        };
        self.id == other.id
            && self.algorithm == other.algorithm
            && material(self) == material(other)
    }

    /// The claims of a token that this key signed.
    pub(super) fn verified(&self, token: &str) -> Option<Map<String, Value>> {
        let mut validation = Validation::new(self.algorithm);
        // What the claims must say is asked of them elsewhere, by the server's own clock.
        validation.required_spec_claims.clear();
        validation.validate_exp = false;
        validation.validate_aud = false;
        decode(token, &self.key, &validation).ok().map(|token| token.claims)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const ALL: [Algorithm; 3] = [Algorithm::RS256, Algorithm::ES256, Algorithm::EdDSA];
    const POINT: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

    fn set(keys: &Value) -> KeySet {
        KeySet::read(json!({ "keys": keys }).to_string().as_bytes(), &ALL).unwrap()
    }

    fn ed(id: &str) -> Value {
        json!({"kty": "OKP", "crv": "Ed25519", "kid": id, "x": POINT})
    }

    #[test]
    fn keys_for_something_else_are_left_out() {
        let modulus =
            |bytes: usize| "A".repeat(bytes * 4 / 3 + 2 - 2 * usize::from(bytes.is_multiple_of(3)));
        let good = [
            ed("a"),
            json!({"kty": "OKP", "crv": "Ed25519", "x": POINT, "use": "sig", "alg": "EdDSA"}),
            json!({"kty": "OKP", "crv": "Ed25519", "x": POINT, "key_ops": ["verify"]}),
            json!({"kty": "EC", "crv": "P-256", "x": POINT, "y": POINT}),
            json!({"kty": "RSA", "n": modulus(258), "e": "AQAB"}),
        ];
        for key in good {
            assert_eq!(set(&json!([key])).0.len(), 1, "{key}");
        }
        let bad = [
            json!({"kty": "oct", "k": "c2VjcmV0", "kid": "a"}),
            json!({"kty": "OKP", "crv": "X25519", "x": POINT}),
            json!({"kty": "OKP", "crv": "Ed25519", "x": "AAAA"}),
            json!({"kty": "OKP", "crv": "Ed25519", "x": POINT, "use": "enc"}),
            json!({"kty": "OKP", "crv": "Ed25519", "x": POINT, "alg": "ES256"}),
            json!({"kty": "OKP", "crv": "Ed25519", "x": POINT, "key_ops": ["sign"]}),
            json!({"kty": "EC", "crv": "P-384", "x": POINT, "y": POINT}),
            json!({"kty": "EC", "crv": "P-256", "x": POINT, "y": "AAAA"}),
            json!({"kty": "RSA", "n": modulus(128), "e": "AQAB"}),
            json!({"kty": "RSA", "n": modulus(258), "e": "AQAB", "alg": "RS512"}),
            json!({"kty": "RSA", "n": "not base64!", "e": "AQAB"}),
            json!({"kty": "new"}),
            json!(7),
        ];
        for key in bad {
            assert_eq!(set(&json!([key, ed("b")])).0.len(), 1, "{key}");
        }
        for text in ["", "{}", "[]", "{\"keys\": 1}", "<html>"] {
            assert!(KeySet::read(text.as_bytes(), &ALL).is_err(), "{text}");
        }
        let only = [Algorithm::ES256];
        let text = json!({"keys": [ed("a")]}).to_string();
        assert_eq!(KeySet::read(text.as_bytes(), &only).unwrap().0.len(), 0);
    }

    #[test]
    fn a_key_that_stays_keeps_its_instant_and_one_that_is_withdrawn_ends() {
        let first = set(&json!([ed("a"), ed("b")])).succeed(&KeySet::default(), 10);
        let find = |set: &KeySet, id| set.find(Some(id), Algorithm::EdDSA, 5);
        let (a, b) = (find(&first, "a").unwrap(), find(&first, "b").unwrap());
        let second = set(&json!([ed("b"), ed("c")])).succeed(&first, 20);
        assert_eq!(a.ends_at.load(Ordering::Acquire), i64::MIN);
        assert_eq!(b.ends_at.load(Ordering::Acquire), 20);
        assert!(find(&second, "a").is_none() && find(&second, "c").is_some());
        assert!(Arc::ptr_eq(&b, &find(&second, "b").unwrap()));
        assert!(second.find(Some("b"), Algorithm::EdDSA, 20).is_none(), "it was read too long ago");
        assert_eq!((second.count(19), second.count(20)), (2, 0));
    }

    #[test]
    fn a_token_without_a_key_id_has_the_only_key_or_none() {
        let one = set(&json!([ed("a")])).succeed(&KeySet::default(), 10);
        assert!(one.find(None, Algorithm::EdDSA, 5).is_some());
        assert!(one.find(None, Algorithm::ES256, 5).is_none());
        assert!(one.find(Some("a"), Algorithm::RS256, 5).is_none());
        let two = set(&json!([ed("a"), ed("b")])).succeed(&KeySet::default(), 10);
        assert!(two.find(None, Algorithm::EdDSA, 5).is_none());
    }
}
