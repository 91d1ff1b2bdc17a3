//! Keys of objects: what every store can carry without escaping it.
//!
//! Guarantees: a key that passes names one object on every implementation, never one outside its folder or prefix.

use super::error::BlobError;

/// Longest key, in bytes. A folder keeps an object in one file, whose name may have 255 bytes with all that is added to it.
pub const BLOB_KEY_BYTES_MAX: usize = 240;

/// Passes keys of 1 to [`BLOB_KEY_BYTES_MAX`] ASCII letters, digits and `- _ . =`, in parts between `/`; no part is empty, `.` or
/// `..`. Stores differ in how they escape other characters.
pub fn check_blob_key(key: &str) -> Result<(), BlobError> {
    let is_part = |part: &str| {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.=".contains(&byte);
        !matches!(part, "" | "." | "..") && part.bytes().all(plain)
    };
    if key.len() <= BLOB_KEY_BYTES_MAX && key.split('/').all(is_part) {
        return Ok(());
    }
    Err(BlobError::Failed { key: key.to_owned(), what: "this is no key".to_owned() })
}

/// Passes the empty prefix, and keys followed by `/`: some stores list by whole parts only.
pub fn check_blob_prefix(prefix: &str) -> Result<(), BlobError> {
    match prefix.strip_suffix('/') {
        Some(above) => check_blob_key(above),
        None if prefix.is_empty() => Ok(()),
        None => Err(BlobError::Failed {
            key: prefix.to_owned(),
            what: "a prefix ends with a slash".to_owned(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_that_a_store_would_escape_are_refused() {
        let longest = "k".repeat(BLOB_KEY_BYTES_MAX);
        for good in ["a", "a/b", "A-Z_0.9=/..a", "...", "a.tmp", longest.as_str()] {
            assert_eq!(check_blob_key(good), Ok(()), "{good}");
            assert_eq!(check_blob_prefix(&format!("{good}/")), Ok(()), "{good}");
            assert!(check_blob_prefix(good).is_err(), "{good}");
        }
        let longer = "k".repeat(BLOB_KEY_BYTES_MAX + 1);
        let bad = [
            "", "/", "/a", "a/", "a//b", ".", "..", "a/../b", "a/./b", "a b", "a%2Fb", "a\\b", "ä",
            "a\n", "a\0", "a:b", "~", &longer,
        ];
        for bad in bad {
            assert!(check_blob_key(bad).is_err(), "{bad:?}");
            assert!(check_blob_prefix(&format!("{bad}/")).is_err(), "{bad:?}");
        }
        assert_eq!(check_blob_prefix(""), Ok(()));
    }
}
