//! Times of a statement: days, intervals, and what an interval before or after a time is.
//!
//! All of it is UTC. Months and years follow the calendar: a month before March 31 is the last day of February.

use engram_api::Timestamp;
use jiff::tz::TimeZone;

use crate::error::{QueryError, QueryErrorKind};
use crate::span::Span;

/// A length of time. Months have no fixed length, so they are kept apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Interval {
    pub(crate) months: i64,
    pub(crate) nanoseconds: i64,
}

/// A stretch of time, ns; the end is the first instant behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stretch {
    pub(crate) start: i64,
    pub(crate) end: i64,
}

/// Whether an interval is added or taken away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sign {
    Plus,
    Minus,
}

pub(crate) const NS_PER_DAY: i64 = 24 * NS_PER_HOUR;
const NS_PER_HOUR: i64 = 60 * NS_PER_MINUTE;
const NS_PER_MINUTE: i64 = 60 * NS_PER_SECOND;
const NS_PER_SECOND: i64 = 1_000_000_000;

/// A unit of intervals: its name (a plural adds an s), months and nanoseconds.
struct Unit {
    name: &'static str,
    months: i64,
    nanoseconds: i64,
}

const UNITS: [Unit; 10] = [
    Unit { name: "nanosecond", months: 0, nanoseconds: 1 },
    Unit { name: "microsecond", months: 0, nanoseconds: 1_000 },
    Unit { name: "millisecond", months: 0, nanoseconds: 1_000_000 },
    Unit { name: "second", months: 0, nanoseconds: NS_PER_SECOND },
    Unit { name: "minute", months: 0, nanoseconds: NS_PER_MINUTE },
    Unit { name: "hour", months: 0, nanoseconds: NS_PER_HOUR },
    Unit { name: "day", months: 0, nanoseconds: NS_PER_DAY },
    Unit { name: "week", months: 0, nanoseconds: 7 * NS_PER_DAY },
    Unit { name: "month", months: 1, nanoseconds: 0 },
    Unit { name: "year", months: 12, nanoseconds: 0 },
];

/// The names of the units in the plural, as they are proposed.
pub(crate) const UNIT_NAMES: &[&str] = &[
    "nanoseconds",
    "microseconds",
    "milliseconds",
    "seconds",
    "minutes",
    "hours",
    "days",
    "weeks",
    "months",
    "years",
];

impl Interval {
    /// So many of a unit, whose name may stand in the plural and in any case.
    pub(crate) fn of(count: i64, unit: &str) -> Option<Interval> {
        let lower = unit.to_ascii_lowercase();
        let unit = UNITS.iter().find(|unit| {
            lower.strip_prefix(unit.name).is_some_and(|rest| rest.is_empty() || rest == "s")
        })?;
        Some(Interval {
            months: unit.months.checked_mul(count)?,
            nanoseconds: unit.nanoseconds.checked_mul(count)?,
        })
    }

    /// Reads pairs of a whole number and a unit: `1 day 12 hours`.
    pub(crate) fn parse(text: &str) -> Option<Interval> {
        let mut words = text.split_whitespace();
        let mut sum = Interval::default();
        let mut pairs = 0;
        while let Some(count) = words.next() {
            let part = Interval::of(count.parse().ok()?, words.next()?)?;
            sum.months = sum.months.checked_add(part.months)?;
            sum.nanoseconds = sum.nanoseconds.checked_add(part.nanoseconds)?;
            pairs += 1;
        }
        (pairs > 0).then_some(sum)
    }

    /// Its length in days; none where it has months.
    pub(crate) fn days(self) -> Option<f64> {
        (self.months == 0).then(|| self.nanoseconds as f64 / NS_PER_DAY as f64)
    }
}

/// The error of what is no interval.
pub(crate) fn bad_interval(span: Span) -> Box<QueryError> {
    let message = "an interval is made of whole numbers and units: INTERVAL '1 day 12 hours'";
    let units = UNIT_NAMES.iter().map(|unit| (*unit).to_owned()).collect();
    QueryError::at(QueryErrorKind::WrongType, span, message).expecting(units)
}

impl Stretch {
    /// The day of a date `YYYY-MM-DD`.
    pub(crate) fn day(date: &str) -> Option<Stretch> {
        if date.len() != "YYYY-MM-DD".len() {
            return None;
        }
        let start = Timestamp::parse(&format!("{date}T00:00:00Z")).ok()?.nanoseconds();
        Some(Stretch { start, end: start.checked_add(NS_PER_DAY)? })
    }

    /// One nanosecond; none for the last one that there is.
    pub(crate) fn instant(at_ns: i64) -> Option<Stretch> {
        Some(Stretch { start: at_ns, end: at_ns.checked_add(1)? })
    }
}

/// The time an interval before or after another one; none outside of what can be stored.
pub(crate) fn shift(at_ns: i64, sign: Sign, interval: Interval) -> Option<i64> {
    let (months, nanoseconds) = match sign {
        Sign::Plus => (interval.months, interval.nanoseconds),
        Sign::Minus => (interval.months.checked_neg()?, interval.nanoseconds.checked_neg()?),
    };
    let by_months = match months {
        0 => at_ns,
        months => {
            let time = jiff::Timestamp::from_nanosecond(i128::from(at_ns)).ok()?;
            let span = jiff::Span::new().try_months(months).ok()?;
            let moved = time.to_zoned_datetime(TimeZone::UTC).checked_add(span).ok()?;
            i64::try_from(moved.timestamp().as_nanosecond()).ok()?
        }
    };
    by_months.checked_add(nanoseconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ns(text: &str) -> i64 {
        Timestamp::parse(text).unwrap().nanoseconds()
    }

    #[test]
    fn intervals_are_pairs_of_number_and_unit() {
        let day_and_half = Interval { months: 0, nanoseconds: NS_PER_DAY * 3 / 2 };
        assert_eq!(Interval::parse("1 day 12 hours"), Some(day_and_half));
        assert_eq!(Interval::parse("2 YEARS"), Some(Interval { months: 24, nanoseconds: 0 }));
        for wrong in
            ["", "7", "days", "7 dayss", "1.5 days", "7 days 3", "9223372036854775807 weeks"]
        {
            assert_eq!(Interval::parse(wrong), None, "{wrong}");
        }
        let plural = |unit: &Unit| format!("{}s", unit.name);
        assert!(UNITS.iter().map(plural).eq(UNIT_NAMES.iter().map(|name| (*name).to_owned())));
    }

    #[test]
    fn months_follow_the_calendar() {
        let month = Interval { months: 1, nanoseconds: 0 };
        let before = shift(ns("2026-03-31T12:00:00Z"), Sign::Minus, month);
        assert_eq!(before, Some(ns("2026-02-28T12:00:00Z")));
        assert_eq!(shift(i64::MAX, Sign::Plus, month), None);
        assert_eq!(shift(0, Sign::Minus, Interval { months: i64::MIN, nanoseconds: 0 }), None);
    }

    #[test]
    fn a_day_ends_where_the_next_begins() {
        let day = Stretch::day("2026-01-05").unwrap();
        assert_eq!((day.start, day.end), (ns("2026-01-05T00:00:00Z"), ns("2026-01-06T00:00:00Z")));
        for wrong in ["2026-1-5", "2026-02-30", "2026-01-05T", "é026-01-0"] {
            assert_eq!(Stretch::day(wrong), None, "{wrong}");
        }
        assert_eq!(Stretch::instant(i64::MAX), None);
    }
}
