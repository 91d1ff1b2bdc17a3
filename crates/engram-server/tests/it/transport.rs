//! Slow, broken and oversized transfers.

use std::io::{Read as _, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::thread;
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::json;
use tonic::Code;
use tonic_types::StatusExt as _;

use crate::grpc::GrpcClient;
use crate::harness::{FaultyFs, Fixture, parts, receive, send};

const REMEMBER: &str = "/api/v1/spaces/default/remember";

fn open(server: &Fixture, headers: &str) -> TcpStream {
    let mut stream = TcpStream::connect(server.addr).unwrap();
    let head = format!(
        "POST {REMEMBER} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nContent-Type: application/json\r\n{headers}\r\n",
        server.addr
    );
    stream.write_all(head.as_bytes()).unwrap();
    stream
}

#[test]
fn a_body_that_is_too_large_is_refused_however_it_comes() {
    let server = Fixture::start_with(&[("limits.request_bytes", "64 KiB")], parts());
    let body = json!({ "text": "x".repeat(70_000) }).to_string();
    server.post_bytes(REMEMBER, body.as_bytes()).problem(413, "payload_too_large");
    // Only announced.
    let mut stream = open(&server, "Content-Length: 99999999999\r\n");
    stream.shutdown(Shutdown::Write).unwrap();
    receive(&mut stream).unwrap().problem(413, "payload_too_large");
    // In chunks, without a length.
    let mut stream = open(&server, "Transfer-Encoding: chunked\r\n");
    for chunk in body.as_bytes().chunks(10_000) {
        write!(stream, "{:x}\r\n", chunk.len()).unwrap();
        stream.write_all(chunk).unwrap();
        stream.write_all(b"\r\n").unwrap();
    }
    stream.write_all(b"0\r\n\r\n").unwrap();
    receive(&mut stream).unwrap().problem(413, "payload_too_large");
    // Just small enough.
    let body = json!({ "text": "x".repeat(60_000) }).to_string();
    server.post_bytes(REMEMBER, body.as_bytes()).json(200);
    assert_eq!(server.count(), 1);
}

#[test]
fn half_a_body_stores_nothing() {
    let server = Fixture::start();
    let mut stream = open(&server, "Content-Length: 100\r\n");
    stream.write_all(b"{\"text\":\"half").unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    if let Some(reply) = receive(&mut stream) {
        reply.problem(400, "unsafe_request");
    }
    // A client that only closes its side after a whole request is answered.
    let mut stream = open(&server, "Content-Length: 15\r\n");
    stream.write_all(b"{\"text\":\"done\"}").unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    receive(&mut stream).unwrap().json(200);
    assert_eq!(server.count(), 1);
}

#[test]
fn a_slow_body_runs_into_the_deadline() {
    let server = Fixture::start_with(&[("limits.request_timeout", "300ms")], parts());
    let mut stream = open(&server, "Content-Length: 100\r\n");
    stream.write_all(b"{\"text\":").unwrap();
    let reply = receive(&mut stream).unwrap();
    reply.problem(408, "request_timeout");
    assert_eq!(server.count(), 0);
}

#[test]
fn a_client_that_leaves_does_not_disturb_the_others() {
    let server = Fixture::start();
    for _ in 0..20 {
        let mut stream = open(&server, "Content-Length: 100\r\n");
        stream.write_all(b"{\"te").unwrap();
        drop(stream);
        drop(TcpStream::connect(server.addr).unwrap());
    }
    server.remember("a", "text");
}

#[test]
fn what_is_no_http_gets_no_answer_of_ours() {
    let server = Fixture::start();
    let raw = |bytes: &[u8]| {
        let mut stream = TcpStream::connect(server.addr).unwrap();
        stream.write_all(bytes).unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        receive(&mut stream).map(|reply| reply.status)
    };
    assert_eq!(raw(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 hello tls\r\n\r\n"), Some(400));
    assert_eq!(raw(b"GET /livez HTTP/1.1\r\nHost: a\0b\r\n\r\n"), Some(400));
    let two_lengths = "Content-Length: 2\r\nContent-Length: 30\r\n";
    let smuggled = format!("POST {REMEMBER} HTTP/1.1\r\nHost: localhost\r\n{two_lengths}\r\n{{}}");
    assert_eq!(raw(smuggled.as_bytes()), Some(400));
    server.get("/livez").json(200);
}

#[test]
fn many_writers_at_once_are_all_found_afterwards() {
    let server = Fixture::start();
    thread::scope(|scope| {
        for writer in 0..64 {
            let server = &server;
            scope.spawn(move || {
                for n in 0..4 {
                    server
                        .remember(&format!("w{writer}-{n}"), &format!("writer {writer} wrote {n}"));
                }
            });
        }
    });
    assert_eq!(server.count(), 256);
    let server = server.restart();
    assert_eq!(server.count(), 256);
    for writer in 0..64 {
        let found = server.get(&format!("/api/v1/spaces/default/memories/w{writer}-3")).json(200);
        assert_eq!(found["text"], format!("writer {writer} wrote 3"));
    }
}

#[test]
fn more_than_the_limit_at_once_is_refused_with_a_time_to_wait() {
    let fs = FaultyFs::new();
    let server = Fixture::start_with(&[("limits.concurrent_requests", "1")], fs.parts());
    fs.set_gate(false);
    thread::scope(|scope| {
        // Holds the only place: its sync does not end. The polls below may have the place first.
        let holder = scope.spawn(|| {
            loop {
                let reply = server.call("remember", &json!({ "id": "a", "text": "text" }));
                if reply.status != 503 {
                    break reply;
                }
            }
        });
        let refused = loop {
            let reply = server.get("/api/v1/spaces");
            if reply.status != 200 {
                break reply;
            }
        };
        let problem = refused.problem(503, "overloaded");
        assert_eq!(refused.header("retry-after"), problem["retry_after_seconds"].to_string());
        assert_eq!(problem["retryable"], true);
        server.get("/livez").json(200);
        fs.set_gate(true);
        assert_eq!(holder.join().unwrap().json(200)["created"], true);
    });
    assert_eq!(server.count(), 1);
}

#[test]
fn slow_bodies_take_no_place_from_others() {
    let server = Fixture::start_with(&[("limits.concurrent_requests", "1")], parts());
    let slow: Vec<TcpStream> = (0..40)
        .map(|_| {
            let mut stream = open(&server, "Content-Length: 16000000\r\n");
            stream.write_all(b"{\"text\":").unwrap();
            stream
        })
        .collect();
    server.remember("a", "text");
    drop(slow);
}

#[test]
fn every_door_says_that_bodies_fill_the_memory_for_them() {
    let server = Fixture::start_with(&[("limits.request_bytes", "4 MiB")], parts());
    let body = vec![b' '; 4 << 20];
    let slow: Vec<TcpStream> = (0..16)
        .map(|_| {
            let mut stream = open(&server, &format!("Content-Length: {}\r\n", body.len()));
            stream.write_all(&body[1..]).unwrap();
            stream
        })
        .collect();
    // They count as the server reads them.
    let refused = (0..1_000).find_map(|_| {
        let reply = server.call("recall", &json!({ "text": "tea" }));
        if reply.status != 200 {
            return Some(reply);
        }
        thread::sleep(Duration::from_millis(10));
        None
    });
    refused.expect("the memory is full").problem(503, "overloaded");
    let mut client = GrpcClient::of(&server);
    let status = client.remember("default", &json!({ "text": "tea" })).unwrap_err();
    assert_eq!(status.code(), Code::Unavailable, "{status:?}");
    assert_eq!(status.get_error_details().error_info().unwrap().reason, "overloaded");
    drop(slow);
}

#[test]
fn an_answer_that_comes_too_late_is_an_error_and_the_write_may_stand() {
    let fs = FaultyFs::new();
    let server = Fixture::start_with(&[("limits.request_timeout", "200ms")], fs.parts());
    fs.set_gate(false);
    let late = server.call("remember", &json!({ "id": "a", "text": "late" }));
    late.problem(408, "request_timeout");
    assert_eq!(server.count(), 0, "nothing undurable is shown");
    fs.set_gate(true);
    // The retry with the same id waits for the first commit, or finds it.
    let again = server.call("remember", &json!({ "id": "a", "text": "late" }));
    assert_eq!(again.json(200)["created"], false);
    assert_eq!(server.count(), 1);
}

#[test]
fn one_connection_carries_many_requests() {
    let server = Fixture::start();
    let mut stream = TcpStream::connect(server.addr).unwrap();
    let request =
        |path: &str, more: &str| format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n{more}\r\n");
    let all = request("/livez", "")
        + &request("/nowhere", "")
        + &request("/livez", "Connection: close\r\n");
    stream.write_all(all.as_bytes()).unwrap();
    let replies = String::from_utf8({
        let mut bytes = Vec::new();
        std::io::Read::read_to_end(&mut stream, &mut bytes).unwrap();
        bytes
    });
    let replies = replies.unwrap();
    assert_eq!(replies.matches("HTTP/1.1 200").count(), 2, "{replies}");
    assert_eq!(replies.matches("HTTP/1.1 404").count(), 1, "{replies}");
    let head = send(server.addr, "HEAD", "/livez", &[], b"");
    assert_eq!((head.status, head.body.len()), (200, 0));
}

#[test]
fn a_client_bounds_the_time_of_its_request() {
    let server = Fixture::start();
    let mut stream = open(&server, "Content-Length: 100\r\nEngram-Timeout: 50ms\r\n");
    stream.write_all(b"{\"text\":").unwrap();
    receive(&mut stream).unwrap().problem(408, "request_timeout");
    let soon = [("Engram-Timeout", "soon")];
    send(server.addr, "GET", "/api/v1/spaces", &soon, b"").problem(400, "invalid_value");
}

#[test]
fn bodies_may_be_compressed_both_ways() {
    let server = Fixture::start();
    let text = "Ada lives in Zurich. ".repeat(200);
    let body = json!({"id": "a", "text": text}).to_string();
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    packed.write_all(body.as_bytes()).unwrap();
    let packed = packed.finish().unwrap();
    let headers = [("Content-Type", "application/json"), ("Content-Encoding", "gzip")];
    let path = "/api/v1/spaces/default/remember";
    send(server.addr, "POST", path, &headers, &packed).json(200);
    // What it unpacks to counts, and not what was sent.
    let mut bomb = GzEncoder::new(Vec::new(), Compression::fast());
    bomb.write_all(&vec![b' '; 20 << 20]).unwrap();
    let bomb = bomb.finish().unwrap();
    send(server.addr, "POST", path, &headers, &bomb).problem(413, "payload_too_large");
    let get = "/api/v1/spaces/default/memories/a";
    for (coding, magic) in [("gzip", &[0x1f, 0x8b][..]), ("zstd", &[0x28, 0xb5, 0x2f, 0xfd])] {
        let reply = raw(server.addr, get, coding);
        let end = reply.windows(4).position(|window| window == b"\r\n\r\n").unwrap();
        let head = String::from_utf8_lossy(&reply[..end]).to_lowercase();
        assert!(head.contains(&format!("content-encoding: {coding}")), "{head}");
        assert!(reply.len() < 1_500, "{} bytes", reply.len());
        assert!(reply[end..].windows(magic.len()).any(|window| window == magic), "{coding}");
    }
}

/// The bytes of an answer in a coding that the client takes.
fn raw(addr: SocketAddr, path: &str, coding: &str) -> Vec<u8> {
    let mut stream = TcpStream::connect(addr).unwrap();
    let head = format!(
        "GET {path} HTTP/1.1\r\nHost: localhost\r\nAccept-Encoding: {coding}\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).unwrap();
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).unwrap();
    bytes
}
