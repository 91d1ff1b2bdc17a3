//! A data directory without a server: checked, read out and repaired by the real program.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::world::World;

/// A data directory with two spaces, `default` and `other`, that a server has left in order.
fn filled(world: &World) -> Vec<String> {
    let node = world.start();
    node.run(&["space", "create", "other", "--embedder", "none", "--dimension", "3"]).ok();
    for number in 0..6 {
        let id = format!("m{number}");
        node.run(&["remember", &format!("note {number}"), "--id", &id]).ok();
        let vector = "[1,0,0]";
        node.run(&[
            "remember",
            &format!("other {number}"),
            "--id",
            &id,
            "--space",
            "other",
            "--vector",
            vector,
        ])
        .ok();
    }
    let exports = ["default", "other"].map(|space| node.export(space));
    node.stop();
    exports.map(|export| ids(&export).join(" ")).to_vec()
}

fn ids(export: &str) -> Vec<String> {
    let id = |line: &str| {
        let record: Value = serde_json::from_str(line).unwrap();
        record["memory"]["content"]["id"].as_str().unwrap().to_owned()
    };
    export.lines().map(id).collect()
}

fn store(world: &World, args: &[&str]) -> crate::world::Outcome {
    let dir = world.data_dir();
    let mut all = vec!["store"];
    all.extend_from_slice(args);
    all.extend(["--data-dir", dir.to_str().unwrap()]);
    world.run(&all)
}

/// The commit of `other` that stores `m3`: its file and offset.
fn place(world: &World) -> (PathBuf, u64) {
    let dump = store(world, &["dump", "--space", "other"]).ok().stdout;
    let commits = dump.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let stores = |commit: &Value| commit["ops"][0]["op"] == "put" && commit["ops"][0]["id"] == "m3";
    let commit = commits.into_iter().find(stores).unwrap();
    assert_eq!(commit["ops"][0]["content"]["text"], "other 3");
    assert_eq!(commit["ops"][0]["vectors"], 1);
    let file = world.data_dir().join(commit["file"].as_str().unwrap());
    (file, commit["offset"].as_u64().unwrap())
}

fn flip(file: &Path, offset: u64) {
    use std::os::unix::fs::FileExt as _;
    let file = std::fs::OpenOptions::new().read(true).write(true).open(file).unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, offset).unwrap();
    file.write_all_at(&[byte[0] ^ 1], offset).unwrap();
}

#[test]
fn a_directory_that_is_in_use_or_none_is_refused() {
    let world = World::new();
    store(&world, &["verify"]).fails(2, &["is no data directory"]);
    let node = world.start();
    for command in ["verify", "dump", "repair"] {
        store(&world, &[command]).fails(1, &["ERR-5007"]);
    }
    node.stop();
    store(&world, &["verify", "--space", "nobody"]).fails(3, &["ERR-2001"]);
}

#[test]
fn an_intact_directory_is_called_so() {
    let world = World::new();
    filled(&world);
    let said = store(&world, &["verify", "--deep"]).ok().stdout;
    assert!(said.contains("intact: "), "{said}");
    let report = store(&world, &["verify", "--deep", "--output", "json"]).ok().json();
    assert_eq!(report["intact"], true);
    assert_eq!(report["spaces"][1]["name"], "other");
    assert_eq!(report["spaces"][1]["memories"], 6);
    let said = store(&world, &["repair"]).ok().stdout;
    assert!(said.contains("nothing to repair"), "{said}");
}

#[test]
fn damage_is_named_and_mended() {
    let world = World::new();
    let before = filled(&world);
    let (file, offset) = place(&world);
    flip(&file, offset + 100);

    let name = file.file_name().unwrap().to_str().unwrap();
    let outcome = store(&world, &["verify"]);
    assert_eq!(outcome.exit, 1, "{}", outcome.stderr);
    for said in [name, &offset.to_string(), "other", "damaged: "] {
        assert!(outcome.stdout.contains(said), "{said} is missing in: {}", outcome.stdout);
    }
    // A server quarantines the space and names the command.
    let node = world.start();
    node.run(&["get", "m0", "--space", "other"]).fails(1, &["ERR-5003", "engram store repair"]);
    node.stop();

    let dump = store(&world, &["dump", "--space", "other"]).fails(1, &["left out: ", name]).stdout;
    assert!(dump.contains("\"behind_break\":true"), "{dump}");
    let plan = store(&world, &["repair", "--dry-run", "--output", "json"]).ok().json();
    assert_eq!(plan["loses"], true);
    assert_eq!(plan["spaces"][0]["name"], "other");
    assert_eq!(plan["spaces"][0]["fate"], "cut");
    assert_eq!(plan["repaired"], Value::Null);
    store(&world, &["repair"]).fails(2, &["Say --yes to confirm"]);

    let repaired = store(&world, &["repair", "--yes", "--output", "json"]).ok().json();
    let folder = world.data_dir().join(repaired["repaired"]["folder"].as_str().unwrap());
    assert!(folder.join("wal").join(name).is_file());
    store(&world, &["verify", "--deep"]).ok();
    let again = store(&world, &["repair", "--yes"]).ok().stdout;
    assert!(again.contains("nothing to repair"), "{again}");

    let node = world.start();
    assert_eq!(ids(&node.export("default")).join(" "), before[0]);
    assert_eq!(ids(&node.export("other")), ["m0", "m1", "m2"]);
    node.run(&["remember", "one more", "--space", "other"]).ok();
}
