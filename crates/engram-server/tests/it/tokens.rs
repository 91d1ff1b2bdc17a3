//! Bearer tokens from the attacker's side: each that proves nothing over every door, keys that are withdrawn, issuers that are away.

use std::time::{Duration, Instant};

use engram_api::{OPERATIONS, encode_proto};
use engram_server::{Server, verify_audit};
use engram_store::{Clock as _, SystemClock};
use serde_json::{Value, json};
use tempfile::TempDir;
use tonic::Code;

use crate::access::{
    World, grpc_requests, permissions_are_asked, read_until, says_nothing, vault_is_not_there,
    world_with,
};
use crate::certificates::authority;
use crate::grpc::GrpcClient;
use crate::harness::{Fixture, parts, settings};
use crate::issuer::{Issuer, Jwks, Signer, base64, hs256, signed};

/// What everybody is told whose token no key of an issuer signed.
const UNKNOWN: &str = "the token is not one that this server accepts";

/// Settings of the issuer `main` with its keys in a file.
fn by_file(issuer: &Issuer) -> Vec<(String, String)> {
    let mut flags = by_claims();
    flags.push(("tokens.main.jwks_file".to_owned(), issuer.file.display().to_string()));
    flags
}

/// The same without saying where its keys are.
fn by_claims() -> Vec<(String, String)> {
    let own = [
        ("auth.enabled", "true"),
        ("tokens.main.issuer", Issuer::NAME),
        ("tokens.main.audience", "engram"),
        ("tokens.main.clock_skew", "1s"),
        ("tokens.main.role", "operator"),
        ("tokens.main.role_claim", "role"),
        ("tokens.main.operations", "version,create_key"),
        ("tokens.main.operations_claim", "scope"),
        ("tokens.main.spaces_claim", "spaces"),
    ];
    own.map(|(key, value)| (key.to_owned(), value.to_owned())).to_vec()
}

fn pairs(flags: &[(String, String)]) -> Vec<(&str, &str)> {
    flags.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect()
}

fn now() -> i64 {
    SystemClock.now_ns() / 1_000_000_000
}

/// Claims of somebody who may do everything, changed.
fn claims(change: &Value) -> Value {
    let mut claims = json!({
        "iss": Issuer::NAME, "aud": "engram", "sub": "agent|7", "exp": now() + 600, "role": "operator", "spaces": "*",
    });
    for (name, value) in change.as_object().unwrap() {
        claims[name] = value.clone();
    }
    claims.as_object_mut().unwrap().retain(|_, value| !value.is_null());
    claims
}

/// A world whose server knows an issuer with keys of all sorts.
fn world() -> (World, Issuer) {
    let issuer = Issuer::new();
    let flags = by_file(&issuer);
    (world_with(&pairs(&flags)), issuer)
}

/// What no key of the issuer signed as it stands there, by what is wrong with it.
fn forged(issuer: &Issuer) -> Vec<(&'static str, String)> {
    let all = claims(&json!({}));
    let [rsa, ec, ed] = [&issuer.rsa, &issuer.ec, &issuer.ed];
    let stranger = Signer::ed("ed");
    let good = ed.token(&all);
    let (message, signature) = good.rsplit_once('.').unwrap();
    let (header, payload) = message.split_once('.').unwrap();
    let more = base64(claims(&json!({"sub": "admin"})).to_string().as_bytes());
    let with = |header: Value, signer: &Signer| signed(&header, &all, signer);
    let unsigned = |alg: &str| {
        let header = base64(json!({"alg": alg, "kid": "ed"}).to_string().as_bytes());
        format!("{header}.{payload}.")
    };
    let hashed =
        |kid: &str, secret: &[u8]| hs256(&json!({"alg": "HS256", "kid": kid}), &all, secret);
    let own_jwk = stranger.jwk();
    vec![
        ("signed by a stranger under a known id", stranger.token(&all)),
        ("other claims under a signature", format!("{header}.{more}.{signature}")),
        ("no signature", format!("{header}.{payload}.")),
        (
            "another algorithm's signature",
            format!("{message}.{}", ec.token(&all).rsplit('.').next().unwrap()),
        ),
        ("alg none", unsigned("none")),
        ("alg nOnE", unsigned("nOnE")),
        ("HS256 with the public modulus", hashed("rsa", &rsa.public())),
        ("HS256 with the public point", hashed("ed", &ed.public())),
        ("HS256 with the public key as JSON", hashed("ed", ed.jwk().to_string().as_bytes())),
        ("HS256 with an empty secret", hashed("none", b"")),
        ("ES256 under the id of an RSA key", with(json!({"alg": "ES256", "kid": "rsa"}), ec)),
        ("EdDSA under the id of an EC key", with(json!({"alg": "EdDSA", "kid": "ec"}), ed)),
        ("RS512 by an RSA key", with(json!({"alg": "RS512", "kid": "rsa"}), rsa)),
        ("PS256 by an RSA key", with(json!({"alg": "PS256", "kid": "rsa"}), rsa)),
        ("an unknown id", with(json!({"alg": "EdDSA", "kid": "other"}), ed)),
        ("no id where there are three keys", with(json!({"alg": "EdDSA"}), ed)),
        (
            "its own key in the header",
            with(json!({"alg": "EdDSA", "kid": "own", "jwk": own_jwk}), &stranger),
        ),
        (
            "an address of keys in the header",
            with(json!({"alg": "EdDSA", "jku": "http://127.0.0.1:1/"}), &stranger),
        ),
        (
            "something critical",
            with(json!({"alg": "EdDSA", "kid": "ed", "crit": ["exp"], "exp": 1}), ed),
        ),
        (
            "critical b64",
            with(json!({"alg": "EdDSA", "kid": "ed", "crit": ["b64"], "b64": true}), ed),
        ),
        ("nothing that is critical", with(json!({"alg": "EdDSA", "kid": "ed", "crit": []}), ed)),
        (
            "a token for another use",
            with(json!({"alg": "EdDSA", "kid": "ed", "typ": "logout+jwt"}), ed),
        ),
        ("an unknown issuer", ed.token(&claims(&json!({"iss": "https://other.example.org"})))),
        ("no issuer", ed.token(&claims(&json!({"iss": null})))),
        ("a list of issuers", ed.token(&claims(&json!({"iss": [Issuer::NAME]})))),
        ("too long", ed.token(&claims(&json!({"padding": "x".repeat(8 << 10)})))),
        ("a header that is none", format!("{}.{payload}.{signature}", base64(b"[]"))),
        ("nothing but dots", "..".to_owned()),
        ("expired, signed by a stranger", stranger.token(&claims(&json!({"exp": 1})))),
        ("for others, signed by a stranger", stranger.token(&claims(&json!({"aud": "other"})))),
    ]
}

/// Signed by the issuer, and not for here and now: with what its owner is told.
fn untimely(issuer: &Issuer) -> Vec<(&'static str, String)> {
    let token = |change: Value| issuer.ed.token(&claims(&change));
    vec![
        ("has ended", token(json!({"exp": now() - 5}))),
        ("when it ends", token(json!({"exp": null}))),
        ("when it ends", token(json!({"exp": "9999999999"}))),
        ("not valid yet", token(json!({"nbf": now() + 3_600}))),
        ("not valid yet", token(json!({"nbf": "0"}))),
        ("another audience", token(json!({"aud": "other"}))),
        ("another audience", token(json!({"aud": ["other", "engram-2"]}))),
        ("another audience", token(json!({"aud": null}))),
        ("claim sub", token(json!({"sub": null}))),
        ("claim sub", token(json!({"sub": "a\nb"}))),
    ]
}

/// No operation over no door takes the token, and each says only this.
fn is_refused(world: &World, grpc: &mut GrpcClient, token: &str, told: &str) {
    let credential = format!("Bearer {token}");
    for operation in OPERATIONS {
        for reply in [
            world.rest(Some(&credential), operation, "vault"),
            world.mcp(Some(&credential), operation, "vault"),
        ] {
            says_nothing(&reply, operation.name);
            let problem = reply.problem(401, "unauthenticated");
            let detail = problem["detail"].as_str().unwrap();
            assert!(detail.contains(told), "{}: {detail}", operation.name);
            assert!(!problem.to_string().contains("agent|7"), "{problem}");
            assert!(reply.header("www-authenticate").starts_with("Bearer"));
        }
    }
    for (path, _, bytes) in grpc_requests("vault") {
        let status = grpc.with_credential(&path, Some(&credential), bytes).unwrap_err();
        assert_eq!(status.code(), Code::Unauthenticated, "{path}: {status}");
        assert!(status.message().contains(told), "{path}: {status}");
    }
}

#[test]
fn a_token_that_no_key_of_an_issuer_signed_is_refused_over_every_door_in_the_same_words() {
    let (world, issuer) = world();
    let mut grpc = GrpcClient::of(&world.server);
    for (what, token) in forged(&issuer) {
        println!("{what}");
        is_refused(&world, &mut grpc, &token, UNKNOWN);
    }
    let count = world.get(&world.operator, "/api/v1/spaces/vault/stats").json(200);
    assert_eq!(count["memories"], 1, "nothing was written or forgotten");
}

#[test]
fn a_token_for_another_time_or_place_is_refused_over_every_door() {
    let (world, issuer) = world();
    let mut grpc = GrpcClient::of(&world.server);
    for (told, token) in untimely(&issuer) {
        is_refused(&world, &mut grpc, &token, told);
    }
    let twice = issuer.ed.token(&claims(&json!({})));
    let many = [
        ("Authorization", &*format!("Bearer {twice}")),
        ("Authorization", &format!("Bearer {}", world.operator)),
    ];
    let reply = crate::harness::send(world.server.addr, "GET", "/api/v1/status", &many, b"");
    reply.problem(401, "unauthenticated");
}

#[test]
fn a_token_of_each_algorithm_is_somebody_over_every_door() {
    let (mut world, issuer) = world();
    let mut grpc = GrpcClient::of(&world.server);
    for (number, signer) in [&issuer.rsa, &issuer.ec, &issuer.ed].into_iter().enumerate() {
        let token =
            signer.token(&claims(&json!({"sub": signer.id, "aud": ["x", "engram"], "nbf": now()})));
        let principal = format!("token:main:{}", signer.id);
        let caller = world.get(&token, "/api/v1/whoami").json(200);
        assert_eq!(caller["principal"], *principal);
        assert!(caller["expires_at"].is_string(), "{caller}");
        let id = format!("t{number}");
        let body = json!({"id": id, "text": format!("told by {}", signer.id)});
        world.post(&token, "/api/v1/spaces/own/remember", &body).json(200);
        let path = format!("/api/v1/spaces/own/memories/{id}");
        let shown = world.get(&token, &path).json(200);
        assert_eq!(shown["source"]["principal"], *principal);
        let whoami = engram_api::Operation::by_name("whoami").unwrap();
        let told = world.mcp(Some(&format!("Bearer {token}")), whoami, "");
        assert!(told.text().contains(&principal), "{}", told.text());
        let empty = encode_proto("WhoamiRequest", "", &json!({})).unwrap();
        let credential = format!("bearer {token}");
        let answer = grpc.with_credential("/engram.v1.Engram/Whoami", Some(&credential), empty);
        assert!(String::from_utf8_lossy(&answer.unwrap()).contains(&principal));
        let forget = json!({"ids": [id], "mode": "delete"});
        world.post(&token, "/api/v1/spaces/own/forget", &forget).json(200);
    }
    let token = issuer.ed.token(&claims(&json!({})));
    let forged = Signer::ed("ed").token(&claims(&json!({"sub": "mallory"})));
    world.get(&forged, "/api/v1/status").problem(401, "unauthenticated");
    let metrics = world.get(&token, "/metrics").text();
    assert!(metrics.contains("engram_token_keys{issuer=\"main\"} 3.0"), "{metrics}");
    assert!(metrics.contains("engram_token_keys_failures_total{issuer=\"main\"} 0"), "{metrics}");
    world.server.stop().unwrap();
    let dir = world.server.dir.path().join("audit");
    verify_audit(&dir, None).unwrap();
    let file = std::fs::read_dir(&dir).unwrap().next().unwrap().unwrap().path();
    let audit = std::fs::read_to_string(&file).unwrap();
    assert!(audit.contains("\"token:main:rsa\"") && !audit.contains("mallory"), "{audit}");
    for part in token.split('.').chain(forged.split('.')) {
        assert!(!audit.contains(part), "{audit}");
    }
}

#[test]
fn a_token_opens_its_spaces_and_does_what_it_may() {
    let (world, issuer) = world();
    let token = |change: Value| issuer.ec.token(&claims(&change));
    let elsewhere = token(json!({"role": "space_admin", "spaces": ["own*"]}));
    vault_is_not_there(&world, &format!("Bearer {elsewhere}"));
    world.get(&elsewhere, "/api/v1/spaces/own").json(200);
    world.get(&elsewhere, "/metrics").problem(403, "forbidden");
    let powerless = token(json!({"role": null, "scope": "openid version"}));
    permissions_are_asked(&world, &powerless);
    world.get(&powerless, "/api/v1/version").json(200);
    for nothing in [
        json!({"role": "root"}),
        json!({"role": null}),
        json!({"spaces": []}),
        json!({"spaces": null}),
        json!({"spaces": ["../vault", "VAULT"]}),
    ] {
        let reply = world.get(&token(nothing.clone()), "/api/v1/spaces/vault/memories/m1");
        says_nothing(&reply, &nothing.to_string());
        let problem = reply.problem(403, "forbidden");
        assert!(!problem["detail"].as_str().unwrap().contains("vault"), "{problem}");
    }
}

#[test]
fn a_token_gives_no_key_that_may_more_than_it_or_that_outlives_it() {
    let (world, issuer) = world();
    let token = issuer.ed.token(&claims(&json!({})));
    let create = |secret: &str, body: Value| world.post(secret, "/api/v1/keys", &body);
    let reader = json!({"name": "k1", "role": "reader", "spaces": ["own"]});
    create(&token, reader.clone()).problem(403, "forbidden");
    let mut later = reader.clone();
    later["expires_at"] = Value::from("2200-01-01T00:00:00Z");
    create(&token, later.clone()).problem(403, "forbidden");
    let mut sooner = reader;
    sooner["expires_at"] = world.get(&token, "/api/v1/whoami").json(200)["expires_at"].clone();
    create(&token, sooner.clone()).json(201);
    let minter = issuer.ed.token(&claims(&json!({"role": null, "scope": "create_key"})));
    sooner["name"] = Value::from("k2");
    create(&minter, sooner).problem(403, "forbidden");
}

#[test]
fn keys_of_a_file_are_rotated_without_a_restart_and_withdrawn_ones_end_streams() {
    let (world, issuer) = world();
    let (first, second) = (&issuer.ed, Signer::ed("ed-2"));
    let (old, new) = (first.token(&claims(&json!({}))), second.token(&claims(&json!({}))));
    world.get(&new, "/api/v1/whoami").problem(401, "unauthenticated");
    let mut stream = world.follow(&old);
    let mut seen = read_until(&mut stream, "m1");
    issuer.publish(&[first, &second]);
    world.server.server().reload_token_keys();
    for token in [&old, &new] {
        world.get(token, "/api/v1/whoami").json(200);
    }
    std::fs::write(&issuer.file, "{\"keys\": [").unwrap();
    world.server.server().reload_token_keys();
    world.get(&old, "/api/v1/whoami").json(200);
    let metrics = world.get(&new, "/metrics").text();
    // The file may have been looked at more than once.
    let failed =
        |count: u32| format!("engram_token_keys_failures_total{{issuer=\"main\"}} {count}\n");
    assert!((1..9).any(|count| metrics.contains(&failed(count))), "{metrics}");
    issuer.publish(&[&second]);
    world.server.server().reload_token_keys();
    let mut grpc = GrpcClient::of(&world.server);
    is_refused(&world, &mut grpc, &old, UNKNOWN);
    world.get(&new, "/api/v1/whoami").json(200);
    let more = json!({"id": "m2", "text": "after the end"});
    world.post(&new, "/api/v1/spaces/vault/remember", &more).json(200);
    seen += &read_until(&mut stream, "unauthenticated");
    assert!(!seen.contains("m2"), "{seen}");
}

#[test]
fn a_stream_ends_when_its_token_does() {
    let (world, issuer) = world();
    let token = issuer.ed.token(&claims(&json!({"exp": now() + 8})));
    let mut stream = world.follow(&token);
    let mut seen = read_until(&mut stream, "m1");
    let until = Instant::now() + Duration::from_secs(30);
    while world.get(&token, "/api/v1/whoami").status == 200 {
        assert!(Instant::now() < until, "the token does not end");
    }
    let more = json!({"id": "m2", "text": "after the end"});
    world.post(&world.operator, "/api/v1/spaces/vault/remember", &more).json(200);
    seen += &read_until(&mut stream, "unauthenticated");
    assert!(!seen.contains("m2"), "{seen}");
}

/// A server whose issuer `main` publishes its keys at an address.
fn by_url(url: &str, more: &[(&str, &str)]) -> Fixture {
    let mut flags = by_claims();
    flags.push(("tokens.main.jwks_url".to_owned(), url.to_owned()));
    let flags: Vec<(&str, &str)> = [&pairs(&flags), more].concat();
    Fixture::start_with(&flags, parts())
}

fn whoami(server: &Fixture, token: &str) -> u16 {
    let header = [("Authorization", &*format!("Bearer {token}"))];
    crate::harness::send(server.addr, "GET", "/api/v1/whoami", &header, b"").status
}

#[test]
fn unknown_keys_have_an_issuer_asked_once_in_a_while_and_its_outage_keeps_those_that_are_known() {
    let issuer = Issuer::new();
    let jwks = Jwks::serve(issuer.jwks(&[&issuer.rsa]), None);
    let server = by_url(&jwks.url, &[]);
    assert_eq!(whoami(&server, &issuer.rsa.token(&claims(&json!({})))), 200);
    assert_eq!(jwks.asked(), 1);
    jwks.publish(issuer.jwks(&[&issuer.rsa, &issuer.ed]));
    let new = issuer.ed.token(&claims(&json!({})));
    assert_eq!(whoami(&server, &new), 200, "the first token of a new key has it fetched");
    assert_eq!(jwks.asked(), 2);
    let began = Instant::now();
    for number in 0..50 {
        let stranger = Signer::ed(&format!("stranger-{number}"));
        assert_eq!(whoami(&server, &stranger.token(&claims(&json!({})))), 401);
    }
    assert_eq!(jwks.asked(), 2, "a stranger cannot have the issuer asked again and again");
    assert!(began.elapsed() < Duration::from_secs(60), "nor wait for it");
    jwks.fail();
    server.server().reload_token_keys();
    assert_eq!(whoami(&server, &new), 200, "an outage keeps what is known");
    jwks.publish(json!({"keys": []}));
    server.server().reload_token_keys();
    assert_eq!(whoami(&server, &new), 401, "what is withdrawn is withdrawn");
}

#[test]
fn keys_that_were_fetched_too_long_ago_count_no_more() {
    let issuer = Issuer::new();
    let jwks = Jwks::serve(issuer.jwks(&[&issuer.ed]), None);
    let ages = [("tokens.main.jwks_refresh", "1s"), ("tokens.main.jwks_max_age", "8s")];
    let server = by_url(&jwks.url, &ages);
    let token = issuer.ed.token(&claims(&json!({})));
    assert_eq!(whoami(&server, &token), 200);
    let began = Instant::now();
    jwks.fail();
    while whoami(&server, &token) == 200 {
        assert!(began.elapsed() < Duration::from_secs(30), "old keys count for ever");
    }
    assert!(began.elapsed() > Duration::from_secs(2), "they counted for a while");
    jwks.publish(issuer.jwks(&[&issuer.ed]));
    let began = Instant::now();
    while whoami(&server, &token) != 200 {
        assert!(began.elapsed() < Duration::from_secs(30), "they are fetched again");
    }
}

#[test]
fn an_issuer_is_believed_over_tls_of_an_authority_that_is_named() {
    let issuer = Issuer::new();
    let own = authority();
    own.server(2100);
    let jwks = Jwks::serve(issuer.jwks(&[&issuer.ec]), Some(&own));
    let token = issuer.ec.token(&claims(&json!({})));
    let ca = own.path("ca.pem").display().to_string();
    let server = by_url(&jwks.url, &[("tokens.main.jwks_ca_file", &ca)]);
    assert_eq!(whoami(&server, &token), 200);
    let foreign = authority().path("ca.pem");
    assert!(!foreign.exists(), "its folder is gone");
    let server = by_url(&jwks.url, &[]);
    assert_eq!(whoami(&server, &token), 401, "no public authority vouches for it");
}

#[test]
fn keys_that_cannot_be_read_stop_the_start_by_name() {
    let issuer = Issuer::new();
    let dir = TempDir::new().unwrap();
    let refused = |change: &[(&str, &str)]| {
        let flags = by_file(&issuer);
        let flags: Vec<(&str, &str)> = [&pairs(&flags), change].concat();
        let problem = Server::start_with(settings(dir.path(), &flags), parts()).err().unwrap();
        assert_eq!(problem.code, "config_invalid", "{problem}");
        problem.field.unwrap()
    };
    for text in
        ["", "no JSON", "{\"keys\": []}", "{\"keys\": [{\"kty\": \"oct\", \"k\": \"c2VjcmV0\"}]}"]
    {
        std::fs::write(&issuer.file, text).unwrap();
        assert_eq!(refused(&[]), "tokens.main.jwks_file", "{text}");
    }
    std::fs::remove_file(&issuer.file).unwrap();
    assert_eq!(refused(&[]), "tokens.main.jwks_file");
    issuer.publish(&[&issuer.rsa]);
    assert_eq!(refused(&[("tokens.main.algorithms", "ES256")]), "tokens.main.jwks_file");
    assert_eq!(refused(&[("tokens.main.operations", "recal")]), "tokens.main.operations");
    assert_eq!(refused(&[("tokens.main.spaces", "notes")]), "tokens.main.spaces");
}
