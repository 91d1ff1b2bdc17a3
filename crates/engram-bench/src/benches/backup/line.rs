//! Rates, and what a time is at another number of bytes.

use serde_json::{Value, json};

use crate::numbers::round;

/// Bytes moved in some time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Rate {
    pub(super) bytes: u64,
    pub(super) seconds: f64,
}

impl Rate {
    /// Millions of bytes a second.
    pub(super) fn mb_per_second(self) -> f64 {
        self.bytes as f64 / 1e6 / self.seconds.max(1e-9)
    }

    pub(super) fn to_json(self) -> Value {
        json!({
            "bytes": self.bytes,
            "seconds": round(self.seconds, 3),
            "mb_per_second": round(self.mb_per_second(), 1),
        })
    }
}

/// The seconds at `bytes` on the straight line through two measurements; none where they say nothing of it.
pub(super) fn at(bytes: f64, (small, large): (Rate, Rate)) -> Option<f64> {
    if large.bytes <= small.bytes {
        return None;
    }
    let per_byte = (large.seconds - small.seconds) / (large.bytes - small.bytes) as f64;
    let seconds = large.seconds + per_byte * (bytes - large.bytes as f64);
    // More bytes in less time is noise.
    (per_byte > 0.0).then_some(seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_goes_through_both_and_on() {
        let rate = |bytes, seconds| Rate { bytes, seconds };
        let line = (rate(100, 2.0), rate(300, 3.0));
        assert_eq!(at(100.0, line), Some(2.0));
        assert_eq!(at(300.0, line), Some(3.0));
        assert_eq!(at(1_000.0, line), Some(6.5));
        assert_eq!(at(1_000.0, (line.1, line.0)), None);
        assert_eq!(at(1_000.0, (rate(100, 2.0), rate(300, 1.0))), None);
        assert_eq!(rate(3_000_000, 2.0).mb_per_second(), 1.5);
    }
}
