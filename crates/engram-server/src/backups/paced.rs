//! A store that takes its time: no more bytes in a second than it is allowed.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use engram_store::{BlobError, BlobStore};

/// What of the allowance may be used at once after a pause.
const BURST: Duration = Duration::from_secs(1);

/// Bounds what goes to a store and comes from it.
pub(super) struct PacedBlobs {
    inner: Arc<dyn BlobStore>,
    bytes_per_second: u64,
    /// Until when what was moved so far is paid for.
    paid_until: Mutex<Instant>,
}

impl PacedBlobs {
    pub(super) fn new(inner: Arc<dyn BlobStore>, bytes_per_second: u64) -> PacedBlobs {
        PacedBlobs { inner, bytes_per_second, paid_until: Mutex::new(Instant::now()) }
    }

    /// Waits until so many bytes are allowed.
    fn pay(&self, bytes: usize) {
        let cost = Duration::from_secs_f64(bytes as f64 / self.bytes_per_second.max(1) as f64);
        let now = Instant::now();
        let wait = {
            let mut paid = self.paid_until.lock().unwrap_or_else(PoisonError::into_inner);
            let from = paid.max(now.checked_sub(BURST).unwrap_or(now));
            *paid = from + cost;
            paid.saturating_duration_since(now)
        };
        if !wait.is_zero() {
            std::thread::sleep(wait);
        }
    }
}

impl BlobStore for PacedBlobs {
    fn put(&self, key: &str, bytes: &[u8]) -> Result<(), BlobError> {
        self.pay(bytes.len());
        self.inner.put(key, bytes)
    }

    fn put_new(&self, key: &str, bytes: &[u8]) -> Result<(), BlobError> {
        self.pay(bytes.len());
        self.inner.put_new(key, bytes)
    }

    fn get_range(&self, key: &str, offset: u64, out: &mut [u8]) -> Result<usize, BlobError> {
        let read = self.inner.get_range(key, offset, out)?;
        self.pay(read);
        Ok(read)
    }

    fn len(&self, key: &str) -> Result<u64, BlobError> {
        self.inner.len(key)
    }

    fn list(&self, prefix: &str) -> Result<Vec<String>, BlobError> {
        self.inner.list(prefix)
    }

    fn delete(&self, key: &str) -> Result<(), BlobError> {
        self.inner.delete(key)
    }
}
