//! The randomness seam: ids, salts and keys come from here, so that one seed can replay a whole run.

use std::sync::Mutex;

use crate::sync::guard;

/// A source of random bytes.
pub trait Entropy: Send + Sync {
    /// Fills `out` with random bytes.
    fn fill(&self, out: &mut [u8]);
}

/// The operating system's generator; fit for secrets.
#[derive(Clone, Copy, Debug, Default)]
pub struct OsEntropy;

impl Entropy for OsEntropy {
    fn fill(&self, out: &mut [u8]) {
        getrandom::fill(out).expect("a supported operating system hands out random bytes");
    }
}

/// A reproducible stream: the same seed and the same sequence of lengths give the same bytes. For tests and the
/// simulator, never for secrets.
pub struct SeededEntropy {
    stream: Mutex<blake3::OutputReader>,
}

impl SeededEntropy {
    /// The stream of `seed`, from its start.
    pub fn new(seed: u64) -> SeededEntropy {
        let mut hasher = blake3::Hasher::new_derive_key("engram seeded entropy v1");
        hasher.update(&seed.to_le_bytes());
        SeededEntropy { stream: Mutex::new(hasher.finalize_xof()) }
    }
}

impl Entropy for SeededEntropy {
    fn fill(&self, out: &mut [u8]) {
        guard(&self.stream).fill(out);
    }
}
