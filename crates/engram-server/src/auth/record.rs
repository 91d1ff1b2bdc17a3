//! The file of keys, and what it says of each. It is replaced as a whole; a file that is not what was written lets nobody in.

use std::io::ErrorKind;
use std::path::Path;

use engram_api::{ErrorCode, KeyView, RoleName, Timestamp};
use engram_store::{Fs, read_all, write_atomically};
use serde::{Deserialize, Serialize};

use crate::auth::grant::Grant;
use crate::auth::secret::{SecretHash, hex, unhex};
use crate::refusal::Refusal;

/// Name of the file in the data directory.
const KEYS_FILE: &str = "KEYS";
const FIRST_LINE: &str = "engram keys, format 1";
const CHECKSUM: &str = "blake3 ";

/// What is kept of a key. Times are nanoseconds UTC.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct KeyRecord {
    pub(super) id: String,
    pub(super) name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) role: Option<RoleName>,
    pub(super) operations: Vec<String>,
    pub(super) spaces: Vec<String>,
    pub(super) created_at: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) expires_at: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) revoked_at: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) last_used_at: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) requests_per_second: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) trust_max: Option<f32>,
    /// SHA-256 of the secret.
    pub(super) sha256: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) old_sha256: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) old_until: Option<i64>,
}

impl KeyRecord {
    pub(super) fn view(&self) -> KeyView {
        KeyView {
            id: self.id.clone(),
            name: self.name.clone(),
            role: self.role,
            operations: self.operations.clone(),
            spaces: self.spaces.clone(),
            created_at: Timestamp(self.created_at),
            expires_at: self.expires_at.map(Timestamp),
            revoked_at: self.revoked_at.map(Timestamp),
            last_used_at: self.last_used_at.map(Timestamp),
            old_secret_until: self.old_until.map(Timestamp),
            requests_per_second: self.requests_per_second,
            trust_max: self.trust_max,
        }
    }

    pub(super) fn grant(&self) -> Result<Grant, Refusal> {
        Grant::read(self.role, &self.operations, self.spaces.clone(), self.trust_max)
    }

    pub(super) fn hash(&self) -> Option<SecretHash> {
        unhex(&self.sha256).map(SecretHash)
    }

    pub(super) fn old_hash(&self) -> Option<SecretHash> {
        self.old_sha256.as_deref().and_then(unhex).map(SecretHash)
    }
}

/// What is kept of a secret, as text.
pub(super) fn hash_text(hash: &SecretHash) -> String {
    hex(&hash.0)
}

/// The keys of a data directory; none where the file was never written.
pub(super) fn read_keys(fs: &dyn Fs, dir: &Path) -> Result<Vec<KeyRecord>, Refusal> {
    let path = dir.join(KEYS_FILE);
    let unreadable = |why: &str| {
        let detail = format!("{}: {why}", path.display());
        Refusal::new(ErrorCode::KeysUnreadable, detail)
    };
    let bytes = match read_all(fs, &path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        read => read.map_err(|error| unreadable(&error.to_string()))?,
    };
    let text = std::str::from_utf8(&bytes).map_err(|_| unreadable("it is not UTF-8"))?;
    let damaged = || unreadable("it is not what was written");
    let at = text.rfind(CHECKSUM).ok_or_else(damaged)?;
    let (body, checksum) = text.split_at(at);
    if checksum != checksum_line(body) {
        return Err(damaged());
    }
    let mut lines = body.lines();
    if lines.next() != Some(FIRST_LINE) {
        return Err(unreadable("it has a format that this version does not know"));
    }
    let read =
        |line: &str| serde_json::from_str(line).map_err(|error| unreadable(&error.to_string()));
    lines.map(read).collect()
}

/// Puts the keys in the place of those that were there; durable on return.
pub(super) fn write_keys<'a>(
    fs: &dyn Fs,
    dir: &Path,
    keys: impl Iterator<Item = &'a KeyRecord>,
) -> Result<(), Refusal> {
    let mut text = format!("{FIRST_LINE}\n");
    for key in keys {
        text.push_str(&serde_json::to_string(key).expect("a record holds plain values"));
        text.push('\n');
    }
    let checksum = checksum_line(&text);
    text.push_str(&checksum);
    let path = dir.join(KEYS_FILE);
    write_atomically(fs, &path, text.as_bytes()).map_err(|error| {
        let code = match error.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => ErrorCode::DiskFull,
            _ => ErrorCode::IoFailed,
        };
        Refusal::new(code, format!("{}: {error}", path.display()))
    })
}

fn checksum_line(body: &str) -> String {
    format!("{CHECKSUM}{}\n", blake3::hash(body.as_bytes()).to_hex())
}

#[cfg(test)]
mod tests {
    use engram_store::MemoryFs;

    use super::*;

    fn record() -> KeyRecord {
        KeyRecord {
            id: "0123456789ab".to_owned(),
            name: "blake3 agent".to_owned(),
            role: Some(RoleName::Writer),
            operations: vec!["forget".to_owned()],
            spaces: vec!["notes".to_owned()],
            created_at: 7,
            expires_at: Some(9),
            revoked_at: None,
            last_used_at: Some(8),
            requests_per_second: Some(5),
            trust_max: Some(0.5),
            sha256: "00".repeat(32),
            old_sha256: None,
            old_until: None,
        }
    }

    #[test]
    fn keys_are_read_as_they_were_written_and_any_flipped_bit_is_found() {
        let (fs, dir) = (MemoryFs::new(), Path::new("data"));
        fs.create_dir_all(dir).unwrap();
        assert_eq!(read_keys(&fs, dir).unwrap(), []);
        write_keys(&fs, dir, [record()].iter()).unwrap();
        assert_eq!(read_keys(&fs, dir).unwrap(), [record()]);
        let path = dir.join(KEYS_FILE);
        let written = read_all(&fs, &path).unwrap();
        for at in 0..written.len() {
            let mut bytes = written.clone();
            bytes[at] ^= 1;
            write_atomically(&fs, &path, &bytes).unwrap();
            let refusal = read_keys(&fs, dir).unwrap_err();
            assert_eq!(refusal.0.code, "keys_unreadable", "byte {at}");
            write_atomically(&fs, &path, &written[..at]).unwrap();
            assert!(read_keys(&fs, dir).is_err(), "cut at {at}");
        }
    }
}
