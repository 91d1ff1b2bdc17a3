//! What all formats of the store share: the version, and integers in bytes.

/// The newest format of log, segments and manifests that this version reads, and the one it writes.
pub const FORMAT_VERSION: u32 = 1;

/// The `N` bytes at `at`; callers have checked the length.
pub(crate) fn array<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    bytes[at..at + N].try_into().expect("the slice has N bytes")
}

pub(crate) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(array(bytes, at))
}

pub(crate) fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(array(bytes, at))
}
