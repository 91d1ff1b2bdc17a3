//! Server-sent events, as far as Engram sends them: a name, one line of data each, and an id where one can go on from.

use std::io::{BufRead, BufReader, Error, ErrorKind, Read};

/// Longest line that is read, bytes.
const LINE_BYTES_MAX: u64 = 64 << 20;

/// The events of an answer, read as they come.
pub(crate) struct Events<R> {
    lines: BufReader<R>,
}

/// One event.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Event {
    /// Where to go on from; none where the event names no place.
    pub(crate) id: Option<String>,
    pub(crate) name: String,
    pub(crate) data: String,
}

impl<R: Read> Events<R> {
    pub(crate) fn new(answer: R) -> Events<R> {
        Events { lines: BufReader::new(answer) }
    }

    /// The next event; none when the answer has ended. Comments, which keep a connection alive, are passed over.
    ///
    /// # Errors
    /// The connection broke, or sent what is no text.
    pub(crate) fn next(&mut self) -> std::io::Result<Option<Event>> {
        let (mut id, mut name, mut data) = (None, String::new(), String::new());
        let mut line = String::new();
        loop {
            line.clear();
            let read = self.lines.by_ref().take(LINE_BYTES_MAX).read_line(&mut line)?;
            if read == 0 {
                return Ok(None);
            }
            if read as u64 == LINE_BYTES_MAX && !line.ends_with('\n') {
                return Err(Error::new(ErrorKind::InvalidData, "a line of the stream is too long"));
            }
            let told = line.trim_end_matches(['\n', '\r']);
            if told.is_empty() {
                if !data.is_empty() {
                    return Ok(Some(Event { id, name, data }));
                }
                id = None;
                name.clear();
            } else if let Some(value) = told.strip_prefix("id:") {
                id = Some(value.trim_start().to_owned());
            } else if let Some(value) = told.strip_prefix("event:") {
                value.trim_start().clone_into(&mut name);
            } else if let Some(value) = told.strip_prefix("data:") {
                value.trim_start().clone_into(&mut data);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_torn_ends_are_no_events() {
        let sent = ":\n\nevent: progress\ndata: {\"a\":1}\n\n:\n\nevent:done\r\ndata:{}\r\n\r\nevent: done\ndata: {\"torn";
        let mut events = Events::new(sent.as_bytes());
        let mut next = || events.next().unwrap().map(|event| (event.name, event.data));
        assert_eq!(next(), Some(("progress".to_owned(), "{\"a\":1}".to_owned())));
        assert_eq!(next(), Some(("done".to_owned(), "{}".to_owned())));
        assert_eq!(next(), None);
    }

    #[test]
    fn an_id_belongs_to_its_event_alone() {
        let sent = "id: 7\n\nevent: a\ndata: 1\n\nid: 8\nevent: b\ndata: 2\n\n";
        let mut events = Events::new(sent.as_bytes());
        let mut next = || events.next().unwrap().map(|event| (event.id, event.data));
        assert_eq!(next(), Some((None, "1".to_owned())));
        assert_eq!(next(), Some((Some("8".to_owned()), "2".to_owned())));
    }
}
