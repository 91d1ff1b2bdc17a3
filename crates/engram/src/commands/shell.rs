//! `engram shell`: statements of the query language, one after the other.

use std::io::{IsTerminal as _, Read as _};
use std::path::{Path, PathBuf};

use clap::Args;
use engram_api::{Operation, QueryRequest};
use engram_query::{STATEMENTS, complete};
use rustyline::completion::{Completer, Pair};
use rustyline::error::ReadlineError;
use rustyline::highlight::Highlighter;
use rustyline::hint::Hinter;
use rustyline::history::FileHistory;
use rustyline::validate::{ValidationContext, ValidationResult, Validator};
use rustyline::{Config, Context, Editor, Helper};

use crate::connection::{Connection, SpaceFlags};
use crate::failure::Failure;
use crate::output::note;
use crate::statement;

const HELP: &str = "\
A statement ends with a semicolon. Tab completes it, the arrows go through earlier ones.
  \\h        this help        \\space NAME   work in another space
  \\s        the statements   \\q            leave (Ctrl-D does, too)";

#[derive(Debug, Args)]
pub(crate) struct Shell {
    #[command(flatten)]
    space: SpaceFlags,
    /// Keep no history of statements in a file
    #[arg(long)]
    no_history: bool,
}

impl Shell {
    /// Reads statements until the end of the input. Where nobody types them, the first one that fails ends it.
    pub(crate) fn run(&self, connection: &Connection) -> Result<(), Failure> {
        if !std::io::stdin().is_terminal() {
            return script(connection, self.space.name());
        }
        // A server that is away is told before anything is typed.
        let version = connection.probe()?.version()?.version;
        note(&format!("Engram {version} at {}; \\h for help", connection.server));
        let history = if self.no_history { None } else { history_file() };
        talk(connection, self.space.name(), history.as_deref())
    }
}

fn script(connection: &Connection, space: &str) -> Result<(), Failure> {
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text)?;
    let space = connection.named_space(space)?;
    for one in statements(&text) {
        let request = QueryRequest { query: one.to_owned(), ..QueryRequest::default() };
        match statement::run(&space, &request, connection.output) {
            Err(Failure::NothingFound(text)) => note(&text),
            other => other?,
        }
    }
    Ok(())
}

/// The statements of a text, each up to its semicolon. Semicolons in texts, names and comments are none.
fn statements(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut start = 0;
    while let Some(length) = first_end(&text[start..]) {
        found.push(&text[start..start + length]);
        start += length;
    }
    found.push(&text[start..]);
    found.retain(|one| !one.trim_matches(|c: char| c.is_whitespace() || c == ';').is_empty());
    found
}

/// Where the first statement ends, behind its semicolon.
fn first_end(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        let rest = &text[at..];
        let skipped = match bytes[at] {
            b';' => return Some(at + 1),
            quote @ (b'\'' | b'"') => {
                rest[1..].find(char::from(quote)).map_or(rest.len(), |end| end + 2)
            }
            b'-' if rest.starts_with("--") => rest.find('\n').unwrap_or(rest.len()),
            b'/' if rest.starts_with("/*") => rest.find("*/").map_or(rest.len(), |end| end + 2),
            _ => 1,
        };
        at += skipped;
    }
    None
}

fn talk(connection: &Connection, space: &str, history: Option<&Path>) -> Result<(), Failure> {
    let config = Config::builder().history_ignore_space(true).max_history_size(10_000);
    let config = config.map_err(terminal)?.auto_add_history(true).build();
    let mut editor: Editor<Language, FileHistory> =
        Editor::with_config(config).map_err(terminal)?;
    editor.set_helper(Some(Language));
    if let Some(file) = history {
        // There is none before the first time.
        let _ = editor.load_history(file);
    }
    let mut space = space.to_owned();
    loop {
        let line = match editor.readline(&format!("{space}> ")) {
            Ok(line) => line,
            Err(ReadlineError::Interrupted) => continue,
            Err(ReadlineError::Eof) => break,
            Err(error) => return Err(terminal(error)),
        };
        match line.trim() {
            "" => {}
            "\\q" => break,
            "\\h" => note(HELP),
            "\\s" => list_statements(),
            command if command.starts_with("\\space ") => {
                command["\\space ".len()..].trim().clone_into(&mut space);
            }
            command if command.starts_with('\\') => note("no such command; \\h shows all"),
            query => answer(connection, &space, query),
        }
    }
    if let Some(file) = history {
        save(&mut editor, file);
    }
    Ok(())
}

fn answer(connection: &Connection, space: &str, query: &str) {
    let request = QueryRequest { query: query.to_owned(), ..QueryRequest::default() };
    let client = connection.client().map(|client| client.space(space));
    let ran = client.and_then(|space| statement::run(&space, &request, connection.output));
    if let Err(failure) = ran {
        failure.report(connection.output);
    }
}

fn list_statements() {
    for entry in STATEMENTS {
        let summary = Operation::by_name(entry.operation).map_or("", |operation| operation.summary);
        note(&format!("  {:<20} {summary}", entry.keyword));
    }
}

fn terminal(error: ReadlineError) -> Failure {
    Failure::from(std::io::Error::other(error))
}

/// Where statements are kept, by the XDG base directory specification.
fn history_file() -> Option<PathBuf> {
    let absolute =
        |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let home = absolute("XDG_STATE_HOME")
        .or_else(|| absolute("HOME").map(|home| home.join(".local").join("state")))?;
    Some(home.join("engram").join("history"))
}

/// The file is the user's alone: statements hold what memories hold.
fn save(editor: &mut Editor<Language, FileHistory>, file: &Path) {
    let made = file.parent().map_or(Ok(()), std::fs::create_dir_all);
    let kept = made.map_err(ReadlineError::from).and_then(|()| editor.save_history(file));
    if let Err(error) = kept {
        note(&format!("the history was not kept: {error}"));
    }
}

/// Completes statements, and waits for their end.
struct Language;

impl Completer for Language {
    type Candidate = Pair;

    fn complete(
        &self,
        line: &str,
        at: usize,
        _: &Context<'_>,
    ) -> rustyline::Result<(usize, Vec<Pair>)> {
        let found = complete(&line[..at]);
        let start = found.first().map_or(at, |first| first.start);
        let pair = |text: String| Pair { display: text.clone(), replacement: text };
        let same = found.into_iter().filter(|one| one.start == start);
        Ok((start, same.map(|one| pair(one.text)).collect()))
    }
}

impl Validator for Language {
    fn validate(&self, context: &mut ValidationContext<'_>) -> rustyline::Result<ValidationResult> {
        let text = context.input().trim();
        let is_whole = text.is_empty() || text.starts_with('\\') || first_end(text).is_some();
        Ok(if is_whole { ValidationResult::Valid(None) } else { ValidationResult::Incomplete })
    }
}

impl Hinter for Language {
    type Hint = String;
}

impl Highlighter for Language {}

impl Helper for Language {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_end_with_a_semicolon_of_their_own() {
        let text = "RECALL 'a;b'; -- c;d\nGET \"e;f\" /* ;; */;\n;GET 'g'";
        let found: Vec<&str> = statements(text).into_iter().map(str::trim).collect();
        assert_eq!(found, ["RECALL 'a;b';", "-- c;d\nGET \"e;f\" /* ;; */;", "GET 'g'"]);
        assert!(statements(" ; \n").is_empty());
        assert_eq!(first_end("RECALL 'it''s; so'"), None);
    }
}
