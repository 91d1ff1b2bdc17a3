//! TLS: who is trusted, who the client is, how old a protocol may be, and where its key goes. Certificates are made for each test.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use engram_client::{
    ApiKey, Client, ClientAuthorities, ClientError, ClientIdentity, ClientOptions, ClientTls,
    OldestTls,
};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{
    RootCertStore, ServerConfig, ServerConnection, StreamOwned, SupportedProtocolVersion, version,
};

use crate::scripted::{example, serve};

/// Somebody who vouches for others.
struct Authority {
    pem: String,
    der: CertificateDer<'static>,
    issuer: Issuer<'static, KeyPair>,
}

/// A certificate and its key.
struct Card {
    chain: String,
    key: String,
    der: CertificateDer<'static>,
    key_der: Vec<u8>,
}

impl Authority {
    fn new() -> Authority {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let own = params.self_signed(&key).unwrap();
        let (pem, der) = (own.pem(), own.der().clone());
        Authority { pem, der, issuer: Issuer::new(params, key) }
    }

    fn card(&self, name: &str) -> Card {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        let own = params.signed_by(&key, &self.issuer).unwrap();
        let (chain, der) = (own.pem(), own.der().clone());
        Card { chain, key: key.serialize_pem(), der, key_der: key.serialize_der() }
    }

    fn trusted(&self) -> ClientTls {
        let authorities = Some(ClientAuthorities::from_pem(self.pem.as_bytes()).unwrap());
        ClientTls { authorities, ..ClientTls::default() }
    }
}

impl Card {
    fn identity(&self) -> ClientIdentity {
        ClientIdentity::from_pem(self.chain.as_bytes(), self.key.as_bytes()).unwrap()
    }
}

static ONLY_12: [&SupportedProtocolVersion; 1] = [&version::TLS12];
static ONLY_13: [&SupportedProtocolVersion; 1] = [&version::TLS13];

/// How a server speaks TLS.
struct Speech {
    card: Card,
    /// Whose certificates a client must show.
    asks: Option<CertificateDer<'static>>,
    versions: &'static [&'static SupportedProtocolVersion],
    /// Where it sends a client on to.
    elsewhere: Option<String>,
}

impl Speech {
    fn of(authority: &Authority) -> Speech {
        let card = authority.card("127.0.0.1");
        Speech { card, asks: None, versions: rustls::ALL_VERSIONS, elsewhere: None }
    }

    fn config(&self) -> Arc<ServerConfig> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(self.versions)
            .unwrap();
        let builder = match &self.asks {
            None => builder.with_no_client_auth(),
            Some(authority) => {
                let mut roots = RootCertStore::empty();
                roots.add(authority.clone()).unwrap();
                let verifier = WebPkiClientVerifier::builder_with_provider(roots.into(), provider);
                builder.with_client_cert_verifier(verifier.build().unwrap())
            }
        };
        let key = PrivateKeyDer::try_from(self.card.key_der.clone()).unwrap();
        Arc::new(builder.with_single_cert(vec![self.card.der.clone()], key).unwrap())
    }
}

/// A server that answers `version` over TLS to whoever gets so far. Gives its address and the API keys that came.
fn listen(speech: Speech) -> (String, Receiver<Option<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    let (sender, seen) = channel();
    thread::spawn(move || {
        for stream in listener.incoming() {
            // A handshake that fails ends a connection and not the server.
            let _ = answer(stream.unwrap(), &speech, &sender);
        }
    });
    (url, seen)
}

/// Tells the key before it answers, so that whoever has the answer finds the key told.
fn answer(
    stream: TcpStream,
    speech: &Speech,
    keys: &Sender<Option<String>>,
) -> std::io::Result<()> {
    let connection = ServerConnection::new(speech.config()).unwrap();
    let mut reader = BufReader::new(StreamOwned::new(connection, stream));
    let mut key = None;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        match line.trim().split_once(": ") {
            Some((name, value)) if name.eq_ignore_ascii_case("authorization") => {
                key = Some(value.to_owned());
            }
            None if line.trim().is_empty() => break,
            _ => {}
        }
    }
    let _ = keys.send(key);
    let body = example("version");
    let head = match &speech.elsewhere {
        Some(to) => format!("HTTP/1.1 307 X\r\nlocation: {to}/api/v1/version"),
        None => "HTTP/1.1 200 X\r\ncontent-type: application/json".to_owned(),
    };
    let text =
        format!("{head}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len());
    let stream = reader.get_mut();
    stream.write_all(text.as_bytes())?;
    stream.conn.send_close_notify();
    stream.flush()
}

fn ask(url: &str, tls: &ClientTls) -> Result<(), ClientError> {
    let options = ClientOptions { tls: tls.clone(), retries_max: 0, ..ClientOptions::new(url) };
    Client::with_options(options).unwrap().version().map(drop)
}

fn refused(url: &str, tls: &ClientTls) {
    let error = ask(url, tls).unwrap_err();
    assert!(matches!(error, ClientError::Transport { timed_out: false, .. }), "{error}");
}

#[test]
fn a_server_is_trusted_by_its_authority_and_its_name() {
    let (known, stranger) = (Authority::new(), Authority::new());
    let (url, seen) = listen(Speech::of(&known));
    refused(&url, &ClientTls::default());
    refused(&url, &stranger.trusted());
    assert_eq!(ask(&url, &known.trusted()), Ok(()));
    let both = format!("{}{}", stranger.pem, known.pem);
    let authorities = Some(ClientAuthorities::from_pem(both.as_bytes()).unwrap());
    assert_eq!(ask(&url, &ClientTls { authorities, ..ClientTls::default() }), Ok(()));
    assert_eq!(seen.try_iter().count(), 2);

    let card = known.card("engram.test");
    let (url, _) = listen(Speech { card, ..Speech::of(&known) });
    refused(&url, &known.trusted());
}

#[test]
fn a_client_shows_its_certificate_to_a_server_that_asks() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let asks = Some(authority.der.clone());
    let (url, seen) = listen(Speech { asks, ..Speech::of(&authority) });
    let own = |card: Card| ClientTls { identity: Some(card.identity()), ..authority.trusted() };
    assert_eq!(ask(&url, &own(authority.card("ada"))), Ok(()));
    refused(&url, &own(stranger.card("ada")));
    refused(&url, &authority.trusted());
    assert_eq!(seen.try_iter().count(), 1);
}

#[test]
fn an_old_protocol_can_be_refused() {
    let authority = Authority::new();
    let modern = ClientTls { oldest: OldestTls::V1_3, ..authority.trusted() };
    let (old, _) = listen(Speech { versions: &ONLY_12, ..Speech::of(&authority) });
    refused(&old, &modern);
    assert_eq!(ask(&old, &authority.trusted()), Ok(()));
    let (new, _) = listen(Speech { versions: &ONLY_13, ..Speech::of(&authority) });
    assert_eq!(ask(&new, &modern), Ok(()));
}

#[test]
fn a_key_goes_to_its_server_and_to_no_other() {
    let authority = Authority::new();
    let plain = serve(vec![(200, example("version"))]);
    let (safe, safe_seen) = listen(Speech::of(&authority));
    for elsewhere in [plain.url.clone(), safe] {
        let (url, seen) = listen(Speech { elsewhere: Some(elsewhere), ..Speech::of(&authority) });
        let api_key = Some(ApiKey::new("engram_a_secret_c").unwrap());
        let options =
            ClientOptions { tls: authority.trusted(), api_key, ..ClientOptions::new(&url) };
        let client = Client::with_options(options).unwrap();
        let error = client.version().unwrap_err();
        assert!(matches!(error, ClientError::Decode { status: 307, .. }), "{error}");
        let shown = format!("{error} {error:?} {client:?}");
        assert!(!shown.contains("secret"), "{shown}");
        assert_eq!(seen.recv().unwrap().as_deref(), Some("Bearer engram_a_secret_c"));
    }
    assert!(plain.seen.try_recv().is_err() && safe_seen.try_recv().is_err());
}

#[test]
fn what_cannot_be_used_is_told_before_the_first_call() {
    let authority = Authority::new();
    let (one, other) = (authority.card("one"), authority.card("other"));
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let (chain, key) = (file("chain.pem", &one.chain), file("other.pem", &other.key));
    let missing = Path::new("missing.pem");
    let garbage = "-----BEGIN CERTIFICATE-----\nc2VjcmV0\n-----END CERTIFICATE-----\n";
    let garbage_key = "-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----\n";
    let bad_key = file("bad-key.pem", garbage_key);
    let authorities =
        |text: &str| ClientAuthorities::from_file(&file("ca.pem", text)).unwrap_err().to_string();
    let identity =
        |chain: &Path, key: &Path| ClientIdentity::from_files(chain, key).unwrap_err().to_string();
    for (told, said) in [
        (authorities(""), "ca.pem: no certificate is there"),
        (authorities(&one.key), "ca.pem: no certificate is there"),
        (authorities(garbage), "ca.pem: certificate 1 is not one of an authority"),
        (authorities("-----BEGIN CERTIFICATE-----\n%"), "ca.pem: it is no PEM"),
        (identity(missing, &key), "missing.pem: it cannot be read"),
        (identity(&chain, missing), "missing.pem: it cannot be read"),
        (identity(&chain, &chain), "chain.pem: no private key is there"),
        (identity(&chain, &bad_key), "bad-key.pem: the "),
        (identity(&chain, &key), "other.pem: the key does not fit"),
    ] {
        assert!(told.contains(said), "{told}");
        assert!(!told.contains("secret") && !told.contains("c2Vj"), "{told}");
    }
}

#[test]
fn no_key_is_ever_shown() {
    let authority = Authority::new();
    let card = authority.card("ada");
    let identity = Some(card.identity());
    let tls = ClientTls { identity, ..authority.trusted() };
    assert_eq!(tls, tls.clone());
    assert_ne!(tls, authority.trusted());
    let options = ClientOptions { tls, ..ClientOptions::new("https://127.0.0.1:1") };
    let client = Client::with_options(options.clone()).unwrap();
    let shown = format!("{options:?} {client:?}");
    let body: Vec<&str> = card.key.lines().filter(|line| !line.starts_with('-')).collect();
    assert!(body.iter().all(|line| !shown.contains(line)), "{shown}");
    // As a list of numbers it would be no less of a secret.
    let numbers = format!("{:?}", &card.key_der[..8]);
    assert!(!shown.contains(numbers.trim_matches(['[', ']'])), "{shown}");
}
