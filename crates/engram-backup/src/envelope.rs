//! The form of every object of a repository but its first: compressed, optionally encrypted, and bound to its key.
//!
//! Guarantee: what [`open`] returns is what [`seal`] was given for the same key. An object under another name than its own is damaged.

use engram_store::Entropy;
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};

use crate::error::BackupError;

const MAGIC: [u8; 8] = *b"ENGRAMBK";
const FORMAT: u32 = 1;
const FLAG_ENCRYPTED: u32 = 1;
/// Magic, format, flags, length, hash of the content, salt of the key.
const HEADER_BYTES: usize = 8 + 4 + 4 + 8 + 32 + 32;
const SUM_BYTES: usize = 16;
/// Content of an object, at most: as long as a segment may be that is held in memory.
const CONTENT_BYTES_MAX: u64 = 4 << 30;

/// The key that a repository is encrypted with.
#[derive(Clone)]
pub struct RepositoryKey([u8; 32]);

impl RepositoryKey {
    /// Reads 64 hexadecimal digits, white space around them allowed.
    pub fn parse(text: &str) -> Option<RepositoryKey> {
        crate::hex::decode_array(text.trim()).map(RepositoryKey)
    }

    /// A sum that only who has the key can make.
    pub(crate) fn sign(&self, context: &str, bytes: &[u8]) -> [u8; 32] {
        let key = blake3::derive_key(context, &self.0);
        *blake3::keyed_hash(&key, bytes).as_bytes()
    }

    /// A key of its own for each object: the nonce may then be the same for all of them.
    fn key_of(&self, salt: &[u8; 32]) -> Option<LessSafeKey> {
        let key = self.sign("engram backup 2026 object", salt);
        UnboundKey::new(&CHACHA20_POLY1305, &key).ok().map(LessSafeKey::new)
    }
}

impl std::fmt::Debug for RepositoryKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("RepositoryKey(..)")
    }
}

/// How objects are written.
pub(crate) struct Sealing<'a> {
    pub(crate) secret: Option<&'a RepositoryKey>,
    pub(crate) level: i32,
    pub(crate) entropy: &'a dyn Entropy,
}

/// The object that holds `content` under `key`.
pub(crate) fn seal(
    key: &str,
    content: &[u8],
    sealing: &Sealing<'_>,
) -> Result<Vec<u8>, BackupError> {
    let failed = |what: &str| BackupError::corrupt(key, format!("it cannot be written: {what}"));
    if content.len() as u64 > CONTENT_BYTES_MAX {
        return Err(failed("it is longer than an object may be"));
    }
    let mut salt = [0; 32];
    if sealing.secret.is_some() {
        sealing.entropy.fill(&mut salt);
    }
    let flags = if sealing.secret.is_some() { FLAG_ENCRYPTED } else { 0 };
    let mut object = Vec::with_capacity(HEADER_BYTES + content.len() / 2);
    object.extend_from_slice(&MAGIC);
    object.extend_from_slice(&FORMAT.to_le_bytes());
    object.extend_from_slice(&flags.to_le_bytes());
    object.extend_from_slice(&(content.len() as u64).to_le_bytes());
    object.extend_from_slice(blake3::hash(content).as_bytes());
    object.extend_from_slice(&salt);
    let mut body =
        zstd::bulk::compress(content, sealing.level).map_err(|error| failed(&error.to_string()))?;
    if let Some(secret) = sealing.secret {
        let cipher = secret.key_of(&salt).ok_or_else(|| failed("no cipher"))?;
        let aad = Aad::from([&object[..], key.as_bytes()].concat());
        let nonce = Nonce::assume_unique_for_key([0; 12]);
        cipher
            .seal_in_place_append_tag(nonce, aad, &mut body)
            .map_err(|_| failed("encryption failed"))?;
    }
    object.append(&mut body);
    let sum = sum(key, &object);
    object.extend_from_slice(&sum);
    Ok(object)
}

/// The content of an object.
pub(crate) fn open(
    key: &str,
    object: &[u8],
    secret: Option<&RepositoryKey>,
) -> Result<Vec<u8>, BackupError> {
    let corrupt = |what: &str| BackupError::corrupt(key, what);
    let (object, found) = object
        .split_last_chunk::<SUM_BYTES>()
        .filter(|(object, _)| object.len() >= HEADER_BYTES)
        .ok_or_else(|| corrupt("it is too short"))?;
    if object[..8] != MAGIC {
        return Err(corrupt("it is no object of a repository"));
    }
    let word = |at: usize| u32::from_le_bytes(object[at..at + 4].try_into().unwrap_or_default());
    if word(8) > FORMAT {
        return Err(BackupError::NewerFormat { found: word(8), supported: FORMAT });
    }
    if sum(key, object) != *found {
        return Err(corrupt("its bytes are not those that were written under this name"));
    }
    let (header, body) = object.split_at(HEADER_BYTES);
    let length = u64::from_le_bytes(header[16..24].try_into().unwrap_or_default());
    if length > CONTENT_BYTES_MAX {
        return Err(corrupt("its content is longer than allowed"));
    }
    let salt: [u8; 32] = header[56..88].try_into().unwrap_or_default();
    let mut decrypted;
    let packed = match (word(12) & FLAG_ENCRYPTED != 0, secret) {
        (false, None) => body,
        // Whoever has no key must not be able to write what is believed.
        (false, Some(_)) => return Err(corrupt("it is not encrypted")),
        (true, None) => return Err(BackupError::WrongKey("it is encrypted, and no key is given")),
        (true, Some(secret)) => {
            let cipher = secret.key_of(&salt).ok_or_else(|| corrupt("no cipher"))?;
            let aad = Aad::from([header, key.as_bytes()].concat());
            let nonce = Nonce::assume_unique_for_key([0; 12]);
            decrypted = body.to_vec();
            cipher
                .open_in_place(nonce, aad, &mut decrypted)
                .map_err(|_| BackupError::WrongKey("it was encrypted with another one"))?
        }
    };
    let content = zstd::bulk::decompress(packed, length as usize)
        .map_err(|error| corrupt(&format!("it does not unpack: {error}")))?;
    let is_whole = content.len() as u64 == length;
    if !is_whole || blake3::hash(&content).as_bytes()[..] != header[24..56] {
        return Err(corrupt("its content is not what was written"));
    }
    Ok(content)
}

/// Hash of the content that an object says it has; nothing of it was compared.
pub(crate) fn told_hash(object: &[u8]) -> Option<[u8; 32]> {
    let is_object = object.starts_with(&MAGIC) && object.len() >= HEADER_BYTES;
    is_object.then(|| object[24..56].try_into().unwrap_or_default())
}

/// Bytes at the start of an object that say what its content is.
pub(crate) const TOLD_BYTES: usize = HEADER_BYTES;

fn sum(key: &str, object: &[u8]) -> [u8; SUM_BYTES] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&(key.len() as u64).to_le_bytes());
    hasher.update(key.as_bytes());
    hasher.update(object);
    let mut sum = [0; SUM_BYTES];
    sum.copy_from_slice(&hasher.finalize().as_bytes()[..SUM_BYTES]);
    sum
}

#[cfg(test)]
mod tests {
    use engram_store::SeededEntropy;

    use super::*;

    fn sealed(key: &str, content: &[u8], secret: Option<&RepositoryKey>) -> Vec<u8> {
        let entropy = SeededEntropy::new(1);
        seal(key, content, &Sealing { secret, level: 3, entropy: &entropy }).unwrap()
    }

    #[test]
    fn content_comes_back_under_its_own_key_only() {
        let secret = RepositoryKey::parse(&"7f".repeat(32)).unwrap();
        for secret in [None, Some(&secret)] {
            for content in [&b""[..], b"some content", &[7; 100_000]] {
                let object = sealed("a/b", content, secret);
                assert_eq!(open("a/b", &object, secret).unwrap(), content);
                assert!(open("a/c", &object, secret).is_err());
            }
        }
    }

    #[test]
    fn every_flipped_bit_and_every_cut_is_seen() {
        let secret = RepositoryKey::parse(&"7f".repeat(32)).unwrap();
        let object = sealed("k", b"some content that is there", Some(&secret));
        for at in 0..object.len() {
            let mut other = object.clone();
            other[at] ^= 1 << (at % 8);
            assert!(open("k", &other, Some(&secret)).is_err(), "byte {at}");
            assert!(open("k", &object[..at], Some(&secret)).is_err(), "cut at {at}");
        }
    }

    #[test]
    fn another_key_and_no_key_are_told_apart_from_damage() {
        let [one, other] = ["01", "02"].map(|pair| RepositoryKey::parse(&pair.repeat(32)).unwrap());
        let object = sealed("k", b"x", Some(&one));
        for wrong in [None, Some(&other)] {
            assert!(matches!(open("k", &object, wrong), Err(BackupError::WrongKey(_))));
        }
    }
}
