//! Where lines come from: a file, a gzip file, a directory in BEIR form, or stdin.
//!
//! Lines are counted from 1 and bounded in length, so that a file without line ends cannot fill the memory. A file that is one JSON
//! list, or an object with a list of `results`, is read as if each element were a line.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use engram_api::ErrorCode;
use flate2::bufread::MultiGzDecoder;
use serde_json::Value;

use crate::failure::Failure;

/// Longest line that is read, bytes: as long as the longest request of a server with default settings.
const LINE_BYTES_MAX: u64 = 16 << 20;

/// Longest JSON list that is read, bytes: it is in memory as a whole, unlike lines.
const LIST_BYTES_MAX: u64 = 256 << 20;

/// Field of an object that holds the list of its elements.
const RESULTS: &str = "results";

/// Name of the file with the memories in a directory in BEIR form.
const BEIR_CORPUS: &str = "corpus.jsonl";

/// Something that has lines.
#[derive(Debug)]
pub(crate) enum Source {
    /// Can be read once.
    Stdin,
    /// Can be read again.
    File(PathBuf),
}

/// A line with its number.
#[derive(Debug)]
pub(crate) struct Line {
    /// Counted from 1.
    pub(crate) number: u64,
    /// Without the line end. None: it is too long.
    pub(crate) bytes: Option<Vec<u8>>,
}

/// The lines of a source that are not blank.
pub(crate) struct Lines {
    reader: Box<dyn BufRead>,
    name: String,
    number: u64,
    /// Elements of a list that are still to come, in the place of lines.
    elements: Option<std::vec::IntoIter<Value>>,
}

impl Source {
    pub(crate) fn new(path: &Path) -> Source {
        match path.to_str() {
            Some("-") => Source::Stdin,
            _ if path.is_dir() => Source::File(path.join(BEIR_CORPUS)),
            _ => Source::File(path.to_owned()),
        }
    }

    /// Its name in messages and in derived ids: without the directories, so that moving a file changes no id.
    pub(crate) fn name(&self) -> String {
        match self {
            Source::Stdin => "stdin".to_owned(),
            Source::File(path) => match path.file_name() {
                Some(name) => name.to_string_lossy().into_owned(),
                None => path.to_string_lossy().into_owned(),
            },
        }
    }

    pub(crate) fn can_be_read_twice(&self) -> bool {
        // A pipe given by path is a file by name only.
        matches!(self, Source::File(path) if path.is_file())
    }

    pub(crate) fn lines(&self) -> Result<Lines, Failure> {
        let plain: Box<dyn Read> = match self {
            Source::Stdin => Box::new(io::stdin()),
            Source::File(path) => Box::new(File::open(path).map_err(|error| {
                Failure::new(ErrorCode::IoFailed, format!("{}: {error}", path.display()))
            })?),
        };
        let name = self.name();
        let mut reader = BufReader::with_capacity(1 << 20, plain);
        let start = reader.fill_buf().map_err(|error| unreadable(&name, &error))?;
        let mut reader: Box<dyn BufRead> = match start.starts_with(&[0x1f, 0x8b]) {
            true => Box::new(BufReader::with_capacity(1 << 20, MultiGzDecoder::new(reader))),
            false => Box::new(reader),
        };
        let start = reader.fill_buf().map_err(|error| unreadable(&name, &error))?;
        let elements = if is_list(start) { Some(list(&mut reader, &name)?) } else { None };
        Ok(Lines { reader, name, number: 0, elements: elements.map(Vec::into_iter) })
    }
}

/// Whether a file begins like one list, and not like a line.
fn is_list(start: &[u8]) -> bool {
    let text = start.strip_prefix("\u{feff}".as_bytes()).unwrap_or(start).trim_ascii_start();
    let first_line = text.split(|byte| *byte == b'\n').next().unwrap_or_default();
    match text.first() {
        // One list in a line of its own is a line, and refused as one.
        Some(b'[') => {
            !matches!(serde_json::from_slice(first_line), Ok(Value::Array(all)) if !all.iter().any(Value::is_object))
        }
        Some(b'{') => {
            let field = text[1..].trim_ascii_start();
            let field = field.strip_prefix(format!("\"{RESULTS}\"").as_bytes());
            field.is_some_and(|rest| rest.trim_ascii_start().starts_with(b":"))
        }
        _ => false,
    }
}

/// The elements of a file that is one list.
fn list(reader: &mut dyn BufRead, name: &str) -> Result<Vec<Value>, Failure> {
    let mut bytes = Vec::new();
    let read = reader.take(LIST_BYTES_MAX + 1).read_to_end(&mut bytes);
    if read.map_err(|error| unreadable(name, &error))? as u64 > LIST_BYTES_MAX {
        let detail = format!(
            "{name}: a list may have {} MiB; write a line for each element",
            LIST_BYTES_MAX >> 20
        );
        return Err(Failure::new(ErrorCode::PayloadTooLarge, detail));
    }
    let text = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(&bytes);
    let broken =
        |error: serde_json::Error| Failure::new(ErrorCode::InvalidJson, format!("{name}: {error}"));
    match serde_json::from_slice(text).map_err(broken)? {
        Value::Array(all) => Ok(all),
        Value::Object(mut fields) => match fields.remove(RESULTS) {
            Some(Value::Array(all)) => Ok(all),
            _ => Err(Failure::new(
                ErrorCode::InvalidValue,
                format!("{name}: `{RESULTS}` is no list"),
            )),
        },
        _ => Err(Failure::new(ErrorCode::InvalidValue, format!("{name} is no list"))),
    }
}

fn unreadable(name: &str, error: &io::Error) -> Failure {
    Failure::new(ErrorCode::IoFailed, format!("{name}: {error}"))
}

impl Lines {
    fn read(&mut self) -> io::Result<Option<Line>> {
        if let Some(elements) = &mut self.elements {
            self.number += 1;
            let bytes = elements.next().map(|element| element.to_string().into_bytes());
            return Ok(bytes.map(|bytes| Line { number: self.number, bytes: Some(bytes) }));
        }
        loop {
            let mut bytes = Vec::new();
            let mut limited = (&mut self.reader).take(LINE_BYTES_MAX + 1);
            if limited.read_until(b'\n', &mut bytes)? == 0 {
                return Ok(None);
            }
            self.number += 1;
            let number = self.number;
            if bytes.len() as u64 > LINE_BYTES_MAX {
                if bytes.last() != Some(&b'\n') {
                    self.reader.skip_until(b'\n')?;
                }
                return Ok(Some(Line { number, bytes: None }));
            }
            while matches!(bytes.last(), Some(b'\n' | b'\r')) {
                bytes.pop();
            }
            if number == 1 && bytes.starts_with("\u{feff}".as_bytes()) {
                bytes.drain(.."\u{feff}".len());
            }
            if bytes.iter().any(|byte| !byte.is_ascii_whitespace()) {
                return Ok(Some(Line { number, bytes: Some(bytes) }));
            }
        }
    }
}

impl Iterator for Lines {
    type Item = Result<Line, Failure>;

    fn next(&mut self) -> Option<Result<Line, Failure>> {
        self.read().map_err(|error| unreadable(&self.name, &error)).transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &[u8]) -> Vec<(u64, Option<String>)> {
        let lines = Lines {
            reader: Box::new(io::Cursor::new(text.to_vec())),
            name: String::new(),
            number: 0,
            elements: None,
        };
        lines
            .map(|line| {
                let line = line.unwrap();
                (line.number, line.bytes.map(|bytes| String::from_utf8(bytes).unwrap()))
            })
            .collect()
    }

    #[test]
    fn lines_keep_their_numbers() {
        let text = "\u{feff}a\r\n\n  \nb".as_bytes();
        assert_eq!(read(text), [(1, Some("a".to_owned())), (4, Some("b".to_owned()))]);
        assert_eq!(read(b""), []);
    }

    #[test]
    fn a_list_is_told_from_lines() {
        for list in ["[{\"a\":1}]", " [\n{}]", "{ \"results\" : [", "\u{feff}{\n\"results\":[]}"] {
            assert!(is_list(list.as_bytes()), "{list}");
        }
        for lines in ["", "{\"text\":\"a\"}\n", "{\"result\":1}", "[\"text\"]\n{}"] {
            assert!(!is_list(lines.as_bytes()), "{lines}");
        }
        let mut text: &[u8] = b"{\"results\":[{\"id\":1},{\"id\":2}]}";
        assert_eq!(list(&mut text, "f").unwrap().len(), 2);
        let mut broken: &[u8] = b"[1,";
        assert!(list(&mut broken, "f").is_err());
    }

    #[test]
    fn an_endless_line_is_passed_over() {
        let mut text = vec![b'x'; LINE_BYTES_MAX as usize + 5];
        text.extend_from_slice(b"\nb\n");
        assert_eq!(read(&text), [(1, None), (2, Some("b".to_owned()))]);
    }
}
