//! The settings of every server that the suites start.

/// Names and values, passed in the environment. Small log files make a few seconds of writing cross many of them.
/// A variable `ENGRAM_…` of the caller goes to the servers too and wins, so one run can try other settings.
pub(super) const SETTINGS: [(&str, &str); 5] = [
    ("ENGRAM_WAL__SEGMENT_BYTES", "1MiB"),
    ("ENGRAM_WAL__SPARE_SEGMENTS", "1"),
    // No space but those that the suite creates and knows of.
    ("ENGRAM_DEFAULT_SPACE__NAME", ""),
    ("ENGRAM_LOG__FORMAT", "text"),
    ("ENGRAM_LIMITS__DRAIN_TIMEOUT", "1s"),
];

/// Beginning of the caller's variables that are passed on.
pub(super) const PASSED_ON: &str = "ENGRAM_";
