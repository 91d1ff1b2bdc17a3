//! One request as bytes, and what came back of it.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

/// No answer takes longer: requests have five seconds.
const PATIENCE: Duration = Duration::from_secs(20);
const HEAD_END: &[u8] = b"\r\n\r\n";

/// Whether more of the request comes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    Whole,
    /// The client is gone after what it sent.
    Cut,
}

/// What came back.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: String,
}

/// Sends bytes on a connection of their own; none = it ended without an answer.
pub(super) fn exchange(addr: SocketAddr, request: &[u8], end: End) -> Option<Answer> {
    let mut stream = TcpStream::connect(addr).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    // A server may answer and close before it took everything.
    let _ = stream.write_all(request);
    if end == End::Cut {
        let _ = stream.shutdown(Shutdown::Write);
    }
    let mut bytes = Vec::new();
    let mut chunk = [0; 16 << 10];
    loop {
        let read = match stream.read(&mut chunk) {
            Ok(0) => break,
            Ok(read) => read,
            Err(error) => {
                let timed_out = error.kind() == std::io::ErrorKind::WouldBlock;
                assert!(!timed_out, "no answer to {:?}", String::from_utf8_lossy(request));
                break;
            }
        };
        bytes.extend_from_slice(&chunk[..read]);
        if is_whole(&bytes) {
            break;
        }
    }
    answer(&bytes)
}

/// Whether all of an answer is there; of one without a length the head is enough.
fn is_whole(bytes: &[u8]) -> bool {
    let Some(at) = bytes.windows(HEAD_END.len()).position(|part| part == HEAD_END) else {
        return false;
    };
    let head = String::from_utf8_lossy(&bytes[..at]).to_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    length.is_none_or(|length| bytes.len() - at - HEAD_END.len() >= length.parse().unwrap())
}

fn answer(bytes: &[u8]) -> Option<Answer> {
    let text = String::from_utf8_lossy(bytes);
    let (head, body) = text.split_once("\r\n\r\n")?;
    let status = head.split(' ').nth(1)?.parse().unwrap();
    Some(Answer { status, body: body.to_owned() })
}
