//! An issuer of tokens for tests: keys of each algorithm, and a server that publishes them.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use ring::hmac;
use ring::rand::SystemRandom;
use ring::rsa::PublicKeyComponents;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256,
    RsaKeyPair,
};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::certificates::Authority;

/// Signs tokens of tests and nothing else.
const RSA_2048: &[u8] = include_bytes!("rsa_2048.der");

/// A key of an issuer.
pub(crate) struct Signer {
    pub(crate) id: String,
    pair: Pair,
}

enum Pair {
    Rsa(Box<RsaKeyPair>),
    Ec(Box<EcdsaKeyPair>),
    Ed(Box<Ed25519KeyPair>),
}

impl Signer {
    fn rsa(id: &str) -> Signer {
        Signer {
            id: id.to_owned(),
            pair: Pair::Rsa(Box::new(RsaKeyPair::from_der(RSA_2048).unwrap())),
        }
    }

    fn ec(id: &str) -> Signer {
        let (sort, random) = (&ECDSA_P256_SHA256_FIXED_SIGNING, SystemRandom::new());
        let key = EcdsaKeyPair::generate_pkcs8(sort, &random).unwrap();
        let pair = EcdsaKeyPair::from_pkcs8(sort, key.as_ref(), &random).unwrap();
        Signer { id: id.to_owned(), pair: Pair::Ec(Box::new(pair)) }
    }

    pub(crate) fn ed(id: &str) -> Signer {
        let key = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
        let pair = Ed25519KeyPair::from_pkcs8(key.as_ref()).unwrap();
        Signer { id: id.to_owned(), pair: Pair::Ed(Box::new(pair)) }
    }

    /// The public key: modulus or point.
    pub(crate) fn public(&self) -> Vec<u8> {
        match &self.pair {
            Pair::Rsa(pair) => PublicKeyComponents::<Vec<u8>>::from(pair.public()).n,
            Pair::Ec(pair) => pair.public_key().as_ref().to_vec(),
            Pair::Ed(pair) => pair.public_key().as_ref().to_vec(),
        }
    }

    pub(crate) fn jwk(&self) -> Value {
        let public = self.public();
        let mut jwk = match &self.pair {
            Pair::Rsa(pair) => {
                let e = PublicKeyComponents::<Vec<u8>>::from(pair.public()).e;
                json!({"kty": "RSA", "n": base64(&public), "e": base64(&e), "alg": "RS256"})
            }
            Pair::Ec(_) => {
                json!({"kty": "EC", "crv": "P-256", "x": base64(&public[1..33]), "y": base64(&public[33..])})
            }
            Pair::Ed(_) => json!({"kty": "OKP", "crv": "Ed25519", "x": base64(&public)}),
        };
        jwk["kid"] = Value::from(self.id.as_str());
        jwk["use"] = Value::from("sig");
        jwk
    }

    fn sign(&self, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match &self.pair {
            Pair::Rsa(pair) => {
                let mut signature = vec![0; pair.public().modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature).unwrap();
                signature
            }
            Pair::Ec(pair) => pair.sign(&random, message).unwrap().as_ref().to_vec(),
            Pair::Ed(pair) => pair.sign(message).as_ref().to_vec(),
        }
    }

    /// A token as its issuer makes it.
    pub(crate) fn token(&self, claims: &Value) -> String {
        let algorithm = match self.pair {
            Pair::Rsa(_) => "RS256",
            Pair::Ec(_) => "ES256",
            Pair::Ed(_) => "EdDSA",
        };
        signed(&json!({"typ": "JWT", "alg": algorithm, "kid": self.id}), claims, self)
    }
}

/// A token with any header.
pub(crate) fn signed(header: &Value, claims: &Value, signer: &Signer) -> String {
    let message = message(header, claims);
    format!("{message}.{}", base64(&signer.sign(message.as_bytes())))
}

/// A token with a hash under a secret in the place of a signature.
pub(crate) fn hs256(header: &Value, claims: &Value, secret: &[u8]) -> String {
    let message = message(header, claims);
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), message.as_bytes());
    format!("{message}.{}", base64(tag.as_ref()))
}

fn message(header: &Value, claims: &Value) -> String {
    format!("{}.{}", base64(header.to_string().as_bytes()), base64(claims.to_string().as_bytes()))
}

/// As tokens have it: for addresses, without padding (RFC 4648, 5).
pub(crate) fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut text = String::new();
    for part in bytes.chunks(3) {
        let bits = part.iter().fold(0, |bits, byte| bits << 8 | usize::from(*byte))
            << (8 * (3 - part.len()));
        for at in 0..=part.len() {
            text.push(char::from(LETTERS[bits >> (18 - 6 * at) & 63]));
        }
    }
    text
}

/// An issuer with a key of each algorithm, and a file of its public keys.
pub(crate) struct Issuer {
    pub(crate) rsa: Signer,
    pub(crate) ec: Signer,
    pub(crate) ed: Signer,
    pub(crate) file: PathBuf,
    _dir: TempDir,
}

impl Issuer {
    pub(crate) const NAME: &str = "https://id.example.org/realms/main";

    pub(crate) fn new() -> Issuer {
        let dir = TempDir::new().unwrap();
        let file = dir.path().join("jwks.json");
        let (rsa, ec, ed) = (Signer::rsa("rsa"), Signer::ec("ec"), Signer::ed("ed"));
        let issuer = Issuer { rsa, ec, ed, file, _dir: dir };
        issuer.publish(&[&issuer.rsa, &issuer.ec, &issuer.ed]);
        issuer
    }

    pub(crate) fn jwks(&self, signers: &[&Signer]) -> Value {
        let foreign = json!({"kty": "RSA", "use": "enc", "alg": "RSA-OAEP", "kid": "enc", "n": "AQAB", "e": "AQAB"});
        let keys: Vec<Value> = signers.iter().map(|signer| signer.jwk()).chain([foreign]).collect();
        json!({ "keys": keys })
    }

    /// Puts these keys into the file.
    pub(crate) fn publish(&self, signers: &[&Signer]) {
        std::fs::write(&self.file, self.jwks(signers).to_string()).unwrap();
    }
}

/// A server that publishes keys, or fails.
pub(crate) struct Jwks {
    pub(crate) url: String,
    /// None = it fails.
    answer: Arc<Mutex<Option<String>>>,
    asked: Arc<AtomicUsize>,
}

impl Jwks {
    /// Over TLS, where there is somebody who vouches for it. It serves until the tests end.
    pub(crate) fn serve(keys: Value, authority: Option<&Authority>) -> Jwks {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let tls = authority.map(tls);
        let url = match &tls {
            None => format!("http://127.0.0.1:{port}/certs"),
            Some(_) => format!("https://localhost:{port}/certs"),
        };
        let (answer, asked) = (Arc::new(Mutex::new(Some(keys.to_string()))), Arc::default());
        let jwks = Jwks { url, answer: Arc::clone(&answer), asked: Arc::clone(&asked) };
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                asked.fetch_add(1, Ordering::SeqCst);
                let keys = answer.lock().unwrap().clone();
                match &tls {
                    None => respond(stream, keys),
                    Some(config) => {
                        let connection = ServerConnection::new(Arc::clone(config)).unwrap();
                        respond(StreamOwned::new(connection, stream), keys);
                    }
                }
            }
        });
        jwks
    }

    pub(crate) fn publish(&self, keys: Value) {
        *self.answer.lock().unwrap() = Some(keys.to_string());
    }

    pub(crate) fn fail(&self) {
        *self.answer.lock().unwrap() = None;
    }

    /// How often it was asked.
    pub(crate) fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

fn tls(authority: &Authority) -> Arc<ServerConfig> {
    let chain = vec![CertificateDer::from_pem_file(authority.path("server.pem")).unwrap()];
    let key = PrivateKeyDer::from_pem_file(authority.path("server.key")).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder =
        ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    Arc::new(builder.unwrap().with_no_client_auth().with_single_cert(chain, key).unwrap())
}

/// Reads a request and answers it; whoever goes before that is none of its business.
fn respond(mut stream: impl Read + Write, keys: Option<String>) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        match stream.read(&mut byte) {
            Ok(1) => head.push(byte[0]),
            _ => return,
        }
    }
    let (status, body) =
        keys.map_or(("503 Service Unavailable", String::new()), |keys| ("200 OK", keys));
    let answer = format!(
        "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    drop(stream.write_all(answer.as_bytes()).and_then(|()| stream.flush()));
}
