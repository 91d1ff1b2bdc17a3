//! An error as a terminal shows it: the line of the statement with a caret under what is wrong.
//!
//! Nothing of the statement reaches the terminal but printable characters.

use std::fmt::Write as _;

use crate::error::QueryError;

/// Characters of the line that are shown at most.
const LINE_CHARS_MAX: usize = 96;
/// Characters shown before the caret of a longer line.
const LEAD_CHARS: usize = 40;
/// Things that could stand there, shown at most.
const EXPECTED_MAX: usize = 12;

/// Shows `error` in the text of its statement.
pub fn render(error: &QueryError, text: &str) -> String {
    let line = text.lines().nth(error.line.saturating_sub(1)).unwrap_or_default();
    let shown: Vec<char> = line.chars().map(printable).collect();
    let column = error.column.saturating_sub(1).min(shown.len());
    let marked = text.get(error.span.start..error.span.end).unwrap_or_default();
    let marked = marked.split('\n').next().unwrap_or_default().chars().count().max(1);
    let from = if shown.len() <= LINE_CHARS_MAX { 0 } else { column.saturating_sub(LEAD_CHARS) };
    let until = shown.len().min(from + LINE_CHARS_MAX);
    let number = error.line.to_string();
    let blank = " ".repeat(number.len());
    let (before, behind) =
        (if from > 0 { "…" } else { "" }, if until < shown.len() { "…" } else { "" });
    let part: String = shown[from..until].iter().collect();
    let indent = " ".repeat(column - from + before.chars().count());
    let carets = "^".repeat(marked.min((until - column).max(1)));
    let mut out = format!("error: {}\n", clean(&error.message));
    writeln!(out, "{blank}--> line {}, column {}", error.line, error.column)
        .expect("writing to a String");
    writeln!(out, "{blank} |\n{number} | {before}{part}{behind}\n{blank} | {indent}{carets}")
        .expect("writing to a String");
    for note in notes(error) {
        writeln!(out, "{blank} = {}", clean(&note)).expect("writing to a String");
    }
    out
}

fn notes(error: &QueryError) -> Vec<String> {
    let mut notes = Vec::new();
    if let Some(nearest) = &error.nearest {
        notes.push(format!("did you mean `{nearest}`?"));
    }
    let more = error.expected.len().saturating_sub(EXPECTED_MAX);
    let shown: Vec<&str> = error.expected.iter().take(EXPECTED_MAX).map(String::as_str).collect();
    if more > 0 {
        notes.push(format!("expected {}, or {more} others", shown.join(", ")));
    } else if !shown.is_empty() {
        notes.push(format!("expected {}", shown.join(", ")));
    }
    if !error.example.is_empty() {
        notes.push(format!("example: {}", error.example));
    }
    notes
}

fn clean(text: &str) -> String {
    text.chars().map(printable).collect()
}

/// A tab takes one column so that the caret stays below its character; what would move the cursor becomes a dot.
fn printable(letter: char) -> char {
    match letter {
        '\t' | '\n' => ' ',
        // Marks that turn the direction of writing could make a line look like another one.
        '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => '·',
        letter if letter.is_control() => '·',
        letter => letter,
    }
}
