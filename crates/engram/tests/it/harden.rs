//! `engram harden`: each finding is there when the fault is made, and gone when it is mended.

use std::collections::BTreeSet;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use serde_json::Value;

use crate::world::{CONFIG_NAME, World, text};

/// A home that other accounts may enter: what is below it is as open as its own modes say.
fn home() -> World {
    let world = World::new();
    mode(&world.path(""), 0o755);
    world.write("data/FORMAT", "");
    mode(&world.data_dir(), 0o700);
    config(&world, "");
    world
}

fn config(world: &World, more: &str) {
    let text = format!("data_dir = {:?}\n{more}", world.data_dir());
    world.write(CONFIG_NAME, text);
    mode(&world.path(CONFIG_NAME), 0o644);
}

fn mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).expect("it is there");
}

fn mode_of(path: &Path) -> u32 {
    fs::metadata(path).expect("it is there").permissions().mode() & 0o7777
}

fn report(world: &World, more: &[&str]) -> Value {
    let outcome = world.run(&[&["harden", "--json"], more].concat());
    assert!(matches!(outcome.exit, 0 | 1), "{}", outcome.stderr);
    outcome.json()
}

fn ids_of(report: &Value) -> BTreeSet<String> {
    let findings = report["findings"].as_array().expect("it is a list");
    findings.iter().map(|one| one["id"].as_str().expect("it is text").to_owned()).collect()
}

fn ids(world: &World, more: &[&str]) -> BTreeSet<String> {
    ids_of(&report(world, more))
}

/// What there is more with these flags than without.
#[track_caller]
fn differs(world: &World, more: &[&str], expected: &[&str]) {
    let before = ids(world, &[]);
    let now = ids(world, more);
    let new: Vec<&str> = now.difference(&before).map(String::as_str).collect();
    assert_eq!(new, expected, "{more:?}");
}

/// A fault of a mode: found, mended by `--fix`, and then gone.
#[track_caller]
fn mends(world: &World, name: &str, modes: (u32, u32), id: &str) {
    let path = world.path(name);
    assert!(!ids(world, &[]).contains(id), "before");
    let right = mode_of(&path);
    mode(&path, modes.0);
    let found = report(world, &[]);
    assert!(ids_of(&found).contains(id), "{id} {found}");
    assert_eq!(mode_of(&path), modes.0, "nothing is changed without --fix");
    let fixed = report(world, &["--fix"]);
    assert!(!ids_of(&fixed).contains(id), "{id} {fixed}");
    assert_eq!(fixed["fixed"].as_array().expect("it is a list").len(), 1, "{fixed}");
    assert_eq!(mode_of(&path), modes.1);
    mode(&path, right);
}

#[test]
fn open_files_are_found_and_closed() {
    let world = home();
    world.run(&["certs", "create-ca", "--dir", "ca"]).ok();
    world.run(&["certs", "issue", "server", "--dir", "ca"]).ok();
    // Whatever the umask is.
    mode(&world.path("ca"), 0o755);
    let path = |name: &str| world.path(name).display().to_string();
    for name in ["backup.key", "model.key"] {
        mode(Path::new(&world.write(name, "5e")), 0o600);
    }
    world.write("data/audit/a", "");
    mode(&world.path("data/audit"), 0o700);
    let secrets = format!(
        "audit.dir = {:?}\nrepositories.main.url = \"file://{}\"\nrepositories.main.key_file = {:?}\n\
         [embedders.m]\nkind = \"tei\"\nurl = \"http://127.0.0.1:1\"\ndimension = 3\napi_key_file = {:?}\n\
         [tls]\ncert_file = {:?}\nkey_file = {:?}\n",
        path("audit"),
        path("repository"),
        path("backup.key"),
        path("model.key"),
        path("ca/server.pem"),
        path("ca/server.key"),
    );
    config(&world, &secrets);
    world.write("audit/a", "");
    mode(&world.path("audit"), 0o750);
    mends(&world, "data", (0o755, 0o700), "data-dir-open");
    mends(&world, "data", (0o710, 0o700), "data-dir-open");
    mends(&world, "audit", (0o755, 0o750), "audit-dir-open");
    mends(&world, "backup.key", (0o644, 0o640), "secret-file-open");
    mends(&world, "model.key", (0o664, 0o640), "secret-file-open");
    mends(&world, "ca/server.key", (0o604, 0o600), "secret-file-open");
    mends(&world, "ca/server.pem", (0o666, 0o644), "trust-file-writable");
    mends(&world, CONFIG_NAME, (0o666, 0o644), "config-writable");
    world.write("data/KEYS", "");
    mode(&world.path("data/KEYS"), 0o644);
    let kept = report(&world, &[]);
    assert!(!ids_of(&kept).contains("keys-file-open"), "nobody gets to it: {kept}");
    mode(&world.data_dir(), 0o711);
    let found = ids(&world, &["--fix", "--ignore", "data-dir-open"]);
    assert!(!found.contains("keys-file-open"));
    assert_eq!(mode_of(&world.path("data/KEYS")), 0o600);
    assert_eq!(mode_of(&world.data_dir()), 0o711, "what is ignored is not touched");
}

#[test]
fn folders_that_others_can_replace_or_read_are_found() {
    let world = home();
    let repository = world.path("repository");
    fs::create_dir(&repository).expect("it is new");
    mode(&repository, 0o700);
    let url = format!("repositories.main.url=file://{}", repository.display());
    let set = ["--set", url.as_str()];
    assert!(!ids(&world, &set).contains("repository-open"));
    mode(&repository, 0o755);
    assert!(ids(&world, &set).contains("repository-open"));
    assert!(!ids(&world, &[]).contains("data-dir-replaceable"));
    mode(&world.path(""), 0o777);
    let found = report(&world, &["--fix"]);
    assert!(ids_of(&found).contains("data-dir-replaceable"), "{found}");
    assert_eq!(mode_of(&world.path("")), 0o777, "it is not the server's");
    mode(&world.path(""), 0o1777);
    assert!(!ids(&world, &[]).contains("data-dir-replaceable"), "sticky");
}

#[test]
fn open_doors_are_found() {
    let world = home();
    assert!(ids(&world, &[]).contains("auth-off"));
    assert!(ids(&world, &[]).contains("audit-off"));
    let auth = ids(&world, &["--auth"]);
    assert!(!auth.contains("auth-off") && !auth.contains("audit-off"), "{auth:?}");
    let open = ["--http", "0.0.0.0:7432", "--insecure-no-auth"];
    differs(&world, &open, &["auth-off-reachable", "metrics-open", "tls-off-reachable"]);
    let plain = ["--grpc", "0.0.0.0:50051", "--auth", "--insecure-no-tls"];
    differs(&world, &plain, &["audit-beside-data", "tls-off-reachable"]);
    world.run(&["harden", "--http", "0.0.0.0:7432"]).fails(2, &["auth.enabled"]);
    differs(&world, &["--set", "limits.request_bytes=65 MiB"], &["request-limit-wide"]);
    differs(&world, &["--set", "limits.request_timeout=6m"], &["request-time-long"]);
    assert!(ids(&world, &[]).contains("space-without-quota"));
    for bound in ["quotas.memories=1000", "quotas.bytes=1GiB"] {
        assert!(!ids(&world, &["--set", bound]).contains("space-without-quota"), "{bound}");
    }
    let audit = |kept: &str| ids(&world, &["--auth", "--set", kept]);
    assert!(audit("audit.kept=2159 h").contains("audit-kept-short"));
    assert!(!audit("audit.kept=2160 h").contains("audit-kept-short"));
    assert!(ids(&world, &["--auth", "--set", "audit.level=off"]).contains("audit-off"));
    let origin = |name: &str| format!("http.allowed_origins={name}");
    differs(&world, &["--set", &origin("http://console.example.org")], &["origin-plain"]);
    differs(&world, &["--set", &origin("https://a.example.org,http://localhost:3000")], &[]);
}

#[test]
fn certificates_that_do_not_serve_are_found() {
    let world = home();
    for dir in ["ca", "other"] {
        world.run(&["certs", "create-ca", "--dir", dir]).ok();
        world.run(&["certs", "issue", "server", "--dir", dir]).ok();
    }
    let path = |name: &str| world.path(name).display().to_string();
    let use_tls = |cert: &str, key: &str| {
        let more = format!("[tls]\ncert_file = {:?}\nkey_file = {:?}\n", path(cert), path(key));
        config(&world, &more);
        ids(&world, &[])
    };
    assert!(use_tls("ca/server.pem", "ca/server.key").contains("ca-key-beside"));
    differs(&world, &["--set", "tls.min_version=1.2"], &["tls-old-version"]);
    fs::rename(path("ca/ca.key"), path("ca.key")).expect("it is there");
    let fine = use_tls("ca/server.pem", "ca/server.key");
    assert!(fine.iter().all(|id| !id.starts_with("ca")), "{fine:?}");
    let broken = use_tls("ca/server.pem", "other/server.key");
    assert!(broken.contains("certificate-unusable"), "{broken:?}");
    let chain = |issuer: &str| {
        let chain = text(&world.path("ca/server.pem")) + &text(&world.path(issuer));
        world.write("ca/chain.pem", chain);
        use_tls("ca/chain.pem", "ca/server.key").contains("certificate-chain-broken")
    };
    assert!(!chain("ca/ca.pem"));
    // Both authorities have the default name; a server's certificate vouches for nobody.
    assert!(chain("other/server.pem"));
    fs::rename(path("ca.key"), path("ca/ca.key")).expect("it is there");
    world.run(&["certs", "issue", "server", "--dir", "ca", "--days", "3", "--renew"]).ok();
    assert!(use_tls("ca/server.pem", "ca/server.key").contains("certificate-ends-soon"));
    world.run(&["certs", "issue", "server", "--dir", "ca", "--renew"]).ok();
    assert!(!use_tls("ca/server.pem", "ca/server.key").contains("certificate-ends-soon"));
}

#[test]
fn keys_that_reach_too_far_are_found() {
    let world = home();
    fs::remove_file(world.path("data/FORMAT")).expect("it is there");
    let data = world.data_dir().display().to_string();
    let key = |name: &str, more: &[&str]| {
        let create = ["key", "create", name, "-o", "json", "--data-dir", &data];
        let bounded = ["--expires-at", "2200-01-01", "--requests-per-second", "9"];
        let made = world.run(&[&create, &bounded[..], more].concat()).ok().json();
        made["key"]["id"].as_str().expect("it is text").to_owned()
    };
    let before = ids(&world, &[]);
    for name in ["one", "two", "three"] {
        key(name, &["--role", "operator", "--space", "*"]);
    }
    key("metrics", &["--operation", "status", "--space", "*"]);
    key("agent", &["--role", "writer", "--space", "notes"]);
    assert_eq!(ids(&world, &[]), before);
    let fourth = key("four", &["--role", "operator", "--space", "*"]);
    differs_from(&world, &before, &["operators-many"]);
    world.run(&["key", "revoke", &fourth, "--data-dir", &data]).ok();
    let wide = key("wide", &["--role", "reader", "--space", "*"]);
    differs_from(&world, &before, &["key-all-spaces"]);
    world.run(&["key", "revoke", &wide, "--data-dir", &data]).ok();
    let free = ["key", "create", "free", "--role", "reader", "--space", "a", "--data-dir", &data];
    world.run(&free).ok();
    differs_from(&world, &before, &["key-without-end", "key-without-rate"]);
    let keys = world.path("data/KEYS");
    let written = fs::read(&keys).expect("it is there");
    fs::write(&keys, &written[1..]).expect("it can be written");
    differs_from(&world, &before, &["keys-unreadable"]);
}

#[track_caller]
fn differs_from(world: &World, before: &BTreeSet<String>, expected: &[&str]) {
    let now = ids(world, &[]);
    let new: Vec<&str> = now.difference(before).map(String::as_str).collect();
    assert_eq!(new, expected);
}

#[test]
fn backups_and_secrets_in_the_clear_are_found() {
    let world = home();
    assert!(ids(&world, &[]).contains("repository-none"));
    let plain = "[repositories.main]\nurl = \"s3://bucket/engram\"\ns3_endpoint = \"http://127.0.0.1:9\"\n\
                 s3_allow_http = true\n";
    config(&world, plain);
    let found = ids(&world, &[]);
    assert!(!found.contains("repository-none"), "{found:?}");
    assert!(found.contains("repository-plain") && found.contains("store-without-tls"));
    let key = world.write("backup.key", "5e".repeat(32));
    mode(Path::new(&key), 0o600);
    let sound = format!("[repositories.main]\nurl = \"s3://bucket/engram\"\nkey_file = {key:?}\n");
    config(&world, &sound);
    let found = ids(&world, &[]);
    for id in ["repository-plain", "store-without-tls", "repository-same-volume"] {
        assert!(!found.contains(id), "{id}");
    }
    let folder = format!("repositories.main.url=file://{}", world.path("r").display());
    differs(&world, &["--set", &folder], &["repository-same-volume"]);
    let secret = "5e".repeat(32);
    config(&world, &format!("{sound}# was engram_0123456789ab_{secret}_deadbeef\n"));
    let found = report(&world, &[]);
    assert!(ids_of(&found).contains("secret-in-config"), "{found}");
    assert!(!found.to_string().contains(&secret), "{found}");
    config(&world, &sound);
    differs(
        &world,
        &[
            "--set",
            "consolidation.url=https://me:word@model.internal",
            "--set",
            "consolidation.model=m",
        ],
        &["secret-in-config"],
    );
}

#[test]
fn the_limits_of_the_server_are_read_where_one_runs() {
    let world = home();
    fs::remove_file(world.path("data/FORMAT")).expect("it is there");
    config(&world, "limits.connections = 10\n");
    let few = || world.run_limited("-Sn 200", &["harden", "--json"]).json();
    assert!(ids_of(&few()).contains("open-files-few"));
    let node = world.start();
    let served = few();
    assert!(!ids_of(&served).contains("open-files-few"), "the server has more: {served}");
    node.stop();
    assert!(ids_of(&few()).contains("open-files-few"));
    let none = world.run_limited("-c 0", &["harden", "--json"]).json();
    assert!(!ids_of(&none).contains("core-dumps"), "{none}");
}

/// The unit that the guide shows.
fn shown_unit() -> String {
    let guide = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/operating/security.md");
    let guide = text(&guide);
    let (_, from) = guide.split_once("```ini\n").expect("it shows one");
    from.split_once("```").expect("it ends").0.to_owned()
}

#[test]
fn a_unit_is_looked_at() {
    let world = home();
    let unit = |text: &str| {
        let path = world.write("engram.service", text);
        let found = report(&world, &["--unit", &path]);
        let findings = found["findings"].as_array().expect("it is a list").iter();
        let units =
            findings.filter(|one| one["id"].as_str().is_some_and(|id| id.starts_with("unit")));
        units.map(|one| one["what"].as_str().expect("it is text").to_owned()).collect::<Vec<_>>()
    };
    let shown = shown_unit();
    assert!(unit(&shown).is_empty(), "{:?}", unit(&shown));
    assert_eq!(unit(&shown.replace("NoNewPrivileges=yes\n", "")).len(), 1);
    assert_eq!(unit(&shown.replace("ProtectSystem=strict", "ProtectSystem=full")).len(), 1);
    assert_eq!(unit(&shown.replace("User=engram", "User=root")).len(), 1);
    let secret = "[Service]\nEnvironment=ENGRAM_API_KEY=x";
    assert_eq!(unit(&shown.replace("[Service]", secret)).len(), 1);
    world.run(&["harden", "--unit", "nothing"]).fails(1, &["nothing"]);
}

#[test]
fn the_exit_code_follows_the_severity() {
    let world = home();
    let all = report(&world, &[]);
    let ids: Vec<String> = ids_of(&all).into_iter().collect();
    let ignored: Vec<&str> = ids.iter().flat_map(|id| ["--ignore", id.as_str()]).collect();
    let none = world.run(&[&["harden", "--fail-at", "low"], ignored.as_slice()].concat()).ok();
    assert!(none.stdout.contains("0 findings"), "{}", none.stdout);
    let shown = world.run(&["harden"]).fails(1, &["medium or above"]);
    assert!(shown.stdout.contains("auth-off"), "{}", shown.stdout);
    let ignored: Vec<&str> = ids
        .iter()
        .filter(|id| *id != "auth-off")
        .flat_map(|id| ["--ignore", id.as_str()])
        .collect();
    world.run(&[&["harden"], ignored.as_slice()].concat()).fails(1, &[": 1"]);
    world.run(&[&["harden", "--fail-at", "high"], ignored.as_slice()].concat()).ok();
    world.run(&["harden", "--ignore", "nonsense"]).fails(2, &[]);
}
