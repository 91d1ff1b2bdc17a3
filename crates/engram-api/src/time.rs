//! Points in time at the edge: RFC 3339 text outside, nanoseconds since 1970 (UTC) inside.
//!
//! Guarantees that a text with up to nine fractional digits survives the round trip to the
//! nanosecond, and that nothing but RFC 3339 is read: no missing offset, no bare date, no
//! time-zone annotation, no more digits than can be kept.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A point in time: nanoseconds since 1970-01-01T00:00:00Z, from 1677-09-21 to 2262-04-11.
///
/// In JSON it is RFC 3339 text, written in UTC with as many fractional digits as it needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(pub i64);

/// Why a text is not a [`Timestamp`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TimestampError {
    text: String,
    reason: &'static str,
}

impl fmt::Display for TimestampError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "bad time `{}`: {}; expected RFC 3339 such as 2026-01-05T11:00:00Z or \
             2026-01-05T12:00:00.123456789+01:00",
            self.text, self.reason
        )
    }
}

impl std::error::Error for TimestampError {}

impl Timestamp {
    /// Reads RFC 3339 text: date, `T`, time with seconds, up to nine fractional digits, and `Z`
    /// or a numeric offset.
    pub fn parse(text: &str) -> Result<Timestamp, TimestampError> {
        let fail = |reason| TimestampError { text: text.chars().take(64).collect(), reason };
        check_shape(text).map_err(fail)?;
        let parsed: jiff::Timestamp =
            text.parse().map_err(|_| fail("no such date, hour or offset"))?;
        i64::try_from(parsed.as_nanosecond())
            .map(Timestamp)
            .map_err(|_| fail("outside the years 1678 to 2262"))
    }

    /// Nanoseconds since 1970-01-01T00:00:00Z.
    pub fn nanoseconds(self) -> i64 {
        self.0
    }
}

/// Checks the form; whether the day exists is left to the calendar.
fn check_shape(text: &str) -> Result<(), &'static str> {
    const FORM: &[u8] = b"0000-00-00T00:00:00";
    let bytes = text.as_bytes();
    if bytes.len() <= FORM.len() {
        return Err("it needs a date, a time with seconds, and Z or an offset");
    }
    for (found, wanted) in bytes.iter().zip(FORM) {
        let fits = match wanted {
            b'0' => found.is_ascii_digit(),
            b'T' => matches!(found, b'T' | b't'),
            other => found == other,
        };
        if !fits {
            return Err("the date and time are not in the form YYYY-MM-DDThh:mm:ss");
        }
    }
    // A leap second has no place on a count of nanoseconds; refusing it beats moving it.
    if &bytes[17..19] == b"60" {
        return Err("leap seconds cannot be kept");
    }
    let mut rest = &bytes[FORM.len()..];
    if let Some(fraction) = rest.strip_prefix(b".") {
        let digits = fraction.iter().take_while(|byte| byte.is_ascii_digit()).count();
        if digits == 0 || digits > 9 {
            return Err("a fraction of a second has one to nine digits");
        }
        rest = &fraction[digits..];
    }
    match rest {
        [b'Z' | b'z'] => Ok(()),
        [b'+' | b'-', h1, h2, b':', m1, m2]
            if [h1, h2, m1, m2].iter().all(|byte| byte.is_ascii_digit()) =>
        {
            Ok(())
        }
        [] => Err("the offset is missing (write Z for UTC)"),
        _ => Err("the offset is neither Z nor of the form +hh:mm"),
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = jiff::Timestamp::from_nanosecond(i128::from(self.0))
            .expect("every i64 of nanoseconds lies within the calendar");
        write!(f, "{time}")
    }
}

impl std::str::FromStr for Timestamp {
    type Err = TimestampError;

    fn from_str(text: &str) -> Result<Timestamp, TimestampError> {
        Timestamp::parse(text)
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
        let text = String::deserialize(deserializer)?;
        Timestamp::parse(&text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn nanoseconds_and_offsets_are_kept() {
        let time = Timestamp::parse("2026-01-05T12:00:00.123456789+01:00").unwrap();
        assert_eq!(time.to_string(), "2026-01-05T11:00:00.123456789Z");
        assert_eq!(Timestamp::parse("1970-01-01T00:00:00Z").unwrap(), Timestamp(0));
    }

    #[test]
    fn anything_else_is_refused_with_its_reason() {
        let bad = [
            ("yesterday", "needs a date"),
            ("2026-01-05", "needs a date"),
            ("2026-01-05T11:00:00", "needs a date"),
            ("2026-01-05T11:00:00.5", "offset is missing"),
            ("2026-01-05 11:00:00Z", "form YYYY"),
            ("2026-01-05T11:00:00.1234567890Z", "one to nine digits"),
            ("2026-01-05T11:00:00+0100", "neither Z"),
            ("2026-01-05T11:00:00Z[Europe/Berlin]", "neither Z"),
            ("2026-02-30T11:00:00Z", "no such date"),
            ("2026-01-05T25:00:00Z", "no such date"),
            ("2016-12-31T23:59:60Z", "leap seconds"),
            ("9999-01-01T00:00:00Z", "outside the years"),
        ];
        for (text, reason) in bad {
            let error = Timestamp::parse(text).unwrap_err().to_string();
            assert!(error.contains(reason), "{text}: {error}");
        }
    }

    proptest! {
        #[test]
        fn every_count_of_nanoseconds_round_trips(ns in any::<i64>()) {
            let text = Timestamp(ns).to_string();
            prop_assert_eq!(Timestamp::parse(&text), Ok(Timestamp(ns)), "{}", text);
        }

        #[test]
        fn no_text_panics(text in "\\PC{0,40}") {
            let _ = Timestamp::parse(&text);
        }
    }
}
