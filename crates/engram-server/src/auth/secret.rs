//! The text of a key: `engram_<id>_<secret>_<checksum>`.
//!
//! The checksum tells a mistyped or cut key from a foreign one, and lets scanners of leaked secrets recognise a key without asking
//! anybody. What is kept is the SHA-256 of the secret: it has 256 random bits, so a slow hash would only cost the server.

use std::fmt;

use engram_store::Entropy;
use ring::digest::{SHA256, digest};
use subtle::ConstantTimeEq as _;

const PREFIX: &str = "engram_";
/// Characters of an id; no letters that are taken for digits.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
/// Characters of an id: 60 bits.
const ID_LEN: usize = 12;
/// Bytes of a secret.
const SECRET_LEN: usize = 32;
/// Hexadecimal digits of the checksum.
const CHECKSUM_LEN: usize = 8;

/// A key as its owner has it.
pub(super) struct KeyText {
    pub(super) id: String,
    secret: [u8; SECRET_LEN],
}

impl fmt::Debug for KeyText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyText").field("id", &self.id).finish_non_exhaustive()
    }
}

/// What is kept of a secret.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct SecretHash(pub(super) [u8; 32]);

impl KeyText {
    /// A new key.
    pub(super) fn draw(entropy: &dyn Entropy) -> KeyText {
        let mut bytes = [0; ID_LEN];
        entropy.fill(&mut bytes);
        let letter = |byte: &u8| char::from(ALPHABET[usize::from(byte % 32)]);
        KeyText::with_id(bytes.iter().map(letter).collect(), entropy)
    }

    /// Another secret under the same id.
    pub(super) fn with_id(id: String, entropy: &dyn Entropy) -> KeyText {
        let mut secret = [0; SECRET_LEN];
        entropy.fill(&mut secret);
        KeyText { id, secret }
    }

    pub(super) fn parse(text: &str) -> Option<KeyText> {
        let mut parts = text.strip_prefix(PREFIX)?.split('_');
        let (id, secret, checksum) = (parts.next()?, parts.next()?, parts.next()?);
        let is_id = id.len() == ID_LEN && id.bytes().all(|byte| ALPHABET.contains(&byte));
        if !is_id || parts.next().is_some() || checksum != checksum_of(id, secret) {
            return None;
        }
        Some(KeyText { id: id.to_owned(), secret: unhex(secret)? })
    }

    /// The whole key; whoever has this text has the key.
    pub(super) fn expose(&self) -> String {
        let secret = hex(&self.secret);
        let checksum = checksum_of(&self.id, &secret);
        format!("{PREFIX}{}_{secret}_{checksum}", self.id)
    }

    pub(super) fn hash(&self) -> SecretHash {
        let mut hash = [0; 32];
        hash.copy_from_slice(digest(&SHA256, &self.secret).as_ref());
        SecretHash(hash)
    }
}

impl SecretHash {
    /// Whether they are equal, in a time that does not depend on where they differ.
    pub(super) fn matches(&self, other: &SecretHash) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

fn checksum_of(id: &str, secret: &str) -> String {
    let text = format!("{PREFIX}{id}_{secret}");
    hex(&digest(&SHA256, text.as_bytes()).as_ref()[..CHECKSUM_LEN / 2])
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(super) fn unhex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    if text.len() != 2 * N || !text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
        return None;
    }
    for (index, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[2 * index..2 * index + 2], 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use engram_store::SeededEntropy;

    use super::*;

    #[test]
    fn a_key_is_read_as_it_was_written_and_any_change_is_seen() {
        let key = KeyText::draw(&SeededEntropy::new(7));
        let text = key.expose();
        let read = KeyText::parse(&text).unwrap();
        assert!(read.id == key.id && read.hash().matches(&key.hash()));
        for at in 0..text.len() {
            for other in ['0', '1', 'f', '_', 'X'] {
                let mut changed = text.clone();
                changed.replace_range(at..=at, &other.to_string());
                assert_eq!(KeyText::parse(&changed).is_some(), changed == text, "{changed}");
            }
            assert!(KeyText::parse(&text[..at]).is_none());
        }
        assert!(KeyText::parse(&format!("{text}0")).is_none());
        assert!(KeyText::parse("engram_\u{fc}\u{fc}\u{fc}\u{fc}\u{fc}\u{fc}_00_00").is_none());
    }

    #[test]
    fn a_secret_does_not_show_itself() {
        let key = KeyText::draw(&SeededEntropy::new(7));
        let secret = hex(&key.secret);
        assert!(!format!("{key:?}").contains(&secret));
    }
}
