//! Types of settings: how a value is read from text and TOML, checked, and written back.

use std::net::SocketAddr;

use toml::de::DeValue;

/// Type of a setting, with its range.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum SettingKind {
    /// `address:port`; port 0 takes any free one.
    Address,
    /// The same, or `off`.
    AddressOrOff,
    /// A path.
    Path,
    /// Any text.
    Text,
    /// One of these words.
    OneOf(&'static [&'static str]),
    /// `true` or `false`.
    Switch,
    /// A whole number.
    Count {
        /// Smallest.
        min: u64,
        /// Largest.
        max: u64,
    },
    /// Bytes: a number, or a number with `KiB`, `MiB` or `GiB`.
    Bytes {
        /// Smallest.
        min: u64,
        /// Largest.
        max: u64,
    },
    /// A time span: a number of seconds, or a number with `ms`, `s`, `m` or `h`; milliseconds are kept.
    Span {
        /// Smallest, milliseconds.
        min_ms: u64,
        /// Largest, milliseconds.
        max_ms: u64,
    },
    /// A number from 0 to 1.
    Share,
    /// A list of texts; in the environment and in flags separated by commas.
    List,
}

/// A value that its [`SettingKind`] accepted.
#[derive(Clone, Debug, PartialEq)]
pub enum SettingValue {
    /// Address, path, text or word.
    Text(String),
    /// Switch.
    Switch(bool),
    /// Count, bytes, or milliseconds.
    Number(u64),
    /// Share.
    Share(f32),
    /// List.
    List(Vec<String>),
}

/// Turns off what has an address.
const OFF: &str = "off";

const UNITS_BYTES: [(&str, u64); 4] =
    [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1)];
const UNITS_SPAN: [(&str, u64); 4] = [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000)];

impl SettingKind {
    /// Name of the type on the generated page and in messages.
    pub fn name(self) -> &'static str {
        match self {
            SettingKind::Address | SettingKind::AddressOrOff => "address",
            SettingKind::Path => "path",
            SettingKind::Text => "text",
            SettingKind::OneOf(_) => "word",
            SettingKind::Switch => "switch",
            SettingKind::Count { .. } => "count",
            SettingKind::Bytes { .. } => "bytes",
            SettingKind::Span { .. } => "time span",
            SettingKind::Share => "number",
            SettingKind::List => "list",
        }
    }

    /// What is allowed, in words.
    pub fn range(self) -> String {
        match self {
            SettingKind::Address => "an IP address or localhost, and a port".to_owned(),
            SettingKind::AddressOrOff => "an IP address or localhost, and a port; `off`".to_owned(),
            SettingKind::Path => "a path".to_owned(),
            SettingKind::Text => "any text".to_owned(),
            SettingKind::OneOf(words) => words.join(", "),
            SettingKind::Switch => "true, false".to_owned(),
            SettingKind::Count { min, max } => format!("{min} to {max}"),
            SettingKind::Bytes { min, max } => {
                format!("{} to {}", self.show_number(min), self.show_number(max))
            }
            SettingKind::Span { min_ms, max_ms } => {
                format!("{} to {}", self.show_number(min_ms), self.show_number(max_ms))
            }
            SettingKind::Share => "0 to 1".to_owned(),
            SettingKind::List => "a list of texts".to_owned(),
        }
    }

    /// Reads a value as it stands in the environment, in a flag or in the table's defaults. `None` when it is of
    /// another type or outside the range.
    pub fn read_text(self, text: &str) -> Option<SettingValue> {
        // A prefix of an embedder may end with a space.
        if self == SettingKind::Text {
            return Some(SettingValue::Text(text.to_owned()));
        }
        let text = text.trim();
        let value = match self {
            SettingKind::AddressOrOff if text == OFF => SettingValue::Text(OFF.to_owned()),
            SettingKind::Address | SettingKind::AddressOrOff => {
                SettingValue::Text(address(text)?.to_string())
            }
            SettingKind::Path if text.is_empty() => return None,
            SettingKind::Path | SettingKind::Text => SettingValue::Text(text.to_owned()),
            SettingKind::OneOf(words) => {
                SettingValue::Text((*words.iter().find(|word| **word == text)?).to_owned())
            }
            SettingKind::Switch => SettingValue::Switch(text.parse().ok()?),
            SettingKind::Count { .. } => SettingValue::Number(text.parse().ok()?),
            SettingKind::Bytes { .. } => SettingValue::Number(quantity(text, &UNITS_BYTES, 1)?),
            SettingKind::Span { .. } => SettingValue::Number(quantity(text, &UNITS_SPAN, 1_000)?),
            SettingKind::Share => SettingValue::Share(text.parse().ok()?),
            SettingKind::List => SettingValue::List(
                text.split(',')
                    .map(str::trim)
                    .filter(|part| !part.is_empty())
                    .map(str::to_owned)
                    .collect(),
            ),
        };
        self.accepts(&value).then_some(value)
    }

    /// Reads a value from a configuration file.
    pub(super) fn read_toml(self, value: &DeValue<'_>) -> Option<SettingValue> {
        match (self, value) {
            (_, DeValue::Table(_) | DeValue::Datetime(_)) => None,
            (SettingKind::List, DeValue::Array(items)) => {
                let texts: Option<Vec<String>> =
                    items.iter().map(|item| item.get_ref().as_str().map(str::to_owned)).collect();
                texts.map(SettingValue::List)
            }
            (SettingKind::List, _) | (_, DeValue::Array(_)) => None,
            (SettingKind::Switch, DeValue::Boolean(on)) => Some(SettingValue::Switch(*on)),
            (_, DeValue::Boolean(_)) => None,
            // A quoted number is a slip in a file, unless it carries a unit.
            (
                SettingKind::Count { .. } | SettingKind::Share | SettingKind::Switch,
                DeValue::String(_),
            ) => None,
            (_, DeValue::String(text)) => self.read_text(text),
            (_, DeValue::Integer(number)) if number.radix() == 10 => {
                self.read_number(number.as_str())
            }
            (_, DeValue::Integer(_)) => None,
            (_, DeValue::Float(number)) => self.read_number(number.as_str()),
        }
    }

    fn read_number(self, digits: &str) -> Option<SettingValue> {
        match self {
            SettingKind::Address
            | SettingKind::AddressOrOff
            | SettingKind::Path
            | SettingKind::Text
            | SettingKind::OneOf(_)
            | SettingKind::Switch
            | SettingKind::List => None,
            SettingKind::Count { .. }
            | SettingKind::Bytes { .. }
            | SettingKind::Span { .. }
            | SettingKind::Share => self.read_text(digits),
        }
    }

    fn accepts(self, value: &SettingValue) -> bool {
        match (self, value) {
            (
                SettingKind::Count { min, max } | SettingKind::Bytes { min, max },
                SettingValue::Number(number),
            ) => (min..=max).contains(number),
            (SettingKind::Span { min_ms, max_ms }, SettingValue::Number(number)) => {
                (min_ms..=max_ms).contains(number)
            }
            (SettingKind::Share, SettingValue::Share(share)) => (0.0..=1.0).contains(share),
            _ => true,
        }
    }

    /// The value as a person would write it.
    pub fn show(self, value: &SettingValue) -> String {
        match value {
            SettingValue::Text(text) => text.clone(),
            SettingValue::Switch(on) => on.to_string(),
            SettingValue::Number(number) => self.show_number(*number),
            SettingValue::Share(share) => share.to_string(),
            SettingValue::List(items) => items.join(","),
        }
    }

    fn show_number(self, number: u64) -> String {
        let units: &[(&str, u64)] = match self {
            SettingKind::Bytes { .. } => &UNITS_BYTES,
            // The coarsest unit first.
            SettingKind::Span { .. } => &[("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)],
            _ => return number.to_string(),
        };
        let (unit, size) = units
            .iter()
            .find(|(_, size)| number >= *size && number.is_multiple_of(*size))
            .copied()
            .unwrap_or(units[units.len() - 1]);
        format!("{} {unit}", number / size)
    }
}

/// `localhost` is the IPv4 loopback address; other host names are not resolved, so that what is listened on never
/// depends on a name server.
fn address(text: &str) -> Option<SocketAddr> {
    match text.strip_prefix("localhost:") {
        Some(port) => Some(SocketAddr::from(([127, 0, 0, 1], port.parse().ok()?))),
        None => text.parse().ok(),
    }
}

/// A decimal number with an optional unit; a bare number counts `bare` each. Fractions must come out whole.
fn quantity(text: &str, units: &[(&str, u64)], bare: u64) -> Option<u64> {
    let digits = text.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(text.len());
    let (number, unit) = (&text[..digits], text[digits..].trim());
    let size = match unit {
        "" => bare,
        _ => units.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit))?.1,
    };
    if let Ok(whole) = number.parse::<u64>() {
        return whole.checked_mul(size);
    }
    let exact = number.parse::<f64>().ok()? * size as f64;
    // 2^53: above it a float no longer counts single bytes or milliseconds.
    (exact.fract() == 0.0 && (0.0..9_007_199_254_740_992.0).contains(&exact))
        .then_some(exact as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_have_units_and_ranges() {
        let bytes = SettingKind::Bytes { min: 1_024, max: 1 << 40 };
        let read = |text| bytes.read_text(text);
        assert_eq!(read("16 MiB"), Some(SettingValue::Number(16 << 20)));
        assert_eq!(read("1.5KiB"), Some(SettingValue::Number(1_536)));
        assert_eq!(read("4096"), Some(SettingValue::Number(4_096)));
        assert_eq!(read("1023"), None);
        assert_eq!(read("16 MB"), None);
        assert_eq!(read("-1"), None);
        assert_eq!(bytes.show(&SettingValue::Number(16 << 20)), "16 MiB");
        assert_eq!(bytes.show(&SettingValue::Number(1_500)), "1500 B");
        let span = SettingKind::Span { min_ms: 1, max_ms: 3_600_000 };
        assert_eq!(span.read_text("30"), Some(SettingValue::Number(30_000)));
        assert_eq!(span.read_text("250ms"), Some(SettingValue::Number(250)));
        assert_eq!(span.read_text("0.5 m"), Some(SettingValue::Number(30_000)));
        assert_eq!(span.show(&SettingValue::Number(90_000)), "90 s");
    }

    #[test]
    fn numbers_that_are_none_are_refused() {
        assert_eq!(SettingKind::Share.read_text("NaN"), None);
        assert_eq!(SettingKind::Share.read_text("1.5"), None);
        assert_eq!(SettingKind::Address.read_text("127.0.0.1"), None);
        assert_eq!(SettingKind::Address.read_text("example.org:80"), None);
        let local = SettingValue::Text("127.0.0.1:80".to_owned());
        assert_eq!(SettingKind::Address.read_text("localhost:80"), Some(local));
    }
}
