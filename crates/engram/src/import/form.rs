//! From a line to a memory, whatever form the line has.

use engram_api::{ErrorCode, MemoryInput, Problem, StateName, decode};
use engram_bench::BeirLine;
use serde::Deserialize as _;
use serde_json::{Map, Value};

use super::line::PROVENANCE_FIELD;
use super::mapping::Mapping;
use super::source::Line;

/// Which form the lines have.
#[derive(Debug)]
pub(crate) enum LineForm {
    /// Ours, or BEIR where a line has `_id`.
    Known,
    /// Another program's.
    Mapped(Mapping),
}

/// Memory, group and state of a line.
type Fields = (MemoryInput, Option<String>, StateName);

/// A memory to store, and the space that its line asks for.
#[derive(Debug)]
pub(crate) struct Record {
    pub(crate) line: u64,
    pub(crate) memory: MemoryInput,
    pub(crate) group: Option<String>,
    /// In which state it was exported.
    pub(crate) state: StateName,
}

impl LineForm {
    /// Reads a line. A memory without an id gets one from the name of the source and the number of the line, so that
    /// the same import again stores nothing twice.
    ///
    /// # Errors
    /// The problem with source and line in its detail.
    pub(crate) fn read(&self, line: &Line, source: &str) -> Result<Record, Box<Problem>> {
        let (mut memory, group, state) = self.read_fields(line).map_err(|mut problem| {
            // A line is a whole document, whose own count of lines would confuse.
            let detail = problem.detail.strip_prefix("line 1, ").unwrap_or(&problem.detail);
            problem.detail = format!("{source} line {}: {detail}", line.number);
            problem
        })?;
        if memory.id.is_none() {
            memory.id = Some(format!("{}:{}", printable(source), line.number));
        }
        Ok(Record { line: line.number, memory, group, state })
    }

    fn read_fields(&self, line: &Line) -> Result<Fields, Box<Problem>> {
        let Some(bytes) = &line.bytes else {
            return Err(Box::new(Problem::new(
                ErrorCode::PayloadTooLarge,
                "the line is longer than any request may be",
            )));
        };
        let mut fields: Map<String, Value> = decode(bytes)?;
        match self {
            LineForm::Mapped(mapping) => match mapping.apply(&fields) {
                Ok(memory) => Ok((memory, None, StateName::Active)),
                Err(message) => Err(Box::new(Problem::new(ErrorCode::MissingField, message))),
            },
            LineForm::Known if fields.contains_key("_id") => {
                let (memory, group) = decode::<BeirLine>(bytes)?.split();
                Ok((memory, group, StateName::Active))
            }
            LineForm::Known => match fields.remove(PROVENANCE_FIELD) {
                None => Ok((decode(bytes)?, None, StateName::Active)),
                Some(provenance) => {
                    let rest =
                        serde_json::to_vec(&fields).expect("JSON that was read can be written");
                    Ok((decode(&rest)?, None, state(&provenance)?))
                }
            },
        }
    }
}

/// In which state a memory was exported. Taking an unknown one for active would show what was hidden.
fn state(provenance: &Value) -> Result<StateName, Box<Problem>> {
    match provenance.get("state") {
        None => Ok(StateName::Active),
        Some(name) => StateName::deserialize(name).map_err(|_| {
            let detail = format!("{name} is not a state: active or suppressed");
            Box::new(
                Problem::new(ErrorCode::InvalidValue, detail)
                    .with_field(format!("{PROVENANCE_FIELD}.state")),
            )
        }),
    }
}

/// A file name may hold what an id may not.
fn printable(name: &str) -> String {
    let name: String = name.chars().map(|c| if c.is_control() { '_' } else { c }).collect();
    let start = name.char_indices().map(|(at, _)| at).find(|at| name.len() - at <= 200);
    name[start.unwrap_or(0)..].to_owned()
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    fn check(json: &str, expected: &Expect) {
        let line = Line { number: 7, bytes: Some(json.as_bytes().to_vec()) };
        let text = match LineForm::Known.read(&line, "notes.jsonl") {
            Ok(record) => {
                format!("{:?} {}", record.group, serde_json::to_string(&record.memory).unwrap())
            }
            Err(problem) => format!("{}: {}", problem.code, problem.detail),
        };
        expected.assert_eq(&text);
    }

    #[test]
    fn our_own_form_is_the_body_of_remember() {
        check(
            r#"{"text":"a","tags":["t"]}"#,
            &expect![[r#"None {"id":"notes.jsonl:7","text":"a","tags":["t"]}"#]],
        );
        check(
            r#"{"id":"x","text":"a","engram":{"lsn":3}}"#,
            &expect![[r#"None {"id":"x","text":"a"}"#]],
        );
        check(
            r#"{"txt":"a"}"#,
            &expect![
                "unknown_field: notes.jsonl line 7: unknown field `txt`, expected one of `id`, `kind`, `title`, `text`, `vector`, `session`, `occurred_at`, `occurred_until`, `place`, `people`, `entities`, `tags`, `metadata`, `source`, `subject`, `attribute`, `confidence`, `importance`, `valid_from`, `valid_until`, `expires_at`, `decay`"
            ],
        );
        check(
            r#"{"text":"ha"#,
            &expect!["invalid_json: notes.jsonl line 7: column 11: EOF while parsing a string"],
        );
        check(
            r#"["text"]"#,
            &expect!["invalid_value: notes.jsonl line 7: invalid type: sequence, expected a map"],
        );
    }

    #[test]
    fn beir_fields_find_their_places() {
        check(
            r#"{"_id":"c/1","title":"","text":"Hi","group":"conv-1","when":"2023-05-08T13:56:00Z","who":["Ada"],"metadata":{"session":"s1","turn":"D1"}}"#,
            &expect![[
                r#"Some("conv-1") {"id":"c/1","text":"Hi","session":"s1","occurred_at":"2023-05-08T13:56:00Z","people":["Ada"],"metadata":{"turn":"D1"}}"#
            ]],
        );
        check(
            r#"{"_id":"c/1","text":"Hi","metadata":{"session":3}}"#,
            &expect![[r#"None {"id":"c/1","text":"Hi","metadata":{"session":3}}"#]],
        );
        check(
            r#"{"_id":"c/1","text":"Hi","whem":"2023-05-08T13:56:00Z"}"#,
            &expect![
                "unknown_field: notes.jsonl line 7: unknown field `whem`, expected one of `_id`, `title`, `text`, `group`, `when`, `who`, `metadata`"
            ],
        );
    }
}
