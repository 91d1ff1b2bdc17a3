//! Calendar dates in the usual spellings.

use super::MentionKind;
use super::scan::{Scan, Taken};
use crate::text::fold::fold;
use crate::text::language::Language;

/// Names of months, folded and sorted: full ones of several languages, short ones of English.
#[rustfmt::skip]
const MONTHS: [(&str, u32); 91] = [
    ("abril", 4), ("agosto", 8), ("aout", 8), ("apr", 4), ("april", 4), ("aprile", 4), ("aug", 8),
    ("august", 8), ("augustus", 8), ("avril", 4), ("dec", 12), ("december", 12), ("decembre", 12),
    ("dezember", 12), ("dezembro", 12), ("dicembre", 12), ("diciembre", 12), ("enero", 1),
    ("feb", 2), ("febbraio", 2), ("febrero", 2), ("februar", 2), ("februari", 2), ("february", 2),
    ("fevereiro", 2), ("fevrier", 2), ("gennaio", 1), ("giugno", 6), ("jan", 1), ("janeiro", 1),
    ("januar", 1), ("januari", 1), ("january", 1), ("janvier", 1), ("juillet", 7), ("juin", 6),
    ("jul", 7), ("julho", 7), ("juli", 7), ("julio", 7), ("july", 7), ("jun", 6), ("june", 6),
    ("junho", 6), ("juni", 6), ("junio", 6), ("luglio", 7), ("maart", 3), ("maggio", 5), ("mai", 5),
    ("maio", 5), ("mar", 3), ("march", 3), ("marco", 3), ("mars", 3), ("marz", 3), ("marzo", 3),
    ("may", 5), ("mayo", 5), ("mei", 5), ("nov", 11), ("november", 11), ("novembre", 11),
    ("novembro", 11), ("noviembre", 11), ("oct", 10), ("october", 10), ("octobre", 10),
    ("octubre", 10), ("oktober", 10), ("ottobre", 10), ("outubro", 10), ("sep", 9), ("sept", 9),
    ("september", 9), ("septembre", 9), ("septiembre", 9), ("setembro", 9), ("settembre", 9),
    ("августа", 8), ("апреля", 4), ("декабря", 12), ("июля", 7), ("июня", 6), ("марта", 3),
    ("мая", 5), ("ноября", 11), ("октября", 10), ("сентября", 9), ("февраля", 2), ("января", 1),
];

const YEARS: std::ops::RangeInclusive<u32> = 1000..=2999;

/// A date of which year or day may be missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Date {
    year: Option<u32>,
    month: u32,
    day: Option<u32>,
}

impl Date {
    fn new(year: Option<u32>, month: u32, day: Option<u32>) -> Option<Date> {
        let days = match month {
            2 => 29,
            4 | 6 | 9 | 11 => 30,
            1..=12 => 31,
            _ => return None,
        };
        let proper = day.is_none_or(|day| (1..=days).contains(&day));
        let proper = proper && year.is_none_or(|year| YEARS.contains(&year));
        (proper && (year.is_some() || day.is_some())).then_some(Date { year, month, day })
    }

    /// ISO 8601; `--` stands for a missing year.
    fn key(self) -> String {
        let year = self.year.map_or("-".to_owned(), |year| format!("{year:04}"));
        let day = self.day.map_or(String::new(), |day| format!("-{day:02}"));
        format!("{year}-{:02}{day}", self.month)
    }
}

/// Dates in figures and with names of months. Where figures leave day and month open, English reads the month first.
pub(super) fn dates(scan: &Scan<'_>, language: Language, taken: &mut Taken) {
    let mut index = 0;
    while index < scan.words.len() {
        let found = in_figures(scan, index, language).or_else(|| with_month(scan, index));
        if let Some((date, words)) = found {
            let place = (scan.words[index].start, scan.words[index + words - 1].end());
            taken.add(MentionKind::Date, date.key(), place);
            index += words;
        } else {
            index += 1;
        }
    }
}

/// A date in figures that starts at a word, with the number of its words.
fn in_figures(scan: &Scan<'_>, index: usize, language: Language) -> Option<(Date, usize)> {
    let word = scan.words[index].text;
    if !word.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let word = word.split('_').next().unwrap_or(word);
    if word.len() == 8 && (word.starts_with("19") || word.starts_with("20")) {
        let figures = |range| word.get(range).and_then(figure);
        let (year, month, day) = (figures(0..4)?, figures(4..6)?, figures(6..8)?);
        return Some((Date::new(Some(year), month, Some(day))?, 1));
    }
    // Full stops between digits do not separate words.
    let dotted: Vec<&str> = word.split('.').collect();
    if let [day, month, year] = dotted[..] {
        let date = if day.len() == 4 { (day, month, year) } else { (year, month, day) };
        let date = Date::new(year_of(date.0), figure(date.1)?, Some(figure(date.2)?))?;
        return date.year.map(|_| (date, 1));
    }
    for separator in ["-", "/"] {
        let Some(second) = scan.after(separator, index + 1) else { continue };
        let third = scan.after(separator, index + 2);
        let third = third.map(|third| third.text.split(['T', '_']).next().unwrap_or(""));
        return separated(word, second.text, third, language);
    }
    None
}

fn separated(a: &str, b: &str, c: Option<&str>, language: Language) -> Option<(Date, usize)> {
    if let Some(year) = year_of(a) {
        let day = c.and_then(figure).filter(|_| c.is_some_and(|c| c.len() <= 2));
        return Some((Date::new(Some(year), figure(b)?, day)?, if day.is_some() { 3 } else { 2 }));
    }
    let (a, b, year) = (figure(a)?, figure(b)?, year_of(c?)?);
    let month_first = b > 12 || (a <= 12 && language == Language::English);
    let (month, day) = if month_first { (a, b) } else { (b, a) };
    Some((Date::new(Some(year), month, Some(day))?, 3))
}

/// A date with the name of its month that starts at a word, with the number of its words.
fn with_month(scan: &Scan<'_>, index: usize) -> Option<(Date, usize)> {
    let mut at = index;
    let day_before = day_of(scan.words[at].text);
    if day_before.is_some() {
        at += 1;
        // `5. Mai`, `5th of May`, `5 de mayo`.
        let linked = scan.words.get(at).is_some_and(|w| matches!(w.text, "of" | "de" | "di"));
        at += usize::from(linked && scan.after(" ", at).is_some());
        if scan.after(" ", at).is_none() && scan.after(". ", at).is_none() {
            return None;
        }
    }
    let month = month_of(scan.words.get(at)?.text)?;
    at += 1;
    let mut day = day_before;
    if day.is_none() {
        let gap = scan.after(" ", at).or_else(|| scan.after(". ", at));
        day = gap.and_then(|word| day_of(word.text));
        at += usize::from(day.is_some());
    }
    let linked = scan.after(" ", at).is_some_and(|w| matches!(w.text, "of" | "de" | "del"));
    let year_at = at + usize::from(linked);
    let year =
        [" ", ", ", ". "].into_iter().find_map(|gap| year_of(scan.after(gap, year_at)?.text));
    if year.is_some() {
        at = year_at + 1;
    }
    Some((Date::new(year, month, day)?, at - index))
}

/// The month of that name, which in English must have a capital: `may` and `march` are also words.
fn month_of(word: &str) -> Option<u32> {
    if matches!(word, "may" | "march" | "mar" | "sept") {
        return None;
    }
    let folded = fold(word);
    let at = MONTHS.binary_search_by_key(&folded.as_str(), |month| month.0).ok()?;
    Some(MONTHS[at].1)
}

/// `5`, `05`, `5th`.
fn day_of(word: &str) -> Option<u32> {
    let digits = word.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let suffix = &word[digits.len()..];
    let day = figure(digits).filter(|_| digits.len() <= 2)?;
    let proper = matches!(suffix, "" | "st" | "nd" | "rd" | "th" | "er") && (1..=31).contains(&day);
    proper.then_some(day)
}

fn year_of(word: &str) -> Option<u32> {
    figure(word).filter(|year| word.len() == 4 && YEARS.contains(year))
}

fn figure(word: &str) -> Option<u32> {
    if word.is_empty() || word.len() > 4 || !word.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    word.parse().ok()
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_months_are_sorted() {
        assert!(super::MONTHS.is_sorted_by(|a, b| a.0 < b.0));
    }
}
