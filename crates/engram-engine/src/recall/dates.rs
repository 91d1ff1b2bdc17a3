//! Calendar days and months that a cue names.
//!
//! English and ISO forms: `2026-01-05`, `20260105`, `January 6th, 2023`, `6 January`, `May 2023`, `in May`. A date without a
//! year is meant in every year that the memories have.

use std::ops::RangeInclusive;

use jiff::Span;
use jiff::civil::Date;
use jiff::tz::Offset;

use crate::filter::TimeRange;

/// Years that a date without one may stand for, the latest ones.
const YEARS_MAX: i16 = 100;
/// Dates of one cue that are looked at.
const DATES_MAX: usize = 16;
const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];
/// Words before a month without day and year that make it a time: `may` and `march` are words, too.
const MONTH_OPENERS: [&str; 10] =
    ["in", "of", "during", "since", "until", "early", "late", "mid", "this", "last"];

/// How exactly a time is named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Exactness {
    Day,
    Month,
}

/// A time that a cue names, in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Named {
    pub(super) exactness: Exactness,
    pub(super) range: TimeRange,
}

/// The days and months that a text names; one without a year in every year from `first_ns` to `last_ns`.
pub(super) fn named_times(text: &str, first_ns: i64, last_ns: i64) -> Vec<Named> {
    let year = |ns: i64| {
        let time = jiff::Timestamp::from_nanosecond(i128::from(ns)).ok()?;
        Some(Offset::UTC.to_datetime(time).year())
    };
    match (year(first_ns), year(last_ns)) {
        (Some(first), Some(last)) => named(text, first..=last),
        _ => Vec::new(),
    }
}

fn named(text: &str, years: RangeInclusive<i16>) -> Vec<Named> {
    let tokens: Vec<Token<'_>> = tokens(text);
    let mut found = Vec::new();
    let mut at = 0;
    let mut written = 0;
    while at < tokens.len() && written < DATES_MAX {
        let before = found.len();
        at += take(
            &tokens[at..],
            at.checked_sub(1).map(|before| &tokens[before]),
            &years,
            &mut found,
        )
        .max(1);
        written += usize::from(found.len() > before);
    }
    found.sort_by_key(|named| (named.range.from, named.range.until));
    found.dedup();
    found
}

/// A run of letters or of digits.
#[derive(Clone, Copy, Debug)]
struct Token<'a> {
    text: &'a str,
    /// What stands between this and the token before.
    gap: &'a str,
}

fn tokens(text: &str) -> Vec<Token<'_>> {
    let class = |c: char| (c.is_alphabetic(), c.is_ascii_digit());
    let mut tokens = Vec::new();
    let (mut end, mut start) = (0, None::<usize>);
    let mut before = (false, false);
    for (at, c) in text.char_indices().chain([(text.len(), ' ')]) {
        let now = class(c);
        if now != before || at == text.len() {
            if let Some(from) = start.take() {
                tokens.push(Token { text: &text[from..at], gap: &text[end..from] });
                end = at;
            }
            if now.0 || now.1 {
                start = Some(at);
            }
        }
        before = now;
    }
    tokens
}

/// Takes the date that starts at the first token; the number of its tokens, 0 for none.
fn take(
    tokens: &[Token<'_>],
    before: Option<&Token<'_>>,
    years: &RangeInclusive<i16>,
    found: &mut Vec<Named>,
) -> usize {
    let (shape, taken) = match shape(tokens, before) {
        Some(shape) => shape,
        None => return 0,
    };
    let every = || years.clone().rev().take(YEARS_MAX as usize);
    match shape {
        (Some(year), month, Some(day)) => found.extend(day_of(year, month, day)),
        (None, month, Some(day)) => found.extend(every().filter_map(|y| day_of(y, month, day))),
        (Some(year), month, None) => found.extend(month_of(year, month)),
        (None, month, None) => found.extend(every().filter_map(|y| month_of(y, month))),
    }
    taken
}

/// Year, month and day as they are written.
type Written = (Option<i16>, i8, Option<i8>);

fn shape(tokens: &[Token<'_>], before: Option<&Token<'_>>) -> Option<(Written, usize)> {
    let word = tokens.first()?.text;
    let glued = |at: usize, gap: &str| tokens.get(at).filter(|token| token.gap == gap);
    if let (4, Some(year), Some(month), Some(day)) =
        (word.len(), year(word), glued(1, "-"), glued(2, "-"))
    {
        let (month, day) = (number(month.text, 12)?, number(day.text, 31)?);
        return Some(((Some(year), month, Some(day)), 3));
    }
    if word.len() == 8 && word.bytes().all(|b| b.is_ascii_digit()) {
        let (month, day) = (number(&word[4..6], 12)?, number(&word[6..], 31)?);
        return Some(((Some(year(&word[..4])?), month, Some(day)), 1));
    }
    if let Some(month) = month(word) {
        return after_month(tokens, month, before);
    }
    // `6 January`, `6th of January`
    let day = number(word, 31)?;
    let mut next = 1 + usize::from(tokens.get(1).is_some_and(is_ordinal_suffix));
    if tokens.get(next).is_some_and(|token| token.text.eq_ignore_ascii_case("of")) {
        next += 1;
    }
    let month = month(tokens.get(next).filter(|token| is_blank(token.gap))?.text)?;
    let year = tokens.get(next + 1).filter(|token| is_comma(token.gap)).and_then(|t| year(t.text));
    Some(((year, month, Some(day)), next + 1 + usize::from(year.is_some())))
}

fn after_month(
    tokens: &[Token<'_>],
    month: i8,
    before: Option<&Token<'_>>,
) -> Option<(Written, usize)> {
    let spaced = |at: usize| tokens.get(at).filter(|token| is_comma(token.gap));
    if let Some(year) = spaced(1).and_then(|token| year(token.text)) {
        return Some(((Some(year), month, None), 2));
    }
    if let Some(day) = spaced(1).and_then(|token| number(token.text, 31)) {
        let next = 2 + usize::from(tokens.get(2).is_some_and(is_ordinal_suffix));
        let year = spaced(next).and_then(|token| year(token.text));
        return Some(((year, month, Some(day)), next + usize::from(year.is_some())));
    }
    let opened = before.is_some_and(|word| {
        MONTH_OPENERS.iter().any(|opener| word.text.eq_ignore_ascii_case(opener))
    });
    let capital = tokens[0].text.starts_with(char::is_uppercase);
    (opened && capital).then_some(((None, month, None), 1))
}

fn is_blank(gap: &str) -> bool {
    gap == " "
}

fn is_comma(gap: &str) -> bool {
    matches!(gap, " " | ", " | "," | ". ")
}

fn is_ordinal_suffix(token: &Token<'_>) -> bool {
    token.gap.is_empty()
        && ["st", "nd", "rd", "th"].iter().any(|suffix| token.text.eq_ignore_ascii_case(suffix))
}

/// The month of that English name, or of its first three letters.
fn month(word: &str) -> Option<i8> {
    let word = word.to_lowercase();
    let named = |name: &&str| **name == word || (word.len() == 3 && name.starts_with(&word));
    let index = MONTHS.iter().position(named).or((word == "sept").then_some(8))?;
    Some(index as i8 + 1)
}

fn year(word: &str) -> Option<i16> {
    let century = word.starts_with("19") || word.starts_with("20");
    (word.len() == 4 && century).then(|| word.parse().ok()).flatten()
}

/// A number of one or two digits from 1 to `max`.
fn number(word: &str, max: i8) -> Option<i8> {
    let number = (word.len() <= 2).then(|| word.parse::<i8>().ok()).flatten()?;
    (1..=max).contains(&number).then_some(number)
}

fn day_of(year: i16, month: i8, day: i8) -> Option<Named> {
    between(Exactness::Day, Date::new(year, month, day).ok()?, Span::new().days(1))
}

fn month_of(year: i16, month: i8) -> Option<Named> {
    between(Exactness::Month, Date::new(year, month, 1).ok()?, Span::new().months(1))
}

fn between(exactness: Exactness, first: Date, length: Span) -> Option<Named> {
    let ns = |date: Date| {
        let start = Offset::UTC.to_timestamp(date.at(0, 0, 0, 0)).ok()?;
        i64::try_from(start.as_nanosecond()).ok()
    };
    let until = first.checked_add(length).ok()?;
    Some(Named { exactness, range: TimeRange { from: Some(ns(first)?), until: Some(ns(until)?) } })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> Vec<String> {
        named(text, 2022..=2023)
            .into_iter()
            .map(|named| {
                let from = jiff::Timestamp::from_nanosecond(named.range.from.unwrap().into());
                format!("{:?} {}", named.exactness, &from.unwrap().to_string()[..10])
            })
            .collect()
    }

    #[test]
    fn forms_of_dates() {
        for (text, expected) in [
            ("on 2023-05-08 or 20230509", vec!["Day 2023-05-08", "Day 2023-05-09"]),
            ("January 6th, 2023", vec!["Day 2023-01-06"]),
            ("January 6th", vec!["Day 2022-01-06", "Day 2023-01-06"]),
            ("the 6th of January 2023?", vec!["Day 2023-01-06"]),
            ("6 Sept 2023", vec!["Day 2023-09-06"]),
            ("May 2023", vec!["Month 2023-05-01"]),
            ("in May", vec!["Month 2022-05-01", "Month 2023-05-01"]),
            ("I may go in march order", vec![]),
            ("May I?", vec![]),
            ("February 30, 2023", vec![]),
            ("version 2023.05.08, call 12 34", vec![]),
            ("room 2023 in 1999", vec![]),
        ] {
            assert_eq!(shown(text), expected, "{text}");
        }
    }

    #[test]
    fn a_month_ends_where_the_next_begins() {
        let found = named("December 2023", 2023..=2023);
        let day = 86_400_000_000_000;
        let TimeRange { from: Some(from), until: Some(until) } = found[0].range else { panic!() };
        assert_eq!((until - from) / day, 31);
    }
}
