//! [`BlobStore`]: the seam itself.

use super::error::BlobError;

/// Objects by key, or something that behaves like them.
///
/// Every call may wait for seconds and comes back in bounded time; none may be made from a thread that must not wait. Keys are
/// those that `check_blob_key` passes; any other is `Failed`. All calls may answer `Unavailable`, `Denied` and `Failed`.
/// What was put is seen by every call that starts after the put came back, listings too.
pub trait BlobStore: Send + Sync {
    /// Stores an object as a whole, replacing the one with this key. Durable on return. Readers see the old object or the
    /// new one, never a mix. After an error the object is the old one or the new one.
    fn put(&self, key: &str, bytes: &[u8]) -> Result<(), BlobError>;

    /// Stores an object unless there is one: of all callers with one key, one wins. Durable on return. `Exists` when there is
    /// one, which a retry inside the implementation may have stored: who must know reads it and compares.
    fn put_new(&self, key: &str, bytes: &[u8]) -> Result<(), BlobError>;

    /// Reads from `offset` on into `out` and returns the count of bytes read; it is less than asked only at the end of the
    /// object, 0 behind it. `NotFound` when there is none; an empty `out` may go without asking.
    fn get_range(&self, key: &str, offset: u64, out: &mut [u8]) -> Result<usize, BlobError>;

    /// The length of an object in bytes. `NotFound` when there is none.
    fn len(&self, key: &str) -> Result<u64, BlobError>;

    /// All keys that start with `prefix`, sorted as bytes. The prefix is empty or ends with `/`, as `check_blob_prefix`
    /// says.
    fn list(&self, prefix: &str) -> Result<Vec<String>, BlobError>;

    /// Removes an object. Durable on return. It is fine when there is none.
    fn delete(&self, key: &str) -> Result<(), BlobError>;
}
