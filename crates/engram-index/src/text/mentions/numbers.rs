//! Numbers with units and sums of money.

use super::MentionKind;
use super::scan::{Scan, Taken};
use crate::text::fold::fold;
use crate::text::units::{is_unit, number_and_unit};

/// Units that are spelt out, with their short form.
const SPELT: [(&str, &str); 44] = [
    ("centimeter", "cm"),
    ("centimetre", "cm"),
    ("day", "d"),
    ("degree", "deg"),
    ("dollar", "usd"),
    ("euro", "eur"),
    ("foot", "ft"),
    ("feet", "ft"),
    ("gigabyte", "gb"),
    ("gram", "g"),
    ("heure", "h"),
    ("hora", "h"),
    ("hour", "h"),
    ("inch", "in"),
    ("inches", "in"),
    ("jahr", "yr"),
    ("jahre", "yr"),
    ("jour", "d"),
    ("kilo", "kg"),
    ("kilogram", "kg"),
    ("kilometer", "km"),
    ("kilometre", "km"),
    ("liter", "l"),
    ("litre", "l"),
    ("megabyte", "mb"),
    ("meter", "m"),
    ("metre", "m"),
    ("mile", "mi"),
    ("millimeter", "mm"),
    ("millisecond", "ms"),
    ("minute", "min"),
    ("minuten", "min"),
    ("month", "mo"),
    ("ounce", "oz"),
    ("percent", "%"),
    ("pound", "lb"),
    ("prozent", "%"),
    ("second", "s"),
    ("stunde", "h"),
    ("stunden", "h"),
    ("tag", "d"),
    ("tage", "d"),
    ("week", "wk"),
    ("year", "yr"),
];

/// Units that are also words or too short to be told from one behind a space.
const ONLY_ATTACHED: [&str; 16] =
    ["a", "am", "b", "bar", "c", "d", "f", "in", "j", "k", "pm", "s", "t", "us", "v", "w"];

/// Signs of currencies with their code.
const CURRENCIES: [(char, &str); 6] =
    [('$', "usd"), ('€', "eur"), ('£', "gbp"), ('¥', "jpy"), ('₹', "inr"), ('₽', "rub")];

/// Numbers with a unit in front of or behind them.
pub(super) fn quantities(scan: &Scan<'_>, taken: &mut Taken) {
    for (index, word) in scan.words.iter().enumerate() {
        let found = match number_and_unit(word.text) {
            Some((number, unit)) if !is_measure(number, unit) => None,
            Some((number, unit)) => Some((number, fold(unit), (word.start, word.end()))),
            None => unit_around(scan, index),
        };
        if let Some((number, unit, place)) = found
            && let Some(number) = plain(number)
        {
            taken.add(MentionKind::Quantity, format!("{number} {unit}"), place);
        }
    }
}

/// Whether an attached unit is one: not a time of day, a decade (`1930s`) or an abbreviation (`3D`).
fn is_measure(number: &str, unit: &str) -> bool {
    match unit {
        "s" => !number.ends_with('0'),
        "D" | "H" | "S" | "T" => false,
        _ => !matches!(unit.to_ascii_lowercase().as_str(), "am" | "pm"),
    }
}

fn unit_around<'t>(scan: &Scan<'t>, index: usize) -> Option<(&'t str, String, (usize, usize))> {
    let word = scan.words[index];
    if !word.text.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let code = |sign: char| CURRENCIES.iter().find(|row| row.0 == sign).map(|row| row.1.to_owned());
    let before = scan.text[..word.start].chars().next_back();
    if let Some((sign, code)) = before.and_then(|sign| Some((sign, code(sign)?))) {
        return Some((word.text, code, (word.start - sign.len_utf8(), word.end())));
    }
    let rest = &scan.text[word.end()..];
    let spaced = rest.strip_prefix([' ', '\u{A0}', '\u{202F}']);
    let sign_at = scan.text.len() - spaced.unwrap_or(rest).len();
    if let Some(sign) = scan.text[sign_at..].chars().next() {
        let code = if sign == '%' { Some("%".to_owned()) } else { code(sign) };
        if let Some(code) = code {
            return Some((word.text, code, (word.start, sign_at + sign.len_utf8())));
        }
    }
    let unit = scan.words.get(index + 1).filter(|unit| unit.start == sign_at)?;
    spaced?;
    let folded = fold(unit.text);
    if unit.text.len() == 1 && unit.text != folded {
        return None;
    }
    Some((word.text, short_form(&folded)?.to_owned(), (word.start, unit.end())))
}

fn short_form(word: &str) -> Option<&str> {
    let spelt = |word: &str| SPELT.iter().find(|row| row.0 == word).map(|row| row.1);
    if is_unit(word) && !ONLY_ATTACHED.contains(&word) {
        return Some(word);
    }
    spelt(word).or_else(|| spelt(word.strip_suffix('s')?))
}

/// The number without marks between its thousands; `None` for what is no number. A comma before one or two last digits
/// is a decimal sign.
fn plain(number: &str) -> Option<String> {
    if !number.chars().all(|c| c.is_ascii_digit() || c == '.' || c == ',') {
        return None;
    }
    let mut plain = String::with_capacity(number.len());
    let groups: Vec<&str> = number.split(',').collect();
    for (place, group) in groups.iter().enumerate() {
        if place > 0 && place + 1 == groups.len() && group.len() < 3 && !number.contains('.') {
            plain.push('.');
        }
        plain.push_str(group);
    }
    Some(plain)
}
