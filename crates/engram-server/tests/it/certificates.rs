//! TLS on every door: what is agreed on, who a client's certificate is from, and new certificates without dropped connections.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use engram_server::Server;
use rcgen::{
    BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, date_time_ymd,
};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::version::{TLS12, TLS13};
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, StreamOwned, SupportedProtocolVersion,
};
use serde_json::Value;
use tempfile::TempDir;

use crate::harness::{Fixture, parts, settings};

/// An authority with its files.
pub(crate) struct Authority {
    dir: TempDir,
    issuer: Issuer<'static, KeyPair>,
    cert: CertificateDer<'static>,
}

pub(crate) fn authority() -> Authority {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    let key = KeyPair::generate().unwrap();
    let cert = params.self_signed(&key).unwrap();
    let dir = TempDir::new().unwrap();
    std::fs::write(dir.path().join("ca.pem"), cert.pem()).unwrap();
    Authority { dir, cert: cert.der().clone(), issuer: Issuer::new(params, key) }
}

impl Authority {
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Writes `FILE.pem` and `FILE.key` for a name, good until the first of a year.
    fn issue(&self, file: &str, name: &str, usage: ExtendedKeyUsagePurpose, until: i32) {
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.extended_key_usages = vec![usage];
        params.use_authority_key_identifier_extension = true;
        params.not_after = date_time_ymd(until, 1, 1);
        let key = KeyPair::generate().unwrap();
        let cert = params.signed_by(&key, &self.issuer).unwrap();
        std::fs::write(self.path(&format!("{file}.key")), key.serialize_pem()).unwrap();
        std::fs::write(self.path(&format!("{file}.pem")), cert.pem()).unwrap();
    }

    pub(crate) fn server(&self, until: i32) {
        self.issue("server", "localhost", ExtendedKeyUsagePurpose::ServerAuth, until);
    }

    fn client(&self, name: &str) {
        self.issue(name, name, ExtendedKeyUsagePurpose::ClientAuth, 2100);
    }

    /// Settings of a server with the certificate `server`.
    fn flags(&self) -> Vec<(String, String)> {
        let path = |name: &str| self.path(name).display().to_string();
        vec![
            ("tls.cert_file".to_owned(), path("server.pem")),
            ("tls.key_file".to_owned(), path("server.key")),
        ]
    }

    /// A connection that trusts this authority.
    fn connect(
        &self,
        addr: SocketAddr,
        client: Option<(&Authority, &str)>,
        versions: &[&'static SupportedProtocolVersion],
        alpn: &[u8],
    ) -> std::io::Result<StreamOwned<ClientConnection, TcpStream>> {
        let mut roots = RootCertStore::empty();
        roots.add(self.cert.clone()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(versions)
            .unwrap()
            .with_root_certificates(roots);
        let mut config = match client {
            None => builder.with_no_client_auth(),
            Some((authority, name)) => {
                let file = |end: &str| authority.path(&format!("{name}.{end}"));
                let cert = CertificateDer::from_pem_file(file("pem")).unwrap();
                let key = PrivateKeyDer::from_pem_file(file("key")).unwrap();
                builder.with_client_auth_cert(vec![cert], key).unwrap()
            }
        };
        config.alpn_protocols = vec![alpn.to_vec()];
        let name = ServerName::try_from("localhost").unwrap();
        let mut connection = ClientConnection::new(Arc::new(config), name).unwrap();
        let mut socket = TcpStream::connect(addr)?;
        socket.set_read_timeout(Some(Duration::from_secs(20)))?;
        while connection.is_handshaking() {
            connection.complete_io(&mut socket)?;
        }
        Ok(StreamOwned::new(connection, socket))
    }

    /// One request on a connection of its own: status and body.
    fn get(
        &self,
        addr: SocketAddr,
        client: Option<(&Authority, &str)>,
        path: &str,
    ) -> std::io::Result<(u16, Value)> {
        let mut stream = self.connect(addr, client, &[&TLS13], b"http/1.1")?;
        ask(&mut stream, path, "close")?;
        let mut text = String::new();
        stream.read_to_string(&mut text)?;
        Ok(read(&text))
    }
}

fn ask(
    stream: &mut StreamOwned<ClientConnection, TcpStream>,
    path: &str,
    connection: &str,
) -> std::io::Result<()> {
    let head =
        format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: {connection}\r\n\r\n");
    stream.write_all(head.as_bytes())
}

fn read(text: &str) -> (u16, Value) {
    let status = text.split(' ').nth(1).unwrap().parse().unwrap();
    let body = text.split_once("\r\n\r\n").unwrap().1;
    (status, serde_json::from_str(body).unwrap_or(Value::Null))
}

fn start(flags: &[(String, String)]) -> Fixture {
    let flags: Vec<(&str, &str)> =
        flags.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
    Fixture::start_with(&flags, parts())
}

#[test]
fn every_door_speaks_tls_of_the_version_that_is_set() {
    let own = authority();
    own.server(2100);
    let server = start(&own.flags());
    let (status, body) = own.get(server.addr, None, "/livez").unwrap();
    assert_eq!((status, &body["status"]), (200, &Value::from("alive")));
    let grpc = server.server().grpc_addr().unwrap();
    let stream = own.connect(grpc, None, &[&TLS13], b"h2").unwrap();
    assert_eq!(stream.conn.alpn_protocol(), Some(&b"h2"[..]));
    assert!(own.connect(server.addr, None, &[&TLS12], b"http/1.1").is_err());
    let mut plain = TcpStream::connect(server.addr).unwrap();
    plain.write_all(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    drop(plain.read_to_end(&mut answer));
    assert!(!answer.starts_with(b"HTTP/"), "{answer:?}");
    let mut older = own.flags();
    older.push(("tls.min_version".to_owned(), "1.2".to_owned()));
    let server = start(&older);
    assert!(own.connect(server.addr, None, &[&TLS12], b"http/1.1").is_ok());
    let stranger = authority();
    assert!(stranger.get(server.addr, None, "/livez").is_err(), "who vouches for it is unknown");
}

#[test]
fn a_client_is_known_by_a_certificate_that_its_authority_vouches_for() {
    let (own, clients, foreign) = (authority(), authority(), authority());
    own.server(2100);
    for name in ["agent-1.example.org", "nobody.example.org"] {
        clients.client(name);
        foreign.client(name);
    }
    clients.issue("old", "agent-1.example.org", ExtendedKeyUsagePurpose::ClientAuth, 2001);
    let mut flags = own.flags();
    let mut set = |key: &str, value: &str| flags.push((key.to_owned(), value.to_owned()));
    set("auth.enabled", "true");
    set("tls.client_ca_file", &clients.path("ca.pem").display().to_string());
    set("certificates.agent.subject", "agent-1.example.org");
    set("certificates.agent.role", "reader");
    set("certificates.agent.spaces", "default,team-*");
    let server = start(&flags);
    let whoami = |client| own.get(server.addr, client, "/api/v1/whoami");
    let (status, caller) = whoami(Some((&clients, "agent-1.example.org"))).unwrap();
    assert_eq!((status, &caller["principal"]), (200, &Value::from("certificate:agent")));
    let spaces = own.get(server.addr, Some((&clients, "agent-1.example.org")), "/api/v1/spaces");
    assert_eq!(spaces.unwrap().1["spaces"][0]["name"], "default");
    let refused = |client| {
        let (status, problem) = whoami(client).unwrap();
        assert_eq!((status, &problem["code"]), (401, &Value::from("unauthenticated")), "{problem}");
    };
    refused(None);
    refused(Some((&clients, "nobody.example.org")));
    assert!(whoami(Some((&foreign, "agent-1.example.org"))).is_err(), "nobody vouches for it");
    assert!(whoami(Some((&clients, "old"))).is_err(), "it has ended");
    flags.push(("tls.client_required".to_owned(), "true".to_owned()));
    let server = start(&flags);
    assert!(own.get(server.addr, None, "/livez").is_err());
    assert!(own.get(server.addr, Some((&clients, "nobody.example.org")), "/livez").is_ok());
}

#[test]
fn a_new_certificate_is_taken_without_dropping_a_connection_and_a_bad_one_is_not() {
    let own = authority();
    own.server(2100);
    let server = start(&own.flags());
    let shown = || {
        let stream = own.connect(server.addr, None, &[&TLS13], b"http/1.1").unwrap();
        stream.conn.peer_certificates().unwrap()[0].to_vec()
    };
    let first = shown();
    let mut open = own.connect(server.addr, None, &[&TLS13], b"http/1.1").unwrap();
    ask(&mut open, "/livez", "keep-alive").unwrap();
    assert!(answered(&mut open).starts_with("HTTP/1.1 200"));
    std::fs::write(own.path("server.pem"), "not a certificate").unwrap();
    server.server().reload_certificates();
    assert_eq!(shown(), first, "the old one stays");
    own.server(2101);
    server.server().reload_certificates();
    let until = Instant::now() + Duration::from_secs(10);
    while shown() == first {
        assert!(Instant::now() < until, "the new certificate is not shown");
    }
    ask(&mut open, "/livez", "keep-alive").unwrap();
    assert!(answered(&mut open).starts_with("HTTP/1.1 200"), "who was there is served on");
    let mut stream = own.connect(server.addr, None, &[&TLS13], b"http/1.1").unwrap();
    ask(&mut stream, "/metrics", "close").unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    assert!(text.contains("engram_tls_reload_failures_total 1"), "{text}");
    let expires =
        text.lines().find(|line| line.starts_with("engram_tls_certificate_expiry_seconds "));
    // 2101-01-01T00:00:00Z.
    assert_eq!(
        expires.unwrap().split(' ').nth(1).unwrap().parse::<f64>().unwrap(),
        4_133_980_800.0
    );
}

fn answered(stream: &mut StreamOwned<ClientConnection, TcpStream>) -> String {
    let (mut text, mut buffer) = (String::new(), [0; 1024]);
    while !text.contains("alive") {
        let read = stream.read(&mut buffer).unwrap();
        assert_ne!(read, 0, "{text}");
        text.push_str(&String::from_utf8_lossy(&buffer[..read]));
    }
    text
}

#[test]
fn what_cannot_be_used_stops_the_start_by_name() {
    let own = authority();
    own.server(2100);
    let dir = TempDir::new().unwrap();
    let refused = |file: &str, text: &str| {
        let kept = std::fs::read(own.path(file)).unwrap();
        std::fs::write(own.path(file), text).unwrap();
        let flags = own.flags();
        let flags: Vec<(&str, &str)> =
            flags.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
        let problem = Server::start_with(settings(dir.path(), &flags), parts()).err().unwrap();
        std::fs::write(own.path(file), kept).unwrap();
        assert_eq!(problem.code, "config_invalid", "{problem}");
        problem.field.unwrap()
    };
    assert_eq!(refused("server.pem", ""), "tls.cert_file");
    assert_eq!(refused("server.key", "no key"), "tls.key_file");
    let other = KeyPair::generate().unwrap().serialize_pem();
    assert_eq!(refused("server.key", &other), "tls.key_file");
}
