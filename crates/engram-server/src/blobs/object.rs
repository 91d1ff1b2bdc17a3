//! [`ObjectBlobs`]: the seam over a store of the crate `object_store`.
//!
//! Guarantees: a call waits on the thread that made it and panics on a thread of the async runtime, which would stop the requests of
//! others; one request is tried at most four times within one timeout, so that a call with one request takes at most two timeouts
//! and one that moves a long object two for each part of it. Errors say what the service said, shortened, never a signature or a
//! credential.

use std::error::Error as _;
use std::future::Future;
use std::time::Duration;

use engram_store::{BlobError, BlobStore, check_blob_key, check_blob_prefix};
use futures_util::TryStreamExt as _;
use object_store::aws::AmazonS3Builder;
use object_store::client::{HttpError, HttpErrorKind};
use object_store::path::Path;
use object_store::{
    BackoffConfig, Error, GetOptions, MultipartUpload, ObjectStore, ObjectStoreExt as _, PutMode,
    PutPayload, RetryConfig,
};
use tokio::runtime::Handle;

use super::transport::{PART_BYTES, Transport};
use crate::config::StoreSettings;

/// How often one request is repeated at most.
const RETRIES_MAX: usize = 3;
/// How much of an error text is kept, in characters.
const ERROR_CHARS_MAX: usize = 300;
/// No object is as long as this, and services do not read larger numbers, in bytes.
const OFFSET_MAX: u64 = 1 << 62;

/// Objects of a service.
pub(super) struct ObjectBlobs {
    store: Box<dyn ObjectStore>,
    /// What all keys stand below.
    above: String,
    handle: Handle,
}

/// An error of the service with the object it was about.
struct Refusal<'a> {
    key: &'a str,
    error: &'a Error,
}

impl ObjectBlobs {
    /// The objects below `prefix` of a bucket of S3.
    pub(super) fn s3(
        cold: &StoreSettings,
        bucket: &str,
        prefix: &str,
        handle: Handle,
    ) -> Result<ObjectBlobs, BlobError> {
        let mut builder = AmazonS3Builder::new()
            .with_bucket_name(bucket)
            .with_region(&cold.s3_region)
            // The configuration was asked before.
            .with_allow_http(true)
            // Not every service has the call that deletes many.
            .with_disable_bulk_delete(true)
            .with_http_connector(Transport::new(cold.timeout))
            .with_retry(RetryConfig {
                backoff: BackoffConfig {
                    init_backoff: Duration::from_millis(100),
                    max_backoff: Duration::from_secs(2),
                    base: 2.0,
                },
                max_retries: RETRIES_MAX,
                retry_timeout: cold.timeout,
            });
        if let Some(endpoint) = &cold.s3_endpoint {
            builder = builder.with_endpoint(endpoint);
        }
        if let Some((access, secret)) = &cold.s3_keys {
            builder =
                builder.with_access_key_id(access.expose()).with_secret_access_key(secret.expose());
        }
        let store =
            builder.build().map_err(|error| Refusal { key: bucket, error: &error }.told())?;
        let above = if prefix.is_empty() { String::new() } else { format!("{prefix}/") };
        Ok(ObjectBlobs { store: Box::new(store), above, handle })
    }

    fn path(&self, key: &str) -> Result<Path, BlobError> {
        check_blob_key(key)?;
        Ok(Path::from(format!("{}{key}", self.above)))
    }

    /// Waits here. `block_on` panics on a thread that runs async tasks.
    fn wait<T>(&self, future: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        self.handle.block_on(future)
    }

    fn put_parts(&self, path: &Path, bytes: &[u8]) -> Result<(), Error> {
        let mut upload = self.wait(self.store.put_multipart(path))?;
        let sent = bytes.chunks(PART_BYTES).try_for_each(|part| {
            let part = upload.put_part(PutPayload::from(part.to_vec()));
            self.wait(part)
        });
        let ended = sent.and_then(|()| self.wait(upload.complete()).map(drop));
        if ended.is_err() {
            // Parts without an object cost money until the bucket's rules remove them; the first error is the one that matters.
            let _ = self.wait(upload.abort());
        }
        ended
    }

    /// One request; 0 behind the end.
    fn read_part(
        &self,
        key: &str,
        path: &Path,
        (offset, out): (u64, &mut [u8]),
    ) -> Result<usize, BlobError> {
        self.read_range(path, offset, out).or_else(|error| {
            let refusal = Refusal { key, error: &error };
            // A range behind the end is an error of its own.
            if refusal.status() == Some(416) && self.len(key)? <= offset {
                return Ok(0);
            }
            Err(refusal.told())
        })
    }

    fn read_range(&self, path: &Path, offset: u64, out: &mut [u8]) -> Result<usize, Error> {
        let end = offset + out.len() as u64;
        let options = GetOptions { range: Some((offset..end).into()), ..GetOptions::default() };
        let bytes = self.wait(async {
            let found = self.store.get_opts(path, options).await?;
            found.bytes().await
        })?;
        let count = bytes.len().min(out.len());
        out[..count].copy_from_slice(&bytes[..count]);
        Ok(count)
    }
}

impl BlobStore for ObjectBlobs {
    fn put(&self, key: &str, bytes: &[u8]) -> Result<(), BlobError> {
        let path = self.path(key)?;
        let put = if bytes.len() > PART_BYTES {
            self.put_parts(&path, bytes)
        } else {
            self.wait(self.store.put(&path, PutPayload::from(bytes.to_vec()))).map(drop)
        };
        put.map_err(|error| match (Refusal { key, error: &error }).told() {
            // Of two changes at once S3 refuses one.
            BlobError::Exists { key } => {
                BlobError::Unavailable { key, what: "another change was under way".to_owned() }
            }
            told => told,
        })
    }

    fn put_new(&self, key: &str, bytes: &[u8]) -> Result<(), BlobError> {
        let path = self.path(key)?;
        let payload = PutPayload::from(bytes.to_vec());
        let put = self.wait(self.store.put_opts(&path, payload, PutMode::Create.into()));
        put.map(drop).map_err(|error| Refusal { key, error: &error }.told())
    }

    fn get_range(&self, key: &str, offset: u64, out: &mut [u8]) -> Result<usize, BlobError> {
        let path = self.path(key)?;
        if out.is_empty() {
            return Ok(0);
        }
        if offset >= OFFSET_MAX {
            return self.len(key).map(|_| 0);
        }
        let mut done = 0;
        for part in out.chunks_mut(PART_BYTES) {
            let at = offset.saturating_add(done as u64);
            let read = self.read_part(key, &path, (at, &mut *part))?;
            done += read;
            if read < part.len() {
                break;
            }
        }
        Ok(done)
    }

    fn len(&self, key: &str) -> Result<u64, BlobError> {
        let path = self.path(key)?;
        let refused = match self.wait(self.store.head(&path)) {
            Ok(found) => return Ok(found.size),
            Err(error) => error,
        };
        // This answer has no body, so a missing bucket looks like a missing object, and a denial says not why; that of a read does.
        let is_bare = matches!(
            refused,
            Error::NotFound { .. } | Error::PermissionDenied { .. } | Error::Unauthenticated { .. }
        );
        if !is_bare {
            return Err(Refusal { key, error: &refused }.told());
        }
        match (self.read_range(&path, 0, &mut [0]), &refused) {
            (Err(error), _) if (Refusal { key, error: &error }).status() != Some(416) => {
                Err(Refusal { key, error: &error }.told())
            }
            (_, Error::NotFound { .. }) => Err(BlobError::Unavailable {
                key: key.to_owned(),
                what: "the object came into being in this moment".to_owned(),
            }),
            _ => Err(Refusal { key, error: &refused }.told()),
        }
    }

    fn list(&self, prefix: &str) -> Result<Vec<String>, BlobError> {
        check_blob_prefix(prefix)?;
        let above = format!("{}{prefix}", self.above);
        let below = Path::from(above.trim_end_matches('/'));
        let listed = self.wait(self.store.list(Some(&below)).try_collect::<Vec<_>>());
        let listed = listed.map_err(|error| Refusal { key: prefix, error: &error }.told())?;
        let keys =
            listed.iter().filter_map(|found| found.location.as_ref().strip_prefix(&self.above));
        // Others may keep what they like in the bucket.
        let ours = |key: &&str| check_blob_key(key).is_ok() && key.starts_with(prefix);
        let mut keys: Vec<String> = keys.filter(ours).map(str::to_owned).collect();
        keys.sort_unstable();
        Ok(keys)
    }

    fn delete(&self, key: &str) -> Result<(), BlobError> {
        let path = self.path(key)?;
        match self.wait(self.store.delete(&path)) {
            Ok(()) | Err(Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(Refusal { key, error: &error }.told()),
        }
    }
}

impl Refusal<'_> {
    /// What to do about it.
    fn told(&self) -> BlobError {
        let key = self.key.to_owned();
        let what = self.what();
        match (self.error, self.status()) {
            // A missing bucket is a fault of the configuration, not an object that was deleted.
            (Error::NotFound { .. }, _) if what.contains("NoSuchBucket") => {
                BlobError::Failed { key, what }
            }
            (Error::NotFound { .. }, _) => BlobError::NotFound { key },
            (Error::PermissionDenied { .. } | Error::Unauthenticated { .. }, _) => {
                BlobError::Denied { key, what }
            }
            // Two changes at once: neither of them may have won yet.
            (_, Some(409)) => BlobError::Unavailable { key, what },
            (Error::AlreadyExists { .. } | Error::Precondition { .. }, _) => {
                BlobError::Exists { key }
            }
            (_, Some(408 | 425 | 429 | 500..=599)) => BlobError::Unavailable { key, what },
            _ if self.is_transport() => BlobError::Unavailable { key, what },
            _ => BlobError::Failed { key, what },
        }
    }

    /// The status in the text; `object_store` does not hand it out otherwise.
    fn status(&self) -> Option<u16> {
        let text = self.text();
        if text.contains("Server returned error response") {
            // A success whose body is an error that passes.
            return Some(503);
        }
        let (_, after) = text.split_once("status code: ")?;
        after.get(..3)?.parse().ok()
    }

    fn text(&self) -> String {
        self.error.to_string()
    }

    /// Code and message of the service where there are such, else the start of the text. The rest of an S3 error repeats what was signed.
    fn what(&self) -> String {
        let text = self.text();
        let element = |name: &str| {
            let (_, after) = text.split_once(&format!("<{name}>"))?;
            after.split_once(&format!("</{name}>")).map(|(inner, _)| inner)
        };
        let what = match (element("Code"), element("Message")) {
            (Some(code), Some(message)) => format!("{code}: {message}"),
            (Some(code), None) => code.to_owned(),
            (None, _) => text,
        };
        what.chars().take(ERROR_CHARS_MAX).collect()
    }

    /// True when no answer came.
    fn is_transport(&self) -> bool {
        let mut source = self.error.source();
        while let Some(error) = source {
            if let Some(error) = error.downcast_ref::<HttpError>() {
                return error.kind() != HttpErrorKind::Decode;
            }
            source = error.source();
        }
        false
    }
}
