//! A server with keys and TLS as an operator sets it up: certificates, the first key, who may do what, drills, the audit log.

use crate::world::{Node, Outcome, World};

/// A home with an authority, a certificate of the server and one of a client, the first key, and the configuration for all that.
fn secured() -> World {
    let world = World::new();
    world.run(&["certs", "create-ca", "--dir", "ca"]).ok();
    world.run(&["certs", "issue", "server", "--dir", "ca"]).ok();
    world.run(&["certs", "issue", "agent.example.org", "--client", "--dir", "ca"]).ok();
    world
        .run(&["certs", "issue", "server", "--dir", "ca"])
        .fails(2, &["is there already", "--renew"]);
    world.run(&["certs", "issue", "server", "--dir", "ca", "--renew"]).ok();
    let data = world.data_dir();
    let created = world.run(&[
        "key",
        "create",
        "admin",
        "--role",
        "operator",
        "--space",
        "*",
        "-o",
        "json",
        "--data-dir",
        data.to_str().expect("it is UTF-8"),
    ]);
    let issued = created.ok().json();
    world.write("admin.key", issued["secret"].as_str().expect("it is text"));
    let path = |name: &str| world.path(name).display().to_string();
    world.write(
        "home.toml",
        format!(
            "data_dir = {data:?}\nauth.enabled = true\nbackup.archive_interval = \"1s\"\n\
             repositories.main.url = \"file://{}\"\n\
             [tls]\ncert_file = {:?}\nkey_file = {:?}\nclient_ca_file = {:?}\n\
             [certificates.agent]\nsubject = \"agent.example.org\"\nrole = \"reader\"\nspaces = [\"default\"]\n",
            path("repository"),
            path("ca/server.pem"),
            path("ca/server.key"),
            path("ca/ca.pem"),
        ),
    );
    world
}

fn admin(node: &Node<'_>, args: &[&str]) -> Outcome {
    let secure = ["--ca-file", "ca/ca.pem", "--api-key-file", "admin.key"];
    node.run(&[args, &secure].concat())
}

#[test]
fn an_operator_lets_in_whom_he_means_and_nobody_else() {
    let world = secured();
    let node = world.start();
    assert!(node.url.starts_with("https://"), "{}", node.url);
    let anonymous = node.run(&["whoami", "--ca-file", "ca/ca.pem"]);
    anonymous.fails(2, &["ERR-7001", "engram key create"]);
    node.run(&["whoami", "--api-key-file", "admin.key"]).fails(3, &[]);
    let caller = admin(&node, &["whoami", "-o", "json"]).ok().json();
    assert_eq!(caller["principal"], "key:admin");
    admin(&node, &["remember", "Ada moved to Zurich", "--id", "m1"]).ok();
    let agent = |args: &[&str]| {
        let shown = ["--client-cert-file", "ca/agent.example.org.pem"];
        let key = ["--client-key-file", "ca/agent.example.org.key", "--ca-file", "ca/ca.pem"];
        node.run(&[args, &shown[..], &key].concat())
    };
    assert_eq!(agent(&["whoami", "-o", "json"]).ok().json()["principal"], "certificate:agent");
    assert!(agent(&["get", "m1"]).ok().stdout.contains("key:admin"));
    agent(&["remember", "not mine to say"]).fails(2, &["ERR-7002", "write"]);
    let create = ["key", "create", "chat", "--role", "writer", "--space", "default", "-o", "json"];
    let issued = admin(&node, &create).ok().json();
    world.write("chat.key", issued["secret"].as_str().unwrap());
    let chat = |args: &[&str]| {
        node.run(&[args, &["--ca-file", "ca/ca.pem", "--api-key-file", "chat.key"]].concat())
    };
    chat(&["remember", "from the chat"]).ok();
    chat(&["key", "list"]).fails(2, &["ERR-7002", "operate"]);
    let id = issued["key"]["id"].as_str().unwrap();
    let rotated = admin(&node, &["key", "rotate", id, "-o", "json"]).ok().json();
    chat(&["list"]).ok();
    world.write("chat.key", rotated["secret"].as_str().unwrap());
    chat(&["list"]).ok();
    assert!(admin(&node, &["key", "list"]).ok().stdout.contains("chat"));
    admin(&node, &["key", "revoke", id]).ok();
    chat(&["list"]).fails(2, &["ERR-7001"]);
    let held = world.run(&["key", "list", "--data-dir", world.data_dir().to_str().unwrap()]);
    held.fails(1, &["ERR-5007"]);
    node.stop();
    let verified = world.run(&["audit", "verify", "-o", "json"]).ok().json();
    assert!(verified["last"].as_u64().unwrap() >= 6, "{verified}");
    let head = verified["head"].as_str().unwrap();
    world.run(&["audit", "verify", "--noted", head]).ok();
    let log = std::fs::read_dir(world.path("data/audit")).unwrap().next().unwrap().unwrap().path();
    let text = std::fs::read_to_string(&log).unwrap();
    std::fs::write(&log, text.replacen("key:admin", "key:admit", 1)).unwrap();
    world.run(&["audit", "verify"]).fails(1, &["the line was changed"]);
}

/// The public key of an issuer, and a token of it for a reader, made by OpenSSL; it ends in 2100.
const JWKS: &str = r#"{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"k1","use":"sig","x":"SI_GqD3upBxkyyKmThJpq-4PgUrAS_W2Ea1K0_6HfsU"}]}"#;
const TOKEN: &str = "eyJhbGciOiJFZERTQSIsInR5cCI6IkpXVCIsImtpZCI6ImsxIn0.\
                     eyJpc3MiOiJodHRwczovL2lkLmV4YW1wbGUub3JnIiwiYXVkIjoiZW5ncmFtIiwic3ViIjoiYWRhIiwiZXhwIjo0MTAyNDQ0ODAwLCJncm91cHMiOlsicmVhZGVycyJdfQ.\
                     EPG1aKA97RtSHyUOwZ6cEBunU4TBxFSPlFGLSTwZ-RP7SFLWAdEb9NiaWyTEEVCYcLiJ8QSOrCdaW7svm7ONCg";

#[test]
fn whoever_has_a_token_of_a_known_issuer_is_somebody_and_leaves_none_of_it_behind() {
    let world = World::new();
    world.write("jwks.json", JWKS);
    world.write("token", TOKEN);
    world.write("forged", TOKEN.replace(".EPG1", ".EPG2"));
    world.write(
        "home.toml",
        format!(
            "data_dir = {:?}\nauth.enabled = true\naudit.level = \"all\"\n\
             [tokens.main]\nissuer = \"https://id.example.org\"\naudience = [\"engram\"]\n\
             jwks_file = {:?}\nrole = \"writer\"\nrole_claim = \"groups\"\n\
             role_names = [\"readers=reader\"]\n",
            world.data_dir(),
            world.path("jwks.json"),
        ),
    );
    let node = world.start();
    let with = |file: &str, args: &[&str]| node.run(&[args, &["--api-key-file", file]].concat());
    let caller = with("token", &["whoami", "-o", "json"]).ok().json();
    assert_eq!(caller["principal"], "token:main:ada");
    assert_eq!(caller["expires_at"], "2100-01-01T00:00:30Z");
    with("token", &["list"]).ok();
    let refused = with("token", &["remember", "not mine to say"]);
    refused.fails(2, &["ERR-7002", "write"]);
    with("forged", &["list"]).fails(2, &["ERR-7001", "not one that this server accepts"]);
    node.stop();
    let audit = std::fs::read_dir(world.path("data/audit")).unwrap().next().unwrap().unwrap();
    let audit = std::fs::read_to_string(audit.path()).unwrap();
    assert!(audit.contains("\"token:main:ada\""), "{audit}");
    let log = std::fs::read_to_string(world.path("server.log")).unwrap();
    for part in TOKEN.split('.').skip(1) {
        assert!(!audit.contains(part) && !log.contains(part), "{audit} {log}");
    }
    world.write("jwks.json", "{}");
    world.run(&["start"]).fails(2, &["ERR-5010", "tokens.main.jwks_file"]);
}

#[test]
fn drills_run_on_a_server_that_asks_who_comes() {
    let world = secured();
    let node = world.start();
    admin(&node, &["remember", "Ada moved to Zurich"]).ok();
    admin(&node, &["backup", "create", "--kind", "full"]).ok();
    node.stop();
    let drill = ["drill", "--json", "--runbook", "lost-data-directory"];
    let report = world.run(&drill).ok().json();
    assert_eq!(report["failed"], 0, "{report}");
    assert_eq!(report["runbooks"][0]["state"], "passed", "{report}");
}
