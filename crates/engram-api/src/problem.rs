//! An error as it is sent: RFC 9457 problem details with code, fix and example from the catalogue.
//!
//! [`decode`] turns the bytes of a request into its type, or into the problem that says what is wrong
//! with them: line and column of broken JSON, the path of a wrong field, the nearest name of an unknown
//! one.

use std::fmt;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::{ErrorCode, ErrorEntry};

/// Media type of a problem.
pub const PROBLEM_MEDIA_TYPE: &str = "application/problem+json";

/// What went wrong, and what to do about it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Problem {
    /// A name for the type of problem: `urn:engram:error:` and the code.
    #[serde(rename = "type")]
    pub type_uri: String,
    /// What happened, in a few words; the same for every problem of a code.
    pub title: String,
    /// HTTP status.
    pub status: u16,
    /// What happened in this case.
    pub detail: String,
    /// Name of the error in the catalogue, snake_case.
    pub code: String,
    /// Number of the error in the catalogue: `ERR-1001`.
    pub errno: String,
    /// What the caller must do: `fix_request`, `not_found`, `conflict`, `retry_later`, `give_up` or
    /// `call_operator`.
    pub kind: String,
    /// Path of the field that is wrong, for example `memories[3].occurred_at`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// What to do about it.
    pub fix: String,
    /// Something that is right.
    pub example: String,
    /// The closest name that exists.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nearest: Option<String>,
    /// Whether sending the same request again may succeed.
    pub retryable: bool,
    /// How long to wait before that, seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_seconds: Option<u32>,
    /// Id of the request, as in the header `X-Request-Id` and the server log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
}

impl Problem {
    /// The problem of that code, with what happened in this case.
    pub fn new(code: ErrorCode, detail: impl Into<String>) -> Problem {
        let entry = code.entry();
        Problem {
            type_uri: format!("urn:engram:error:{}", entry.name),
            title: entry.title.to_owned(),
            status: entry.status,
            detail: detail.into(),
            code: entry.name.to_owned(),
            errno: entry.errno(),
            kind: entry.remedy.as_str().to_owned(),
            field: None,
            fix: entry.fix.to_owned(),
            example: entry.example.to_owned(),
            nearest: None,
            retryable: entry.retryable(),
            retry_after_seconds: None,
            request_id: None,
        }
    }

    /// Names the field that is wrong.
    #[must_use]
    pub fn with_field(mut self, field: impl Into<String>) -> Problem {
        self.field = Some(field.into());
        self
    }

    /// Names the closest name that exists, if there is one.
    #[must_use]
    pub fn with_nearest(mut self, nearest: Option<String>) -> Problem {
        self.nearest = nearest;
        self
    }

    /// Says how long to wait before the next try, seconds.
    #[must_use]
    pub fn with_retry_after(mut self, seconds: u32) -> Problem {
        self.retry_after_seconds = Some(seconds);
        self
    }

    /// Names the request.
    #[must_use]
    pub fn with_request_id(mut self, id: impl Into<String>) -> Problem {
        self.request_id = Some(id.into());
        self
    }

    /// Its code, if this version knows it.
    pub fn error_code(&self) -> Option<ErrorCode> {
        ErrorCode::from_name(&self.code)
    }

    /// Its entry in the catalogue, if this version knows it.
    pub fn entry(&self) -> Option<&'static ErrorEntry> {
        self.error_code().map(ErrorCode::entry)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}): {}", self.title, self.errno, self.detail)?;
        if let Some(nearest) = &self.nearest {
            write!(f, "; did you mean `{nearest}`?")?;
        }
        Ok(())
    }
}

impl std::error::Error for Problem {}

/// Reads the JSON body of a request.
///
/// # Errors
/// A [`Problem`] of a code `invalid_utf8`, `invalid_json`, `too_deep`, `not_finite`, `out_of_range`, `unknown_field`,
/// `missing_field`, `bad_time` or `invalid_value`, with the path of the field where there is one.
pub fn decode<T: DeserializeOwned>(body: &[u8]) -> Result<T, Box<Problem>> {
    let text = std::str::from_utf8(body).map_err(|error| {
        let at = error.valid_up_to();
        Problem::new(ErrorCode::InvalidUtf8, format!("byte {at} of the body begins no character"))
    })?;
    let mut reader = serde_json::Deserializer::from_str(text);
    let value = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let path = error.path().to_string();
        Box::new(explain(text, &path, error.inner()))
    })?;
    reader.end().map_err(|error| Box::new(explain(text, ".", &error)))?;
    Ok(value)
}

/// Reads a part of a request that stands at `place`.
pub(crate) fn decode_value<T: DeserializeOwned>(
    value: Value,
    place: &str,
) -> Result<T, Box<Problem>> {
    serde_path_to_error::deserialize(value).map_err(|error| {
        let path = error.path().to_string();
        let mut problem = explain_content(&path, &error.into_inner().to_string());
        problem.field = Some(match problem.field {
            Some(field) => format!("{place}.{field}"),
            None => place.to_owned(),
        });
        Box::new(problem)
    })
}

fn explain(text: &str, path: &str, error: &serde_json::Error) -> Problem {
    if !error.is_data() {
        let where_and_why = broken(text, error);
        if where_and_why.ends_with("number out of range") {
            return too_large(path, where_and_why);
        }
        // The reader gives up far below any depth that a request may have.
        let code = match where_and_why.ends_with("recursion limit exceeded") {
            true => ErrorCode::TooDeep,
            false => ErrorCode::InvalidJson,
        };
        return Problem::new(code, where_and_why);
    }
    explain_content(path, &without_position(&error.to_string()))
}

/// What is wrong with a number that no float holds.
fn too_large(path: &str, where_and_why: String) -> Problem {
    // Numbers in lists are those of vectors; a component is told by its vector, as the engine tells it.
    let vector = path.strip_suffix(']').and_then(|path| Some(path.rsplit_once('[')?.0));
    let (code, field) = match vector {
        Some(vector) => (ErrorCode::NotFinite, vector),
        None => (ErrorCode::OutOfRange, path),
    };
    let problem = Problem::new(code, where_and_why);
    if field == "." { problem } else { problem.with_field(field) }
}

/// What is wrong with a request that could be read but is not of its type, by the words of serde.
pub(crate) fn explain_content(path: &str, message: &str) -> Problem {
    let (code, nearest, field) = match quoted_after(message, "unknown field `") {
        Some(name) => (ErrorCode::UnknownField, nearest_expected(message, name), Some(name)),
        None => match quoted_after(message, "missing field `") {
            Some(name) => (ErrorCode::MissingField, None, Some(name)),
            None if message.starts_with("bad time") => (ErrorCode::BadTime, None, None),
            None => (
                ErrorCode::InvalidValue,
                quoted_after(message, "unknown variant `")
                    .and_then(|name| nearest_expected(message, name)),
                None,
            ),
        },
    };
    // For an unknown field the path of serde ends with it, for a missing one with its parent.
    let path = match (path, field) {
        (".", field) => field.map(str::to_owned),
        (path, Some(name)) if path != name && !path.ends_with(&format!(".{name}")) => {
            Some(format!("{path}.{name}"))
        }
        (path, _) => Some(path.to_owned()),
    };
    let mut problem = Problem::new(code, message).with_nearest(nearest);
    problem.field = path;
    problem
}

/// Says where the JSON breaks, and names the commonest cause.
fn broken(text: &str, error: &serde_json::Error) -> String {
    let (line, column) = (error.line(), error.column());
    let rest = text.lines().nth(line.saturating_sub(1)).unwrap_or_default();
    let near: String = rest.chars().skip(column.saturating_sub(2)).take(10).collect();
    let cause = without_position(&error.to_string());
    if near.contains("NaN") || near.contains("Infinity") {
        return format!("line {line}, column {column}: JSON has no NaN and no Infinity");
    }
    format!("line {line}, column {column}: {cause}")
}

fn without_position(message: &str) -> String {
    match message.rfind(" at line ") {
        Some(end) => message[..end].to_owned(),
        None => message.to_owned(),
    }
}

fn quoted_after<'a>(message: &'a str, start: &str) -> Option<&'a str> {
    let from = message.strip_prefix(start)?;
    from.split('`').next()
}

/// The closest of the names that serde lists after `expected`.
fn nearest_expected(message: &str, name: &str) -> Option<String> {
    let (_, expected) = message.split_once("expected")?;
    let names = expected.split('`').skip(1).step_by(2);
    nearest(name, names).map(str::to_owned)
}

/// The candidate closest to `name`, if it is close enough to be meant: at most a third of its letters differ, or two.
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // Bounds the cost of a hostile name.
    const NAME_CHARS_MAX: usize = 64;
    let wanted: Vec<char> = name.chars().take(NAME_CHARS_MAX).collect();
    let allowed = (wanted.len() / 3).max(2);
    candidates
        .into_iter()
        .map(|candidate| (distance(&wanted, candidate), candidate))
        .filter(|(distance, candidate)| *distance <= allowed && *distance < candidate.len())
        .min()
        .map(|(_, candidate)| candidate)
}

/// Levenshtein distance, by rows.
fn distance(a: &[char], b: &str) -> usize {
    let mut row: Vec<usize> = (0..=a.len()).collect();
    for (index, letter) in b.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = index + 1;
        for column in 0..a.len() {
            let substitution = diagonal + usize::from(a[column] != letter);
            diagonal = row[column + 1];
            row[column + 1] = substitution.min(row[column] + 1).min(diagonal + 1);
        }
    }
    row[a.len()]
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;
    use crate::recall::RecallRequest;
    use crate::remember::{RememberManyRequest, RememberRequest};
    use crate::transfer::ImportRequest;

    fn check<T: DeserializeOwned + fmt::Debug>(body: &[u8], expected: &Expect) {
        let problem = decode::<T>(body).unwrap_err();
        expected.assert_eq(&format!(
            "{} | {} | {:?} | {:?}",
            problem.code, problem.detail, problem.field, problem.nearest
        ));
    }

    #[test]
    fn broken_bodies_say_where() {
        check::<RememberRequest>(
            b"{\"text\": \n \"half",
            &expect!["invalid_json | line 2, column 6: EOF while parsing a string | None | None"],
        );
        check::<RememberRequest>(
            b"",
            &expect!["invalid_json | line 1, column 0: EOF while parsing a value | None | None"],
        );
        check::<RememberRequest>(
            b"{\"text\":\"a\"} x",
            &expect!["invalid_json | line 1, column 14: trailing characters | None | None"],
        );
        check::<RememberRequest>(
            b"{\"vector\":[NaN]}",
            &expect![
                "invalid_json | line 1, column 12: JSON has no NaN and no Infinity | None | None"
            ],
        );
        check::<RememberRequest>(
            b"{\"vector\":[1e999]}",
            &expect![[
                r#"not_finite | line 1, column 16: number out of range | Some("vector") | None"#
            ]],
        );
        check::<RememberRequest>(
            b"{\"text\":\"\xff\"}",
            &expect!["invalid_utf8 | byte 9 of the body begins no character | None | None"],
        );
        let bomb = format!("{{\"metadata\":{}1{}}}", "{\"a\":".repeat(1000), "}".repeat(1000));
        check::<RememberRequest>(
            bomb.as_bytes(),
            &expect!["too_deep | line 1, column 643: recursion limit exceeded | None | None"],
        );
    }

    #[test]
    fn numbers_that_no_float_holds_are_told_by_their_field() {
        check::<RememberRequest>(
            br#"{"text":"a","importance":1e999}"#,
            &expect![[
                r#"out_of_range | line 1, column 30: number out of range | Some("importance") | None"#
            ]],
        );
        check::<RememberManyRequest>(
            br#"{"memories":[{"text":"a","confidence":-1e999}]}"#,
            &expect![[
                r#"out_of_range | line 1, column 44: number out of range | Some("memories[0].confidence") | None"#
            ]],
        );
        check::<ImportRequest>(
            br#"{"records":[{"memory":{"content":{"id":"a","text":"a","importance":1e39}}}]}"#,
            &expect![[
                r#"out_of_range | line 1, column 71: number out of range | Some("records[0].memory.content.importance") | None"#
            ]],
        );
        check::<ImportRequest>(
            br#"{"records":[{"association":{"from":"a","to":"b","weight":1e39}}]}"#,
            &expect![[
                r#"out_of_range | line 1, column 61: number out of range | Some("records[0].association.weight") | None"#
            ]],
        );
        check::<RecallRequest>(
            br#"{"min_relevance":1e999}"#,
            &expect![[
                r#"out_of_range | line 1, column 22: number out of range | Some("min_relevance") | None"#
            ]],
        );
        check::<f64>(
            br#"1e999"#,
            &expect![[r#"out_of_range | line 1, column 5: number out of range | None | None"#]],
        );
    }

    #[test]
    fn wrong_fields_are_named_by_path() {
        check::<RememberRequest>(
            br#"{"txt":"a"}"#,
            &expect![[
                r#"unknown_field | unknown field `txt`, expected one of `id`, `kind`, `title`, `text`, `vector`, `session`, `occurred_at`, `occurred_until`, `place`, `people`, `entities`, `tags`, `metadata`, `source`, `subject`, `attribute`, `confidence`, `importance`, `valid_from`, `valid_until`, `expires_at`, `decay`, `idempotency_key`, `wait` | Some("txt") | Some("text")"#
            ]],
        );
        check::<RememberRequest>(
            br#"{"kind":"episod","text":"a"}"#,
            &expect![[
                r#"invalid_value | unknown variant `episod`, expected one of `episode`, `fact`, `procedure`, `belief` | Some("kind") | Some("episode")"#
            ]],
        );
        check::<RememberRequest>(
            br#"{"confidence":"high"}"#,
            &expect![[
                r#"invalid_value | invalid type: string "high", expected f32 | Some("confidence") | None"#
            ]],
        );
        check::<RememberRequest>(
            br#"[]"#,
            &expect![
                "invalid_value | invalid type: sequence, expected a memory as a JSON object | None | None"
            ],
        );
        check::<RememberManyRequest>(
            br#"{}"#,
            &expect![[r#"missing_field | missing field `memories` | Some("memories") | None"#]],
        );
        check::<RememberManyRequest>(
            br#"{"memories":[{"text":"a"},{"text":"b","occured_at":"2026-01-01T00:00:00Z"}]}"#,
            &expect![[
                r#"unknown_field | unknown field `occured_at`, expected one of `id`, `kind`, `title`, `text`, `vector`, `session`, `occurred_at`, `occurred_until`, `place`, `people`, `entities`, `tags`, `metadata`, `source`, `subject`, `attribute`, `confidence`, `importance`, `valid_from`, `valid_until`, `expires_at`, `decay` | Some("memories[1].occured_at") | Some("occurred_at")"#
            ]],
        );
        check::<RememberManyRequest>(
            br#"{"memories":[{"text":"a","occurred_at":"soon"}]}"#,
            &expect![[
                r#"bad_time | bad time `soon`: it needs a date, a time with seconds, and Z or an offset; expected RFC 3339 such as 2026-01-05T11:00:00Z or 2026-01-05T12:00:00.123456789+01:00 | Some("memories[0].occurred_at") | None"#
            ]],
        );
        check::<RememberManyRequest>(
            br#"{"memories":[{"source":{"kind":"a","refs":"b"}}]}"#,
            &expect![[
                r#"unknown_field | unknown field `refs`, expected one of `kind`, `ref`, `trust` | Some("memories[0].source.refs") | Some("ref")"#
            ]],
        );
    }

    #[test]
    fn nearest_names_are_near() {
        assert_eq!(nearest("recal", ["recall", "forget"]), Some("recall"));
        assert_eq!(nearest("zzz", ["recall", "forget"]), None);
        assert_eq!(nearest("", ["a"]), None);
        assert_eq!(nearest("defualt", ["default", "d"]), Some("default"));
    }
}
