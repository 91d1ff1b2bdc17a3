//! HTTP/1.1 with kept connections, as much as talking to one server on the loopback takes.
//!
//! A request is sent once and never again: whoever repeats it must know that the first one may have been carried out.

use std::io::{self, BufRead as _, BufReader, ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use super::json::Json;

/// Longer than any answer of a healthy server takes, so that a hanging one ends a run with a message.
const ANSWER_SECONDS_MAX: u64 = 20;
const BODY_BYTES_MAX: usize = 64 << 20;

pub(crate) struct Client {
    stream: BufReader<TcpStream>,
    address: SocketAddr,
}

/// Status and body of an answer.
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) body: Json,
}

impl Client {
    pub(crate) fn connect(address: SocketAddr) -> io::Result<Client> {
        let limit = Duration::from_secs(ANSWER_SECONDS_MAX);
        let stream = TcpStream::connect_timeout(&address, limit)?;
        stream.set_read_timeout(Some(limit))?;
        stream.set_write_timeout(Some(limit))?;
        stream.set_nodelay(true)?;
        Ok(Client { stream: BufReader::new(stream), address })
    }

    pub(crate) fn get(&mut self, path: &str) -> io::Result<Reply> {
        self.call("GET", path, "")
    }

    pub(crate) fn post(&mut self, path: &str, body: &str) -> io::Result<Reply> {
        self.call("POST", path, body)
    }

    pub(crate) fn call(&mut self, method: &str, path: &str, body: &str) -> io::Result<Reply> {
        let kind = if body.is_empty() { "" } else { "Content-Type: application/json\r\n" };
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\n{kind}Content-Length: {}\r\n\r\n",
            self.address,
            body.len()
        );
        let mut request = head.into_bytes();
        request.extend_from_slice(body.as_bytes());
        self.stream.get_mut().write_all(&request)?;
        self.reply()
    }

    fn line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        if self.stream.read_line(&mut line)? == 0 {
            return Err(io::Error::new(ErrorKind::UnexpectedEof, "the connection was closed"));
        }
        Ok(line)
    }

    fn reply(&mut self) -> io::Result<Reply> {
        let wrong = |what: String| io::Error::new(ErrorKind::InvalidData, what);
        let first = self.line()?;
        let status = first.split(' ').nth(1).and_then(|status| status.parse().ok());
        let status = status.ok_or_else(|| wrong(format!("not a status line: {first}")))?;
        let mut length = 0_usize;
        loop {
            let line = self.line()?;
            let Some((name, value)) = line.trim_end().split_once(':') else {
                break;
            };
            if name.eq_ignore_ascii_case("content-length") {
                length = value.trim().parse().map_err(|_| wrong(line.clone()))?;
            }
        }
        if length > BODY_BYTES_MAX {
            return Err(wrong(format!("a body of {length} bytes")));
        }
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body)?;
        let body = String::from_utf8(body).map_err(|error| wrong(error.to_string()))?;
        let body = if body.is_empty() { Json::Null } else { Json::parse(&body).map_err(wrong)? };
        Ok(Reply { status, body })
    }
}
