//! The runbooks of `docs/operating/disaster-recovery.md`, step by step, with the real program.

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::world::{CONFIG_NAME, Node, World};

/// A home whose server has these repositories, and archives each second.
fn world(repositories: &[&str]) -> World {
    let world = World::new();
    let mut config = "[backup]\narchive_interval = \"1 s\"\n".to_owned();
    for name in repositories {
        let dir = world.path(&format!("repository-{name}"));
        config += &format!("[repositories.{name}]\nurl = \"file://{}\"\n", dir.display());
    }
    world.write(CONFIG_NAME, config);
    world
}

fn remember(node: &Node<'_>, range: std::ops::Range<u32>) {
    for number in range {
        let (id, text) = (format!("m{number}"), format!("note {number} about the harbour"));
        node.run(&["remember", &text, "--id", &id]).ok();
    }
}

/// Waits until all that is durable is archived.
fn archived(node: &Node<'_>) {
    let limit = Instant::now() + Duration::from_secs(60);
    loop {
        let status = node.json(&["backup", "status"]);
        let waiting = |own: &Value| own["waiting_commits"] != 0 || own["ready"] != true;
        if !status["repositories"].as_array().unwrap().iter().any(waiting) {
            return;
        }
        assert!(Instant::now() < limit, "{status}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

fn damage_every(dir: &Path, is_it: impl Fn(&str) -> bool) -> usize {
    let mut count = 0;
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if is_it(path.file_name().unwrap().to_str().unwrap()) {
            let mut bytes = std::fs::read(&path).unwrap();
            let middle = bytes.len() / 2;
            bytes[middle] ^= 0x55;
            std::fs::write(&path, bytes).unwrap();
            count += 1;
        }
    }
    count
}

#[test]
fn a_lost_data_directory_is_restored_and_takes_over() {
    let world = world(&["main"]);
    let node = world.start();
    remember(&node, 0..10);
    node.run(&["backup", "create", "--kind", "full"]).ok();
    remember(&node, 10..15);
    archived(&node);
    let before = node.export("default");
    node.kill();
    std::fs::remove_dir_all(world.data_dir()).unwrap();

    let dir = world.data_dir();
    world.run(&["backup", "restore", "--into", dir.to_str().unwrap()]).ok();
    let node = world.start();
    assert_eq!(node.export("default"), before);
    let refused = node.run(&["backup", "create"]);
    assert!(
        refused.stderr.contains("repository_foreign") || refused.exit == 1,
        "{}",
        refused.stderr
    );
    node.run(&["backup", "take-over"]).ok();
    remember(&node, 15..18);
    node.run(&["backup", "create", "--kind", "full"]).ok();
    assert_eq!(node.memories("default"), 18);
    world.run(&["backup", "verify", "--level", "4"]).ok();
    world.run(&["backup", "check"]).ok();
}

#[test]
fn an_accidental_forget_is_undone_beside_the_live_space() {
    let world = world(&["main"]);
    let node = world.start();
    remember(&node, 0..8);
    node.run(&["backup", "create", "--kind", "full"]).ok();
    let receipt = node.json(&["forget", "m3", "m4", "--delete", "--yes"]);
    let lsn = receipt["receipt"]["lsn"].as_u64().unwrap();
    archived(&node);

    let at = format!("lsn:{lsn}");
    let dry = [
        "--output",
        "json",
        "backup",
        "restore",
        "--to",
        &at,
        "--exclusive",
        "--dry-run",
        "--space",
        "default",
    ];
    let plan = world.run(&dry).ok().json();
    assert_eq!(plan["spaces"][0]["last"]["lsn"], lsn - 1);
    assert_eq!(plan["spaces"][0]["first_left_out"]["lsn"], lsn);
    node.run(&[
        "backup",
        "restore",
        "--to",
        &at,
        "--exclusive",
        "--space",
        "default",
        "--as",
        "then",
    ])
    .ok();
    assert_eq!(node.memories("then"), 8);
    assert_eq!(node.memories("default"), 6);
    // What is wanted back goes through export and import.
    let lines = node.export("then");
    let wanted: Vec<&str> =
        lines.lines().filter(|line| line.contains("\"m3\"") || line.contains("\"m4\"")).collect();
    let file = world.write("back.jsonl", wanted.join("\n"));
    node.run(&["import", &file]).ok();
    assert_eq!(node.memories("default"), 8);
    node.run(&["get", "m3"]).ok();
    // What was forgotten stays forgotten in a restore to a later target.
    let dir = world.path("later");
    let at = format!("lsn:{lsn}");
    let dir = dir.to_str().unwrap();
    world.run(&["backup", "restore", "--to", &at, "--space", "default", "--into", dir]).ok();
    let told = ["--output", "json", "store", "verify", "--deep", "--data-dir", dir];
    assert_eq!(world.run(&told).ok().json()["spaces"][0]["memories"], 6);
}

#[test]
fn damaged_files_are_replaced_and_the_rest_is_used_again() {
    let world = world(&["main"]);
    let node = world.start();
    remember(&node, 0..12);
    node.run(&["backup", "create", "--kind", "full"]).ok();
    remember(&node, 12..14);
    archived(&node);
    let before = node.export("default");
    node.stop();
    let spaces = world.data_dir().join("spaces");
    assert!(damage_every(&spaces, |name| name.ends_with(".segment")) > 0);
    let dir = world.data_dir();
    let dir = dir.to_str().unwrap();
    let found = world.run(&["store", "verify", "--deep", "--data-dir", dir]);
    assert_eq!(found.exit, 1, "{}", found.stderr);

    world.run(&["backup", "restore", "--into", dir]).fails(2, &["not empty"]);
    world.run(&["backup", "restore", "--into", dir, "--force"]).ok();
    let node = world.start();
    assert_eq!(node.export("default"), before);
    // A directory that a server has is not moved.
    world.run(&["backup", "restore", "--into", dir, "--force"]).fails(1, &["locked"]);
}

#[test]
fn a_spoiled_repository_is_found_and_the_other_one_is_used() {
    let world = world(&["far", "near"]);
    let node = world.start();
    remember(&node, 0..6);
    for name in ["far", "near"] {
        node.run(&["backup", "create", "--kind", "full", "--repository", name]).ok();
    }
    archived(&node);
    node.stop();
    let near = world.path("repository-near");
    assert!(damage_every(&near, |name| name.starts_with("objects%")) > 0);

    let found = world.run(&["backup", "verify", "--repository", "near", "--level", "2"]);
    assert_eq!(found.exit, 1, "{}", found.stderr);
    world.run(&["backup", "check", "--repository", "near"]).fails(1, &[]);
    let into = world.path("restored");
    let into = into.to_str().unwrap();
    let refused = world.run(&["backup", "restore", "--repository", "near", "--into", into]);
    assert_ne!(refused.exit, 0);
    let into = world.path("restored-far");
    let into = into.to_str().unwrap();
    world.run(&["backup", "restore", "--repository", "far", "--into", into]).ok();
    world.run(&["store", "verify", "--deep", "--data-dir", into]).ok();
}

#[test]
fn wrong_use_is_told() {
    let world = world(&["main"]);
    world.run(&["backup", "list"]).fails(3, &["holds nothing yet"]);
    let node = world.start();
    remember(&node, 0..2);
    node.run(&["backup", "create"]).ok();
    node.run(&["backup", "create", "--repository", "mian"]).fails(3, &["main"]);
    node.run(&["backup", "create", "--space", "defualt"]).fails(3, &["default"]);
    world.run(&["backup", "info", "nothing"]).fails(3, &["no backup"]);
    let future = ["backup", "restore", "--to", "2199-01-01T00:00:00Z", "--dry-run"];
    world.run(&future).fails(2, &["future", "archive reaches"]);
    let past = ["backup", "restore", "--to", "1999-01-01T00:00:00Z", "--dry-run"];
    world.run(&past).fails(2, &["too old"]);
    world
        .run(&["backup", "restore", "--to", "yesterday", "--dry-run"])
        .fails(2, &["expected latest"]);
    node.run(&["backup", "point", "Bad Name"]).fails(2, &["no name"]);
    node.run(&["backup", "restore", "--as", "x"]).fails(2, &["--space"]);
}
