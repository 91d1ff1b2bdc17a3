//! Where lines come from: a file, a gzip file, a directory in BEIR form, or stdin.
//!
//! Lines are counted from 1 and bounded in length, so that a file without line ends cannot fill the memory.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use engram_api::ErrorCode;
use flate2::bufread::MultiGzDecoder;

use crate::failure::Failure;

/// Longest line that is read, bytes: as long as the longest request of a server with default settings.
const LINE_BYTES_MAX: u64 = 16 << 20;

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
        let reader: Box<dyn BufRead> = match start.starts_with(&[0x1f, 0x8b]) {
            true => Box::new(BufReader::with_capacity(1 << 20, MultiGzDecoder::new(reader))),
            false => Box::new(reader),
        };
        Ok(Lines { reader, name, number: 0 })
    }
}

fn unreadable(name: &str, error: &io::Error) -> Failure {
    Failure::new(ErrorCode::IoFailed, format!("{name}: {error}"))
}

impl Lines {
    fn read(&mut self) -> io::Result<Option<Line>> {
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
    fn an_endless_line_is_passed_over() {
        let mut text = vec![b'x'; LINE_BYTES_MAX as usize + 5];
        text.extend_from_slice(b"\nb\n");
        assert_eq!(read(&text), [(1, None), (2, Some("b".to_owned()))]);
    }
}
