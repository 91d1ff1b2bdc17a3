//! The address of a store of objects.
//!
//! Guarantees: a place that was read can be used as it stands; a mistake is told with what is allowed.

use std::path::{Path, PathBuf};

use engram_store::check_blob_key;

/// Where the objects are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StorePlace {
    /// In a folder of this machine, or one that is mounted there.
    Folder(PathBuf),
    /// In memory, gone with the process.
    Memory,
    /// In a bucket of a service that speaks the protocol of S3.
    S3 {
        /// The bucket.
        bucket: String,
        /// What all keys start with, without a slash at its end; empty = the whole bucket.
        prefix: String,
    },
}

impl StorePlace {
    /// Reads `file:///DIR`, `memory:` and `s3://BUCKET/PREFIX`.
    pub(super) fn read(url: &str) -> Result<StorePlace, String> {
        if url == "memory:" {
            return Ok(StorePlace::Memory);
        }
        if let Some(dir) = url.strip_prefix("file://") {
            // With a host in between the path would be somebody else's.
            if !Path::new(dir).is_absolute() || dir.contains('%') {
                return Err(
                    "a folder is `file:///` and its absolute path, without escapes".to_owned()
                );
            }
            return Ok(StorePlace::Folder(PathBuf::from(dir)));
        }
        let Some(rest) = url.strip_prefix("s3://") else {
            return Err("must start with `file:///`, `s3://` or be `memory:`".to_owned());
        };
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        if !is_bucket(bucket) {
            return Err(format!(
                "`{bucket}` is no bucket: 3 to 63 of a-z 0-9 - . between letters or digits"
            ));
        }
        let prefix = match prefix.strip_suffix('/') {
            Some(stem) if !stem.is_empty() => stem,
            _ => prefix,
        };
        if !prefix.is_empty()
            && (prefix.len() > PREFIX_BYTES_MAX || check_blob_key(prefix).is_err())
        {
            return Err(format!(
                "`{prefix}` is no prefix: up to {PREFIX_BYTES_MAX} of A-Z a-z 0-9 - _ . = in parts between single slashes"
            ));
        }
        Ok(StorePlace::S3 { bucket: bucket.to_owned(), prefix: prefix.to_owned() })
    }
}

/// With the longest key behind it, it stays far below the 1,024 bytes that S3 allows.
const PREFIX_BYTES_MAX: usize = 128;

/// The rules of S3 for names of buckets, as far as they are syntax.
fn is_bucket(name: &str) -> bool {
    let edge = |byte: Option<&u8>| {
        byte.is_some_and(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
    };
    let bytes = name.as_bytes();
    let inner = |byte: &u8| edge(Some(byte)) || matches!(byte, b'-' | b'.');
    (3..=63).contains(&bytes.len())
        && bytes.iter().all(inner)
        && edge(bytes.first())
        && edge(bytes.last())
        && !name.contains("..")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_read() {
        let s3 = |bucket: &str, prefix: &str| {
            Ok(StorePlace::S3 { bucket: bucket.to_owned(), prefix: prefix.to_owned() })
        };
        assert_eq!(StorePlace::read("memory:"), Ok(StorePlace::Memory));
        assert_eq!(StorePlace::read("file:///a/b"), Ok(StorePlace::Folder(PathBuf::from("/a/b"))));
        assert_eq!(StorePlace::read("s3://my-bucket"), s3("my-bucket", ""));
        assert_eq!(StorePlace::read("s3://my-bucket/"), s3("my-bucket", ""));
        assert_eq!(StorePlace::read("s3://b.1/one/two/"), s3("b.1", "one/two"));
    }

    #[test]
    fn mistakes_are_told() {
        let bad = [
            "",
            "memory",
            "/a/b",
            "file://a/b",
            "file:a",
            "file:///a%20b",
            "s3:bucket",
            "s3://",
            "s3:///prefix",
            "s3://ab",
            "s3://Bucket",
            "s3://-ab",
            "s3://a..b",
            "s3://a_b",
            "s3://bucket/a//b",
            "s3://bucket//",
            "s3://bucket/../b",
            "s3://bucket/a b",
            "https://bucket",
            "s3://key@bucket",
        ];
        for bad in bad {
            assert!(StorePlace::read(bad).is_err(), "{bad}");
        }
    }
}
