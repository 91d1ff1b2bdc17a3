//! What a history did, line by line, and a hash of it: the same seed must give the same hash.

/// Longest trace kept, in lines; the hash covers all.
const LINES_MAX: usize = 20_000;

/// The lines of one history.
#[derive(Clone, Debug)]
pub struct Trace {
    lines: Vec<String>,
    hash: u64,
}

impl Default for Trace {
    fn default() -> Trace {
        // FNV-1a, 64 bits (Fowler, Noll, Vo): offset basis.
        Trace { lines: Vec::new(), hash: 0xcbf2_9ce4_8422_2325 }
    }
}

impl Trace {
    /// Adds a line.
    pub(crate) fn note(&mut self, line: impl Into<String>) {
        let line = line.into();
        for byte in line.bytes().chain([b'\n']) {
            self.hash = (self.hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
        if self.lines.len() < LINES_MAX {
            self.lines.push(line);
        }
    }

    /// The lines so far.
    pub fn lines(&self) -> &[String] {
        &self.lines
    }

    /// Hash over all lines.
    pub fn hash(&self) -> u64 {
        self.hash
    }
}
