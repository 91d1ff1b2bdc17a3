//! Times as text.

use jiff::Timestamp;

/// RFC 3339 in UTC, with as many digits as it needs.
pub(crate) fn text(ns: i64) -> String {
    match Timestamp::from_nanosecond(i128::from(ns)) {
        Ok(time) => time.to_string(),
        Err(_) => format!("{ns} ns"),
    }
}

/// For names: sorts as the time does.
pub(crate) fn compact(ns: i64) -> String {
    match Timestamp::from_nanosecond(i128::from(ns)) {
        Ok(time) => time.strftime("%Y%m%dt%H%M%Sz").to_string(),
        Err(_) => format!("{ns:020}"),
    }
}

/// Days since 1970, weeks since the Monday before it, and months since year 0, in UTC.
pub(crate) fn calendar(ns: i64) -> (i64, i64, i64) {
    let days = ns.div_euclid(86_400_000_000_000);
    let months = match Timestamp::from_nanosecond(i128::from(ns)) {
        Ok(time) => {
            let date = jiff::tz::Offset::UTC.to_datetime(time).date();
            i64::from(date.year()) * 12 + i64::from(date.month())
        }
        Err(_) => days / 30,
    };
    // 1 January 1970 was a Thursday.
    (days, (days + 3).div_euclid(7), months)
}
