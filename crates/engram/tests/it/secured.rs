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
