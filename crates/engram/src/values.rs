//! Values of flags: times, metadata, vectors, text from stdin.

use std::io::{self, IsTerminal as _, Read as _};

use engram_api::{AsOfInput, ModeName, Timestamp};
use serde_json::{Map, Value};

use crate::failure::Failure;

/// A time as a person types it: RFC 3339, or a date alone, which is its midnight in UTC.
pub(crate) fn time(text: &str) -> Result<Timestamp, String> {
    let is_date = text.len() == 10 && !text.contains(['T', 't']);
    let parsed = match is_date {
        true => Timestamp::parse(&format!("{text}T00:00:00Z")),
        false => Timestamp::parse(text),
    };
    parsed.map_err(|error| format!("{error}, or a date alone"))
}

/// A place in the history as a person types it: an LSN, or a time.
pub(crate) fn as_of(text: &str) -> Result<AsOfInput, String> {
    match text.parse() {
        Ok(lsn) => Ok(AsOfInput::Lsn(lsn)),
        Err(_) => time(text).map(AsOfInput::Time).map_err(|error| format!("{error}, or an LSN")),
    }
}

/// A mode by the name that it has in the interface.
pub(crate) fn mode(name: &str) -> Result<ModeName, String> {
    let known = || ModeName::ALL.map(ModeName::as_str).join(", ");
    let found = ModeName::ALL.into_iter().find(|mode| mode.as_str() == name);
    found.ok_or_else(|| format!("expected one of {}", known()))
}

/// `KEY=VALUE`: the value is JSON where it can be read as such, else a string.
pub(crate) fn key_value(text: &str) -> Result<(String, Value), String> {
    match text.split_once('=') {
        None | Some(("", _)) => Err("expected KEY=VALUE".to_owned()),
        Some((key, value)) => {
            let value = serde_json::from_str(value).unwrap_or_else(|_| Value::from(value));
            Ok((key.to_owned(), value))
        }
    }
}

/// A vector as a JSON list of numbers. A type of its own, because clap reads a `Vec` as a repeated flag.
#[derive(Clone, Debug)]
pub(crate) struct VectorValue(pub(crate) Vec<f32>);

/// Reads a [`VectorValue`].
pub(crate) fn vector(text: &str) -> Result<VectorValue, String> {
    serde_json::from_str(text)
        .map(VectorValue)
        .map_err(|error| format!("expected a JSON list of numbers such as [0.1,-0.2]: {error}"))
}

/// Metadata from `KEY=VALUE` flags; a dot in a key goes one level down.
pub(crate) fn metadata(flags: &[(String, Value)]) -> Result<Map<String, Value>, Failure> {
    let mut metadata = Map::new();
    for (path, value) in flags {
        let (names, last) = match path.rsplit_once('.') {
            Some((names, last)) => (names.split('.').collect(), last),
            None => (Vec::new(), path.as_str()),
        };
        let mut level = &mut metadata;
        for name in names {
            let below = level.entry(name).or_insert_with(|| Value::Object(Map::new()));
            level = below.as_object_mut().ok_or_else(|| {
                Failure::usage(format!("--meta {path}: `{name}` has a plain value already"))
            })?;
        }
        level.insert(last.to_owned(), value.clone());
    }
    Ok(metadata)
}

/// The text of an argument; `-`, or no argument with something piped in, reads stdin.
pub(crate) fn text_or_stdin(argument: Option<&str>) -> Result<Option<String>, Failure> {
    match argument {
        Some("-") => {}
        None if !io::stdin().is_terminal() => {}
        other => return Ok(other.map(str::to_owned)),
    }
    let mut bytes = Vec::new();
    io::stdin().lock().read_to_end(&mut bytes)?;
    let text = String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        Failure::new(
            engram_api::ErrorCode::InvalidUtf8,
            format!("byte {at} of stdin begins no character"),
        )
    })?;
    let text = text.trim_end_matches(['\r', '\n']);
    Ok((!text.is_empty()).then(|| text.to_owned()))
}

/// Asks on stderr and reads the answer from the terminal. Without a terminal the flag `--yes` is the only yes.
pub(crate) fn confirm(question: &str) -> Result<(), Failure> {
    use std::io::Write as _;
    if !io::stdin().is_terminal() {
        return Err(Failure::usage(format!("{question} Say --yes to confirm.")));
    }
    let mut err = io::stderr().lock();
    write!(err, "{question} [y/N] ")?;
    err.flush()?;
    let mut answer = String::new();
    io::stdin().read_line(&mut answer)?;
    match answer.trim() {
        "y" | "Y" | "yes" => Ok(()),
        _ => Err(Failure::Partly("not confirmed; nothing was changed".to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_midnights() {
        assert_eq!(time("2026-01-05").unwrap().to_string(), "2026-01-05T00:00:00Z");
        assert_eq!(time("2026-01-05T01:00:00+01:00").unwrap().to_string(), "2026-01-05T00:00:00Z");
        assert!(time("2026-13-05").is_err());
        assert_eq!(as_of("17").unwrap(), AsOfInput::Lsn(17));
        assert!(matches!(as_of("2026-01-05").unwrap(), AsOfInput::Time(_)));
        assert!(as_of("-17").is_err());
        assert!(time("soon").is_err());
    }

    #[test]
    fn metadata_nests_at_dots() {
        let flags: Vec<_> =
            ["a=1", "b.c=x", "b.d=true"].iter().map(|text| key_value(text).unwrap()).collect();
        let json = serde_json::to_string(&metadata(&flags).unwrap()).unwrap();
        assert_eq!(json, r#"{"a":1,"b":{"c":"x","d":true}}"#);
        assert!(key_value("novalue").is_err());
        let clash: Vec<_> = ["a=1", "a.b=2"].iter().map(|text| key_value(text).unwrap()).collect();
        assert!(metadata(&clash).is_err());
    }
}
