//! Units of measure that people write directly behind a number.

/// Spellings in lower case, sorted in byte order.
#[rustfmt::skip]
const UNITS: [&str; 98] = [
    "a", "ah", "am", "b", "bar", "bit", "bits", "bn", "bpm", "c", "cal", "chf", "cl", "cm", "d",
    "db", "deg", "dl", "dpi", "eur", "f", "fps", "ft", "g", "gb", "gbit", "gbp", "gbps", "ghz",
    "gib", "gw", "gwh", "h", "ha", "hp", "hr", "hrs", "hz", "in", "j", "jpy", "k", "kb", "kbps",
    "kcal", "kg", "khz", "kib", "kj", "km", "kmh", "kn", "kph", "kw", "kwh", "l", "lb", "lbs",
    "m", "ma", "mah", "mb", "mbit", "mbps", "mg", "mhz", "mi", "mib", "min", "mins", "ml", "mm",
    "mph", "ms", "mw", "mwh", "nm", "ns", "oz", "pa", "pb", "pm", "pt", "px", "rpm", "s", "sec",
    "secs", "t", "tb", "tib", "tw", "us", "usd", "v", "w", "wh", "yd",
];

/// Whether a word in lower case is a unit.
pub(super) fn is_unit(word: &str) -> bool {
    UNITS.binary_search(&word).is_ok()
}

/// Number and unit of a word such as `5km` or `1.5GB`.
pub(super) fn number_and_unit(word: &str) -> Option<(&str, &str)> {
    let digits = |c: char| c.is_ascii_digit() || c == '.' || c == ',';
    let (number, unit) = word.split_at(word.find(|c| !digits(c))?);
    let proper = number.starts_with(|c: char| c.is_ascii_digit())
        && number.ends_with(|c: char| c.is_ascii_digit());
    (proper && unit.len() <= 4 && is_unit(&unit.to_ascii_lowercase())).then_some((number, unit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_with_units() {
        assert!(UNITS.is_sorted());
        assert_eq!(number_and_unit("5km"), Some(("5", "km")));
        assert_eq!(number_and_unit("1.5GB"), Some(("1.5", "GB")));
        for other in ["km", "5", "8th", "v5", "5.km", "5kmx", "", "5é"] {
            assert_eq!(number_and_unit(other), None, "{other}");
        }
    }
}
