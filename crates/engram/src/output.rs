//! What goes to stdout and stderr, and in which form.
//!
//! Stored text is foreign text: tables show it without control characters, so that a memory cannot move the cursor or
//! colour the terminal of the person who reads it. JSON escapes them anyway.

use std::io::{self, Write as _};

use clap::ValueEnum;
use comfy_table::{ContentArrangement, Table, presets};
use engram_bench::Grid;
use serde::Serialize;

/// Form of the data on stdout.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum OutputFormat {
    /// For people.
    Table,
    /// For programs: one JSON document.
    Json,
}

/// Prints an answer: as JSON, or as the text that `human` makes of it.
pub(crate) fn print<T: Serialize>(
    format: OutputFormat,
    answer: &T,
    human: impl FnOnce(&T) -> String,
) -> io::Result<()> {
    let text = match format {
        OutputFormat::Table => human(answer),
        OutputFormat::Json => {
            serde_json::to_string_pretty(answer).expect("answers have string keys and plain values")
        }
    };
    let mut out = io::stdout().lock();
    // Tables pad their last column, which only gets in the way of copying.
    for line in text.trim_end().lines() {
        writeln!(out, "{}", line.trim_end())?;
    }
    out.flush()
}

/// Says something on stderr. A closed stderr is no reason to fail.
pub(crate) fn note(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// A table without frame, as wide as the terminal.
pub(crate) fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
    table.set_header(header.iter().map(|name| name.to_ascii_uppercase()));
    table
}

/// Rows of a name and a value; absent values are left out.
pub(crate) fn pairs(rows: &[(&str, Option<String>)]) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
    for (name, value) in rows {
        if let Some(value) = value {
            table.add_row([(*name).to_owned(), clean_lines(value)]);
        }
    }
    table.to_string()
}

/// Tables of a report one after the other, each under its title; in Markdown where it is to be pasted into a page.
pub(crate) fn grids(grids: &[Grid], markdown: bool) -> String {
    let one = |grid: &Grid| {
        let header: Vec<&str> = grid.header.iter().map(String::as_str).collect();
        let mut table = table(&header);
        // A report is read by columns; wrapped numbers are not.
        table.set_content_arrangement(ContentArrangement::Disabled);
        table.add_rows(grid.rows.iter().map(|row| row.iter().map(|cell| clean(cell))));
        format!("{}\n{table}\n", clean(&grid.title))
    };
    let render = |grid: &Grid| if markdown { grid.markdown() } else { one(grid) };
    grids.iter().map(render).collect::<Vec<String>>().join("\n")
}

/// One line without control characters.
pub(crate) fn clean(text: &str) -> String {
    text.chars().map(|c| if is_harmful(c) { ' ' } else { c }).collect()
}

fn clean_lines(text: &str) -> String {
    text.chars().map(|c| if c != '\n' && is_harmful(c) { ' ' } else { c }).collect()
}

/// Control characters, and the marks that turn the direction of text.
fn is_harmful(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

/// The first `chars` characters of one line, with a mark where something was cut.
pub(crate) fn shorten(text: &str, chars: usize) -> String {
    let text = clean(text);
    match text.char_indices().nth(chars) {
        None => text,
        Some((end, _)) => format!("{}...", text[..end].trim_end()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_text_cannot_steer_the_terminal() {
        assert_eq!(clean("a\u{1b}[31mb\u{202e}c\nd"), "a [31mb c d");
        assert_eq!(clean_lines("a\n\u{7}b"), "a\n b");
        assert_eq!(shorten("a long text", 6), "a long...");
        assert_eq!(shorten("short", 6), "short");
        assert_eq!(shorten("ééééééé", 6), "éééééé...");
    }
}
