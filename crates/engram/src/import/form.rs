//! From a line to a record, whatever form the line has.

use engram_api::{
    ErrorCode, MemoryInput, Problem, StateName, TransferMemory, TransferRecord, decode,
};
use engram_bench::BeirLine;
use serde::Deserialize as _;
use serde_json::{Map, Value};

use super::foreign::foreign;
use super::mapping::Mapping;
use super::source::Line;

/// Field of a memory in which earlier exports told what only the store knew; of it the state alone is heeded.
const PROVENANCE_FIELD: &str = "engram";
/// What an export has one of in each line.
const RECORDS: [&str; 4] = ["memory", "association", "decision", "belief"];

/// Which form the lines have.
#[derive(Debug)]
pub(crate) enum LineForm {
    /// Ours, or that of a program whose fields are known; each line by itself.
    Known,
    /// Another program's.
    Mapped(Mapping),
}

/// A record to store, and the space that its line asks for.
#[derive(Debug)]
pub(crate) struct Record {
    pub(crate) line: u64,
    pub(crate) record: TransferRecord,
    pub(crate) group: Option<String>,
}

impl LineForm {
    /// Reads a line. A memory without an id gets one from the name of the source and the number of the line, so that
    /// the same import again stores nothing twice.
    ///
    /// # Errors
    /// The problem with source and line in its detail.
    pub(crate) fn read(&self, line: &Line, source: &str) -> Result<Record, Box<Problem>> {
        let (mut record, group) = self.read_fields(line).map_err(|mut problem| {
            // A line is a whole document, whose own count of lines would confuse.
            let detail = problem.detail.strip_prefix("line 1, ").unwrap_or(&problem.detail);
            problem.detail = format!("{source} line {}: {detail}", line.number);
            problem
        })?;
        if let TransferRecord::Memory(memory) = &mut record {
            let derived = || format!("{}:{}", printable(source), line.number);
            memory.content.id.get_or_insert_with(derived);
        }
        Ok(Record { line: line.number, record, group })
    }

    fn read_fields(&self, line: &Line) -> Result<(TransferRecord, Option<String>), Box<Problem>> {
        let Some(bytes) = &line.bytes else {
            return Err(Box::new(Problem::new(
                ErrorCode::PayloadTooLarge,
                "the line is longer than any request may be",
            )));
        };
        let fields: Map<String, Value> = decode(bytes)?;
        let alone = |content| (memory(content, StateName::Active), None);
        match self {
            LineForm::Mapped(mapping) => {
                let content = mapping.apply(&fields);
                let missing = |why| Box::new(Problem::new(ErrorCode::MissingField, why));
                content.map(alone).map_err(missing)
            }
            LineForm::Known if fields.contains_key("_id") => {
                let (content, group) = decode::<BeirLine>(bytes)?.split();
                Ok((memory(content, StateName::Active), group))
            }
            LineForm::Known if is_record(&fields) => Ok((decode(bytes)?, None)),
            LineForm::Known => match foreign(&fields) {
                Some(content) => {
                    let wrong = |why| Box::new(Problem::new(ErrorCode::InvalidValue, why));
                    content.map(alone).map_err(wrong)
                }
                None => Ok((plain(fields, bytes)?, None)),
            },
        }
    }
}

fn is_record(fields: &Map<String, Value>) -> bool {
    let only = fields.iter().next().filter(|_| fields.len() == 1);
    only.is_some_and(|(name, value)| RECORDS.contains(&name.as_str()) && value.is_object())
}

/// A memory as remember takes it.
fn plain(mut fields: Map<String, Value>, bytes: &[u8]) -> Result<TransferRecord, Box<Problem>> {
    let Some(provenance) = fields.remove(PROVENANCE_FIELD) else {
        return Ok(memory(decode(bytes)?, StateName::Active));
    };
    let rest = serde_json::to_vec(&fields).expect("JSON that was read can be written");
    Ok(memory(decode(&rest)?, state(&provenance)?))
}

fn memory(content: MemoryInput, state: StateName) -> TransferRecord {
    let state = Some(state);
    TransferRecord::Memory(Box::new(TransferMemory { content, state, ..TransferMemory::default() }))
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
                let json = match record.record {
                    TransferRecord::Memory(memory) => serde_json::to_string(&memory.content),
                    other => serde_json::to_string(&other),
                };
                format!("{:?} {}", record.group, json.unwrap())
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
    fn records_of_an_export_are_told_by_their_only_field() {
        check(
            r#"{"memory":{"content":{"id":"a","text":"b"},"learned":{}}}"#,
            &expect![[r#"None {"id":"a","text":"b"}"#]],
        );
        check(
            r#"{"association":{"from":"a","to":"b","relation":"caused"}}"#,
            &expect![[r#"None {"association":{"from":"a","to":"b","relation":"caused"}}"#]],
        );
        check(
            r#"{"id":"4f6a","memory":"Likes sushi"}"#,
            &expect![[
                r#"None {"id":"4f6a","kind":"fact","text":"Likes sushi","source":{"kind":"mem0"}}"#
            ]],
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
