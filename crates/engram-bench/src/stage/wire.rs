//! The least client that can be: one connection, requests made beforehand, answers read but not parsed. A load
//! generator that takes more time than the server measures itself.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, StreamOwned};

/// Longest time for one answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(120);

/// What a connection is made of: a socket, or TLS over one.
trait Stream: Read + Write + Send {}

impl<T: Read + Write + Send> Stream for T {}

/// One kept-alive connection of HTTP/1.1.
pub(crate) struct Wire {
    stream: Box<dyn Stream>,
    buffer: Vec<u8>,
}

/// An answer, as long as the next one does not replace it.
pub(crate) struct WireAnswer<'a> {
    pub(crate) status: u16,
    pub(crate) body: &'a [u8],
}

impl Wire {
    pub(crate) fn connect(addr: SocketAddr) -> io::Result<Wire> {
        Ok(Wire::over(socket(addr)?))
    }

    /// The same with TLS, to a server whose certificate is for `localhost`.
    pub(crate) fn secured(addr: SocketAddr, config: Arc<ClientConfig>) -> io::Result<Wire> {
        let name = ServerName::try_from("localhost").expect("it is a name of a host");
        let connection = ClientConnection::new(config, name).map_err(io::Error::other)?;
        Ok(Wire::over(StreamOwned::new(connection, socket(addr)?)))
    }

    fn over(stream: impl Stream + 'static) -> Wire {
        Wire { stream: Box::new(stream), buffer: Vec::with_capacity(64 << 10) }
    }

    /// The bytes of a POST with a JSON body.
    pub(crate) fn post(path: &str, body: &str) -> Vec<u8> {
        format!(
            "POST {path} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n\
             content-length: {}\r\n\r\n{body}",
            body.len()
        )
        .into_bytes()
    }

    /// The bytes of a GET.
    pub(crate) fn get(path: &str) -> Vec<u8> {
        format!("GET {path} HTTP/1.1\r\nhost: 127.0.0.1\r\naccept: application/json\r\n\r\n")
            .into_bytes()
    }

    /// Sends a request and reads its answer.
    pub(crate) fn call(&mut self, request: &[u8]) -> io::Result<WireAnswer<'_>> {
        self.stream.write_all(request)?;
        self.buffer.clear();
        let head = loop {
            if let Some(end) = find(&self.buffer, b"\r\n\r\n") {
                break end + 4;
            }
            self.more()?;
        };
        let (status, length) = parse(&self.buffer[..head]).ok_or_else(|| {
            io::Error::new(ErrorKind::InvalidData, "no answer of HTTP/1.1 with a length")
        })?;
        while self.buffer.len() < head + length {
            self.more()?;
        }
        Ok(WireAnswer { status, body: &self.buffer[head..head + length] })
    }

    fn more(&mut self) -> io::Result<()> {
        let start = self.buffer.len();
        self.buffer.resize(start + (64 << 10), 0);
        let read = self.stream.read(&mut self.buffer[start..]);
        self.buffer.truncate(start + *read.as_ref().unwrap_or(&0));
        match read? {
            0 => Err(ErrorKind::UnexpectedEof.into()),
            _ => Ok(()),
        }
    }
}

fn socket(addr: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(addr)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(ANSWER_TIMEOUT))?;
    Ok(stream)
}

/// Status and length of the body.
fn parse(head: &[u8]) -> Option<(u16, usize)> {
    let head = std::str::from_utf8(head).ok()?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    let length = head.split("\r\n").skip(1).find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().ok())?
    })?;
    Some((status, length))
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_are_understood() {
        let head = b"HTTP/1.1 201 Created\r\nDate: x\r\nContent-Length: 12\r\n\r\n";
        assert_eq!(parse(head), Some((201, 12)));
        assert_eq!(parse(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"), None);
        assert!(Wire::post("/a", "{}").ends_with(b"content-length: 2\r\n\r\n{}"));
    }
}
